"""Writes whose answer may be lost: what a retry finds is settled by looking at the object."""

import email.utils
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import anyio

from quackcore_async.clients.s3.buffers import BodyBuffer
from quackcore_async.clients.s3.names import S3Address
from quackcore_async.clients.s3.objects import ObjectInfo, UploadedPart, object_info
from quackcore_async.clients.s3.requester import Requester
from quackcore_async.errors import ConflictError, ErrorKind, QuackError

__all__ = ["ConditionalWrite", "Written", "multipart_etag"]

_CLOCK_STEP: Final = 1.0  # seconds: HTTP dates know no fractions
_SETTLED_BY_LOOKING: Final = frozenset({"precondition", "no_such_upload"})


@dataclass(frozen=True, slots=True)
class Written:
    """An object that was written.

    Attributes:
        etag: Its entity tag, with its quotes.
        version_id: Its version, in a bucket that keeps them.
    """

    etag: str | None
    version_id: str | None = None


class ConditionalWrite:
    """One write of an object, sent again when its answer is lost.

    The second try of a write that did happen meets its own work: 412 because the object exists, or no such
    upload because it is complete. Then the object tells: when its entity tag and size are those of this write, the
    write succeeded. A client of the caller's own may send a request twice without saying so: a first 412 is looked
    into as well, and there the object must also be as young as this write.

    Args:
        requester: Sends the requests.
        address: The object.
        conditions: `IfMatch` or `IfNoneMatch`.
    """

    def __init__(self, requester: Requester, address: S3Address, conditions: Mapping[str, Any] | None) -> None:
        self._requester = requester
        self._address = address
        self._conditions = dict(conditions or {})
        self._place = {"Bucket": address.bucket, "Key": address.key}
        self._lost: QuackError | None = None
        self._started = anyio.current_time()

    async def put(self, data: bytes | BodyBuffer, described: Mapping[str, Any]) -> Written:
        """Write the object with one request."""
        parameters = {**self._place, **described, **self._conditions}
        body = data if isinstance(data, BodyBuffer) else None
        if not isinstance(data, BodyBuffer):
            parameters["Body"] = data

        def is_ours(info: ObjectInfo) -> bool:
            content = data.body if isinstance(data, BodyBuffer) else data
            return info.size == len(content) and info.etag == _quoted(_md5(content).hexdigest())

        return await self._write("put_object", f"write {self._address}", parameters, is_ours, body)

    async def complete(self, upload_id: str, parts: Sequence[UploadedPart]) -> Written:
        """Make the object of its parts."""
        listed = [{"PartNumber": part.number, "ETag": part.etag} for part in parts]
        parameters = {
            **self._place,
            **self._conditions,
            "UploadId": upload_id,
            "MultipartUpload": {"Parts": listed},
        }
        etag = multipart_etag(parts)
        size = sum(part.size for part in parts)

        def is_ours(info: ObjectInfo) -> bool:
            return info.size == size and info.etag == etag

        return await self._write(
            "complete_multipart_upload", f"complete the upload to {self._address}", parameters, is_ours
        )

    async def copy(self, source: S3Address, parameters: Mapping[str, Any]) -> Written:
        """Write the object as a copy of another."""

        def cannot_tell(_info: ObjectInfo) -> bool:
            return False

        return await self._write(
            "copy_object",
            f"copy {source} to {self._address}",
            {**self._place, **parameters, **self._conditions},
            cannot_tell,
        )

    async def _write(
        self,
        operation: str,
        action: str,
        parameters: dict[str, Any],
        is_ours: Callable[[ObjectInfo], bool],
        body: BodyBuffer | None = None,
    ) -> Written:
        async def attempt() -> Written:
            try:
                answer = await self._requester.attempt(operation, action, parameters, body=body, writes=True)
            except QuackError as error:
                return await self._settle(error, is_ours)
            etag = answer.get("ETag") or answer.get("CopyObjectResult", {}).get("ETag")
            return Written(etag, answer.get("VersionId"))

        async with self._requester.slot():
            try:
                return await self._requester.repeat(attempt, bulk=True)
            except QuackError as error:
                if self._lost is None:
                    raise
                found = await self._look_if_possible() if error.indeterminate else None
                if found is not None and is_ours(found):
                    return Written(found.etag, found.version_id)
                error.indeterminate = True
                raise

    async def _look_if_possible(self) -> ObjectInfo | None:
        try:
            return await self._look()
        except QuackError:
            return None  # what went wrong with the write itself says more

    async def _settle(self, error: QuackError, is_ours: Callable[[ObjectInfo], bool]) -> Written:
        met_itself = self._lost is not None and error.code in _SETTLED_BY_LOOKING
        maybe_replayed = self._lost is None and error.code == "precondition" and bool(self._conditions)
        if error.indeterminate:
            self._lost = error
        if met_itself or maybe_replayed:
            found = await self._look(only_young=maybe_replayed)
            if found is not None and is_ours(found):
                return Written(found.etag, found.version_id)
        refusal = self._refusal(error)
        refusal.indeterminate = refusal.indeterminate or met_itself
        raise refusal from error.__cause__

    async def _look(self, *, only_young: bool = False) -> ObjectInfo | None:
        try:
            answer = await self._requester.attempt("head_object", f"look up {self._address}", self._place)
        except QuackError as error:
            if error.kind is ErrorKind.NOT_FOUND:
                return None
            raise
        info = object_info(self._address.key, answer)
        return None if only_young and not self._is_young(info, answer) else info

    def _is_young(self, info: ObjectInfo, answer: Mapping[str, Any]) -> bool:
        """Tell by the service's own clock whether an object is no older than this write."""
        try:
            now = email.utils.parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
        except (KeyError, ValueError):
            return False
        if info.last_modified is None:
            return False
        age = (now - info.last_modified).total_seconds()
        return age <= anyio.current_time() - self._started + _CLOCK_STEP

    def _refusal(self, error: QuackError) -> QuackError:
        """Say `exists` or `changed` where the service only says that a condition does not hold."""
        if error.code != "precondition":
            return error
        exists = "IfNoneMatch" in self._conditions
        return ConflictError(
            f"cannot write {self._address}: "
            + ("it exists already; allow overwriting or take another name" if exists else "it changed meanwhile"),
            code="exists" if exists else "changed",
            status_code=error.status_code,
            request_id=error.request_id,
        )


def multipart_etag(parts: Sequence[UploadedPart]) -> str | None:
    """Return the entity tag that S3 gives an object of these parts, None when theirs are no MD5s.

    It is the MD5 of the parts' MD5s and their number:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
    """
    try:
        joined = b"".join(bytes.fromhex(part.etag.strip('"')) for part in parts)
    except ValueError:
        return None
    return _quoted(f"{_md5(joined).hexdigest()}-{len(parts)}")


def _md5(data: bytes | memoryview) -> "hashlib._Hash":
    return hashlib.md5(data, usedforsecurity=False)


def _quoted(tag: str) -> str:
    return f'"{tag}"'
