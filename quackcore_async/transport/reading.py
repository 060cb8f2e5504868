"""Reading an answer whole, up to a limit on what comes out of it."""

from typing import Final, cast

import anyio.lowlevel
import httpx

from quackcore_async.errors import ErrorKind, TransportError
from quackcore_async.transport.decompression import STEP_BYTES, decompressor_for

__all__ = ["MAX_RESPONSE_BYTES", "read_capped"]

MAX_RESPONSE_BYTES: Final = 64 * 1024 * 1024
"""Longest body, decoded, that is read into memory; longer ones are for streams."""

_LONGEST_NUMBER: Final = 20


async def read_capped(response: httpx.Response, limit: int = MAX_RESPONSE_BYTES) -> bytes:
    """Read and decode the whole body, and close the response, whose `content` it then is.

    A body that declares too much is not begun; one that unpacks to too much is left as soon as that is known, so
    that memory never grows by much more than `limit`. That holds for gzip and deflate; a body in br or zstd, for
    which httpx needs further libraries, is measured after each piece of it: do not ask for those.

    Args:
        response: Not read from yet; one that was read already is only measured.
        limit: Most bytes, decoded.

    Raises:
        TransportError: if the body is longer, with code `too_large`, or is not what its `Content-Encoding` says,
            with code `decode`.
        httpx.TransportError: if the connection fails.
    """
    if hasattr(response, "_content"):
        _check(response.content, limit)
        return response.content
    try:
        body = await _read(response, limit)
    finally:
        await response.aclose()
    response._content = body  # noqa: SLF001 - httpx has no other way to give it a body that was read for it
    return body


async def _read(response: httpx.Response, limit: int) -> bytes:
    declared = response.headers.get("content-length", "")
    if declared.isdecimal() and len(declared) <= _LONGEST_NUMBER and int(declared) > limit:
        raise _too_large(limit)
    decompressor = decompressor_for(response.headers.get_list("content-encoding", split_commas=True))
    body = bytearray()
    if decompressor is None:
        async for piece in response.aiter_bytes():
            body += piece
            _check(body, limit)
        return bytes(body)
    async for packed in cast("httpx.AsyncByteStream", response.stream):
        response._num_bytes_downloaded += len(packed)  # noqa: SLF001 - as httpx does where it reads
        for piece in decompressor.unpack(packed):
            body += piece
            _check(body, limit)
            if len(piece) >= STEP_BYTES:  # much comes out of little: let others run, and deadlines pass
                await anyio.lowlevel.checkpoint()
    decompressor.finish()
    return bytes(body)


def _check(body: bytes | bytearray, limit: int) -> None:
    if len(body) > limit:
        raise _too_large(limit)


def _too_large(limit: int) -> TransportError:
    return TransportError(
        f"the answer is longer than {limit} bytes: read it as a stream, or raise the limit",
        kind=ErrorKind.CORRUPTED,
        code="too_large",
    )
