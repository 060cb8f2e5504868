"""The body of a request on its way out: its length is checked, and a server that stops reading is noticed."""

import math
from collections.abc import AsyncIterator
from typing import Final, cast

import anyio
import httpx

__all__ = ["BufferedBody", "OutgoingBody", "body_of", "declared_length", "is_replayable"]

WHOLE_BYTES: Final = 64 * 1024
"""Bodies up to this length fit into the socket's buffers: writing them does not wait for the server."""

PIECE_BYTES: Final = 64 * 1024


def is_replayable(request: httpx.Request) -> bool:
    """Tell whether the body can be sent again: bytes can, a form with files that can be rewound can.

    A stream of one's own says so by an attribute `replayable` that is true, or the request by an extension of that
    name: then iterating it anew starts from its beginning.
    """
    stream = request.stream
    if isinstance(stream, httpx.ByteStream) or request.extensions.get("replayable") is True:
        return True
    if getattr(stream, "replayable", False) is True:
        return True
    if type(stream).__name__ != "MultipartStream":
        return False
    files = (getattr(field, "file", b"") for field in getattr(stream, "fields", ()))
    return all(isinstance(file, str | bytes) or hasattr(file, "seek") for file in files)


class BufferedBody(httpx.AsyncByteStream):
    """Bytes in pieces, so that each piece that the server takes is seen."""

    replayable = True

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _Pieces(self._content)


class _Pieces(AsyncIterator[bytes]):
    """No generator: one that is left in the middle is reported as a leak on trio."""

    def __init__(self, content: bytes) -> None:
        self._content = memoryview(content)
        self._start = 0

    async def __anext__(self) -> bytes:
        start = self._start
        if start >= len(self._content):
            raise StopAsyncIteration
        self._start += PIECE_BYTES
        return bytes(self._content[start : start + PIECE_BYTES])


def body_of(request: httpx.Request) -> bytes | httpx.AsyncByteStream:
    """Return the body of a request: bytes if they are few, else a stream of pieces."""
    try:
        content = request.content
    except httpx.RequestNotRead:
        return cast("httpx.AsyncByteStream", request.stream)  # an async client sends async streams
    return content if len(content) <= WHOLE_BYTES else BufferedBody(content)


def declared_length(request: httpx.Request) -> int | None:
    """Return the bytes that the head of a request says the body has, None when it does not say."""
    declared = request.headers.get("content-length")
    return int(declared) if declared is not None and declared.isdecimal() else None


_SOON: Final = 0.001  # seconds


class OutgoingBody:
    """Iterates a request's stream for a transport that has no write time-out of its own.

    From the moment that a piece is handed out until the next one is asked for, the server has `patience` seconds
    to take it; then the scope of the request is cancelled. Waiting for the source is not counted.

    Args:
        stream: Where the pieces come from.
        length: Bytes that the head of the request declares, None when it declares none.
        patience: Seconds for a piece, None without a limit.
        scope: Is around the request.

    Attributes:
        error: What the source raised, or that its length is not the declared one.
    """

    def __init__(
        self, stream: httpx.AsyncByteStream, length: int | None, patience: float | None, scope: anyio.CancelScope
    ) -> None:
        self._source = stream.__aiter__()
        self._left = math.inf if length is None else length
        self._exact = length is not None
        self._patience = math.inf if patience is None else patience
        self._scope = scope
        self.error: Exception | None = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        self._scope.deadline = math.inf
        try:
            piece = await self._source.__anext__()
        except StopAsyncIteration:
            if self._exact and self._left:
                self._fail(httpx.LocalProtocolError("the body is shorter than its Content-Length"))
            raise
        except Exception as exc:
            self._fail(exc)
            raise
        self._left -= len(piece)
        if self._left < 0:
            self._fail(httpx.LocalProtocolError("the body is longer than its Content-Length"))
            raise StopAsyncIteration
        self._scope.deadline = anyio.current_time() + self._patience
        return piece

    def _fail(self, error: Exception) -> None:
        self.error = error
        # Not at once: aiohttp asks for the first piece in a task that starts eagerly, inside of the one that is to
        # be cancelled; a scope that is cancelled there lets the cancellation out on Python 3.12.
        self._scope.deadline = anyio.current_time() + _SOON
