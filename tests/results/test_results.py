import errno
import logging
import math
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from unittest.mock import MagicMock

import aiohttp
import anyio
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from quackcore_async.errors import (
    ErrorKind,
    InvalidConfigError,
    QuackError,
    RemoteNotFoundError,
    ResponseError,
    TransportError,
)
from quackcore_async.redaction import Secret
from quackcore_async.results import (
    AuthResult,
    ConfigResult,
    ErrorInfo,
    IntegrationResult,
    parse_expiry,
    register_foreign_errors,
    returns_result,
    service_name,
    to_quack_error,
)
from quackcore_async.results import foreign as gate

RESULT_TYPES = [IntegrationResult, AuthResult, ConfigResult]


class Service:
    name = "example"
    logger = logging.getLogger("quackcore_async.test.results")

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error

    @returns_result(IntegrationResult)
    async def work(self) -> IntegrationResult[str]:
        """Do the work."""
        if self.error is not None:
            raise self.error
        return IntegrationResult.success_result("done")


@pytest.mark.parametrize("result_type", RESULT_TYPES)
def test_results_are_true_as_conditions(result_type) -> None:
    assert bool(result_type.success_result())
    assert bool(result_type.error_result("it failed"))


def test_success_takes_its_values_by_position() -> None:
    result = IntegrationResult.success_result({"a": 1}, "ok")
    assert (result.success, result.content, result.message, result.error) == (True, {"a": 1}, "ok", None)
    config = ConfigResult.success_result({"a": 1}, "ok", "/etc/x.yaml")
    assert (config.content, config.message, config.config_path) == ({"a": 1}, "ok", "/etc/x.yaml")
    auth = AuthResult.success_result("ok", "tok", 1_700_000_000, "/c.json", {"scope": "all"})
    assert (auth.message, auth.token, auth.expiry, auth.credentials_path, auth.content) == (
        "ok",
        "tok",
        1_700_000_000,
        "/c.json",
        {"scope": "all"},
    )


@pytest.mark.parametrize(
    ("result_type", "kind"),
    [
        (IntegrationResult, ErrorKind.INTERNAL),
        (AuthResult, ErrorKind.AUTH_REQUIRED),
        (ConfigResult, ErrorKind.MISCONFIGURED),
    ],
)
def test_failure_takes_error_and_message_by_position_and_has_a_kind(result_type, kind) -> None:
    result = result_type.error_result("it failed", "while trying")
    assert (result.success, result.error, result.message) == (False, "it failed", "while trying")
    assert result.error_info.kind is kind


def test_default_success_is_true_as_in_a_bare_construction() -> None:
    assert IntegrationResult().success


def test_unwrap_returns_the_content_of_a_success() -> None:
    assert IntegrationResult.success_result(5).unwrap() == 5
    assert AuthResult.success_result(token="tok").unwrap() == "tok"


def test_unwrap_raises_the_kept_exception_with_its_cause() -> None:
    cause = OSError(errno.ENOSPC, "full")
    result = IntegrationResult.from_exception(cause, service="s", operation="upload_file")
    with pytest.raises(QuackError) as caught:
        result.unwrap()
    assert caught.value is result.exception
    assert caught.value.__cause__ is cause
    assert caught.value.code == "disk_full"


@pytest.mark.parametrize("result_type", RESULT_TYPES)
def test_unwrap_of_a_failure_without_exception_raises_its_error_info(result_type) -> None:
    info = ErrorInfo(
        kind=ErrorKind.RATE_LIMITED, code="slow_down", retryable=True, retry_after=3.0, status_code=429
    )
    with pytest.raises(QuackError, match="slow down") as caught:
        result_type.error_result("slow down", error_info=info).unwrap()
    assert ErrorInfo.from_error(caught.value) == info


def test_failure_without_any_text_still_says_something() -> None:
    with pytest.raises(QuackError, match="without a reason"):
        IntegrationResult(success=False).unwrap()


def test_error_info_has_what_the_exception_knew() -> None:
    error = ResponseError("no", status_code=503, retryable=True, retry_after=1.5, request_id="r1")
    error.attempts, error.elapsed = 4, 2.5
    info = IntegrationResult.from_exception(error, service="s", operation="o").error_info
    assert info == ErrorInfo(
        kind=ErrorKind.UNAVAILABLE,
        code="response",
        retryable=True,
        status_code=503,
        retry_after=1.5,
        attempts=4,
        elapsed=2.5,
        service="s",
        operation="o",
        request_id="r1",
    )


def test_configuration_complaints_reach_the_result() -> None:
    result = ConfigResult.from_exception(InvalidConfigError("2 wrong", ["a: x", "b: y"]))
    assert result.validation_errors == ["a: x", "b: y"]


def test_error_text_is_scrubbed_of_secrets() -> None:
    secret = Secret("correct-horse")
    result = IntegrationResult.from_exception(RuntimeError("login with correct-horse failed"))
    assert result.error == "RuntimeError: login with *** failed"
    assert secret


def test_token_is_hidden_in_repr_and_json() -> None:
    result = AuthResult.success_result("ok", "tok-123456", content={"refresh_token": "ref-123456", "scope": "all"})
    for shown in (repr(result), str(result), result.model_dump_json()):
        assert "tok-123456" not in shown
        assert "ref-123456" not in shown
    assert '"scope":"all"' in result.model_dump_json()


def test_configuration_is_hidden_in_repr() -> None:
    assert "hunter2" not in repr(ConfigResult.success_result({"password": "hunter2"}))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, None),
        ("", None),
        ("soon", None),
        (b"1", None),
        (math.nan, None),
        (math.inf, None),
        ("nan", None),
        (10**400, None),
        (1_700_000_000, 1_700_000_000),
        (1_700_000_000.9, 1_700_000_000),
        ("1700000000", 1_700_000_000),
        (1_700_000_000_000, 1_700_000_000),
        ("2023-11-14T22:13:20Z", 1_700_000_000),
        (" 2023-11-14T22:13:20+00:00 ", 1_700_000_000),
        (datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC), 1_700_000_000),
        (datetime(2023, 11, 14, 22, 13, 20), 1_700_000_000),  # noqa: DTZ001 - without a zone it means UTC
        (datetime(2023, 11, 15, 0, 13, 20, tzinfo=timezone(timedelta(hours=2))), 1_700_000_000),
    ],
)
def test_expiry_is_read_in_every_form(value, expected) -> None:
    assert parse_expiry(value) == expected
    assert AuthResult(expiry=value).expiry == expected


@given(st.one_of(st.integers(), st.floats(), st.text(), st.datetimes(), st.booleans(), st.binary(), st.none()))
def test_expiry_of_anything_is_unknown_or_can_be_shown_as_a_date(value) -> None:
    expiry = parse_expiry(value)
    if expiry is not None and expiry >= 0:
        datetime.fromtimestamp(expiry, tz=UTC)


@pytest.mark.parametrize(
    ("exc", "kind", "code", "retryable"),
    [
        (TimeoutError(), "timeout", "deadline", True),
        (ConnectionResetError("reset"), "unavailable", "connection", True),
        (BrokenPipeError(), "unavailable", "connection", True),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "unavailable", "dns", False),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), "unavailable", "dns", True),
        (ssl.SSLCertVerificationError(1, "certificate verify failed"), "misconfigured", "tls", False),
        (OSError(errno.EHOSTUNREACH, "no route"), "unavailable", "connection", True),
        (OSError(errno.ENOSPC, "full"), "unavailable", "disk_full", False),
        (OSError(errno.EMFILE, "too many"), "unavailable", "too_many_open_files", False),
        (OSError(errno.EROFS, "read-only"), "permission_denied", "read_only", False),
        (PermissionError(errno.EACCES, "denied"), "permission_denied", "access_denied", False),
        (FileNotFoundError(errno.ENOENT, "missing"), "not_found", "not_found", False),
        (NotADirectoryError(errno.ENOTDIR, "x"), "invalid_input", "not_a_directory", False),
        (IsADirectoryError(errno.EISDIR, "x"), "invalid_input", "is_a_directory", False),
        (FileExistsError(errno.EEXIST, "x"), "conflict", "exists", False),
        (OSError(errno.EIO, "x"), "unavailable", "io", False),
        (OSError("no number"), "unavailable", "io", False),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), "corrupted", "decode", False),
        (KeyError("x"), "internal", "internal", False),
    ],
)
def test_builtin_exception_gets_its_kind(exc, kind, code, retryable) -> None:
    error = to_quack_error(exc)
    assert (error.kind, error.code, error.retryable) == (kind, code, retryable)
    assert error.__cause__ is exc
    assert str(error)


def test_real_missing_file_names_itself(tmp_path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        (tmp_path / "missing").stat()
    assert "missing" in str(to_quack_error(caught.value))


def test_validation_error_names_the_key_path_and_not_the_value() -> None:
    class Model(BaseModel):
        ports: list[int]

    with pytest.raises(ValidationError) as caught:
        Model.model_validate({"ports": [1, "hunter2"]})
    error = to_quack_error(caught.value)
    assert (error.kind, str(error).partition(":")[0]) == ("invalid_input", "ports.1")
    assert "hunter2" not in str(error)


def test_own_error_stays_itself() -> None:
    error = RemoteNotFoundError("no such file")
    assert to_quack_error(error) is error
    assert error.__cause__ is None


def test_group_stands_for_what_is_not_retryable() -> None:
    last = RemoteNotFoundError("gone")
    group = ExceptionGroup("two", [TransportError("reset", retryable=True), ExceptionGroup("one", [last])])
    assert to_quack_error(group) is last
    assert last.__cause__ is None


def test_foreign_error_gets_the_kind_that_its_gate_registered(monkeypatch) -> None:
    monkeypatch.setattr(gate, "_foreign_errors", dict(gate._foreign_errors))
    foreign = type("VendorError", (Exception,), {"__module__": "vendor.errors"})
    derived = type("AppError", (foreign,), {"__module__": "app"})
    register_foreign_errors("vendor", lambda exc: QuackError(str(exc), kind=ErrorKind.CONFLICT))
    assert to_quack_error(derived("x")).kind is ErrorKind.CONFLICT


def test_foreign_error_that_its_gate_does_not_know_is_internal(monkeypatch) -> None:
    monkeypatch.setattr(gate, "_foreign_errors", {"vendor": lambda _exc: None})
    foreign = type("VendorError", (Exception,), {"__module__": "vendor"})
    assert to_quack_error(foreign("x")).kind is ErrorKind.INTERNAL


class _Unprintable(Exception):
    def __str__(self) -> str:
        raise ValueError("no")


@pytest.mark.parametrize(
    ("exc", "kind", "text"),
    [
        (
            httpx.HTTPStatusError("Forbidden", request=None, response=httpx.Response(403)),
            "permission_denied",
            "Forbidden",
        ),
        (httpx.HTTPStatusError("Forbidden", request=None, response=None), "internal", "Forbidden"),
        (httpx.HTTPStatusError("Forbidden", request=None, response=MagicMock()), "internal", "Forbidden"),
        (aiohttp.ClientResponseError(None, (), status=403), "internal", "ClientResponseError"),
        (_Unprintable(), "internal", "_Unprintable"),
        (ExceptionGroup("all", [_Unprintable()]), "internal", "_Unprintable"),
    ],
)
def test_exception_that_was_made_by_hand_becomes_a_result_all_the_same(exc, kind, text) -> None:
    result = IntegrationResult[Any].from_exception(exc)
    assert result.error_info.kind.value == kind
    assert text in result.error


async def test_method_that_succeeds_returns_what_it_returned() -> None:
    assert (await Service().work()).content == "done"


async def test_method_that_raises_returns_a_failed_result() -> None:
    result = await Service(RemoteNotFoundError("gone")).work()
    assert (result.success, result.error) == (False, "gone")
    assert (result.error_info.service, result.error_info.operation) == ("example", "work")


def test_decorated_method_keeps_its_name_and_docstring() -> None:
    assert (Service.work.__name__, Service.work.__doc__) == ("work", "Do the work.")


@pytest.mark.parametrize("exc", [KeyboardInterrupt(), SystemExit(3)])
async def test_what_ends_the_program_passes(exc) -> None:
    with pytest.raises(type(exc)):
        await Service(exc).work()


async def test_cancellation_is_never_a_result() -> None:
    class Slow(Service):
        @returns_result(IntegrationResult)
        async def work(self) -> IntegrationResult[str]:
            await anyio.sleep_forever()

    outcomes = []

    async def call() -> None:
        outcomes.append(await Slow().work())

    async with anyio.create_task_group() as group:
        group.start_soon(call)
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    assert outcomes == []


async def test_unexpected_exception_is_logged_with_its_traceback(caplog) -> None:
    await Service(ZeroDivisionError("by zero")).work()
    (record,) = caplog.records
    assert "work failed unexpectedly" in record.getMessage()
    assert "ZeroDivisionError" in caplog.text


async def test_expected_error_is_not_logged(caplog) -> None:
    await Service(RemoteNotFoundError("gone")).work()
    assert caplog.records == []


def test_service_without_a_usable_name_is_called_by_its_class() -> None:
    class Broken:
        @property
        def name(self) -> str:
            raise RuntimeError("no name")

    class Empty:
        name = ""

    assert service_name(Broken()) == "Broken"
    assert service_name(Empty()) == "Empty"


def test_a_known_secret_is_scrubbed_from_the_words_of_an_author() -> None:
    secret = Secret("sesame-777")
    for result in (
        IntegrationResult.error_result("key sesame-777", "with sesame-777"),
        AuthResult.error_result("key sesame-777", "with sesame-777"),
        ConfigResult.error_result("key sesame-777", "with sesame-777"),
    ):
        assert (result.error, result.message) == ("key ***", "with ***")
    assert str(QuackError("key sesame-777")) == "key ***"
    assert secret


@pytest.mark.parametrize(
    ("make", "fields"),
    [
        (AuthResult.success_result, {"token": {"value": "S3CR3T"}}),
        (AuthResult.success_result, {"content": ["S3CR3T"]}),
        (ConfigResult.success_result, {"content": ["S3CR3T"]}),
    ],
)
def test_what_a_result_refuses_is_not_shown(make: Callable[..., object], fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as caught:
        make(**fields)
    assert "S3CR3T" not in str(caught.value) + repr(caught.value)


@returns_result(AuthResult)
async def logs_in_as_the_guide_does() -> AuthResult:
    try:
        return AuthResult.success_result(token={"value": "S3CR3T"})  # type: ignore[arg-type]
    except Exception as exc:
        return AuthResult.error_result(str(exc))


async def test_an_author_who_hands_on_the_text_of_a_refused_token_does_not_show_it() -> None:
    result = await logs_in_as_the_guide_does()
    assert result.success is False
    assert "S3CR3T" not in str(result.error)
