"""Uploading files and streams: one request when small, rounds of parallel parts otherwise, in bounded memory."""

import os
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Final

from quackcore_async.clients.objectstore.client import ObjectStoreClient
from quackcore_async.clients.objectstore.names import ObjectAddress
from quackcore_async.clients.objectstore.objects import attributes_of
from quackcore_async.clients.objectstore.settings import MIB
from quackcore_async.clients.objectstore.writer import MultipartWriter, refused_for_haste
from quackcore_async.clients.s3.attributes import source_metadata
from quackcore_async.clients.s3.source import Source
from quackcore_async.concurrency import run_briefly, run_in_thread, shielded
from quackcore_async.errors import ConflictError, ErrorKind, StorageError
from quackcore_async.protocols import UploadOptions

__all__ = ["Upload", "upload_bytes", "upload_file", "upload_stream"]

_SMALL: Final = MIB // 4  # read with the thread hop that opens the file
_STREAM_PARTS: Final = 2  # in a round of a stream, of which nobody knows whether it fills one


@dataclass(frozen=True, slots=True)
class Upload:
    """What is to be written.

    Attributes:
        address: Where to.
        temporary: Makes a name that nobody has, for content too large for one request that must not overwrite
            anything.
        overwrite: False writes only where nothing is.
        options: How it is written; None is by default.
        progress: Told the bytes that the service has.
    """

    address: ObjectAddress
    temporary: Callable[[], ObjectAddress]
    overwrite: bool
    options: UploadOptions | None
    progress: Callable[[int], None]

    @property
    def if_match(self) -> str | None:
        """The entity tag that the object must still have."""
        return self.options.if_match if self.options is not None else None


async def upload_file(client: ObjectStoreClient, source: Source, upload: Upload) -> None:
    """Upload a local file; the object is whole or absent.

    Its modification time and its permission bits are stored as metadata `mtime` and `mode`.

    Raises:
        ConflictError: with code `exists` or `changed`, if a condition does not hold; with `source_changed`, if the
            file changed while it was read.
        QuackError: what the source raises when it cannot be read.
    """
    try:
        content = await run_briefly(partial(_open, source))
        kept = source_metadata(source.mtime_ns, source.mode)
        attributes = attributes_of(client.settings.service, upload.address.key, upload.options, kept)
        if content is not None:
            await _put(client, content, upload, attributes)
        elif source.size <= client.settings.multipart_threshold:
            async with client.memory.claim(source.size):
                content = await run_in_thread(_read_all, source)
                await _put(client, content, upload, attributes)
        else:
            await _in_place(client, upload, partial(_send_file, client, source, upload, attributes))
    finally:
        if source.fd >= 0:
            await shielded(partial(run_in_thread, source.close))
    upload.progress(source.size)


async def upload_bytes(client: ObjectStoreClient, data: bytes, upload: Upload) -> None:
    """Upload bytes that are in memory already; see `upload_file`."""
    attributes = attributes_of(client.settings.service, upload.address.key, upload.options)
    if len(data) <= client.settings.multipart_threshold:
        await _put(client, bytes(data), upload, attributes)
    else:
        await _in_place(client, upload, partial(_send_bytes, client, data, upload, attributes))
    upload.progress(len(data))


async def upload_stream(client: ObjectStoreClient, chunks: AsyncIterable[bytes], upload: Upload) -> None:
    """Upload a stream whose length nobody knows; the object is whole or absent.

    What fits into one part is one request; an empty stream makes an empty object. What the stream raises comes out
    of here as it is.

    Raises:
        ConflictError: with code `exists` or `changed`, if a condition does not hold.
    """
    attributes = attributes_of(client.settings.service, upload.address.key, upload.options)
    part_size = client.settings.part_size
    round_size = part_size * min(_STREAM_PARTS, client.settings.transfer_concurrency)
    async with client.memory.claim(min(2 * round_size, client.settings.max_memory)):
        filler = _Filler(chunks)
        first = await filler.next(part_size)
        if not filler.more:
            await _put(client, first, upload, attributes)
            upload.progress(len(first))
            return

        async def rounds() -> AsyncGenerator[bytes, None]:
            yield first
            while filler.more:
                yield await filler.next(round_size)

        await _in_place(
            client, upload, lambda address: _send(client, upload, _Parts(address, part_size, attributes), rounds())
        )


async def _put(client: ObjectStoreClient, data: bytes, upload: Upload, attributes: Mapping[str, str]) -> None:
    await client.put(upload.address, data, attributes, overwrite=upload.overwrite, if_match=upload.if_match)


async def _in_place(
    client: ObjectStoreClient, upload: Upload, send: Callable[[ObjectAddress], Awaitable[None]]
) -> None:
    """Send content in parts to where it belongs; under a condition, to another name first.

    Neither service knows conditions for uploads in parts as obstore makes them, but both copy under one.
    """
    if upload.if_match is not None:
        raise StorageError(
            f"cannot write {upload.address}: `if_match` is possible up to "
            f"{client.settings.multipart_threshold} bytes; raise `multipart_threshold`",
            kind=ErrorKind.UNSUPPORTED,
            code="capability",
        )
    if upload.overwrite:
        await send(upload.address)
        return
    if await client.find(upload.address) is not None:
        raise ConflictError(
            f"cannot write {upload.address}: it exists already; allow overwriting or take another name",
            code="exists",
        )
    temporary = upload.temporary()
    try:
        await send(temporary)
        await client.copy(temporary, upload.address, overwrite=False)
    finally:
        await shielded(partial(client.delete, temporary))


async def _send_file(
    client: ObjectStoreClient,
    source: Source,
    upload: Upload,
    attributes: Mapping[str, str],
    address: ObjectAddress,
) -> None:
    settings = client.settings
    part_size = max(settings.part_size, -(-source.size // settings.max_parts))
    round_size = min(part_size * settings.transfer_concurrency, max(part_size, settings.max_memory // 2))
    round_size -= round_size % part_size

    async def rounds() -> AsyncGenerator[bytes, None]:
        for offset in range(0, source.size, round_size):
            yield await run_in_thread(_read, source, offset, min(round_size, source.size - offset))
        await run_in_thread(source.check_unchanged)

    async with client.memory.claim(2 * min(round_size, source.size)):
        await _send_again(client, upload, _Parts(address, part_size, attributes), rounds)


async def _send_bytes(
    client: ObjectStoreClient, data: bytes, upload: Upload, attributes: Mapping[str, str], address: ObjectAddress
) -> None:
    part_size = max(client.settings.part_size, -(-len(data) // client.settings.max_parts))
    round_size = part_size * client.settings.transfer_concurrency

    async def rounds() -> AsyncGenerator[bytes, None]:
        for start in range(0, len(data), round_size):
            yield data[start : start + round_size]

    async with client.memory.claim(min(2 * round_size, client.settings.max_memory)):
        await _send_again(client, upload, _Parts(address, part_size, attributes), rounds)


@dataclass(frozen=True, slots=True)
class _Parts:
    """Where content goes in parts, and how: its part size and its attributes."""

    address: ObjectAddress
    size: int
    attributes: Mapping[str, str]


async def _send_again(
    client: ObjectStoreClient, upload: Upload, parts: _Parts, rounds: Callable[[], AsyncGenerator[bytes, None]]
) -> None:
    """Send content in parts; from its beginning once more when the service asks for patience with one of them."""

    async def attempt() -> None:
        await _send(client, upload, parts, rounds())

    await client.repeat(f"write {upload.address}", attempt, bulk=True, retry_if=refused_for_haste)


async def _send(
    client: ObjectStoreClient, upload: Upload, parts: _Parts, rounds: AsyncGenerator[bytes, None]
) -> None:
    sent = 0
    await client.take_slot()
    try:
        async with (
            aclosing(rounds) as pieces,
            MultipartWriter(client, parts.address, parts.attributes, parts.size) as writer,
        ):
            async for data in pieces:
                await writer.write(data)
                upload.progress(sent)  # a write returns when the parts of the one before are there
                sent += len(data)
                if sent > parts.size * client.settings.max_parts:
                    raise StorageError(
                        f"cannot write {upload.address}: more than {client.settings.max_parts} parts; raise "
                        "`part_size`",
                        kind=ErrorKind.INVALID_INPUT,
                        code="too_large",
                    )
            await writer.finish()
    finally:
        client.slots.release()
    upload.progress(sent)


class _Filler:
    """Cuts a stream into pieces of given sizes, keeping what is left of a chunk for the next one."""

    def __init__(self, chunks: AsyncIterable[bytes]) -> None:
        self.more = True
        self._chunks = aiter(chunks)
        self._rest = memoryview(b"")

    async def next(self, size: int) -> bytes:
        """Return the next `size` bytes, fewer at the end; `more` tells whether the stream goes on."""
        piece = bytearray()
        while True:
            count = min(len(self._rest), size - len(piece))
            piece += self._rest[:count]
            self._rest = self._rest[count:]
            if self._rest:
                return bytes(piece)
            try:
                self._rest = memoryview(await anext(self._chunks)).cast("B")
            except StopAsyncIteration:
                self.more = False
                return bytes(piece)


def _open(source: Source) -> bytes | None:
    """Open a file; a small one is read and closed at once."""
    source.open()
    if source.size > _SMALL:
        return None
    content = _read_all(source)
    source.close()
    return content


def _read_all(source: Source) -> bytes:
    content = _read(source, 0, source.size)
    source.check_unchanged()
    return content


def _read(source: Source, offset: int, size: int) -> bytes:
    content = os.pread(source.fd, size, offset)
    if len(content) == size:
        return content
    pieces = bytearray(content)  # a signal, or a file system that reads less at once
    while len(pieces) < size:
        piece = os.pread(source.fd, size - len(pieces), offset + len(pieces))
        if not piece:
            raise ConflictError(
                f"{source.path} became shorter while it was read: upload it again when nobody writes to it",
                code="source_changed",
                retryable=True,
            )
        pieces += piece
    return bytes(pieces)
