"""What is known of one sending of a request, and how long its steps may take."""

from typing import Final

import httpx

__all__ = ["DEFAULT_TIMEOUTS", "Attempt", "seconds"]

DEFAULT_TIMEOUTS: Final = {"connect": 10.0, "read": 30.0, "write": 30.0, "pool": None}
"""Seconds, for requests that say nothing: to connect, the look-up of the name included; without a byte; without
one that the server takes."""

_SHORTEST: Final = 0.001


class Attempt:
    """One sending of a request.

    Attributes:
        fresh: Whether a connection was made for it; one that had been idle may have been closed by the server.
    """

    __slots__ = ("fresh",)

    def __init__(self) -> None:
        self.fresh = False


def seconds(request: httpx.Request, step: str) -> float | None:
    """Return the time-out of a step, None without a limit.

    No time at all, which is left when it was used up, is the shortest there is: aiohttp takes 0 for no limit.
    """
    timeouts = request.extensions.get("timeout") or DEFAULT_TIMEOUTS
    value: float | None = timeouts.get(step)
    return None if value is None else max(value, _SHORTEST)
