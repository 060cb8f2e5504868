"""What an exception means: this package's own, a foreign library's by the table of its gate, Python's."""

import errno
from collections.abc import Callable
from typing import Final

from pydantic import ValidationError

from quackcore_async.errors import (
    AccessDeniedError,
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

__all__ = ["ForeignErrors", "register_foreign_errors", "to_quack_error"]


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
    error = _from_group(exc) if isinstance(exc, ExceptionGroup) else _from_single(exc)
    if error.__cause__ is None and not isinstance(exc, ExceptionGroup):
        error.__cause__ = exc
    return error


def _from_group(group: ExceptionGroup[Exception]) -> QuackError:
    errors = [to_quack_error(exc) for exc in group.exceptions]
    return min(errors, key=lambda error: error.retryable)


def _from_single(exc: Exception) -> QuackError:
    try:
        return _from_foreign(exc) or _from_builtin(exc)
    except Exception:  # noqa: BLE001 - made by hand, as in a test, it can lack what its library gives it
        return QuackError(_described(exc))


def _described(exc: Exception) -> str:
    try:
        text = str(exc)
    except Exception:  # noqa: BLE001 - of somebody else's class
        text = ""
    return f"{type(exc).__name__}: {text}" if text else type(exc).__name__


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
    return QuackError(_described(exc))


def _from_os_error(exc: OSError, text: str) -> QuackError:
    if exc.errno in _UNREACHABLE:
        return ConnectFailedError(text, retryable=True)
    error_type, kind, code = _ERRNO_ERRORS.get(exc.errno or 0, (LocalFileError, ErrorKind.UNAVAILABLE, "io"))
    return error_type(text or type(exc).__name__, kind=kind, code=code)
