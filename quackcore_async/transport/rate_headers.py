"""What a service says about its rate limit in the headers of an answer."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from quackcore_async.transport.status import read_number, server_time

__all__ = ["RateStatus", "read_rate_limit"]

_PREFIXES: Final = ("ratelimit", "x-ratelimit", "x-rate-limit")
_EPOCH_SECONDS: Final = 1e9  # a reset this large is a point in time (GitHub's), not a span
_EPOCH_MILLISECONDS: Final = 1e12
_LONGEST_WINDOW: Final = 31 * 86400.0  # quotas are counted by the month at most; whatever says more is mistaken
_LONGEST_HEADER: Final = 1000
_COMMA: Final = re.compile(r',(?=(?:[^"]*"[^"]*")*[^"]*$)')  # outside of quotes
_QUOTED: Final = re.compile(r'"[^"]*"')
_PARAMETER: Final = re.compile(r"([a-z]+)\s*=\s*([0-9]+(?:\.[0-9]+)?)")


@dataclass(frozen=True, slots=True)
class RateStatus:
    """Where a client stands.

    Attributes:
        remaining: Requests that are left in this window.
        reset: Seconds until the next window begins.
        limit: Requests in a window, None when it is not said.
    """

    remaining: int
    reset: float
    limit: int | None = None


def read_rate_limit(headers: Mapping[str, str]) -> RateStatus | None:
    """Return what the headers say, None if nothing, or nothing that makes sense.

    Known are `RateLimit` in its three shapes (draft-ietf-httpapi-ratelimit-headers: `"default";r=50;t=30`,
    `limit=100, remaining=50, reset=30`, and one header for each), and `X-RateLimit-*` with a reset in seconds, or
    as a point in time in seconds or milliseconds. Of several limits the tightest counts.

    Args:
        headers: With lower-case or case-insensitive names.
    """
    combined = headers.get("ratelimit")
    if combined:
        statuses = list(_from_items(combined[:_LONGEST_HEADER]))
        return min(statuses, key=_tightness, default=None)
    for prefix in _PREFIXES:
        status = _from_headers(headers, prefix)
        if status is not None:
            return status
    return None


def _tightness(status: RateStatus) -> tuple[int, float]:
    return status.remaining, -status.reset


def _from_items(text: str) -> Iterator[RateStatus]:
    plain = dict(_PARAMETER.findall(_QUOTED.sub("", text.lower())))
    if "remaining" in plain:
        found = [_status(plain.get("remaining"), plain.get("reset"), plain.get("limit"))]
    else:
        items = (dict(_PARAMETER.findall(_QUOTED.sub("", item))) for item in _COMMA.split(text.lower()))
        found = [_status(item.get("r"), item.get("t"), None) for item in items]
    return (status for status in found if status is not None)


def _from_headers(headers: Mapping[str, str], prefix: str) -> RateStatus | None:
    reset = read_number(headers.get(f"{prefix}-reset"))
    if reset is None:
        return None
    if reset >= _EPOCH_SECONDS:
        moment = reset / 1000 if reset >= _EPOCH_MILLISECONDS else reset
        reset = max(moment - server_time(headers).timestamp(), 0.0)
    limit = (headers.get(f"{prefix}-limit") or "").partition(",")[0].partition(";")[0]
    return _status(headers.get(f"{prefix}-remaining"), str(reset), limit)


def _status(remaining: str | None, reset: str | None, limit: str | None) -> RateStatus | None:
    left, seconds, most = read_number(remaining), read_number(reset), read_number(limit)
    if left is None or seconds is None or seconds > _LONGEST_WINDOW:
        return None
    return RateStatus(int(left), seconds, None if most is None else int(most))
