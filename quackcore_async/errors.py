"""What can go wrong, as exceptions.

Code below the service layer raises these; at a public method of an integration or a provider
they become a result, once.

    QuackError                       every error of this package
    ├── ConfigError                  misconfigured; `.errors` lists all complaints
    │   ├── MissingConfigError       no file, no section, a variable that is not set
    │   └── InvalidConfigError       a file or a value that cannot be used
    ├── AuthError                    auth_required
    │   ├── CredentialsMissingError  nothing to log in with
    │   └── TokenRefreshError        the service refused or failed to renew the token
    ├── TransportError               unavailable
    │   ├── ConnectFailedError       nothing was sent
    │   ├── TimedOutError            a deadline or an idle time-out passed
    │   └── ResponseError            the service answered with an error status
    ├── StorageError                 internal
    │   ├── InvalidNameError         a remote or local name that cannot be used
    │   ├── RemoteNotFoundError      no such object, folder or bucket
    │   ├── AccessDeniedError        the service or the system refused
    │   ├── ConflictError            it exists already, or it changed meanwhile
    │   ├── IntegrityError           bytes that are not the ones that were sent
    │   └── LocalFileError           the disk or the local file failed
    ├── ContractError                internal: an integration or provider broke its protocol
    ├── LifecycleError               unsupported: closed, another event loop, another backend
    └── RegistryError                internal
        ├── DuplicateIntegrationError
        ├── IntegrationNotFoundError
        └── DiscoveryError           a module or entry point that cannot be loaded
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import ClassVar

from quackcore_async.redaction import scrub

__all__ = [
    "AccessDeniedError",
    "AuthError",
    "ConfigError",
    "ConflictError",
    "ConnectFailedError",
    "ContractError",
    "CredentialsMissingError",
    "DiscoveryError",
    "DuplicateIntegrationError",
    "ErrorKind",
    "IntegrationNotFoundError",
    "IntegrityError",
    "InvalidConfigError",
    "InvalidNameError",
    "LifecycleError",
    "LocalFileError",
    "MissingConfigError",
    "QuackError",
    "RegistryError",
    "RemoteNotFoundError",
    "ResponseError",
    "StorageError",
    "TimedOutError",
    "TokenRefreshError",
    "TransportError",
]


class ErrorKind(StrEnum):
    """The coarse class of an error: what a program decides by."""

    INVALID_INPUT = "invalid_input"
    MISCONFIGURED = "misconfigured"
    AUTH_REQUIRED = "auth_required"
    PERMISSION_DENIED = "permission_denied"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    RATE_LIMITED = "rate_limited"
    TIMEOUT = "timeout"
    UNAVAILABLE = "unavailable"
    CORRUPTED = "corrupted"
    UNSUPPORTED = "unsupported"
    INTERNAL = "internal"


class QuackError(Exception):
    """Base of every error of this package.

    Attributes:
        kind: The coarse class.
        code: A stable fine name, such as `disk_full` or `invalid_grant`.
        retryable: Whether the same call may succeed later without anything being changed.
        indeterminate: Whether the operation may have happened although it failed.
        status_code: The HTTP status that the service answered, where there was one.
        retry_after: Seconds to wait before the next try, where the service said so.
        request_id: The service's own name for the request, for its support.
        attempts: How often the operation was tried, the first time included.
        elapsed: Seconds from the first try to the failure.
    """

    default_kind: ClassVar[ErrorKind] = ErrorKind.INTERNAL
    default_code: ClassVar[str] = "internal"

    def __init__(
        self,
        message: str,
        *,
        kind: ErrorKind | None = None,
        code: str | None = None,
        retryable: bool = False,
        indeterminate: bool = False,
        status_code: int | None = None,
        retry_after: float | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(scrub(message))
        self.kind = kind or self.default_kind
        self.code = code or self.default_code
        self.retryable = retryable
        self.indeterminate = indeterminate
        self.status_code = status_code
        self.retry_after = retry_after
        self.request_id = request_id
        self.attempts: int | None = None
        self.elapsed: float | None = None


class ConfigError(QuackError):
    """Raised when the configuration cannot be used as it is.

    Attributes:
        errors: Every complaint: key path, what was expected, where the value came from.
    """

    default_kind = ErrorKind.MISCONFIGURED
    default_code = "config"

    def __init__(self, message: str, errors: Iterable[str] = (), *, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.errors = tuple(errors)


class MissingConfigError(ConfigError):
    """Raised when a file, a section or a variable that is needed is not there."""

    default_code = "config_missing"


class InvalidConfigError(ConfigError):
    """Raised when a configuration file or value is wrong."""

    default_code = "config_invalid"


class AuthError(QuackError):
    """Raised when a login is needed or failed."""

    default_kind = ErrorKind.AUTH_REQUIRED
    default_code = "auth"


class CredentialsMissingError(AuthError):
    """Raised when there is nothing to log in with."""

    default_code = "missing_credentials"


class TokenRefreshError(AuthError):
    """Raised when a token could not be renewed."""

    default_code = "refresh_failed"


class TransportError(QuackError):
    """Raised when a request did not get a usable answer."""

    default_kind = ErrorKind.UNAVAILABLE
    default_code = "transport"


class ConnectFailedError(TransportError):
    """Raised when no connection could be made, so that nothing was sent."""

    default_code = "connection"


class TimedOutError(TransportError):
    """Raised when a deadline or an idle time-out passed."""

    default_kind = ErrorKind.TIMEOUT
    default_code = "deadline"


class ResponseError(TransportError):
    """Raised when the service answered with an error status."""

    default_code = "response"


class StorageError(QuackError):
    """Raised when a storage operation failed."""

    default_code = "storage"


class InvalidNameError(StorageError):
    """Raised when a remote name or a local path cannot be used."""

    default_kind = ErrorKind.INVALID_INPUT
    default_code = "invalid_name"


class RemoteNotFoundError(StorageError):
    """Raised when there is no object, folder or bucket of that name."""

    default_kind = ErrorKind.NOT_FOUND
    default_code = "not_found"


class AccessDeniedError(StorageError):
    """Raised when the service or the operating system refuses access."""

    default_kind = ErrorKind.PERMISSION_DENIED
    default_code = "access_denied"


class ConflictError(StorageError):
    """Raised when the target exists (`exists`) or something changed meanwhile (`changed`, `source_changed`)."""

    default_kind = ErrorKind.CONFLICT
    default_code = "conflict"


class IntegrityError(StorageError):
    """Raised when the bytes are not the ones that they should be."""

    default_kind = ErrorKind.CORRUPTED
    default_code = "integrity"


class LocalFileError(StorageError):
    """Raised when the local disk or a local file fails."""

    default_kind = ErrorKind.UNAVAILABLE
    default_code = "io"


class ContractError(QuackError, TypeError):
    """Raised when an integration or a provider breaks its protocol, such as a plain `def` for a coroutine."""

    default_code = "contract"


class LifecycleError(QuackError):
    """Raised when something is used after it was closed or outside of where it can run."""

    default_kind = ErrorKind.UNSUPPORTED
    default_code = "closed"


class RegistryError(QuackError):
    """Raised when the registry cannot do what it was asked."""

    default_code = "registry"


class DuplicateIntegrationError(RegistryError, ValueError):
    """Raised when another integration has that name already."""

    default_kind = ErrorKind.CONFLICT
    default_code = "duplicate_integration"


class IntegrationNotFoundError(RegistryError, LookupError):
    """Raised when no integration of that name is registered."""

    default_kind = ErrorKind.NOT_FOUND
    default_code = "integration_not_found"


class DiscoveryError(RegistryError):
    """Raised when a module or an entry point cannot be loaded."""

    default_kind = ErrorKind.MISCONFIGURED
    default_code = "discovery"
