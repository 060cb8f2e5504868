"""What an HTTP status means, and when a server says to come back."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from quackcore_async.errors import ErrorKind, ResponseError

__all__ = [
    "RETRYABLE_STATUSES",
    "error_from_status",
    "parse_retry_after",
    "read_number",
    "retry_after_of",
    "server_time",
]

RETRYABLE_STATUSES: Final = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses that may pass."""

_KINDS: Final[dict[int, tuple[ErrorKind, str]]] = {
    401: (ErrorKind.AUTH_REQUIRED, "unauthorized"),
    403: (ErrorKind.PERMISSION_DENIED, "forbidden"),
    404: (ErrorKind.NOT_FOUND, "not_found"),
    407: (ErrorKind.MISCONFIGURED, "proxy"),
    408: (ErrorKind.TIMEOUT, "request_timeout"),
    409: (ErrorKind.CONFLICT, "conflict"),
    410: (ErrorKind.NOT_FOUND, "gone"),
    412: (ErrorKind.CONFLICT, "precondition_failed"),
    429: (ErrorKind.RATE_LIMITED, "rate_limited"),
    501: (ErrorKind.UNSUPPORTED, "not_implemented"),
}
_TOO_MANY: Final = 429
_UNAVAILABLE: Final = 503
_SERVER_ERRORS_FROM: Final = 500
_CLIENT_ERRORS_FROM: Final = 400
_LONGEST_NUMBER: Final = 20  # digits: enough for any wait, too few to be costly to read
_MILLISECOND_HEADERS: Final = ("retry-after-ms", "x-ms-retry-after-ms", "x-amz-retry-after")
"""Headers in milliseconds: OpenAI and Azure (https://learn.microsoft.com/azure/azure-monitor/), AWS."""


def error_from_status(
    status: int, message: str, *, headers: Mapping[str, str] | None = None, idempotent: bool = True
) -> ResponseError:
    """Return the error that a status of 400 and above stands for.

    Args:
        status: The HTTP status.
        message: What was asked for and what came back, without secrets.
        headers: The response's headers, with lower-case or case-insensitive names.
        idempotent: Whether the request may be sent again without harm. When not, only what was refused is
            retryable: 429 (RFC 6585 section 4), and 503 with a `Retry-After` (RFC 9110 section 15.6.4).
    """
    kind, code = _KINDS.get(status) or _family(status)
    retry_after = retry_after_of(headers) if headers else None
    refused = status == _TOO_MANY or (status == _UNAVAILABLE and retry_after is not None)
    return ResponseError(
        message,
        kind=kind,
        code=code,
        retryable=status in RETRYABLE_STATUSES and (idempotent or refused),
        indeterminate=status >= _SERVER_ERRORS_FROM and not idempotent and not refused,
        status_code=status,
        retry_after=retry_after,
    )


def retry_after_of(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a response asks to wait, None when it does not or makes no sense.

    Vendors' millisecond headers are more exact and go first; a date counts from the response's own `Date`.
    """
    for name in _MILLISECOND_HEADERS:
        milliseconds = read_number(headers.get(name))
        if milliseconds is not None:
            return milliseconds / 1000
    return parse_retry_after(headers.get("retry-after"), date=headers.get("date"))


def parse_retry_after(value: str | None, *, date: str | None = None) -> float | None:
    """Read a `Retry-After` (RFC 9110 section 10.2.3) as seconds.

    Args:
        value: Seconds or an HTTP date. A past date is 0; anything else that makes no sense is None.
        date: The response's `Date`, by which its clock is known; the local clock otherwise.
    """
    seconds = read_number(value)
    if seconds is not None or not value:
        return seconds
    moment = _moment(value)
    if moment is None:
        return None
    now = (_moment(date) if date else None) or datetime.now(UTC)
    return max((moment - now).total_seconds(), 0.0)


def server_time(headers: Mapping[str, str]) -> datetime:
    """Return the time by the clock of the server that sent these headers, by ours if it does not say."""
    date = headers.get("date")
    return (_moment(date) if date else None) or datetime.now(UTC)


def read_number(text: str | None) -> float | None:
    """Read a header's number, None when it is none that makes sense: finite, not negative, not endlessly long."""
    if not text or len(text.strip()) > _LONGEST_NUMBER or "_" in text:  # which Python reads as part of a number
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _moment(text: str) -> datetime | None:
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _family(status: int) -> tuple[ErrorKind, str]:
    if status >= _SERVER_ERRORS_FROM:
        return ErrorKind.UNAVAILABLE, "server_error"
    if status >= _CLIENT_ERRORS_FROM:
        return ErrorKind.INVALID_INPUT, "rejected"
    return ErrorKind.INTERNAL, "unexpected_status"
