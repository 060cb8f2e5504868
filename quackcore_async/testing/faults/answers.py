"""Faults that are answers of their own: errors, refusals for the moment, tokens that have expired."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, formatdate
from typing import Final

from quackcore_async.testing.faults.exchange import Exchange

__all__ = ["RETRY_AFTER_FORMS", "Answered", "RateLimited", "RetryAfter", "ServerError", "Unauthorized"]

RetryAfter = float | str | timedelta
"""Seconds; a text that is sent as it is; or a duration, sent as the date that far from now, also in the past."""

RETRY_AFTER_FORMS: Final[Mapping[str, RetryAfter]] = {
    "seconds": 1,
    "fraction": "0.5",
    "zero": 0,
    "negative": -5,
    "huge": 99999999,
    "overflowing": "1e309",
    "not a number": "NaN",
    "digits without end": "9" * 10_000,
    "future date": timedelta(seconds=2),
    "past date": timedelta(hours=-1),
    "far date": timedelta(days=3650),
    "garbage": "soon",
    "empty": "",
}
"""Every form in which services send Retry-After, and some in which they should not (RFC 9110 section 10.2.3)."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer in place of the upstream's, which does not see the request.

    Attributes:
        status: Its status.
        headers: Its fields; Date and Content-Length come by themselves.
        body: Its body.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    async def apply(self, exchange: Exchange) -> None:
        """Answer."""
        await exchange.answer(self.status, {"Date": formatdate(usegmt=True), **self.headers}, self.body)


@dataclass(frozen=True, slots=True)
class ServerError:
    """The server fails: a rule with `times` makes a storm of it.

    Attributes:
        status: 500, 502, 503 or 504.
    """

    status: int = 503

    async def apply(self, exchange: Exchange) -> None:
        """Fail."""
        await Answered(self.status).apply(exchange)


@dataclass(frozen=True, slots=True)
class RateLimited:
    """The service refuses for the moment: 429.

    Attributes:
        retry_after: When to come back; None does not say. `RETRY_AFTER_FORMS` has every form of it.
    """

    retry_after: RetryAfter | None = None

    async def apply(self, exchange: Exchange) -> None:
        """Refuse."""
        await Answered(429, retry_after_header(self.retry_after)).apply(exchange)


@dataclass(frozen=True, slots=True)
class Unauthorized:
    """The token has expired: 401 with a challenge (RFC 6750 section 3.1).

    Attributes:
        challenge: Value of WWW-Authenticate.
    """

    challenge: str = 'Bearer error="invalid_token", error_description="The access token expired"'

    async def apply(self, exchange: Exchange) -> None:
        """Refuse."""
        await Answered(401, {"WWW-Authenticate": self.challenge}).apply(exchange)


def retry_after_header(retry_after: RetryAfter | None) -> dict[str, str]:
    """Return the field that says when to come back."""
    if retry_after is None:
        return {}
    if isinstance(retry_after, timedelta):
        return {"Retry-After": format_datetime(datetime.now(UTC) + retry_after, usegmt=True)}
    return {"Retry-After": str(retry_after)}
