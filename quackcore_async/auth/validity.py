"""Until when a token may be used, on two clocks: the monotonic one in memory and the wall clock."""

import math
import random
import time
from collections.abc import Callable
from enum import Enum
from typing import Final, NamedTuple

from quackcore_async.protocols.credentials import member_of
from quackcore_async.results import parse_expiry

__all__ = ["Clocks", "Moment", "Phase", "Validity", "expiry_of", "lifetime_of", "validity_of"]

ADVISORY_SECONDS: Final = 300.0
ADVISORY_FRACTION: Final = 0.2
MANDATORY_SECONDS: Final = 60.0
MANDATORY_FRACTION: Final = 0.1
"""A token is renewed early by seconds, but by no more than a part of its life, or short ones never rest."""

JITTER_FRACTION: Final = 0.1
"""By how much a window shrinks at random, so that processes with one token do not renew it in step."""

EXPIRED_AT_BIRTH_SECONDS: Final = 10.0
"""How long a token is used that had expired already when it was issued: clocks differ, and nothing may loop."""

LONGEST_SECONDS: Final = 10 * 365 * 86400


class Moment(NamedTuple):
    """One moment on both clocks, in seconds."""

    monotonic: float
    wall: float

    def is_past(self, now: "Moment") -> bool:
        """Tell whether it is over by either clock: one may have been set, the other sleeps with the machine."""
        return now.monotonic >= self.monotonic or now.wall >= self.wall


_NEVER: Final = Moment(math.inf, math.inf)


class Clocks:
    """The two clocks, which tests set."""

    __slots__ = ("monotonic", "wall")

    def __init__(self, wall: Callable[[], float], monotonic: Callable[[], float] = time.monotonic) -> None:
        self.wall = wall
        self.monotonic = monotonic

    def now(self) -> Moment:
        """Return this moment."""
        return Moment(self.monotonic(), self.wall())


class Phase(Enum):
    """Where a token stands in its life."""

    FRESH = "use it"
    STALE = "use it, and renew it meanwhile"
    DUE = "renew it first; it still works if that fails"
    EXPIRED = "renew it first"


class Validity(NamedTuple):
    """When the phases of a token end."""

    advisory: Moment
    mandatory: Moment
    end: Moment

    def phase(self, now: Moment) -> Phase:
        """Tell where the token stands."""
        if not self.advisory.is_past(now):
            return Phase.FRESH
        if not self.mandatory.is_past(now):
            return Phase.STALE
        return Phase.EXPIRED if self.end.is_past(now) else Phase.DUE


def validity_of(
    expires_at: int | None, *, obtained_at: float | None, now: Moment, issued_now: bool = False
) -> Validity:
    """Work out the phases of a token.

    Args:
        expires_at: When it expires, in epoch seconds; None is unknown: it is used until it is refused.
        obtained_at: When it was asked for, in epoch seconds; None is unknown.
        now: This moment; for a new token the one before the request for it was sent.
        issued_now: Whether it is new, so that one which has expired is due to a clock that is wrong.
    """
    if expires_at is None:
        return Validity(_NEVER, _NEVER, _NEVER)
    lifetime = math.inf if obtained_at is None else max(expires_at - obtained_at, 0.0)
    remaining = min(expires_at - now.wall, lifetime, LONGEST_SECONDS)
    if issued_now and remaining <= 0:
        lifetime, remaining = 0.0, EXPIRED_AT_BIRTH_SECONDS
    advisory = _shortened(min(ADVISORY_SECONDS, lifetime * ADVISORY_FRACTION))
    mandatory = _shortened(min(MANDATORY_SECONDS, lifetime * MANDATORY_FRACTION))
    return Validity(*(_later(now, remaining - window) for window in (advisory, mandatory, 0.0)))


def _shortened(window: float) -> float:
    return window * (1.0 - random.uniform(0.0, JITTER_FRACTION))  # noqa: S311 - spreading load


def _later(now: Moment, seconds: float) -> Moment:
    return Moment(now.monotonic + seconds, now.wall + seconds)


def lifetime_of(value: object) -> int | None:
    """Read an `expires_in` (RFC 6749 section 5.1) as whole seconds; what makes no sense is None, as if missing."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    if not math.isfinite(seconds):
        return None
    return int(max(min(seconds, LONGEST_SECONDS), -LONGEST_SECONDS))


def expiry_of(credentials: object, obtained_at: float = 0.0) -> int | None:
    """Read the expiry from what a provider returned, a mapping or an object.

    Args:
        credentials: With `expiry` or `expires_at`, or with `expires_in`, the seconds that it lives.
        obtained_at: When it was asked for, in epoch seconds; 0 is unknown, and then `expires_in` says nothing.
    """
    for name in ("expiry", "expires_at"):
        value = member_of(credentials, name)
        if value:
            return parse_expiry(value)
    lifetime = lifetime_of(member_of(credentials, "expires_in")) if obtained_at else None
    return None if lifetime is None else int(obtained_at) + lifetime
