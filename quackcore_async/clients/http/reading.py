"""Reading the beginning of what is an error, and streams with errors of this package."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import aclosing
from typing import Final, cast

import anyio
import httpx

from quackcore_async.results import to_quack_error

__all__ = ["CheckedStream", "read_beginning"]

_BEGINNING_BYTES: Final = 64 * 1024
_BEGINNING_SECONDS: Final = 5.0


async def read_beginning(response: httpx.Response) -> bytes:
    """Return how the body of a streamed response begins, at most 64 KiB of what comes within 5 seconds."""
    beginning = bytearray()
    try:
        with anyio.move_on_after(_BEGINNING_SECONDS):
            async with aclosing(cast("AsyncGenerator[bytes, None]", response.aiter_bytes())) as chunks:
                async for chunk in chunks:
                    beginning += chunk
                    if len(beginning) >= _BEGINNING_BYTES:
                        break
    except Exception:  # noqa: BLE001 - it is an error with or without its body
        beginning.clear()
    return bytes(beginning[:_BEGINNING_BYTES])


class CheckedStream(httpx.AsyncByteStream):
    """A body whose reader gets errors of this package, like everybody else.

    Args:
        stream: The body.
    """

    def __init__(self, stream: AsyncIterable[bytes]) -> None:
        self._stream = stream
        self._chunks: AsyncIterator[bytes] | None = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            if self._chunks is None:
                self._chunks = aiter(self._stream)
            return await anext(self._chunks)
        except StopAsyncIteration:
            raise
        except Exception as exc:
            raise to_quack_error(exc) from exc

    async def aclose(self) -> None:
        """Close the body."""
        for closing in (self._chunks, self._stream):
            close = getattr(closing, "aclose", None)
            if close is not None:
                await close()
