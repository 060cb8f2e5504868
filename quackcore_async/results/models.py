"""What an operation came to, as a value."""

import copy
import functools
import sys
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, Self, TypeVar, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, field_serializer

from quackcore_async.errors import ConfigError, ErrorKind, QuackError
from quackcore_async.redaction import MASK, mask_mapping, scrub
from quackcore_async.results.expiry import parse_expiry
from quackcore_async.results.foreign import to_quack_error

__all__ = ["AuthResult", "BaseResult", "ConfigResult", "ErrorInfo", "IntegrationResult"]

T_co = TypeVar("T_co", covariant=True)


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


class BaseResult(BaseModel):
    """What all results share. A result is always true as a condition: ask `success`."""

    model_config = ConfigDict(
        defer_build=True,  # importing the package builds no validator
        hide_input_in_errors=True,  # what is refused may be a token, and authors put the text into results
    )

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
        fields |= {name: scrub(fields[name]) for name in ("error", "message") if isinstance(fields[name], str)}
        handled = sys.exception() if info is None else None
        if not isinstance(handled, Exception):
            return cls(success=False, error_info=info or default, **fields)
        error = to_quack_error(handled)
        result = cls(success=False, error_info=ErrorInfo.from_error(error), **fields)
        result._exception = error
        return result

    def own_copy(self) -> Self:
        """Return a copy for another task, with an exception of its own: one that two raise mixes up tracebacks."""
        result = self.model_copy()
        if self._exception is not None:
            error = copy.copy(self._exception)
            error.__cause__ = self._exception.__cause__
            result._exception = error  # noqa: SLF001 - of this class
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


class IntegrationResult(BaseResult, Generic[T_co]):
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
    def from_failure(cls, failure: BaseResult) -> Self:
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


if TYPE_CHECKING:
    _DictResult = IntegrationResult[dict[str, Any]]
else:
    _DictResult = IntegrationResult  # naming the parameter would build its class, and load a lot, at import


class ConfigResult(_DictResult):
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


class AuthResult(BaseResult):
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
