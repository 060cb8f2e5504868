"""How many bytes a second may go over the network, both ways together."""

import math
from collections.abc import Callable
from typing import Final

import anyio

from quackcore_async.transport.slots import Slots

__all__ = ["BandwidthLimit"]

_SLACK: Final = 0.1  # seconds of silence that may be made up for at once
_TURN: Final = 0.002  # seconds of a turn while others wait: turns are alike whatever the chunks are
_TURN_BYTES: Final = (4 * 1024, 64 * 1024)  # least and most of a turn: a chunk from the socket has tens of KiB
_NOTICE: Final = 0.25  # seconds between the signs of life of those that wait


class BandwidthLimit:
    """Lets bytes through at so many per second, in turn: whoever waits gets as many as the next one.

    What is let through may exceed what was saved up; then everybody waits until that is made up for, so that a
    chunk of any size passes, and the rate holds in the long run. Cancelling who waits gives his turn to the next.

    Args:
        rate: Bytes per second, above 0.
    """

    __slots__ = ("_due", "_quantum", "_rate", "_turn", "_waiting")

    def __init__(self, rate: float) -> None:
        if not 0 < rate < math.inf:
            raise ValueError(f"rate is {rate}: give bytes per second above 0, or set no limit")
        self._rate: Final = rate
        self._quantum: Final = int(min(max(rate * _TURN, _TURN_BYTES[0]), _TURN_BYTES[1]))
        self._due = -math.inf  # when what was let through has gone, at this rate
        self._turn = Slots(1)
        self._waiting: dict[object, Callable[[], object]] = {}

    def try_take(self, count: int) -> bool:
        """Let bytes through if they need not wait."""
        if self._turn.held or self._delay() > 0:
            return False
        self._spend(count)
        return True

    async def take(self, count: int, on_wait: Callable[[], object] | None = None) -> None:
        """Wait until bytes may go, or until those that came are paid for.

        Args:
            count: Bytes.
            on_wait: Called several times a second while they wait, and at the end of it: for an idle time-out,
                which is not to count this.
        """
        if self.try_take(count):
            return
        key = object()
        if on_wait is not None:
            self._waiting[key] = on_wait
        try:
            while count > 0:
                count -= await self._take_turn(count)
        finally:
            if on_wait is not None:
                del self._waiting[key]
                on_wait()

    async def _take_turn(self, count: int) -> int:
        await self._turn.acquire()
        try:
            while (delay := self._delay()) > 0:
                for notify in tuple(self._waiting.values()):
                    notify()
                await anyio.sleep(min(delay, _NOTICE))
            count = min(count, self._quantum) if self._turn.waiting else count
            self._spend(count)
            return count
        finally:
            self._turn.release()

    def _delay(self) -> float:
        return self._due - _SLACK - anyio.current_time()

    def _spend(self, count: int) -> None:
        self._due = max(self._due, anyio.current_time()) + count / self._rate
