"""The memory that transfers read into: bounded, and used again."""

import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Final

from quackcore_async.clients.s3.bandwidth import BandwidthLimit
from quackcore_async.clients.s3.memory import MemoryBudget, process_budget

__all__ = ["BodyBuffer", "BufferPool"]

_CHUNK: Final = 256 * 1024  # bytes handed to the socket at once: more would be copied whole by the transport
_NOTHING: Final = memoryview(b"")


class BodyBuffer:
    """A reusable `bytearray` that is filled from a file and sent as the body of a request.

    To botocore it is a seekable file (for its length and its hash), to aiohttp an asynchronous iterable of small
    views, so that no layer copies the whole of it.

    Args:
        capacity: Bytes that fit in.
        memory: So many bytes to use; None allocates them.

    Attributes:
        memory: All of it, to be filled.
        size: How many bytes from the start are the body.
        touched: Called whenever the connection has taken a chunk, and while one waits for `bandwidth`.
        bandwidth: What each chunk waits for before it is sent.
        sha256: Hash of the body in hexadecimal, None where nobody has computed it.
        left_behind: Whether a connection that was given up may still read it for a moment; then its memory is for
            nobody else. asyncio from Python 3.12 on and uvloop keep the views that are written until they are
            sent, and uvloop goes on sending until the next turn of the loop.
    """

    def __init__(self, capacity: int, memory: memoryview | None = None) -> None:
        self.memory = memoryview(bytearray(capacity)) if memory is None else memory
        self.size = 0
        self.touched = _ignore
        self.sha256: str | None = None
        self.bandwidth: BandwidthLimit | None = None
        self.left_behind = False
        self._position = 0

    @property
    def capacity(self) -> int:
        """Bytes that fit in."""
        return len(self.memory)

    @property
    def body(self) -> memoryview:
        """The bytes to be sent."""
        return self.memory[: self.size]

    def hash(self) -> None:
        """Compute the hash of the body; of a large one in a worker thread."""
        self.sha256 = hashlib.sha256(self.body).hexdigest()

    def tell(self) -> int:
        """Return the position of the next `read`."""
        return self._position

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move the position, as of a file."""
        self._position = max(0, offset + (0, self._position, self.size)[whence])
        return self._position

    def read(self, size: int = -1) -> memoryview:
        """Return a view of the next `size` bytes, of all that is left when it is negative."""
        end = self.size if size < 0 else min(self._position + size, self.size)
        view = self.memory[self._position : end]
        self._position = max(end, self._position)
        return view

    async def __aiter__(self) -> AsyncIterator[memoryview]:
        for chunk in self.chunks():
            if self.bandwidth is not None:
                await self.bandwidth.take(len(chunk), self.touched)
            yield chunk
            self.touched()

    def chunks(self) -> Iterator[memoryview]:
        """Yield the body in views that are small enough to be written at once."""
        for start in range(0, self.size, _CHUNK):
            yield self.memory[start : min(start + _CHUNK, self.size)]


def _ignore() -> None:
    return None


class BufferPool:
    """Lends buffers while their total stays within `capacity` bytes; whoever comes later waits in line.

    All pools of the process share one budget besides, which is as large as the largest of them. A single buffer
    that is larger than all of it is lent when no other one is out.

    Args:
        capacity: Bytes that may be out of this pool.
        budget: What it shares with the others.
        bandwidth: What the chunks of its buffers wait for when they are sent.
    """

    def __init__(
        self, capacity: int, budget: MemoryBudget = process_budget, *, bandwidth: BandwidthLimit | None = None
    ) -> None:
        self._own = MemoryBudget(capacity)
        self._budget = budget
        self._bandwidth = bandwidth
        budget.join(self, capacity)

    @property
    def lent(self) -> int:
        """Bytes that are out."""
        return self._own.granted

    @asynccontextmanager
    async def buffer(self, size: int) -> AsyncIterator[BodyBuffer]:
        """Lend a buffer of `size` bytes for the time of the block."""
        buffer = await self.acquire(size)
        try:
            yield buffer
        finally:
            self.release(buffer)

    async def acquire(self, size: int) -> BodyBuffer:
        """Lend a buffer; give it back with `release`.

        Who holds one may only ask for another one when the first is being sent and comes back by itself.
        """
        await self._own.acquire(size)
        try:
            await self._budget.acquire(size)
        except BaseException:
            self._own.release(size)
            raise
        return self._lend(size)

    def try_acquire(self, size: int) -> BodyBuffer | None:
        """Lend a buffer if there is room for it and nobody waits: for what may as well be done later."""
        if not self._own.try_acquire(size):
            return None
        if not self._budget.try_acquire(size):
            self._own.release(size)
            return None
        return self._lend(size)

    def release(self, buffer: BodyBuffer) -> None:
        """Take a buffer back and let the next ones in line have its room."""
        memory, size = buffer.memory, buffer.capacity
        buffer.touched = _ignore
        buffer.sha256 = None
        buffer.memory = _NOTHING  # whoever still holds the buffer cannot write into that of the next one
        self._budget.release(size, None if buffer.left_behind else memory)
        self._own.release(size)

    def close(self) -> None:
        """Leave the budget to the other pools; what is out may still come back."""
        self._budget.leave(self)

    def _lend(self, size: int) -> BodyBuffer:
        try:
            buffer = BodyBuffer(size, self._budget.memory(size))
        except MemoryError:
            self._budget.release(size)
            self._own.release(size)
            raise
        buffer.bandwidth = self._bandwidth
        return buffer
