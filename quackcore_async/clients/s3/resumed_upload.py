"""An upload in parts that outlives its process: the parts that the service has are not sent again."""

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final, Self

from quackcore_async.clients.s3.buffers import BodyBuffer
from quackcore_async.clients.s3.client import S3Client
from quackcore_async.clients.s3.conditional import ConditionalWrite, Written
from quackcore_async.clients.s3.kept import KeptUpload, KnownUpload
from quackcore_async.clients.s3.multipart import MultipartUpload
from quackcore_async.clients.s3.names import S3Address
from quackcore_async.clients.s3.objects import UploadedPart
from quackcore_async.clients.s3.source import Source
from quackcore_async.concurrency import run_in_thread, shielded
from quackcore_async.errors import ErrorKind, QuackError
from quackcore_async.logging import get_logger

__all__ = ["ResumedUpload", "fingerprint_of"]

_HOPELESS: Final = frozenset(
    {ErrorKind.CONFLICT, ErrorKind.NOT_FOUND, ErrorKind.INVALID_INPUT, ErrorKind.UNSUPPORTED}
)
_NOT_TOLD: Final = frozenset({ErrorKind.PERMISSION_DENIED, ErrorKind.INVALID_INPUT, ErrorKind.UNSUPPORTED})
_logger = get_logger(__name__)


def fingerprint_of(
    source: Source, part_size: int, described: Mapping[str, Any], conditions: Mapping[str, Any]
) -> str:
    """Return what tells whether an upload that was begun earlier would make the same object in the same way."""
    parameters = [source.size, source.mtime_ns, part_size, {**described}, {**conditions}]
    return hashlib.sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest()


class ResumedUpload(MultipartUpload):
    """A multipart upload that goes on where an interrupted one has stopped, and is kept when it is interrupted.

    What the service has is asked of the service. Of its parts those are taken that have the bytes of the file:
    whose entity tag is their MD5, or the tag that was noted together with their MD5. An upload that could never
    become an object, because the file changed or the object exists, is aborted as any other.

    Args:
        client: Sends the requests.
        address: Where the object goes.
        described: Parameters that describe the object.
        conditions: `IfMatch` or `IfNoneMatch`, sent with the completion.
        kept: Remembers the upload; it is open, and the caller's to close.
        fingerprint: See `fingerprint_of`.
        size: Bytes of the object.

    Attributes:
        written: The object, when an earlier upload has completed it and did not hear of it.
    """

    def __init__(
        self,
        client: S3Client,
        address: S3Address,
        described: Mapping[str, Any],
        conditions: Mapping[str, Any],
        *,
        kept: KeptUpload,
        fingerprint: str,
        size: int,
    ) -> None:
        super().__init__(client, address, described, conditions)
        self.written: Written | None = None
        self._kept = kept
        self._fingerprint = fingerprint
        self._size = size
        self._known: KnownUpload | None = None
        self._present: dict[int, UploadedPart] = {}
        self._is_kept = False  # whether the next one will know of it

    async def __aenter__(self) -> Self:
        known = await run_in_thread(self._kept.load)
        if known is not None and known.fingerprint == self._fingerprint:
            self._known = known
            await self._take_up(known)
        elif known is not None:
            await self._drop(known)
        if not self._upload_id and self.written is None:
            await super().__aenter__()
        return self

    async def _leave(self, exc: BaseException | None) -> None:
        if not self._ended and not self._is_worth_keeping(exc):
            await self._abort()
            self._ended = True
        if self._ended:
            await shielded(partial(run_in_thread, self._kept.remove))

    async def take(self, number: int, buffer: BodyBuffer) -> None:
        """Make sure that the service has a filled buffer as part `number`."""
        digest = await run_in_thread(_md5, buffer.body)
        there = self._present.get(number)
        if there is not None and self._has_content(there, buffer.size, digest):
            self._parts[number] = there
            return
        await self.send(number, buffer)
        if self._is_kept:
            await self._note(partial(self._kept.add, number, self._parts[number].etag, digest))

    def _has_content(self, part: UploadedPart, size: int, digest: str) -> bool:
        noted = {} if self._known is None else self._known.digests
        return part.size == size and (
            part.etag.strip('"') == digest or noted.get(part.number) == (part.etag, digest)
        )

    async def complete(self) -> Written:
        """Make the object of its parts."""
        if self.written is None:
            return await super().complete()
        return self.written

    async def _take_up(self, known: KnownUpload) -> None:
        """Find out what became of an upload that was begun earlier."""
        try:
            parts = await self._client.list_parts(self._address, known.upload_id)
        except QuackError as error:
            if error.kind is ErrorKind.NOT_FOUND:
                await self._look_for_object(known)
            elif error.kind in _NOT_TOLD:
                _logger.warning("the upload to %s begins anew: %s", self._address, error)
                await self._drop(known)
            else:
                raise
            return
        self._upload_id, self._token, self._is_kept = known.upload_id, known.token, True
        self._present = {part.number: part for part in parts}

    async def _drop(self, known: KnownUpload) -> None:
        """Abort an upload that nobody will go on with, as far as the service lets it."""
        with suppress(QuackError):
            await self._client.abort_multipart(self._address, known.upload_id)

    async def _look_for_object(self, known: KnownUpload) -> None:
        write = ConditionalWrite(self._client.requester, self._address, None, token=known.token)
        self.written = await write.find_token(self._size)
        self._ended = self.written is not None

    async def _begin(self) -> None:
        await super()._begin()
        begin = partial(self._kept.begin, self._fingerprint, self._upload_id, self._token)
        self._is_kept = await self._note(begin)

    async def _note(self, note: Callable[[], None]) -> bool:
        """Write something down; without it the upload goes on as any other."""
        try:
            await run_in_thread(note)
        except QuackError as error:
            _logger.warning(
                "the upload to %s may have to begin anew when it is interrupted: %s", self._address, error
            )
            return False
        return True

    async def _end(self, write: ConditionalWrite, parts: object) -> Written | None:
        """Leave a completion that nobody answered to the next try, which finds what became of it."""
        del write, parts
        return None

    def _is_worth_keeping(self, exc: BaseException | None) -> bool:
        has_parts = bool(self._parts or self._present)
        return self._is_kept and has_parts and not (isinstance(exc, QuackError) and exc.kind in _HOPELESS)


def _md5(data: memoryview) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
