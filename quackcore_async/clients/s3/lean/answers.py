"""What comes back, as botocore would have told it: so that all above is the same with every engine."""

from collections.abc import Callable, Mapping
from typing import Any, Final
from xml.etree.ElementTree import Element

from quackcore_async.clients.s3.lean.dates import header_date
from quackcore_async.clients.s3.lean.framing import length_of
from quackcore_async.clients.s3.lean.xml import (
    broken,
    error_of,
    name_of,
    parse,
    read_deleted,
    read_fields,
    read_page,
    read_parts,
)
from quackcore_async.errors import TransportError

__all__ = ["READERS", "RefusedError", "describe", "read_answer", "refusal"]

_HEADERS: Final = {
    "cache-control": "CacheControl",
    "content-disposition": "ContentDisposition",
    "content-encoding": "ContentEncoding",
    "content-range": "ContentRange",
    "content-type": "ContentType",
    "etag": "ETag",
    "x-amz-checksum-crc32": "ChecksumCRC32",
    "x-amz-checksum-crc32c": "ChecksumCRC32C",
    "x-amz-checksum-crc64nvme": "ChecksumCRC64NVME",
    "x-amz-checksum-sha1": "ChecksumSHA1",
    "x-amz-checksum-sha256": "ChecksumSHA256",
    "x-amz-checksum-type": "ChecksumType",
    "x-amz-server-side-encryption": "ServerSideEncryption",
    "x-amz-server-side-encryption-customer-algorithm": "SSECustomerAlgorithm",
    "x-amz-storage-class": "StorageClass",
    "x-amz-version-id": "VersionId",
}
_META: Final = "x-amz-meta-"
_ROOTS: Final = ("Result", "Response", "Upload")
"""How the names of answers end: not every service takes those of AWS. rclone's is `InitiateMultipartUpload`."""

_HTML: Final = "text/html"


class RefusedError(Exception):
    """An answer that says no, told like botocore's `ClientError`.

    Attributes:
        response: Its error and what came with it.
    """

    def __init__(self, response: Mapping[str, Any]) -> None:
        error = response["Error"]
        super().__init__(f"{error['Code']}: {error['Message']}")
        self.response = response


def describe(status: int, headers: Mapping[str, str]) -> dict[str, Any]:
    """Return what the status and the headers of an answer say, the headers by lower-case name."""
    answer: dict[str, Any] = {"ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers}}
    metadata: dict[str, str] = {}
    for name, value in headers.items():
        field = _HEADERS.get(name)
        if field is not None:
            answer[field] = value
        elif name.startswith(_META):
            metadata[name[len(_META) :]] = value
        elif name == "content-length":
            answer["ContentLength"] = length_of(headers)
        elif name == "last-modified":
            answer["LastModified"] = header_date(value)
    answer["Metadata"] = metadata
    return answer


def read_answer(operation: str, status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """Return what a successful answer says.

    Raises:
        RefusedError: if it is an error all the same, which operations that take long send with a status of 200:
            https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
        TransportError: with code `protocol`, if it is not what the operation answers, such as the page of a portal
            that wants a login: it must not be taken for success.
    """
    answer = describe(status, headers)
    reader = READERS.get(operation)
    if reader is None:
        if body and headers.get("content-type", "").lower().startswith(_HTML):
            raise broken("the answer is a page of HTML")
        return answer
    root = parse(body)
    error = error_of(root)
    if error is not None:
        raise RefusedError(_told(error, 500, headers))
    if not name_of(root).endswith(_ROOTS):
        raise broken(f"the answer is a document {name_of(root)[:100]}")
    try:
        answer.update(reader(root))
    except (KeyError, ValueError) as exc:
        raise broken(f"the answer lacks something or has it wrong: {exc}") from exc
    return answer


def refusal(status: int, headers: Mapping[str, str], body: bytes) -> RefusedError:
    """Return the error that an answer with such a status tells; without a body the status is its code."""
    error: dict[str, str] | None = None
    if body:
        try:
            error = error_of(parse(body))
        except TransportError:
            error = None
    return RefusedError(_told(error or {}, status, headers))


def _told(error: Mapping[str, str], status: int, headers: Mapping[str, str]) -> dict[str, Any]:
    return {
        "Error": {**error, "Code": error.get("Code") or str(status), "Message": error.get("Message") or ""},
        "ResponseMetadata": {
            "HTTPStatusCode": status,
            "HTTPHeaders": headers,
            "RequestId": headers.get("x-amz-request-id") or error.get("RequestId"),
        },
    }


def _read_multipart(root: Element) -> dict[str, Any]:
    upload_id = read_fields(root)["UploadId"]
    if not upload_id:
        raise ValueError("UploadId is empty")
    return {"UploadId": upload_id}


def _read_completed(root: Element) -> dict[str, Any]:
    return {"ETag": read_fields(root).get("ETag")}


def _read_copied(root: Element) -> dict[str, Any]:
    return {"CopyObjectResult": read_fields(root)}


def _read_copied_part(root: Element) -> dict[str, Any]:
    fields = read_fields(root)
    return {"CopyPartResult": {**fields, "ETag": fields["ETag"]}}


READERS: Final[Mapping[str, Callable[[Element], dict[str, Any]]]] = {
    "copy_object": _read_copied,
    "upload_part_copy": _read_copied_part,
    "list_objects_v2": read_page,
    "delete_objects": read_deleted,
    "create_multipart_upload": _read_multipart,
    "complete_multipart_upload": _read_completed,
    "list_parts": read_parts,
}
"""How the body of an answer is read, for the operations whose answers have one."""
