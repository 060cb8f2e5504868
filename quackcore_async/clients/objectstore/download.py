"""Downloading an object to an open file: parallel ranges of one version, written in place, checked."""

import os
from collections.abc import Callable
from functools import partial
from typing import Final, Literal

from quackcore_async.clients.objectstore.client import ObjectStoreClient
from quackcore_async.clients.objectstore.names import ObjectAddress
from quackcore_async.clients.objectstore.stream import ObjectStream
from quackcore_async.clients.s3.checksums import expectation_of
from quackcore_async.clients.s3.objects import ObjectInfo
from quackcore_async.clients.s3.parts import Part, parts_of
from quackcore_async.clients.s3.running import RunningChecksum, running_checksum
from quackcore_async.concurrency import for_each, run_briefly, run_in_thread
from quackcore_async.errors import ConflictError

__all__ = ["download"]

_FLUSH: Final = 1024**2  # bytes that are gathered before a thread writes them
_BRIEF: Final = 256 * 1024  # bytes whose writing is so short that it shares the way to a thread with others

Verified = Literal["full", "length"]


async def download(
    client: ObjectStoreClient,
    address: ObjectAddress,
    begin: Callable[[ObjectInfo], int],
    finish: Callable[[Verified], None],
    progress: Callable[[int], None],
) -> None:
    """Download an object to an open file, from its first byte on.

    All ranges are read under one entity tag. An object that is replaced meanwhile is begun once more.

    Args:
        client: Where from.
        address: The object.
        begin: Called in a worker thread when the object was found; returns the descriptor of an empty file, open
            for reading and writing. Called once more when the download begins again.
        finish: Called in a worker thread when all bytes are there, with how far they are checked; for a small
            object in the same one that began it.
        progress: Told the bytes that are written.

    Raises:
        RemoteNotFoundError: if there is no such object.
        ConflictError: with code `changed`, if it was replaced twice.
        IntegrityError: if the bytes do not have the object's checksum.
        OSError: if the disk fails.
    """
    try:
        await _Download(client, address, begin, finish, progress).run()
    except ConflictError as error:
        if error.code != "changed":
            raise
    else:
        return
    await _Download(client, address, begin, finish, progress).run()


class _Download:
    """One attempt at one version of an object."""

    def __init__(
        self,
        client: ObjectStoreClient,
        address: ObjectAddress,
        begin: Callable[[ObjectInfo], int],
        finish: Callable[[Verified], None],
        progress: Callable[[int], None],
    ) -> None:
        self._client = client
        self._address = address
        self._begin = begin
        self._finish = finish
        self._progress = progress
        self._part_size = client.settings.part_size
        self._fd = -1
        self._done = 0
        self._checksum: RunningChecksum | None = None

    async def run(self) -> None:
        await self._client.take_slot()
        try:
            async with self._client.stream(self._address, end=self._part_size) as first:
                info = first.info
                expectation = expectation_of(info)
                self._checksum = None if expectation is None else running_checksum(expectation)
                if info.size <= self._part_size:
                    await self._write(first, last=partial(self._settle, info))
                    return
                await run_in_thread(self._open, info)
                await self._write(first)
        finally:
            self._client.slots.release()
        await self._write_rest(info)
        await run_in_thread(self._settle, info)

    def _settle(self, info: ObjectInfo) -> None:
        """Compare the bytes with the checksum that the service keeps, and let the file be taken."""
        expectation, checksum = expectation_of(info), self._checksum
        if expectation is not None and checksum is not None:
            expectation.check(checksum.digest(self._fd, info.size), self._address)
        self._finish("length" if expectation is None else "full")

    async def _write_rest(self, info: ObjectInfo) -> None:
        parts = parts_of(info.size, self._part_size)
        next(parts)  # the first answer brought it

        async def fetch(_index: int, part: Part) -> None:
            await self._client.take_slot()
            try:
                stream = self._client.stream(
                    self._address, start=part.offset, end=part.offset + part.size, if_match=info.etag
                )
                async with stream:
                    await self._write(stream)
            finally:
                self._client.slots.release()

        await for_each(fetch, parts, max_concurrency=self._client.settings.transfer_concurrency)

    def _open(self, info: ObjectInfo) -> None:
        self._fd = self._begin(info)
        os.ftruncate(self._fd, info.size)

    async def _write(self, stream: ObjectStream, last: Callable[[], object] | None = None) -> None:
        """Write a stream to its place in the file, about a MiB at a time, and do `last` in the last thread."""
        offset, left = stream.start, stream.end - stream.start
        chunks: list[bytes] = []
        pending = 0
        while left or last is not None:
            chunk = await stream.read() if left else b""
            chunks.append(chunk)
            pending += len(chunk)
            left -= len(chunk)
            if pending >= _FLUSH or not left:
                final, last = (last, None) if not left else (None, last)
                flush = partial(self._flush, stream.info, b"".join(chunks), offset, final)
                await (run_briefly(flush) if pending <= _BRIEF else run_in_thread(flush))
                self._done += pending
                self._progress(self._done)
                offset += pending
                chunks, pending = [], 0

    def _flush(
        self,
        info: ObjectInfo,
        data: bytes,
        offset: int,
        last: Callable[[], object] | None,
    ) -> None:
        if self._fd < 0:
            self._open(info)
        if self._checksum is not None:
            self._checksum.feed(offset, [data])
        view = memoryview(data)
        while view:
            written = os.pwrite(self._fd, view, offset)
            view, offset = view[written:], offset + written
        if last is not None:
            last()
