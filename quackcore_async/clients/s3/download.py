"""Downloading an object to an open file: parallel ranges of one version, written in place, checked."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

import anyio

from quackcore_async.clients.s3.checksums import Expectation, expectation_of
from quackcore_async.clients.s3.client import S3Client
from quackcore_async.clients.s3.kept import KeptRanges
from quackcore_async.clients.s3.names import S3Address, check_key
from quackcore_async.clients.s3.objects import ObjectInfo, object_info
from quackcore_async.clients.s3.parts import Part, missing_parts, parts_of
from quackcore_async.clients.s3.running import RunningChecksum, running_checksum
from quackcore_async.clients.s3.stream import ObjectStream
from quackcore_async.concurrency import first_error, for_each, run_briefly, run_in_thread
from quackcore_async.errors import ConflictError, IntegrityError, QuackError
from quackcore_async.protocols import ProgressCallback

__all__ = ["Downloaded", "download"]

_BEGUN_AGAIN: Final = frozenset({"changed", "integrity"})

Verified = Literal["full", "length"]


@dataclass(frozen=True, slots=True)
class Downloaded:
    """An object that was downloaded.

    Attributes:
        info: What the service says of it.
        verified: `full` when the bytes were compared with a checksum of the whole object, `length` when the
            service keeps none that can be computed here.
    """

    info: ObjectInfo
    verified: Verified


async def download(
    client: S3Client,
    address: S3Address,
    begin: Callable[[ObjectInfo], int],
    finish: Callable[[Verified], None],
    *,
    version_id: str | None = None,
    progress: ProgressCallback | None = None,
    kept: KeptRanges | None = None,
) -> Downloaded:
    """Download an object to an open file, from its first byte on.

    All ranges are read under one entity tag. An object that is replaced meanwhile, or that comes damaged, is begun
    once more.

    Args:
        client: Where from.
        address: The object.
        begin: Called in a worker thread when the object was found; returns the descriptor of an empty file, open
            for reading and writing. Called once more when the download begins again.
        finish: Called in a worker thread when all bytes are there and checked; for a small object in the same one
            that began it.
        version_id: Which version.
        progress: Told the bytes that are written; over a second beginning it stays where it was.
        kept: Takes up an earlier download of the same version of the object, and keeps what is complete of this
            one. `begin` then returns the file with these ranges in it, which need not be empty.

    Raises:
        RemoteNotFoundError: if there is no such object.
        ConflictError: with code `changed`, if it was replaced twice.
        IntegrityError: if the bytes do not have the object's checksum, twice.
        OSError: if the disk fails.
    """
    check_key(address.key)
    told = _Monotonic(progress)
    attempt = partial(
        _Download, client, address, begin, finish, version_id=version_id, progress=told.add, kept=kept
    )
    await client.files.acquire()
    try:
        try:
            return await attempt().run()
        except (ConflictError, IntegrityError) as error:
            if error.code not in _BEGUN_AGAIN:
                raise
        told.restart()
        return await attempt().run()
    finally:
        client.files.release()


class _Monotonic:
    """Adds up progress and never lets it go back."""

    def __init__(self, progress: ProgressCallback | None) -> None:
        self._progress = progress
        self._done = 0
        self._told = 0

    def restart(self) -> None:
        self._done = 0

    def add(self, count: int) -> None:
        self._done += count
        if self._progress is not None and self._done > self._told:
            self._told = self._done
            self._progress(self._told)


class _Download:
    """One attempt at one version of an object."""

    def __init__(
        self,
        client: S3Client,
        address: S3Address,
        begin: Callable[[ObjectInfo], int],
        finish: Callable[[Verified], None],
        *,
        version_id: str | None,
        progress: Callable[[int], None],
        kept: KeptRanges | None,
    ) -> None:
        self._kept = kept
        self._client = client
        self._address = address
        self._begin = begin
        self._finish = finish
        self._fd = -1
        self._version_id = version_id
        self._progress = progress
        self._part_size = client.settings.part_size
        self._expected: Expectation | None = None
        self._checksum: RunningChecksum | None = None

    async def run(self) -> Downloaded:
        if self._kept is not None and await run_in_thread(self._kept.is_begun):
            info = await self._client.head(self._address, version_id=self._version_id, checksums=True)
            if info.size > self._part_size:
                return await self._go_on(info, self._kept)
        return await self._begin_first()

    async def _go_on(self, info: ObjectInfo, kept: KeptRanges) -> Downloaded:
        await run_in_thread(self._open, info)
        self._begin_checksum(expectation_of(info))
        done = kept.done()
        missing = list(missing_parts(info.size, self._part_size, done))
        self._progress(info.size - sum(part.size for part in missing))
        await self._fetch_parts(info, missing)
        return Downloaded(info, await run_in_thread(self._settle, info))

    async def _begin_first(self) -> Downloaded:
        first = self._client.stream(self._address, start=0, end=self._part_size, version_id=self._version_id)
        async with self._client.requester.slot(), first:
            info = first.info
            if info.size <= self._part_size:
                return await self._run_whole(info, first)
            await run_in_thread(self._open, info)
            try:
                async with anyio.create_task_group() as group:
                    group.start_soon(self._expect, info)
                    await self._write(first)
            except ExceptionGroup as errors:
                raise first_error(errors) from None
        parts = parts_of(info.size, self._part_size)
        await self._keep(next(parts))  # the first answer brought it
        await self._fetch_parts(info, parts)
        return Downloaded(info, await run_in_thread(self._settle, info))

    async def _run_whole(self, info: ObjectInfo, stream: ObjectStream) -> Downloaded:
        self._begin_checksum(expectation_of(info))
        await self._write(stream, last=lambda: self._settle(info))
        return Downloaded(info, "length" if self._expected is None else "full")

    async def _expect(self, info: ObjectInfo) -> None:
        """Ask for the checksums of the whole object: the answer to a range brings none."""
        parameters = {"Bucket": self._address.bucket, "Key": self._address.key, "ChecksumMode": "ENABLED"}
        if info.version_id is not None:
            parameters["VersionId"] = info.version_id
        try:
            # In the slot of this download: to wait for another one while holding it could last for ever.
            answer = await self._client.requester.call("head_object", f"look up {self._address}", parameters)
        except QuackError:
            looked_up = info
        else:
            looked_up = object_info(self._address.key, answer, size=info.size)
        self._begin_checksum(expectation_of(looked_up if looked_up.etag == info.etag else info))

    def _begin_checksum(self, expected: Expectation | None) -> None:
        self._expected = expected
        self._checksum = running_checksum(expected) if expected is not None else None

    def _settle(self, info: ObjectInfo) -> Verified:
        """Compare the bytes with what the service keeps, and let the file be taken."""
        if self._expected is not None and self._checksum is not None:
            digest = self._checksum.digest(self._fd, info.size)
            try:
                self._expected.check(digest, self._address)
            except IntegrityError:
                if self._kept is not None:
                    self._kept.spoil()
                raise
        verified: Verified = "length" if self._expected is None else "full"
        self._finish(verified)
        return verified

    async def _keep(self, part: Part) -> None:
        if self._kept is not None:
            await run_in_thread(self._kept.record, part.offset, part.offset + part.size)

    async def _fetch_parts(self, info: ObjectInfo, parts: Iterable[Part]) -> None:
        async def fetch(_index: int, part: Part) -> None:
            async with (
                self._client.requester.slot(),
                self._client.stream(
                    self._address,
                    start=part.offset,
                    end=part.offset + part.size,
                    if_match=info.etag,
                    version_id=info.version_id or self._version_id,
                ) as stream,
            ):
                if stream.info.size != info.size or stream.end - stream.start != part.size:
                    raise ConflictError(f"cannot read {self._address}: its size changed meanwhile", code="changed")
                await self._write(stream)
            await self._keep(part)

        await for_each(fetch, parts, max_concurrency=self._client.settings.transfer_concurrency)

    def _open(self, info: ObjectInfo) -> None:
        self._fd = self._begin(info)
        if info.size > self._part_size and os.fstat(self._fd).st_size < info.size:  # parts come in any order
            os.ftruncate(self._fd, info.size)

    async def _write(self, stream: ObjectStream, last: Callable[[], object] | None = None) -> None:
        """Write a stream to its place in the file, and do `last` in the thread that writes its end."""

        def write(pieces: Sequence[bytes | memoryview], offset: int) -> None:
            if self._fd < 0:
                self._open(stream.info)
            if self._checksum is not None:
                self._checksum.feed(offset, pieces)
            if _write_at(self._fd, pieces, offset) == stream.end and last is not None:
                last()

        if stream.end == stream.start:
            await run_briefly(partial(write, [], stream.start))
        while count := await stream.pour(write):
            self._progress(count)


def _write_at(fd: int, pieces: Sequence[bytes | memoryview], offset: int) -> int:
    """Write pieces from an offset on, and return where the last one ends."""
    data = [memoryview(piece) for piece in pieces]
    while data:
        written = _write_some(fd, data, offset)
        offset += written
        while data and written >= len(data[0]):
            written -= len(data.pop(0))
        if written:
            data[0] = data[0][written:]
    return offset


def _write_some(fd: int, data: list[memoryview], offset: int) -> int:
    if hasattr(os, "pwritev"):
        return os.pwritev(fd, data, offset)
    return os.pwrite(fd, data[0], offset)
