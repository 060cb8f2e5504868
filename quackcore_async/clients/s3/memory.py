"""The memory that all transfers of the process share: a number of bytes that is lent, in turn."""

import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import anyio
import anyio.lowlevel

__all__ = ["DEFAULT_MAX_MEMORY", "MemoryBudget", "process_budget"]

DEFAULT_MAX_MEMORY: Final = 64 * 1024**2
"""Bytes of part buffers in a process: eight parts of 8 MiB, which keep a gigabit line full at 0.5 s a part."""


class MemoryBudget:
    """So many bytes at a time, for all threads and event loops; who comes first is served first.

    Nobody overtakes who waits, so that a large request is not starved by small ones; one that is larger than
    everything is granted when nothing else is out. Room that is granted to somebody who is cancelled before he
    runs, or whose event loop has ended, goes on to the next one. Memory that comes back is kept for the next
    request of its size, while there is room for it and somebody who may ask.

    Nobody may wait for room while others wait for what he holds: ask for one buffer at a time, and for another one
    only when the first is on its way and comes back by itself.

    Args:
        capacity: Bytes, as long as no user wants a number of his own.
    """

    __slots__ = (
        "__weakref__",
        "_admissions",
        "_default",
        "_granted",
        "_kept",
        "_lock",
        "_users",
        "_waiting",
        "capacity",
    )

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"capacity is {capacity}: without memory nothing is ever sent")
        self.capacity = self._default = capacity
        self._users: dict[weakref.ref[object], int] = {}
        self.forget()

    def forget(self) -> None:
        """Begin anew, as in a forked process: there nobody gives back what the parent has lent."""
        self._lock = threading.RLock()  # a forgotten buffer may be given back in the midst of anything
        self._granted = 0
        self._admissions = 0
        self._waiting: OrderedDict[_Waiter, None] = OrderedDict()
        self._kept: list[memoryview] = []

    @property
    def granted(self) -> int:
        """Bytes that are out."""
        return self._granted

    @property
    def kept(self) -> int:
        """Bytes that are kept for the next request."""
        return sum(map(len, self._kept))

    @property
    def waiting(self) -> int:
        """Callers that wait for room."""
        return len(self._waiting)

    def join(self, user: object, capacity: int) -> None:
        """Be as large as the user wants it who wants most, until he leaves or is gone."""
        with self._lock:
            self._users[weakref.ref(user, self._leave)] = capacity
            self._resize()
            self._admit()

    def leave(self, user: object) -> None:
        """Forget a user; with the last one goes the memory that was kept."""
        self._leave(weakref.ref(user))

    def _leave(self, user: "weakref.ref[object]") -> None:
        with self._lock:
            self._users.pop(user, None)
            self._resize()

    def _resize(self) -> None:
        self.capacity = max(tuple(self._users.values()), default=self._default)
        self._make_room()

    def try_acquire(self, size: int) -> bool:
        """Take room if there is some and nobody waits for it."""
        with self._lock:
            if self._waiting or not self._fits(size):
                return False
            self._granted += size
            return True

    async def acquire(self, size: int) -> None:
        """Take room, waiting for it in turn; give it back with `release`."""
        if self.try_acquire(size):
            return
        waiter = _Waiter(size)
        with self._lock:
            self._waiting[waiter] = None
            self._admit()  # room may have come since
        try:
            await waiter.granted.wait()
        except BaseException:
            with self._lock:
                if self._waiting.pop(waiter, waiter) is waiter:  # not waiting any more: the room was granted
                    self._granted -= size
                self._admit()
            raise

    @asynccontextmanager
    async def claim(self, size: int) -> AsyncIterator[None]:
        """Hold room for the time of the block: for memory that is not used again."""
        await self.acquire(size)
        try:
            yield
        finally:
            self.release(size)

    def memory(self, size: int) -> memoryview:
        """Return memory for room that was acquired; what was in it is undefined."""
        with self._lock:
            for index, memory in enumerate(self._kept):
                if len(memory) == size:
                    return self._kept.pop(index)
            self._make_room()
        return memoryview(bytearray(size))

    def release(self, size: int, memory: memoryview | None = None) -> None:
        """Give room back, from whatever thread, and let the next ones in line have it.

        Args:
            size: Bytes of room.
            memory: What was allocated for it; nothing may refer to it any more.
        """
        with self._lock:
            self._granted -= size
            if memory is not None:
                self._kept.append(memory)
                self._make_room()
            self._admit()

    def _make_room(self) -> None:
        room = max(self.capacity - self._granted, 0) if self._users else 0
        while self._kept and self.kept > room:
            self._kept.pop(0)

    def _fits(self, size: int) -> bool:
        return self._granted == 0 or self._granted + size <= self.capacity

    def _admit(self) -> None:
        self._admissions += 1
        if self._admissions > 1:
            return  # the collection of a forgotten buffer interrupted an admission, which will see its room
        try:
            while self._admissions:
                seen = self._admissions
                self._admit_all()
                self._admissions -= seen
        finally:
            self._admissions = 0

    def _admit_all(self) -> None:
        while self._waiting and self._fits(next(iter(self._waiting)).size):
            waiter, _ = self._waiting.popitem(last=False)
            self._granted += waiter.size
            if not waiter.tell():
                self._granted -= waiter.size


class _Waiter:
    __slots__ = ("_token", "granted", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self.granted = anyio.Event()
        self._token = anyio.lowlevel.current_token()

    def tell(self) -> bool:
        """Wake him, on his own event loop; return whether there still is one."""
        if self._token == _current_token():
            self.granted.set()
            return True
        loop = self._token.native_token
        call: Any = getattr(loop, "call_soon_threadsafe", None) or getattr(loop, "run_sync_soon", None)
        try:
            call(self.granted.set)
        except RuntimeError:  # both say so when they have ended
            return False
        return True


def _current_token() -> anyio.lowlevel.EventLoopToken | None:
    try:
        return anyio.lowlevel.current_token()
    except RuntimeError:  # in a worker thread, or at the end of the process
        return None


process_budget: Final = MemoryBudget(DEFAULT_MAX_MEMORY)
"""What the part buffers of all S3 clients of this process are paid from."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=process_budget.forget)
