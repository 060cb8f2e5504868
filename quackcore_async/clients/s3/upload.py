"""Uploading local files and streams: one request when small, parallel parts otherwise, flat memory always."""

from collections.abc import AsyncIterable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any, Final

import anyio
import anyio.abc

from quackcore_async.clients.s3.attributes import source_metadata, write_parameters
from quackcore_async.clients.s3.buffers import BodyBuffer
from quackcore_async.clients.s3.client import S3Client
from quackcore_async.clients.s3.conditional import Written
from quackcore_async.clients.s3.kept import KeptUpload
from quackcore_async.clients.s3.multipart import MultipartUpload
from quackcore_async.clients.s3.names import S3Address, check_key
from quackcore_async.clients.s3.parts import MAX_PART_SIZE, Part, part_size_for, parts_of, stream_part_size
from quackcore_async.clients.s3.resumed_upload import ResumedUpload, fingerprint_of
from quackcore_async.clients.s3.settings import MIB
from quackcore_async.clients.s3.source import Source, read_into
from quackcore_async.concurrency import first_error, for_each, run_briefly, run_in_thread, shielded
from quackcore_async.protocols import ProgressCallback, UploadOptions

__all__ = ["upload_bytes", "upload_file", "upload_stream"]

_SMALL: Final = MIB // 4  # read with the thread hop that opens the file, and sent from plain bytes


async def upload_file(
    client: S3Client,
    source: Source,
    address: S3Address,
    *,
    overwrite: bool = True,
    options: UploadOptions | None = None,
    progress: ProgressCallback | None = None,
    kept: KeptUpload | None = None,
) -> Written:
    """Upload a local file; the object is whole or absent.

    Its modification time and its permission bits are stored as metadata `mtime` and `mode`.

    Args:
        client: Where to.
        source: The file, not open yet; it is closed in the end.
        address: The object.
        overwrite: False writes only where nothing is.
        options: How the object is written.
        progress: Told the bytes that the service has.
        kept: Remembers the upload of a file that goes up in parts: it goes on where an interrupted one of the same
            file has stopped, and is kept when it is interrupted itself.

    Raises:
        ConflictError: with code `exists`, if `overwrite` is False and there is an object; with `source_changed`,
            if the file changed while it was read.
        InvalidNameError: if the key cannot be used.
        QuackError: what the source raises when it cannot be read.
    """
    check_key(address.key)
    await client.files.acquire()
    try:
        content = await run_briefly(partial(_open, source))
        stored = source_metadata(source.mtime_ns, source.mode)
        described, conditions = write_parameters(address.key, options, overwrite=overwrite, metadata=stored)
        if content is not None:
            written = await client.put(address, content, described, conditions)
        elif source.size <= min(client.settings.multipart_threshold, MAX_PART_SIZE):
            written = await _put_file(client, source, address, described, conditions)
        else:
            return await _send_parts(
                client, source, address, described, conditions, kept=kept, progress=progress or _ignore
            )
    finally:
        try:
            if source.fd >= 0:
                await shielded(partial(run_in_thread, source.close))
        finally:
            client.files.release()
    if progress is not None:
        progress(source.size)
    return written


def _open(source: Source) -> bytes | None:
    """Open a file; a small one is read and closed at once."""
    source.open()
    if source.size > _SMALL:
        return None
    content = bytearray(source.size)
    read_into(source, memoryview(content), 0)
    source.check_unchanged()
    source.close()
    return bytes(content)


def _fill(source: Source, buffer: BodyBuffer, offset: int, hashes: bool) -> None:
    read_into(source, buffer.body, offset)
    if hashes:
        buffer.hash()


async def _put_file(
    client: S3Client,
    source: Source,
    address: S3Address,
    described: Mapping[str, Any],
    conditions: Mapping[str, Any],
) -> Written:
    async with client.buffers.buffer(source.size) as buffer:
        buffer.size = source.size
        await run_in_thread(_fill, source, buffer, 0, client.requester.hashes_bodies)
        await run_in_thread(source.check_unchanged)
        return await client.put(address, buffer, described, conditions)


async def _send_parts(
    client: S3Client,
    source: Source,
    address: S3Address,
    described: Mapping[str, Any],
    conditions: Mapping[str, Any],
    *,
    kept: KeptUpload | None,
    progress: ProgressCallback,
) -> Written:
    if kept is not None:
        try:
            if await run_in_thread(kept.open):
                return await _resume_parts(
                    client, source, address, described, conditions, kept=kept, progress=progress
                )
        finally:
            await shielded(partial(run_in_thread, kept.close))
    part_size = part_size_for(source.size, client.settings.part_size)
    sent = 0

    async def send(_index: int, part: Part) -> None:
        nonlocal sent
        async with client.buffers.buffer(part_size) as buffer:
            buffer.size = part.size
            await run_in_thread(_fill, source, buffer, part.offset, client.requester.hashes_bodies)
            await upload.send(part.number, buffer)
        sent += part.size
        progress(sent)

    async with MultipartUpload(client, address, described, conditions) as upload:
        await for_each(
            send, parts_of(source.size, part_size), max_concurrency=client.settings.transfer_concurrency
        )
        await run_in_thread(source.check_unchanged)
        return await upload.complete()


async def _resume_parts(
    client: S3Client,
    source: Source,
    address: S3Address,
    described: Mapping[str, Any],
    conditions: Mapping[str, Any],
    *,
    kept: KeptUpload,
    progress: ProgressCallback,
) -> Written:
    part_size = part_size_for(source.size, client.settings.part_size)
    fingerprint = fingerprint_of(source, part_size, described, conditions)
    done = 0

    async def take(_index: int, part: Part) -> None:
        nonlocal done
        async with client.buffers.buffer(part_size) as buffer:
            buffer.size = part.size
            await run_in_thread(_fill, source, buffer, part.offset, False)
            await upload.take(part.number, buffer)
        done += part.size
        progress(done)

    async with ResumedUpload(
        client, address, described, conditions, kept=kept, fingerprint=fingerprint, size=source.size
    ) as upload:
        if upload.written is None:
            await for_each(
                take, parts_of(source.size, part_size), max_concurrency=client.settings.transfer_concurrency
            )
        await run_in_thread(source.check_unchanged)
        written = await upload.complete()
    progress(source.size)
    return written


async def upload_bytes(
    client: S3Client,
    data: bytes,
    address: S3Address,
    *,
    overwrite: bool = True,
    options: UploadOptions | None = None,
) -> Written:
    """Upload bytes that are in memory already; see `upload_file`."""
    if len(data) > _SMALL:
        return await upload_stream(client, _slices(data), address, overwrite=overwrite, options=options)
    check_key(address.key)
    described, conditions = write_parameters(address.key, options, overwrite=overwrite)
    return await client.put(address, bytes(data), described, conditions)


async def _slices(data: bytes) -> AsyncIterable[memoryview]:
    view = memoryview(data)
    for start in range(0, len(view), MIB):
        yield view[start : start + MIB]


async def upload_stream(
    client: S3Client,
    chunks: AsyncIterable[bytes | memoryview],
    address: S3Address,
    *,
    overwrite: bool = True,
    options: UploadOptions | None = None,
    progress: ProgressCallback | None = None,
) -> Written:
    """Upload a stream whose length nobody knows, in flat memory; the object is whole or absent.

    What fits into one part is one request; an empty stream makes an empty object. What the stream raises comes
    out of here as it is.

    Args:
        client: Where to.
        chunks: The content.
        address: The object.
        overwrite: False writes only where nothing is.
        options: How the object is written.
        progress: Told the bytes that the service has.

    Raises:
        ConflictError: with code `exists`, if `overwrite` is False and there is an object.
        InvalidNameError: if the key cannot be used.
    """
    check_key(address.key)
    described, conditions = write_parameters(address.key, options, overwrite=overwrite)
    told = progress or _ignore
    filler = _Filler(chunks)
    first = await client.buffers.acquire(stream_part_size(1, client.settings.part_size))
    with ExitStack() as held:
        held.callback(client.buffers.release, first)
        if not await filler.fill(first):
            written = await client.put(address, first, described, conditions)
            told(first.size)
            return written
        async with MultipartUpload(client, address, described, conditions) as upload:
            held.pop_all()  # from here on, who sends a buffer gives it back
            await _StreamParts(client, upload, filler, told).send_all(first)
            return await upload.complete()


class _Filler:
    """Cuts a stream into buffers, keeping what is left of a chunk for the next one."""

    def __init__(self, chunks: AsyncIterable[bytes | memoryview]) -> None:
        self._chunks = aiter(chunks)
        self._rest = memoryview(b"")

    async def fill(self, buffer: BodyBuffer) -> bool:
        """Fill a buffer; return whether the stream goes on after it."""
        buffer.size = 0
        while True:
            count = min(len(self._rest), buffer.capacity - buffer.size)
            buffer.memory[buffer.size : buffer.size + count] = self._rest[:count]
            buffer.size += count
            self._rest = self._rest[count:]
            if self._rest:
                return True
            try:
                self._rest = memoryview(await anext(self._chunks)).cast("B")
            except StopAsyncIteration:
                return False


class _StreamParts:
    """Sends the parts of a stream while the next ones are being filled."""

    def __init__(
        self, client: S3Client, upload: MultipartUpload, filler: _Filler, progress: ProgressCallback
    ) -> None:
        self._client = client
        self._upload = upload
        self._filler = filler
        self._progress = progress
        self._places = anyio.Semaphore(client.settings.transfer_concurrency)
        self._sent = 0

    async def send_all(self, first: BodyBuffer) -> None:
        try:
            async with anyio.create_task_group() as group:
                await self._feed(group, first)
        except ExceptionGroup as errors:
            raise first_error(errors) from None

    async def _feed(self, group: anyio.abc.TaskGroup, first: BodyBuffer) -> None:
        number, buffer, more = 1, first, True
        while True:
            try:
                await self._places.acquire()
            except BaseException:
                self._client.buffers.release(buffer)
                raise
            group.start_soon(self._send, number, buffer)
            if not more:
                return
            number += 1
            buffer, more = await self._next(number)

    async def _next(self, number: int) -> tuple[BodyBuffer, bool]:
        buffer = await self._client.buffers.acquire(stream_part_size(number, self._client.settings.part_size))
        try:
            return buffer, await self._filler.fill(buffer)
        except BaseException:
            self._client.buffers.release(buffer)
            raise

    async def _send(self, number: int, buffer: BodyBuffer) -> None:
        try:
            await self._upload.send(number, buffer)
            self._sent += buffer.size
        finally:
            self._client.buffers.release(buffer)
            self._places.release()
        self._progress(self._sent)


def _ignore(_done: int) -> None:
    return None
