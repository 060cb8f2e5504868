"""The table of aiohttp's errors, and that of httpcore's."""

import inspect
import ssl

import aiohttp
import aiohttp.client_exceptions
import httpcore
import httpx
import pytest

from quackcore_async.transport.aiohttp_errors import AIOHTTP_ERRORS, httpx_error
from quackcore_async.transport.httpcore_pool import HTTPCORE_ERRORS


def exceptions_of(module: object) -> set[str]:
    return {
        name
        for name, value in vars(module).items()
        if inspect.isclass(value) and issubclass(value, Exception) and value.__module__.startswith(module.__name__)
    }


def test_the_table_knows_every_error_of_aiohttp_s_client() -> None:
    names = exceptions_of(aiohttp.client_exceptions)
    assert len(names) > 20
    assert names - set(AIOHTTP_ERRORS) == set()


def test_aiohttp_s_root_has_no_error_of_a_client_beyond_them() -> None:
    client = {
        name
        for name, value in vars(aiohttp).items()
        if inspect.isclass(value) and issubclass(value, aiohttp.ClientError)
    }
    assert client <= set(AIOHTTP_ERRORS)


def test_the_table_knows_every_error_of_httpcore() -> None:
    names = {
        name for name, value in vars(httpcore).items() if inspect.isclass(value) and issubclass(value, Exception)
    }
    assert len(names) > 10
    assert names == set(HTTPCORE_ERRORS)


@pytest.mark.parametrize(
    ("name", "meaning"),
    [pair for pair in AIOHTTP_ERRORS.items() if hasattr(aiohttp.client_exceptions, pair[0])],
)
def test_each_error_is_what_the_table_says(name: str, meaning: type[Exception]) -> None:
    foreign = type("Made", (getattr(aiohttp.client_exceptions, name),), {"__str__": lambda _self: "made up"})
    error = httpx_error(foreign.__new__(foreign))
    assert type(error) is meaning


def test_an_error_that_the_table_does_not_know_is_taken_for_its_base() -> None:
    class Grown(aiohttp.ServerDisconnectedError):
        pass

    assert type(httpx_error(Grown())) is httpx.RemoteProtocolError


@pytest.mark.parametrize(
    ("raw", "meaning"),
    [
        (TimeoutError(), httpx.ReadTimeout),
        (ConnectionResetError(), httpx.ReadError),
        (ssl.SSLError("broken"), httpx.ReadError),
        (ValueError("Forbidden control character"), httpx.LocalProtocolError),
    ],
)
def test_errors_of_python_get_through_aiohttp_too(raw: Exception, meaning: type[Exception]) -> None:
    assert type(httpx_error(raw)) is meaning


def test_others_are_none_of_its() -> None:
    assert httpx_error(KeyError("x")) is None


def test_the_address_is_not_in_the_text() -> None:
    error = httpx_error(aiohttp.ConnectionTimeoutError("Connection timeout to host http://h/?token=hidden"))
    assert "hidden" not in str(error)
    assert str(error)


def test_half_an_answer_is_not_in_the_text() -> None:
    assert "hidden" not in str(httpx_error(aiohttp.ServerDisconnectedError(("set-cookie", "hidden"))))
