"""The operations of S3 that this package uses, behind one seam that raises only `QuackError`s."""

from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self

from quackcore_async.clients.s3.bandwidth import BandwidthLimit
from quackcore_async.clients.s3.buffers import BodyBuffer, BufferPool
from quackcore_async.clients.s3.conditional import ConditionalWrite, Written
from quackcore_async.clients.s3.deleted import delete_object
from quackcore_async.clients.s3.destination import Destination
from quackcore_async.clients.s3.failures import classify
from quackcore_async.clients.s3.names import S3Address
from quackcore_async.clients.s3.objects import (
    DeleteFailure,
    IncompleteUpload,
    ListPage,
    ObjectInfo,
    UploadedPart,
    listed_info,
    object_info,
)
from quackcore_async.clients.s3.open_files import file_slots
from quackcore_async.clients.s3.requester import Requester
from quackcore_async.clients.s3.session import ClientSource
from quackcore_async.clients.s3.settings import S3Settings
from quackcore_async.clients.s3.stream import ObjectStream
from quackcore_async.errors import ErrorKind, IntegrityError, QuackError, RemoteNotFoundError, StorageError
from quackcore_async.retry import RetryPolicy
from quackcore_async.transport.slots import Slots

__all__ = ["MAX_BATCH", "S3Client"]

MAX_BATCH: Final = 1000
"""Most keys of one DeleteObjects: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html"""

_MAX_EXPIRY: Final = 7 * 24 * 3600  # seconds; signature version 4 allows no more
_PRESIGNED: Final = {"GET": "get_object", "HEAD": "head_object", "PUT": "put_object", "DELETE": "delete_object"}


class S3Client:
    """A client of one S3 service, for one event loop; open it with `async with`.

    All its requests share one queue, one retry budget and one pool of part buffers.

    Args:
        settings: How to connect and how much to use.
        retry: How patient one call is.
        session: An aioboto3 session to make the client from, instead of the settings' keys and profile.
        client: An open aioboto3 client to use; it stays the caller's to close.

    Attributes:
        settings: How it connects.
        requester: What sends its requests.
        buffers: What its uploads read into.
        files: Places for transfers that hold a file open, of all clients of the event loop; once it is open.
        bandwidth: What bytes wait for before they are sent and after they came; None without a limit.
        uploads: Identifiers of the multipart uploads that it is at.
    """

    files: Slots

    def __init__(
        self,
        settings: S3Settings | None = None,
        *,
        retry: RetryPolicy | None = None,
        session: Any = None,  # noqa: ANN401 - aioboto3 is untyped
        client: Any = None,  # noqa: ANN401 - aioboto3 is untyped
    ) -> None:
        self.settings = settings or S3Settings()
        self.requester = Requester(
            ClientSource(self.settings, session=session, client=client), retry or RetryPolicy()
        )
        rate = self.settings.max_bandwidth
        self.bandwidth = None if rate is None else BandwidthLimit(rate)
        self.buffers = BufferPool(self.settings.max_memory, bandwidth=self.bandwidth)
        self.uploads: set[str] = set()

    async def __aenter__(self) -> Self:
        await self.requester.open()
        self.files = file_slots(self.settings.max_concurrency)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections. Closing twice does nothing."""
        await self.requester.aclose()
        self.buffers.close()

    @property
    def destination(self) -> Destination:
        """The service, as it was found out."""
        return self.requester.connected.destination

    async def head_bucket(self, bucket: str) -> None:
        """Check that the bucket is there and may be used.

        Raises:
            RemoteNotFoundError: of kind `misconfigured` and code `bucket_missing`, if there is none.
            QuackError: with code `region`, if it is in another one.
        """
        try:
            await self.requester.send("head_bucket", f"open bucket {bucket}", {"Bucket": bucket})
        except QuackError as error:
            if error.kind is ErrorKind.NOT_FOUND:
                raise RemoteNotFoundError(
                    f"cannot open bucket {bucket}: there is none of that name; create it or correct `bucket_name`",
                    kind=ErrorKind.MISCONFIGURED,
                    code="bucket_missing",
                    status_code=error.status_code,
                    request_id=error.request_id,
                ) from error
            raise

    async def head(
        self, address: S3Address, *, version_id: str | None = None, checksums: bool = False
    ) -> ObjectInfo:
        """Look an object up.

        Args:
            address: The object.
            version_id: Which version of it.
            checksums: Ask for the checksums that the service keeps.

        Raises:
            RemoteNotFoundError: if there is no such object.
        """
        parameters = {
            **_place(address),
            "VersionId": version_id,
            "ChecksumMode": "ENABLED" if checksums else None,
        }
        answer = await self.requester.send("head_object", f"look up {address}", _present(parameters))
        return object_info(address.key, answer)

    def stream(
        self,
        address: S3Address,
        *,
        start: int | None = None,
        end: int | None = None,
        if_match: str | None = None,
        version_id: str | None = None,
    ) -> ObjectStream:
        """Read an object, or its bytes from `start` up to but without `end`: `async with client.stream(...)`.

        A stream is outside of the queue: a caller that holds several open cannot block the transfers.
        """
        return ObjectStream(
            self.requester,
            address,
            start=start,
            end=end,
            if_match=if_match,
            version_id=version_id,
            bandwidth=self.bandwidth,
            buffers=self.buffers,
        )

    async def put(
        self,
        address: S3Address,
        data: bytes | BodyBuffer,
        described: Mapping[str, Any] | None = None,
        conditions: Mapping[str, Any] | None = None,
    ) -> Written:
        """Write an object with one request.

        Args:
            address: Where to.
            data: At most 1 MiB of bytes, or a filled buffer.
            described: Parameters that describe the object.
            conditions: `IfMatch` or `IfNoneMatch`.

        Raises:
            ConflictError: if a condition does not hold; code `exists` for `IfNoneMatch`.
        """
        if self.bandwidth is not None and isinstance(data, bytes):
            await self.bandwidth.take(len(data))
        write = ConditionalWrite(self.requester, address, conditions)
        return await write.put(data, described or {})

    async def create_multipart(self, address: S3Address, described: Mapping[str, Any] | None = None) -> str:
        """Begin a multipart upload and return its identifier."""
        answer = await self.requester.send(
            "create_multipart_upload", f"begin an upload to {address}", {**_place(address), **(described or {})}
        )
        return str(answer["UploadId"])

    async def upload_part(self, address: S3Address, upload_id: str, number: int, data: BodyBuffer) -> UploadedPart:
        """Send a part."""
        answer = await self.requester.send(
            "upload_part",
            f"upload part {number} of {address}",
            {**_place(address), "UploadId": upload_id, "PartNumber": number},
            body=data,
        )
        if not answer.get("ETag"):
            raise IntegrityError(
                f"cannot upload part {number} of {address}: the answer names no entity tag", code="protocol"
            )
        return UploadedPart(number, str(answer["ETag"]), data.size)

    async def copy_part(
        self,
        source: S3Address,
        target: S3Address,
        upload_id: str,
        number: int,
        *,
        start: int,
        end: int,
        if_match: str,
    ) -> UploadedPart:
        """Make a part of a range of another object."""
        answer = await self.requester.send(
            "upload_part_copy",
            f"copy part {number} of {source} to {target}",
            {
                **_place(target),
                "UploadId": upload_id,
                "PartNumber": number,
                "CopySource": _copy_source(source),
                "CopySourceRange": f"bytes={start}-{end - 1}",
                "CopySourceIfMatch": if_match,
            },
            bulk=True,
        )
        return UploadedPart(number, str(answer["CopyPartResult"]["ETag"]), end - start)

    async def abort_multipart(self, address: S3Address, upload_id: str) -> None:
        """Drop a multipart upload and its parts."""
        await self.requester.send(
            "abort_multipart_upload", f"abort the upload to {address}", {**_place(address), "UploadId": upload_id}
        )

    async def list_parts(self, address: S3Address, upload_id: str) -> list[UploadedPart]:
        """Return the parts that an upload has so far."""
        found: list[UploadedPart] = []
        marker: int | None = None
        while True:
            parameters = {**_place(address), "UploadId": upload_id, "PartNumberMarker": marker}
            page = await self.requester.send("list_parts", f"list the parts of {address}", _present(parameters))
            found += [
                UploadedPart(part["PartNumber"], part["ETag"], part["Size"], part.get("LastModified"))
                for part in page.get("Parts", [])
            ]
            following = page.get("NextPartNumberMarker")
            if not page.get("IsTruncated") or following in (None, marker):
                return found
            marker = following

    async def list_multipart_uploads(self, bucket: str, prefix: str = "") -> list[IncompleteUpload]:
        """Return the uploads that were neither completed nor aborted."""
        found: dict[str, IncompleteUpload] = {}
        markers: dict[str, Any] = {}
        while True:
            page = await self.requester.send(
                "list_multipart_uploads",
                f"list the uploads of {bucket}",
                {"Bucket": bucket, "Prefix": prefix, **markers},
            )
            before, uploads = len(found), page.get("Uploads", [])
            for upload in uploads:
                entry = IncompleteUpload(upload["Key"], upload["UploadId"], upload.get("Initiated"))
                found[entry.upload_id] = entry
            if not page.get("IsTruncated") or len(found) == before:
                return list(found.values())
            if page.get("NextKeyMarker"):
                markers = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page.get("NextUploadIdMarker")}
            else:  # not every service says it
                markers = {"KeyMarker": uploads[-1]["Key"], "UploadIdMarker": uploads[-1]["UploadId"]}
            markers = _present(markers)

    async def list_page(
        self,
        bucket: str,
        prefix: str = "",
        *,
        delimiter: str | None = None,
        token: str | None = None,
        limit: int = 1000,
    ) -> ListPage:
        """Return one page of the objects whose keys begin with `prefix`.

        Args:
            bucket: Where to look.
            prefix: Beginning of the keys.
            delimiter: Keys that hold it after the prefix are summed up as common prefixes.
            token: What the page before this one gave.
            limit: Most entries of the page, 1000 at most.

        Raises:
            IntegrityError: with code `protocol`, if there is more and the answer does not say how to get it.
        """
        parameters = {
            "Bucket": bucket,
            "Prefix": prefix,
            "Delimiter": delimiter,
            "ContinuationToken": token,
            "MaxKeys": limit,
        }
        page = await self.requester.send("list_objects_v2", f"list s3://{bucket}/{prefix}", _present(parameters))
        if page.get("IsTruncated") and not page.get("NextContinuationToken"):
            raise IntegrityError(
                f"cannot list s3://{bucket}/{prefix}: the answer is not all and names no continuation; the "
                "service may know no more than ListObjects of version 1",
                code="protocol",
            )
        return ListPage(
            [listed_info(entry) for entry in page.get("Contents", [])],
            [entry["Prefix"] for entry in page.get("CommonPrefixes", [])],
            page.get("NextContinuationToken") if page.get("IsTruncated") else None,
        )

    async def pages(
        self, bucket: str, prefix: str = "", *, delimiter: str | None = None
    ) -> AsyncIterator[ListPage]:
        """Yield all pages of a listing.

        Raises:
            IntegrityError: with code `protocol`, if the service repeats a page for ever.
        """
        seen: set[str] = set()
        token: str | None = None
        while True:
            page = await self.list_page(bucket, prefix, delimiter=delimiter, token=token)
            yield page
            token = page.token
            if token is None:
                return
            if token in seen:
                raise IntegrityError(
                    f"cannot list s3://{bucket}/{prefix}: the service gives the same page again and again",
                    code="protocol",
                )
            seen.add(token)

    async def delete(self, address: S3Address, *, if_match: str | None = None) -> None:
        """Delete an object; one that is not there is a success, as S3 has it.

        Raises:
            ConflictError: with code `changed`, if it has another entity tag than `if_match`.
        """
        await delete_object(self.requester, address, if_match=if_match)

    async def delete_batch(self, bucket: str, keys: Sequence[str]) -> list[DeleteFailure]:
        """Delete up to 1000 objects with one request and return those that failed.

        Raises:
            StorageError: of kind `unsupported`, if the service has no such request: delete one by one then.
        """
        if len(keys) > MAX_BATCH:
            raise StorageError(
                f"{len(keys)} keys in one batch: {MAX_BATCH} at most",
                kind=ErrorKind.INVALID_INPUT,
                code="too_large",
            )
        answer = await self.requester.send(
            "delete_objects",
            f"delete {len(keys)} objects of {bucket}",
            {"Bucket": bucket, "Delete": {"Objects": [{"Key": key} for key in keys], "Quiet": True}},
            writes=True,
        )
        return [
            DeleteFailure(entry.get("Key", ""), entry.get("Code", ""), entry.get("Message", ""))
            for entry in answer.get("Errors", [])
        ]

    async def copy_whole(
        self,
        source: S3Address,
        target: S3Address,
        *,
        if_match: str | None = None,
        conditions: Mapping[str, Any] | None = None,
    ) -> Written:
        """Copy an object of at most 5 GiB within the service, with what is stored beside it.

        Args:
            source: What to copy.
            target: Where to.
            if_match: Copy only this entity tag.
            conditions: `IfNoneMatch` of the target.
        """
        write = ConditionalWrite(self.requester, target, conditions)
        return await write.copy(
            source, {"CopySource": _copy_source(source), **_present({"CopySourceIfMatch": if_match})}
        )

    async def presign(self, address: S3Address, *, method: str = "GET", expires_in: float = 3600.0) -> str:
        """Make a URL that lets whoever has it do `method` for `expires_in` seconds, by signature version 4.

        Raises:
            StorageError: of kind `invalid_input`, for another method, or a time that is not 1 second to 7 days.
        """
        operation = _PRESIGNED.get(method.upper())
        if operation is None or not 1 <= expires_in <= _MAX_EXPIRY:
            raise StorageError(
                f"cannot make a URL for {address}: method {method} and {expires_in:g} seconds; "
                f"take one of {', '.join(_PRESIGNED)} and 1 to {_MAX_EXPIRY} seconds",
                kind=ErrorKind.INVALID_INPUT,
                code="invalid_request",
            )
        try:
            raw = await self.requester.connected.raw.get()
            url = await raw.generate_presigned_url(operation, Params=_place(address), ExpiresIn=int(expires_in))
        except QuackError:
            raise
        except Exception as exc:
            raise classify(exc) from exc
        return str(url)


def _place(address: S3Address) -> dict[str, Any]:
    return {"Bucket": address.bucket, "Key": address.key}


def _copy_source(address: S3Address) -> dict[str, str]:
    return {"Bucket": address.bucket, "Key": address.key}


def _present(parameters: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if value is not None}
