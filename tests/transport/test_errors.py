"""The table of httpx's errors, over real sockets where an error can be had there."""

import inspect
import socket
import threading
from collections.abc import Iterator

import httpx
import pytest

from quackcore_async.errors import ErrorKind
from quackcore_async.results import to_quack_error
from quackcore_async.transport.errors import HTTPX_ERRORS, error_from_httpx


def exceptions_of(module: object) -> Iterator[type[Exception]]:
    for value in vars(module).values():
        if inspect.isclass(value) and issubclass(value, Exception):
            yield value


def test_the_table_knows_every_error_that_httpx_has():
    names = {error.__name__ for error in exceptions_of(httpx)}
    assert names - {"HTTPStatusError"} == set(HTTPX_ERRORS)


def test_an_error_of_somebody_else_is_not_known():
    assert error_from_httpx(ValueError("x")) is None


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (400, ErrorKind.INVALID_INPUT, False),
        (401, ErrorKind.AUTH_REQUIRED, False),
        (403, ErrorKind.PERMISSION_DENIED, False),
        (404, ErrorKind.NOT_FOUND, False),
        (409, ErrorKind.CONFLICT, False),
        (412, ErrorKind.CONFLICT, False),
        (408, ErrorKind.TIMEOUT, True),
        (429, ErrorKind.RATE_LIMITED, True),
        (500, ErrorKind.UNAVAILABLE, True),
        (503, ErrorKind.UNAVAILABLE, True),
        (501, ErrorKind.UNSUPPORTED, False),
    ],
)
def test_a_status_decides_the_kind(status: int, kind: ErrorKind, retryable: bool):
    error = to_quack_error(_status_error("GET", status))
    assert (error.kind, error.retryable, error.status_code) == (kind, retryable, status)


def test_a_request_that_may_not_be_sent_twice_is_retried_only_when_it_was_refused():
    assert to_quack_error(_status_error("POST", 429)).retryable
    assert to_quack_error(_status_error("POST", 503, {"Retry-After": "2"})).retryable
    failed = to_quack_error(_status_error("POST", 503))
    assert not failed.retryable
    assert failed.indeterminate


def test_the_message_holds_no_query_and_no_password():
    request = httpx.Request("GET", "https://user:pass-word-1@example.test/a?api_key=k-123456")
    error = to_quack_error(
        httpx.HTTPStatusError("no", request=request, response=httpx.Response(500, request=request))
    )
    assert "pass-word-1" not in str(error)
    assert "k-123456" not in str(error)
    assert "https://example.test/a" in str(error)


def test_a_subclass_is_taken_for_its_base():
    class Mine(httpx.ReadTimeout):
        pass

    assert to_quack_error(Mine("slow")).code == "idle"


async def test_a_refused_connection_was_never_sent():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    error = await _error_of(f"http://127.0.0.1:{port}/", method="POST")
    assert (error.code, error.retryable, error.indeterminate) == ("connection", True, False)


async def test_an_unknown_host_is_a_dns_error():
    error = await _error_of("http://no-such-host.invalid/")
    assert (error.code, error.kind) == ("dns", ErrorKind.UNAVAILABLE)


@pytest.fixture
def rude_server() -> Iterator[tuple[int, list[bytes]]]:
    """A server that accepts, sends the given bytes and hangs up."""
    answers: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(b"".join(answers))

    thread = threading.Thread(target=serve)
    thread.start()
    yield listener.getsockname()[1], answers
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


async def test_tls_to_a_plain_port_is_no_passing_trouble(rude_server: tuple[int, list[bytes]]):
    port, answers = rude_server
    answers.append(b"HTTP/1.1 200 OK\r\n\r\n")
    error = await _error_of(f"https://127.0.0.1:{port}/")
    assert (error.kind, error.code, error.retryable) == (ErrorKind.MISCONFIGURED, "tls", False)


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", b"garbage\r\n\r\n"]
)
async def test_half_an_answer_is_tried_again_where_that_is_safe(
    rude_server: tuple[int, list[bytes]], answer: bytes
):
    port, answers = rude_server
    answers.append(answer)
    read = await _error_of(f"http://127.0.0.1:{port}/")
    written = await _error_of(f"http://127.0.0.1:{port}/", method="POST")
    assert read.retryable
    assert not written.retryable
    assert written.indeterminate


async def _error_of(url: str, method: str = "GET"):
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(httpx.HTTPError) as caught:
            await client.request(method, url)
    return to_quack_error(caught.value)


def _status_error(method: str, status: int, headers: dict[str, str] | None = None) -> httpx.HTTPStatusError:
    request = httpx.Request(method, "https://example.test/")
    response = httpx.Response(status, headers=headers, request=request)
    return httpx.HTTPStatusError("no", request=request, response=response)
