"""Downloading an object to an open file: parallel ranges of one version, written in place, checked."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

from quackcore_async.clients.s3.checksums import Expectation, Hasher, digest_file, expectation_of
from quackcore_async.clients.s3.client import S3Client
from quackcore_async.clients.s3.names import S3Address, check_key
from quackcore_async.clients.s3.objects import ObjectInfo
from quackcore_async.clients.s3.parts import Part, parts_of
from quackcore_async.clients.s3.settings import MIB
from quackcore_async.clients.s3.stream import ObjectStream
from quackcore_async.concurrency import for_each, run_briefly, run_in_thread
from quackcore_async.errors import ConflictError, IntegrityError
from quackcore_async.protocols import ProgressCallback

__all__ = ["Downloaded", "download"]

_FLUSH: Final = 2 * MIB  # bytes that are gathered before a thread writes them
_BRIEF: Final = MIB // 4  # bytes whose writing is so short that it shares the way to a thread with others
_MAX_CHUNKS: Final = 512  # under IOV_MAX, 1024 on Linux: most buffers of one vectored write

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
) -> Downloaded:
    """Download an object to an open file, from its first byte on.

    All ranges are read under one entity tag. An object that is replaced meanwhile is begun once more.

    Args:
        client: Where from.
        address: The object.
        begin: Called in a worker thread when the object was found; returns the descriptor of an empty file, open
            for reading and writing. Called once more when the download begins again.
        finish: Called in a worker thread when all bytes are there and checked; for a small object in the same one
            that began it.
        version_id: Which version.
        progress: Told the bytes that are written; over a second beginning it stays where it was.

    Raises:
        RemoteNotFoundError: if there is no such object.
        ConflictError: with code `changed`, if it was replaced twice.
        IntegrityError: if the bytes do not have the object's checksum.
        OSError: if the disk fails.
    """
    check_key(address.key)
    told = _Monotonic(progress)
    attempt = partial(_Download, client, address, begin, finish, version_id=version_id, progress=told.add)
    try:
        return await attempt().run()
    except ConflictError as error:
        if error.code != "changed":
            raise
    told.restart()
    return await attempt().run()


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
    ) -> None:
        self._client = client
        self._address = address
        self._begin = begin
        self._finish = finish
        self._fd = -1
        self._version_id = version_id
        self._progress = progress
        self._part_size = client.settings.part_size

    async def run(self) -> Downloaded:
        async with (
            self._client.requester.slot(),
            self._client.stream(self._address, start=0, end=self._part_size, version_id=self._version_id) as first,
        ):
            info = first.info
            if info.size <= self._part_size:
                return await self._run_whole(info, first)
            await run_in_thread(self._open, info)
            await self._write(first, None)
        await self._write_rest(info)
        info = await self._with_checksums(info)
        return Downloaded(info, await run_in_thread(self._settle_parts, info))

    async def _run_whole(self, info: ObjectInfo, stream: ObjectStream) -> Downloaded:
        expectation = expectation_of(info)
        hasher = expectation.hasher() if expectation is not None else None

        def settle() -> Verified:
            return self._settle(expectation, hasher.digest() if hasher is not None else b"")

        await self._write(stream, hasher, last=settle)
        return Downloaded(info, "length" if expectation is None else "full")

    def _settle_parts(self, info: ObjectInfo) -> Verified:
        expectation = expectation_of(info)
        digest = digest_file(self._fd, info.size, expectation) if expectation is not None else b""
        return self._settle(expectation, digest)

    def _settle(self, expectation: Expectation | None, digest: bytes) -> Verified:
        """Compare the bytes with what the service keeps, and let the file be taken."""
        if expectation is not None:
            self._compare(expectation, digest)
        verified: Verified = "length" if expectation is None else "full"
        self._finish(verified)
        return verified

    async def _write_rest(self, info: ObjectInfo) -> None:
        parts = parts_of(info.size, self._part_size)
        next(parts)  # the first answer brought it

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
                await self._write(stream, None)

        await for_each(fetch, parts, max_concurrency=self._client.settings.transfer_concurrency)

    def _open(self, info: ObjectInfo) -> None:
        self._fd = self._begin(info)
        os.ftruncate(self._fd, info.size)

    async def _write(
        self, stream: ObjectStream, hasher: Hasher | None, last: Callable[[], object] | None = None
    ) -> None:
        """Write a stream to its place in the file, about a MiB at a time, and do `last` in the last thread."""
        offset = stream.start
        chunks: list[bytes] = []
        pending = 0
        more = True
        while more:
            chunk = await stream.read()
            more = bool(chunk)
            if chunk:
                chunks.append(chunk)
                pending += len(chunk)
            if pending >= _FLUSH or len(chunks) >= _MAX_CHUNKS or not more:
                flush = partial(self._flush, stream.info, chunks, offset, hasher, None if more else last)
                await (run_briefly(flush) if pending <= _BRIEF else run_in_thread(flush))
                self._progress(pending)
                offset += pending
                chunks, pending = [], 0

    def _flush(
        self,
        info: ObjectInfo,
        chunks: list[bytes],
        offset: int,
        hasher: Hasher | None,
        last: Callable[[], object] | None,
    ) -> None:
        if self._fd < 0:
            self._open(info)
        if hasher is not None:
            for chunk in chunks:
                hasher.update(chunk)
        _write_at(self._fd, chunks, offset)
        if last is not None:
            last()

    async def _with_checksums(self, info: ObjectInfo) -> ObjectInfo:
        """Ask for the service's checksums where the entity tag is none."""
        if expectation_of(info) is not None:
            return info
        looked_up = await self._client.head(self._address, version_id=info.version_id, checksums=True)
        return looked_up if looked_up.etag == info.etag else info

    def _compare(self, expectation: Expectation, digest: bytes) -> None:
        if digest != expectation.digest:
            raise IntegrityError(
                f"cannot read {self._address}: the bytes that came have another {expectation.algorithm} checksum "
                "than the service keeps; read it again",
                retryable=True,
            )


def _write_at(fd: int, chunks: list[bytes], offset: int) -> None:
    data: list[memoryview] = [memoryview(chunk) for chunk in chunks]
    while data:
        written = _write_some(fd, data, offset)
        offset += written
        while data and written >= len(data[0]):
            written -= len(data.pop(0))
        if written:
            data[0] = data[0][written:]


def _write_some(fd: int, data: list[memoryview], offset: int) -> int:
    if hasattr(os, "pwritev"):
        return os.pwritev(fd, data, offset)
    return os.pwrite(fd, data[0], offset)
