"""The memory that transfers read into: bounded, and used again."""

import hashlib
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Final

import anyio

__all__ = ["BodyBuffer", "BufferPool"]

_CHUNK: Final = 256 * 1024  # bytes handed to the socket at once: more would be copied whole by the transport


class BodyBuffer:
    """A reusable `bytearray` that is filled from a file and sent as the body of a request.

    To botocore it is a seekable file (for its length and its hash), to aiohttp an asynchronous iterable of small
    views, so that no layer copies the whole of it.

    Attributes:
        memory: All of it, to be filled.
        size: How many bytes from the start are the body.
        touched: Called whenever the connection has taken a chunk.
        sha256: Hash of the body in hexadecimal, None where nobody has computed it.
    """

    def __init__(self, capacity: int) -> None:
        self.memory = memoryview(bytearray(capacity))
        self.size = 0
        self.touched = _ignore
        self.sha256: str | None = None
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

    A single buffer larger than the capacity is lent when no other one is out.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._lent = 0
        self._idle: list[BodyBuffer] = []
        self._waiting: deque[tuple[int, anyio.Event]] = deque()

    @property
    def lent(self) -> int:
        """Bytes that are out."""
        return self._lent

    @asynccontextmanager
    async def buffer(self, size: int) -> AsyncIterator[BodyBuffer]:
        """Lend a buffer of `size` bytes for the time of the block."""
        buffer = await self.acquire(size)
        try:
            yield buffer
        finally:
            self.release(buffer)

    async def acquire(self, size: int) -> BodyBuffer:
        """Lend a buffer; give it back with `release`."""
        if self._waiting or not self._fits(size):
            await self._wait(size)
        else:
            self._lent += size
        return self._take(size)

    def release(self, buffer: BodyBuffer) -> None:
        """Take a buffer back and let the next ones in line have its room."""
        buffer.touched = _ignore
        buffer.sha256 = None
        self._lent -= buffer.capacity
        if buffer.capacity <= self._capacity:
            self._idle.append(buffer)
        self._admit()

    def _fits(self, size: int) -> bool:
        return self._lent == 0 or self._lent + size <= self._capacity

    async def _wait(self, size: int) -> None:
        ticket = (size, anyio.Event())
        self._waiting.append(ticket)
        try:
            await ticket[1].wait()
        except BaseException:
            if ticket[1].is_set():
                self._lent -= size
            else:
                self._waiting.remove(ticket)
            self._admit()
            raise

    def _admit(self) -> None:
        while self._waiting and self._fits(self._waiting[0][0]):
            size, event = self._waiting.popleft()
            self._lent += size
            event.set()

    def _take(self, size: int) -> BodyBuffer:
        for index, buffer in enumerate(self._idle):
            if buffer.capacity == size:
                return self._idle.pop(index)
        room = self._capacity - self._lent
        while self._idle and sum(buffer.capacity for buffer in self._idle) > room:
            self._idle.pop(0)
        return BodyBuffer(size)
