"""A bound on the file content that uploads hold in memory."""

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

__all__ = ["MemoryBudget"]


class MemoryBudget:
    """Admits claims while their total stays within `capacity` bytes; whoever comes later waits in line.

    Only the number is lent, never a buffer: obstore may still read from what a cancelled request was given, so
    its memory must not be used again. A single claim beyond the capacity is admitted when it is alone.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._claimed = 0
        self._waiting: deque[tuple[int, anyio.Event]] = deque()

    @property
    def claimed(self) -> int:
        """Bytes that are claimed now."""
        return self._claimed

    @asynccontextmanager
    async def claim(self, size: int) -> AsyncIterator[None]:
        """Wait for room for `size` bytes and hold it for the time of the block."""
        if self._waiting or not self._fits(size):
            await self._wait(size)
        else:
            self._claimed += size
        try:
            yield
        finally:
            self._claimed -= size
            self._admit()

    def _fits(self, size: int) -> bool:
        return self._claimed == 0 or self._claimed + size <= self._capacity

    async def _wait(self, size: int) -> None:
        ticket = (size, anyio.Event())
        self._waiting.append(ticket)
        try:
            await ticket[1].wait()
        except BaseException:
            if ticket[1].is_set():
                self._claimed -= size
            else:
                self._waiting.remove(ticket)
            self._admit()
            raise

    def _admit(self) -> None:
        while self._waiting and self._fits(self._waiting[0][0]):
            size, event = self._waiting.popleft()
            self._claimed += size
            event.set()
