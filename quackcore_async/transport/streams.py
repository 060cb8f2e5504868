"""Bodies that the retries keep an eye on: whether one was begun, and what it holds until it is closed."""

import threading
from collections.abc import AsyncIterator

import httpx

from quackcore_async.transport.gate import Permit

__all__ = ["NotedStream", "PermitStream"]


class NotedStream(httpx.AsyncByteStream):
    """A body that is there only once, and whether it was begun."""

    def __init__(self, stream: httpx.AsyncByteStream) -> None:
        self._pieces = aiter(stream)
        self.begun = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        self.begun = True
        return await anext(self._pieces)


class PermitStream(httpx.AsyncByteStream):
    """The body of an answer, which keeps its slot until it is closed."""

    def __init__(self, stream: httpx.AsyncByteStream, permit: Permit) -> None:
        self._stream = stream
        self._permit = permit
        self._thread = threading.get_ident()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._stream)

    async def aclose(self) -> None:
        """Close the body, and let the slot go."""
        try:
            await self._stream.aclose()
        finally:
            self._permit.release()

    def __del__(self) -> None:
        # Somebody dropped the answer without closing it. Another thread must not wake those who wait in this loop.
        if self._thread == threading.get_ident():
            self._permit.release()
