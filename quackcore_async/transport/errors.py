"""The one table of httpx's errors: what each means, and whether to try again."""

import errno
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from quackcore_async.errors import (
    ConnectFailedError,
    ErrorKind,
    QuackError,
    TimedOutError,
    TransportError,
)
from quackcore_async.redaction import scrub
from quackcore_async.results import register_foreign_errors, to_quack_error
from quackcore_async.transport.idempotency import is_idempotent
from quackcore_async.transport.status import error_from_status

if TYPE_CHECKING:
    import httpx

__all__ = ["HTTPX_ERRORS", "error_from_httpx"]


class _Meaning(NamedTuple):
    error_type: type[QuackError]
    kind: ErrorKind
    code: str
    retryable: bool = False
    sent: bool = False


HTTPX_ERRORS: Final[dict[str, _Meaning]] = {
    "ConnectError": _Meaning(ConnectFailedError, ErrorKind.UNAVAILABLE, "connection", retryable=True),
    "ConnectTimeout": _Meaning(ConnectFailedError, ErrorKind.TIMEOUT, "connect_timeout", retryable=True),
    "PoolTimeout": _Meaning(TimedOutError, ErrorKind.TIMEOUT, "queue", retryable=True),
    "ReadTimeout": _Meaning(TimedOutError, ErrorKind.TIMEOUT, "idle", retryable=True, sent=True),
    "WriteTimeout": _Meaning(TimedOutError, ErrorKind.TIMEOUT, "idle", retryable=True, sent=True),
    "TimeoutException": _Meaning(TimedOutError, ErrorKind.TIMEOUT, "idle", retryable=True, sent=True),
    "ReadError": _Meaning(TransportError, ErrorKind.UNAVAILABLE, "reset", retryable=True, sent=True),
    "WriteError": _Meaning(TransportError, ErrorKind.UNAVAILABLE, "reset", retryable=True, sent=True),
    "CloseError": _Meaning(TransportError, ErrorKind.UNAVAILABLE, "reset", retryable=True, sent=True),
    "NetworkError": _Meaning(TransportError, ErrorKind.UNAVAILABLE, "reset", retryable=True, sent=True),
    "RemoteProtocolError": _Meaning(TransportError, ErrorKind.CORRUPTED, "protocol", retryable=True, sent=True),
    "LocalProtocolError": _Meaning(TransportError, ErrorKind.INVALID_INPUT, "protocol"),
    "ProtocolError": _Meaning(TransportError, ErrorKind.CORRUPTED, "protocol", sent=True),
    "ProxyError": _Meaning(TransportError, ErrorKind.MISCONFIGURED, "proxy"),
    "UnsupportedProtocol": _Meaning(TransportError, ErrorKind.INVALID_INPUT, "url"),
    "InvalidURL": _Meaning(TransportError, ErrorKind.INVALID_INPUT, "url"),
    "DecodingError": _Meaning(TransportError, ErrorKind.CORRUPTED, "decode", sent=True),
    "TooManyRedirects": _Meaning(TransportError, ErrorKind.MISCONFIGURED, "redirect", sent=True),
    "CookieConflict": _Meaning(TransportError, ErrorKind.INVALID_INPUT, "cookie"),
    "StreamConsumed": _Meaning(TransportError, ErrorKind.INTERNAL, "stream"),
    "StreamClosed": _Meaning(TransportError, ErrorKind.INTERNAL, "stream"),
    "StreamError": _Meaning(TransportError, ErrorKind.INTERNAL, "stream"),
    "ResponseNotRead": _Meaning(TransportError, ErrorKind.INTERNAL, "stream"),
    "RequestNotRead": _Meaning(TransportError, ErrorKind.INTERNAL, "stream"),
    "TransportError": _Meaning(TransportError, ErrorKind.UNAVAILABLE, "transport", sent=True),
    "RequestError": _Meaning(TransportError, ErrorKind.UNAVAILABLE, "transport", sent=True),
    "HTTPError": _Meaning(TransportError, ErrorKind.UNAVAILABLE, "transport", sent=True),
}
"""Each exception class of httpx by name, but `HTTPStatusError`, which the status decides."""

_TELLING_MODULES: Final = frozenset({"socket", "ssl"})
"""Modules whose exceptions say more than the exception of httpx that hides them."""

_HANG_UPS: Final = frozenset({"SSLEOFError", "SSLSyscallError", "SSLZeroReturnError"})
"""A server that went away in the middle of the TLS handshake, which may well be back."""


def error_from_httpx(exc: Exception) -> QuackError | None:
    """Return the error that an exception of httpx stands for, None when it is none of its own."""
    if any(base.__name__ == "HTTPStatusError" for base in type(exc).__mro__):
        return _from_status(cast("httpx.HTTPStatusError", exc))
    meaning = next(
        (HTTPX_ERRORS[base.__name__] for base in type(exc).__mro__ if base.__name__ in HTTPX_ERRORS), None
    )
    if meaning is None:
        return None
    unsent = meaning.error_type is ConnectFailedError
    return (_from_cause(exc, meaning) if unsent else None) or _error(exc, meaning)


def _from_status(exc: "httpx.HTTPStatusError") -> QuackError:
    request, response = _request_of(exc), exc.response
    return error_from_status(
        response.status_code,
        f"{_shown(request) or 'the service'} answered {response.status_code} {response.reason_phrase}",
        headers=response.headers,
        idempotent=request is not None and is_idempotent(request),
    )


def _request_of(exc: Exception) -> "httpx.Request | None":
    """Return the request of an exception; httpx raises where there is none, as in one that was made by hand."""
    try:
        return cast("httpx.Request | None", getattr(exc, "request", None))
    except RuntimeError:
        return None


def _shown(request: "httpx.Request | None") -> str:
    if request is None:
        return ""
    return f"{request.method} {request.url.copy_with(query=None, userinfo=b'')}"


def _from_cause(exc: Exception, meaning: _Meaning) -> QuackError | None:
    """Look behind a failed connection: a bad certificate and an unknown host are no passing trouble."""
    for cause in _causes(exc):
        if type(cause).__module__ in _TELLING_MODULES and isinstance(cause, Exception):
            if type(cause).__name__ in _HANG_UPS:
                return _error(exc, meaning, cause)
            known = to_quack_error(cause)
            return _error(exc, _Meaning(ConnectFailedError, known.kind, known.code, known.retryable), cause)
        if isinstance(cause, OSError) and cause.errno in {errno.EMFILE, errno.ENFILE}:
            return _error(exc, _Meaning(ConnectFailedError, ErrorKind.UNAVAILABLE, "too_many_open_files"), cause)
    return None


def _causes(exc: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    cause: BaseException | None = exc.__cause__ or exc.__context__
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        if isinstance(cause, BaseExceptionGroup):
            yield from cause.exceptions
        cause = cause.__cause__ or cause.__context__


def _error(exc: Exception, meaning: _Meaning, cause: BaseException | None = None) -> QuackError:
    request = _request_of(exc)
    target = f"{_shown(request)}: " if request is not None else ""
    safe = request is None or is_idempotent(request)
    return meaning.error_type(
        f"{target}{scrub(str(cause or exc)) or type(exc).__name__}",
        kind=meaning.kind,
        code=meaning.code,
        retryable=meaning.retryable and (safe or not meaning.sent),
        indeterminate=meaning.sent and not safe,
    )


register_foreign_errors("httpx", error_from_httpx)
