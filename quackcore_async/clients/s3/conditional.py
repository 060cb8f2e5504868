"""Writes whose answer may be lost: what a retry finds is settled by looking at the object."""

import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import anyio

from quackcore_async.clients.s3.attributes import WRITE_KEY
from quackcore_async.clients.s3.buffers import BodyBuffer
from quackcore_async.clients.s3.evidence import Evidence, age_of
from quackcore_async.clients.s3.names import S3Address
from quackcore_async.clients.s3.objects import UploadedPart, object_info, quoted_tag
from quackcore_async.clients.s3.requester import Requester
from quackcore_async.concurrency import run_in_thread
from quackcore_async.errors import ConflictError, ErrorKind, QuackError

__all__ = ["ConditionalWrite", "Written", "multipart_etag", "new_token"]

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


def new_token() -> str:
    """Make what an object has under `WRITE_KEY` to be told from all others."""
    return secrets.token_hex(8)


class ConditionalWrite:
    """One write of an object, sent again when its answer is lost.

    The second try of a write that did happen meets its own work: 412 because the object exists, or no such
    upload because it is complete. Then, and when no answer comes at all, the object tells. A conditional write has
    a random token in its metadata, and so has each upload in parts: the same content written by somebody else is
    not taken for this write. Where there is no token, or the service keeps no metadata, the object must have the
    content of this write and be no older than it.

    A connection may send a request twice without saying so, too: a first 412 is looked into as well.

    Some services write whatever the condition says. So the object is looked at before, but for AWS's own service;
    what comes in between is lost on those.

    Args:
        requester: Sends the requests.
        address: The object.
        conditions: `IfMatch` or `IfNoneMatch`.
        token: What the upload in parts has been given; None for all else.
    """

    def __init__(
        self,
        requester: Requester,
        address: S3Address,
        conditions: Mapping[str, Any] | None,
        *,
        token: str | None = None,
    ) -> None:
        self._requester = requester
        self._address = address
        self._conditions = dict(conditions or {})
        self._place = {"Bucket": address.bucket, "Key": address.key}
        self._token = token
        self._lost = False
        self._started = anyio.current_time()

    async def put(self, data: bytes | BodyBuffer, described: Mapping[str, Any]) -> Written:
        """Write the object with one request."""
        parameters = {**self._place, **described, **self._conditions}
        body = data if isinstance(data, BodyBuffer) else None
        if not isinstance(data, BodyBuffer):
            parameters["Body"] = data
        if self._conditions:
            self._token = new_token()
            parameters["Metadata"] = {**described.get("Metadata", {}), WRITE_KEY: self._token}

        def evidence() -> Evidence:
            content = data.body if isinstance(data, BodyBuffer) else memoryview(data)
            tag = _quoted(_md5(content).hexdigest())
            return Evidence(len(content), tag, content, parameters.get("Metadata", {}), self._token)

        return await self._write("put_object", f"write {self._address}", parameters, evidence, body)

    async def complete(self, upload_id: str, parts: Sequence[UploadedPart]) -> Written:
        """Make the object of its parts."""
        listed = [{"PartNumber": part.number, "ETag": part.etag} for part in parts]
        parameters = {
            **self._place,
            **self._conditions,
            "UploadId": upload_id,
            "MultipartUpload": {"Parts": listed},
        }
        return await self._write(
            "complete_multipart_upload",
            f"complete the upload to {self._address}",
            parameters,
            partial(self._completed, parts),
        )

    async def find_completed(self, parts: Sequence[UploadedPart]) -> Written | None:
        """Look for the object that was to be made of parts; None when it is not there.

        Raises:
            QuackError: if the service does not tell.
        """
        async with self._requester.slot():
            return await self._find(partial(self._completed, parts))

    async def find_token(self, size: int) -> Written | None:
        """Look for the object that has the token of this write; None when it is not there.

        Raises:
            QuackError: if the service does not tell.
        """
        async with self._requester.slot():
            return await self._find(lambda: Evidence(size, token=self._token))

    def _completed(self, parts: Sequence[UploadedPart]) -> Evidence:
        return Evidence(sum(part.size for part in parts), multipart_etag(parts), token=self._token)

    async def copy(self, source: S3Address, parameters: Mapping[str, Any]) -> Written:
        """Write the object as a copy of another, whose metadata it gets: so there is no token."""

        def evidence() -> Evidence:
            return Evidence(etag=parameters.get("CopySourceIfMatch"))  # unless it was made of parts

        return await self._write(
            "copy_object",
            f"copy {source} to {self._address}",
            {**self._place, **parameters, **self._conditions},
            evidence,
        )

    async def _find(self, evidence: Callable[[], Evidence], *, replayed: bool = False) -> Written | None:
        try:
            answer = await self._requester.call(
                "head_object", f"look up {self._address}", {**self._place, "ChecksumMode": "ENABLED"}
            )
        except QuackError as error:
            if error.kind is ErrorKind.NOT_FOUND:
                return None
            raise
        info = object_info(self._address.key, answer)
        age, spent = age_of(info, answer), anyio.current_time() - self._started
        fits = await run_in_thread(lambda: evidence().fits(info, age=age, spent=spent, replayed=replayed))
        return Written(info.etag, info.version_id) if fits else None

    async def _write(
        self,
        operation: str,
        action: str,
        parameters: dict[str, Any],
        evidence: Callable[[], Evidence],
        body: BodyBuffer | None = None,
    ) -> Written:
        async def attempt() -> Written:
            try:
                answer = await self._requester.attempt(operation, action, parameters, body=body, writes=True)
            except QuackError as error:
                self._lost = self._lost or error.indeterminate
                raise
            etag = answer.get("ETag") or answer.get("CopyObjectResult", {}).get("ETag")
            return Written(etag, answer.get("VersionId"))

        async with self._requester.slot():
            try:
                await self._look_first(operation)
                return await self._requester.repeat(attempt, bulk=True)
            except QuackError as error:
                found = await self._settled(error, evidence)
                if found is not None:
                    return found
                refusal = self._refusal(error)
                refusal.indeterminate = self._lost
                raise refusal from error.__cause__

    async def _look_first(self, operation: str) -> None:
        """Refuse the write where its condition does not hold and the service may not heed it."""
        if not self._conditions or operation == "copy_object" or self._requester.heeds_conditions:
            return  # who copies has looked already
        found: str | None = None
        try:
            answer = await self._requester.call("head_object", f"look up {self._address}", self._place)
            found = quoted_tag(answer.get("ETag")) or ""
        except QuackError as error:
            if error.kind is ErrorKind.PERMISSION_DENIED:
                return  # who may only write
            if error.kind is not ErrorKind.NOT_FOUND:
                raise
        if found != quoted_tag(
            self._conditions.get("IfMatch")
        ):  # None is nothing there, which `IfNoneMatch` wants
            raise ConflictError(f"cannot write {self._address}", code="precondition")

    async def _settled(self, error: QuackError, evidence: Callable[[], Evidence]) -> Written | None:
        """Find out whether the write happened although it failed; None when it did not, or nobody tells."""
        replayed = not self._lost
        if replayed and (error.code not in _SETTLED_BY_LOOKING or not (self._conditions or self._token)):
            return None
        try:
            return await self._find(evidence, replayed=replayed)
        except QuackError:
            return None  # what went wrong with the write itself says more

    def _refusal(self, error: QuackError) -> QuackError:
        """Say `exists` or `changed` where the service only says that a condition does not hold."""
        if error.code != "precondition":
            return error
        exists = "IfNoneMatch" in self._conditions
        refusal = ConflictError(
            f"cannot write {self._address}: "
            + ("it exists already; allow overwriting or take another name" if exists else "it changed meanwhile"),
            code="exists" if exists else "changed",
            status_code=error.status_code,
            request_id=error.request_id,
        )
        refusal.attempts, refusal.elapsed = error.attempts, error.elapsed
        return refusal


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
