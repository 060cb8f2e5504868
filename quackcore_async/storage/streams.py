"""Reading an open file of a storage in order."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from inspect import isasyncgen
from types import TracebackType
from typing import Self

import anyio

from quackcore_async.concurrency import CLEANUP_TIMEOUT
from quackcore_async.errors import IntegrityError, InvalidNameError, LifecycleError
from quackcore_async.protocols import RemoteFile
from quackcore_async.results import to_quack_error

__all__ = ["FileStream", "Reader", "check_range", "close_generator", "cut_range"]


async def close_generator(chunks: object) -> None:
    """Close the generator of a caller who gave it away, also under cancellation: nobody else would.

    In the caller's task, where its cancel scopes and task groups were entered.
    """
    if isasyncgen(chunks):
        with suppress(Exception), anyio.move_on_after(CLEANUP_TIMEOUT, shield=True):
            await chunks.aclose()


def check_range(start: int | None, end: int | None) -> None:
    """Refuse a range that is none.

    Raises:
        InvalidNameError: if an end is negative or lies before the start.
    """
    first = 0 if start is None else start
    if first < 0 or (end is not None and end < first):
        message = f"bytes {start} to {end} are no range: 0 <= start <= end"
        raise InvalidNameError(message, code="invalid_range")


def cut_range(start: int | None, end: int | None, size: int) -> tuple[int, int]:
    """Cut a range to a file of `size` bytes, as a slice does."""
    first = min(start or 0, size)
    return first, size if end is None else min(end, size)


class Reader(ABC):
    """An open file as a storage implements it; `FileStream` is what callers see of it.

    Attributes:
        file: What is being read.
    """

    file: RemoteFile

    @abstractmethod
    async def read(self) -> bytes:
        """Return the next bytes of the range, empty at its end."""

    @abstractmethod
    async def aclose(self) -> None:
        """Release what is held; idempotent."""


class FileStream:
    """The `ByteStream` over a `Reader`: opens it on entry, counts the bytes, closes it on exit.

    Args:
        opener: Opens the reader.
        start: First byte; None is 0.
        end: Byte behind the last; None is the size.

    Raises:
        IntegrityError: while reading, if the file ends early or late.
    """

    def __init__(self, opener: Callable[[], Awaitable[Reader]], start: int | None, end: int | None) -> None:
        self._opener = opener
        self._range = (start, end)
        self._reader: Reader | None = None
        self._left = 0
        self.file: RemoteFile

    async def __aenter__(self) -> Self:
        check_range(*self._range)
        self._reader = await self._opener()
        self.file = self._reader.file
        first, last = cut_range(*self._range, self.file["size"])
        self._left = last - first
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._reader is None:
            raise LifecycleError("this stream is not open: read it inside of `async with`")
        try:
            chunk = await self._reader.read()
        except Exception as exc:
            error = to_quack_error(exc)
            if error is exc:
                raise
            raise error from exc
        self._left -= len(chunk)
        if self._left < 0 or (not chunk and self._left):
            message = f"{self.file['path']!r} did not end where it should: read it again"
            raise IntegrityError(message, code="truncated", retryable=True)
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        """Release the connection or the file; idempotent."""
        reader, self._reader = self._reader, None
        if reader is not None:
            await reader.aclose()
