"""How fast requests may go: by a rate that was set, and by what the service says is left."""

import math
from collections.abc import Callable
from typing import Final

import anyio

from quackcore_async.errors import ErrorKind, TransportError
from quackcore_async.transport.rate_headers import RateStatus
from quackcore_async.transport.slots import Slots

__all__ = ["Pace"]


class Pace:
    """Lets requests to one service go when their time has come, in the order in which they asked.

    Args:
        rate: Requests per second in the long run, None without a limit of ours.
        burst: Requests that may go at once after a pause.
        longest: Seconds that a request waits for the service's next window at most; a longer wait is refused.
        on_wait: Told the seconds before a request waits or is refused.
    """

    def __init__(
        self, rate: float | None, burst: int, longest: float, on_wait: Callable[[float], None] | None
    ) -> None:
        self._interval: Final = 0.0 if rate is None else 1.0 / rate
        self._slack: Final = (burst - 1) * self._interval
        self._longest = longest
        self._on_wait = on_wait
        self._due = -math.inf  # when the next one would go if none went early
        self._remaining: int | None = None
        self._limit: int | None = None
        self._reset_at: float | None = None
        self._under_way = 0
        self._turn = Slots(1)
        self._changed = anyio.Event()

    def try_take(self) -> bool:
        """Let a request go at once, if it may and nobody waits."""
        return not self._turn.held and self._try_take()

    def is_held_up(self) -> bool:
        """Tell whether the next request would have to wait."""
        return self._delay() > 0

    async def take(self) -> None:
        """Wait until a request may go.

        Raises:
            TransportError: if the service's next window is too far away; `retry_after` says when it begins.
        """
        await self._turn.acquire()
        try:
            while not self._try_take():
                await self._wait(self._delay())
        finally:
            self._turn.release()

    def _try_take(self) -> bool:
        if self._interval == 0 and self._remaining is None:
            self._under_way += 1
            return True
        if self._delay() > 0:
            return False
        if self._interval:
            self._due = max(self._due, anyio.current_time()) + self._interval
        if self._remaining is not None:
            self._remaining -= 1
        self._under_way += 1
        return True

    def _delay(self) -> float:
        now = anyio.current_time()
        return max(self._due - self._slack - now if self._interval else 0.0, self._window_delay(now))

    def _window_delay(self, now: float) -> float:
        if self._remaining is None or self._remaining > 0:
            return 0.0
        if self._reset_at is None:  # a new window, of which the requests under way will tell
            return math.inf if self._under_way else 0.0
        if now < self._reset_at:
            return self._reset_at - now
        self._remaining, self._reset_at = self._limit, None
        return 0.0

    async def _wait(self, seconds: float) -> None:
        if self._on_wait is not None and seconds < math.inf:
            self._on_wait(seconds)
        if self._longest < seconds < math.inf:
            raise TransportError(
                "the service's rate limit is used up",
                kind=ErrorKind.RATE_LIMITED,
                code="rate_limited",
                retryable=True,
                retry_after=seconds,
            )
        with anyio.move_on_after(seconds):
            await self._changed.wait()

    def ended(self, status: RateStatus | None) -> None:
        """Note the end of a request that was let go, and what its answer said."""
        self._under_way -= 1
        if status is not None:
            # The service may not have counted yet what is under way: better to wait than to be refused.
            self._remaining = max(0, status.remaining - self._under_way)
            self._reset_at = anyio.current_time() + status.reset
            self._limit = status.limit
        elif self._reset_at is None and self._remaining is not None and self._remaining <= 0:
            self._remaining = None  # it does not tell any more
        if self._turn.held:
            self._changed.set()
            self._changed = anyio.Event()
