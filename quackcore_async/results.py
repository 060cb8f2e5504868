"""What an operation came to, as a value; and the one place where an exception becomes one."""

import errno
import functools
import logging
import sys
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Generic, Literal, ParamSpec, Self, TypeVar, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    field_serializer,
)

from quackcore_async.errors import (
    AccessDeniedError,
    ConfigError,
    ConflictError,
    ConnectFailedError,
    ErrorKind,
    InvalidNameError,
    LocalFileError,
    QuackError,
    RemoteNotFoundError,
    TimedOutError,
    TransportError,
)
from quackcore_async.redaction import MASK, mask_mapping, scrub

__all__ = [
    "AuthResult",
    "ConfigResult",
    "ErrorInfo",
    "IntegrationResult",
    "parse_expiry",
    "register_foreign_errors",
    "result_of_exception",
    "returns_result",
    "service_name",
    "to_quack_error",
]

T_co = TypeVar("T_co", covariant=True)
P = ParamSpec("P")
ResultT = TypeVar("ResultT", bound="_Result")
_MILLISECONDS_FROM: Final = 1e11  # as seconds this is the year 5138: such an expiry is in milliseconds
_LATEST_EPOCH: Final = 253402300799  # 9999-12-31T23:59:59Z, the last second that datetime can show


class ErrorInfo(BaseModel):
    """Why an operation failed, for programs.

    Attributes:
        kind: The coarse class to decide by.
        code: A stable fine name.
        retryable: Whether the same call may succeed later without anything being changed.
        indeterminate: Whether it may have happened although it failed.
        status_code: HTTP status that the service answered.
        retry_after: Seconds to wait before the next try, where the service said so.
        attempts: How often it was tried, the first time included.
        elapsed: Seconds from the first try to the failure.
        service: Name of the integration or provider.
        operation: Name of the method.
        request_id: The service's own name for the request.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    kind: ErrorKind = ErrorKind.INTERNAL
    code: str = "internal"
    retryable: bool = False
    indeterminate: bool = False
    status_code: int | None = None
    retry_after: float | None = None
    attempts: int | None = None
    elapsed: float | None = None
    service: str | None = None
    operation: str | None = None
    request_id: str | None = None

    @classmethod
    def from_error(
        cls, error: QuackError, *, service: str | None = None, operation: str | None = None
    ) -> "ErrorInfo":
        """Take over what an exception knows."""
        return cls(
            kind=error.kind,
            code=error.code,
            retryable=error.retryable,
            indeterminate=error.indeterminate,
            status_code=error.status_code,
            retry_after=error.retry_after,
            attempts=error.attempts,
            elapsed=error.elapsed,
            service=service,
            operation=operation,
            request_id=error.request_id,
        )


@functools.cache
def _unspecified() -> ErrorInfo:
    return ErrorInfo(code="unspecified")  # made at the first failure: importing builds no validator


class _Result(BaseModel):
    """What all results share. A result is always true as a condition: ask `success`."""

    model_config = ConfigDict(defer_build=True)  # importing the package builds no validator

    success: bool = Field(default=True, description="Whether the operation succeeded.")
    message: str | None = Field(default=None, description="A sentence for people.")
    error: str | None = Field(default=None, description="Why it failed, for people.")
    error_info: ErrorInfo | None = Field(default=None, description="Why it failed, for programs.")

    _exception: QuackError | None = PrivateAttr(default=None)

    def __bool__(self) -> Literal[True]:
        return True

    @property
    def exception(self) -> QuackError | None:
        """The exception behind a failure, where there was one."""
        return self._exception

    @classmethod
    def from_exception(
        cls,
        exc: Exception,
        *,
        message: str | None = None,
        service: str | None = None,
        operation: str | None = None,
    ) -> Self:
        """Make the failed result of an exception; its text is scrubbed of known secrets."""
        error = to_quack_error(exc)
        result = cls(
            success=False,
            error=scrub(str(error)),
            message=message,
            error_info=ErrorInfo.from_error(error, service=service, operation=operation),
        )
        result._exception = error
        return result

    @classmethod
    def _failure(cls, info: ErrorInfo | None, default: ErrorInfo, **fields: Any) -> Self:
        """Make a failed result; made while an exception is handled, it takes up what that means."""
        handled = sys.exception() if info is None else None
        if not isinstance(handled, Exception):
            return cls(success=False, error_info=info or default, **fields)
        error = to_quack_error(handled)
        result = cls(success=False, error_info=ErrorInfo.from_error(error), **fields)
        result._exception = error
        return result

    def _raise_if_failed(self) -> None:
        if self.success:
            return
        if self._exception is not None:
            raise self._exception
        info = self.error_info or _unspecified()
        raise QuackError(
            self.error or self.message or "the operation failed without a reason",
            kind=info.kind,
            code=info.code,
            retryable=info.retryable,
            indeterminate=info.indeterminate,
            status_code=info.status_code,
            retry_after=info.retry_after,
            request_id=info.request_id,
        )


class IntegrationResult(_Result, Generic[T_co]):
    """The outcome of an integration's operation."""

    content: T_co | None = Field(default=None, description="What the operation returned.")

    @classmethod
    def success_result(cls, content: T_co | None = None, message: str | None = None) -> Self:
        """Make the result of a success."""
        return cls(success=True, content=content, message=message)

    @classmethod
    def error_result(cls, error: str, message: str | None = None, *, error_info: ErrorInfo | None = None) -> Self:
        """Make the result of a failure.

        Args:
            error: Why it failed, for people.
            message: A sentence more.
            error_info: Why it failed, for programs. None takes it from the exception that is being handled;
                without one the kind is `internal`.
        """
        return cls._failure(error_info, _unspecified(), error=error, message=message)

    @classmethod
    def from_failure(cls, failure: _Result) -> Self:
        """Hand a failure on as one of this type, with all that it knows."""
        result = cls(
            success=False,
            error=failure.error,
            message=failure.message,
            error_info=failure.error_info or _unspecified(),
        )
        result._exception = failure.exception
        return result

    def unwrap(self) -> T_co:
        """Return the content of a success.

        Raises:
            QuackError: if the operation failed; the exception behind it is kept as the cause.
        """
        self._raise_if_failed()
        return cast("T_co", self.content)


class ConfigResult(IntegrationResult[dict[str, Any]]):
    """The outcome of loading a configuration. Its `repr` leaves the values out."""

    content: dict[str, Any] | None = Field(
        default=None, repr=False, description="The section, merged and checked."
    )
    config_path: str | None = Field(default=None, description="The file that it came from.")
    validation_errors: list[str] | None = Field(
        default=None, description="Each complaint: key path, what was expected, where the value came from."
    )

    @classmethod
    def success_result(
        cls,
        content: dict[str, Any] | None = None,
        message: str | None = None,
        config_path: str | None = None,
        validation_errors: list[str] | None = None,
    ) -> Self:
        """Make the result of a success."""
        return cls(
            success=True,
            content=content,
            message=message,
            config_path=config_path,
            validation_errors=validation_errors,
        )

    @classmethod
    def error_result(
        cls,
        error: str,
        message: str | None = None,
        config_path: str | None = None,
        validation_errors: list[str] | None = None,
        *,
        error_info: ErrorInfo | None = None,
    ) -> Self:
        """Make the result of a failure; without `error_info` or an exception its kind is `misconfigured`."""
        return cls._failure(
            error_info,
            ErrorInfo(kind=ErrorKind.MISCONFIGURED, code="config"),
            error=error,
            message=message,
            config_path=config_path,
            validation_errors=validation_errors,
        )

    @classmethod
    def from_exception(
        cls,
        exc: Exception,
        *,
        message: str | None = None,
        service: str | None = None,
        operation: str | None = None,
    ) -> Self:
        """Make the failed result of an exception, with the complaints that it carries."""
        result = super().from_exception(exc, message=message, service=service, operation=operation)
        if isinstance(result.exception, ConfigError) and result.exception.errors:
            result.validation_errors = [scrub(line) for line in result.exception.errors]
        return result


def parse_expiry(value: object) -> int | None:
    """Read an expiry as whole epoch seconds, whatever form a service or a file gives it.

    Taken are seconds (int, float or text), milliseconds (anything over 1e11), ISO 8601 text and
    `datetime` (without a zone: UTC). Everything else, booleans and non-finite numbers included, is
    None: unknown.
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, datetime):
        value = (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, str):
        text = value.strip()
        try:
            value = float(text)
        except ValueError:
            try:
                return parse_expiry(datetime.fromisoformat(text))
            except ValueError:
                return None
    if isinstance(value, int | float):
        seconds = value // 1000 if abs(value) > _MILLISECONDS_FROM else value
        if seconds != seconds or abs(seconds) > _LATEST_EPOCH:  # noqa: PLR0124 - only NaN differs from itself
            return None
        return int(seconds)
    return None


class AuthResult(_Result):
    """The outcome of a login or a refresh. The token is left out of `repr` and of JSON dumps."""

    token: str | None = Field(default=None, repr=False, description="The token, where there is one.")
    expiry: Annotated[int | None, BeforeValidator(parse_expiry)] = Field(
        default=None, description="When the token expires, in epoch seconds."
    )
    credentials_path: str | None = Field(default=None, description="Where the credentials are stored.")
    content: dict[str, Any] | None = Field(default=None, repr=False, description="More of the service's answer.")

    @classmethod
    def success_result(
        cls,
        message: str | None = None,
        token: str | None = None,
        expiry: int | None = None,
        credentials_path: str | None = None,
        content: dict[str, Any] | None = None,
    ) -> Self:
        """Make the result of a success."""
        return cls(
            success=True,
            message=message,
            token=token,
            expiry=expiry,
            credentials_path=credentials_path,
            content=content,
        )

    @classmethod
    def error_result(cls, error: str, message: str | None = None, *, error_info: ErrorInfo | None = None) -> Self:
        """Make the result of a failure; without `error_info` or an exception its kind is `auth_required`."""
        default = ErrorInfo(kind=ErrorKind.AUTH_REQUIRED, code="auth")
        return cls._failure(error_info, default, error=error, message=message)

    def unwrap(self) -> str | None:
        """Return the token of a success.

        Raises:
            QuackError: if the login or the refresh failed.
        """
        self._raise_if_failed()
        return self.token

    @field_serializer("token", when_used="json-unless-none")
    def _mask_token(self, _token: str) -> str:
        return MASK

    @field_serializer("content", when_used="json-unless-none")
    def _mask_content(self, content: dict[str, Any]) -> dict[str, Any]:
        return mask_mapping(content)


def _from_look_up(exc: Exception) -> QuackError:
    import socket

    later = isinstance(exc, OSError) and exc.errno == socket.EAI_AGAIN
    return ConnectFailedError(f"the host name cannot be resolved: {exc}", code="dns", retryable=later)


def _from_tls(exc: Exception) -> QuackError:
    return TransportError(
        f"no trusted TLS connection: {exc}; check the certificate, its authority and the clock",
        kind=ErrorKind.MISCONFIGURED,
        code="tls",
    )


ForeignErrors = Callable[[Exception], QuackError | None]
_foreign_errors: dict[str, ForeignErrors] = {"socket": _from_look_up, "ssl": _from_tls}


def register_foreign_errors(package: str, classify: ForeignErrors) -> None:
    """Let a gate say what the exceptions of a foreign library mean.

    Args:
        package: Top-level name of the library, as in the exception's `__module__`.
        classify: Returns the error that an exception of it stands for, None when it does not know.
    """
    _foreign_errors[package] = classify


def to_quack_error(exc: Exception) -> QuackError:
    """Return the `QuackError` that an exception stands for, with the exception as its cause.

    An exception group stands for the worst that it holds: one that is not retryable before one that is.
    """
    if isinstance(exc, QuackError):
        return exc
    error = _from_group(exc) if isinstance(exc, ExceptionGroup) else _from_foreign(exc) or _from_builtin(exc)
    if error.__cause__ is None and not isinstance(exc, ExceptionGroup):
        error.__cause__ = exc
    return error


def _from_group(group: ExceptionGroup[Exception]) -> QuackError:
    errors = [to_quack_error(exc) for exc in group.exceptions]
    return min(errors, key=lambda error: error.retryable)


def _from_foreign(exc: Exception) -> QuackError | None:
    for base in type(exc).__mro__:
        classify = _foreign_errors.get(base.__module__.partition(".")[0])
        if classify is not None:
            return classify(exc)
    return None


_UNREACHABLE: Final = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.EADDRNOTAVAIL}
_ERRNO_ERRORS: Final[dict[int, tuple[type[QuackError], ErrorKind, str]]] = {
    errno.ENOSPC: (LocalFileError, ErrorKind.UNAVAILABLE, "disk_full"),
    errno.EDQUOT: (LocalFileError, ErrorKind.UNAVAILABLE, "disk_full"),
    errno.EFBIG: (LocalFileError, ErrorKind.UNAVAILABLE, "disk_full"),
    errno.EMFILE: (LocalFileError, ErrorKind.UNAVAILABLE, "too_many_open_files"),
    errno.ENFILE: (LocalFileError, ErrorKind.UNAVAILABLE, "too_many_open_files"),
    errno.EROFS: (AccessDeniedError, ErrorKind.PERMISSION_DENIED, "read_only"),
    errno.EACCES: (AccessDeniedError, ErrorKind.PERMISSION_DENIED, "access_denied"),
    errno.EPERM: (AccessDeniedError, ErrorKind.PERMISSION_DENIED, "access_denied"),
    errno.ENOENT: (RemoteNotFoundError, ErrorKind.NOT_FOUND, "not_found"),
    errno.ENOTDIR: (InvalidNameError, ErrorKind.INVALID_INPUT, "not_a_directory"),
    errno.EISDIR: (InvalidNameError, ErrorKind.INVALID_INPUT, "is_a_directory"),
    errno.ENAMETOOLONG: (InvalidNameError, ErrorKind.INVALID_INPUT, "name_too_long"),
    errno.ELOOP: (InvalidNameError, ErrorKind.INVALID_INPUT, "symlink"),
    errno.EEXIST: (ConflictError, ErrorKind.CONFLICT, "exists"),
    errno.ENOTEMPTY: (ConflictError, ErrorKind.CONFLICT, "not_empty"),
}


def _from_builtin(exc: Exception) -> QuackError:
    text = str(exc)
    if isinstance(exc, TimeoutError):
        return TimedOutError(text or "the operation timed out", retryable=True)
    if isinstance(exc, ConnectionError):
        return TransportError(text or type(exc).__name__, code="connection", retryable=True)
    if isinstance(exc, OSError):
        return _from_os_error(exc, text)
    if isinstance(exc, ValidationError):
        lines = [
            f"{'.'.join(map(str, detail['loc'])) or exc.title}: {detail['msg']}"
            for detail in exc.errors(include_url=False, include_context=False, include_input=False)
        ]
        return QuackError("; ".join(lines), kind=ErrorKind.INVALID_INPUT, code="validation")
    if isinstance(exc, UnicodeError):
        return QuackError(text, kind=ErrorKind.CORRUPTED, code="decode")
    return QuackError(f"{type(exc).__name__}: {text}" if text else type(exc).__name__)


def _from_os_error(exc: OSError, text: str) -> QuackError:
    if exc.errno in _UNREACHABLE:
        return ConnectFailedError(text, retryable=True)
    error_type, kind, code = _ERRNO_ERRORS.get(exc.errno or 0, (LocalFileError, ErrorKind.UNAVAILABLE, "io"))
    return error_type(text or type(exc).__name__, kind=kind, code=code)


def returns_result(
    result_type: type[ResultT],
) -> Callable[[Callable[P, Awaitable[ResultT]]], Callable[P, Coroutine[Any, Any, ResultT]]]:
    """Turn what a public coroutine method raises into a failed result of `result_type`.

    For methods of objects with `name` and `logger`. Only `Exception` is taken: cancellation,
    `KeyboardInterrupt` and `SystemExit` pass. What nobody expected is logged with its traceback.
    """

    def decorate(method: Callable[P, Awaitable[ResultT]]) -> Callable[P, Coroutine[Any, Any, ResultT]]:
        operation = getattr(method, "__name__", "operation")

        @functools.wraps(method)
        async def wrapper(*args: P.args, **kwargs: P.kwargs) -> ResultT:
            try:
                return await method(*args, **kwargs)
            except Exception as exc:  # noqa: BLE001 - the one place where they become a result
                return result_of_exception(result_type, exc, owner=args[0], operation=operation)

        return wrapper

    return decorate


def result_of_exception(result_type: type[ResultT], exc: Exception, *, owner: object, operation: str) -> ResultT:
    """Make the failed result of what a method of `owner` raised, and log what nobody expected."""
    result = result_type.from_exception(exc, service=service_name(owner), operation=operation)
    if result.error_info is not None and result.error_info.kind is ErrorKind.INTERNAL:
        logger = getattr(owner, "logger", None)
        if isinstance(logger, logging.Logger):
            logger.error("%s failed unexpectedly: %s", operation, result.error, exc_info=exc)
    return result


def service_name(owner: object) -> str:
    """Return the `name` of an integration or provider, its class name when that is no usable text."""
    try:
        name = getattr(owner, "name", None)
    except Exception:  # noqa: BLE001 - the name of a broken integration is still wanted in its error
        name = None
    return name if isinstance(name, str) and name else type(owner).__name__
