"""What comes back, as botocore would have told it: so that all above is the same with every engine."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from xml.etree.ElementTree import Element

from quackcore_async.clients.s3.lean.xml import (
    error_of,
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
_MONTHS: Final = {
    name: number
    for number, name in enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), start=1)  # noqa: SIM905 - twelve names
}
_DATE_LENGTH: Final = 29
_HTTP_ERRORS: Final = 300


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
    """Return what the status and the headers of an answer say."""
    answer: dict[str, Any] = {"ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers}}
    metadata: dict[str, str] = {}
    for header, value in headers.items():
        name = header.lower()
        field = _HEADERS.get(name)
        if field is not None:
            answer[field] = value
        elif name.startswith(_META):
            metadata[name[len(_META) :]] = value
        elif name == "content-length":
            answer["ContentLength"] = int(value)
        elif name == "last-modified":
            answer["LastModified"] = _http_date(value)
    answer["Metadata"] = metadata
    return answer


def read_answer(operation: str, status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """Return what a successful answer says.

    Raises:
        RefusedError: if it is an error all the same, which operations that take long send with a status of 200:
            https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
        TransportError: if it is no XML where it has to be.
    """
    answer = describe(status, headers)
    reader = READERS.get(operation)
    if reader is None:
        return answer
    root = parse(body)
    error = error_of(root)
    if error is not None:
        raise RefusedError(_told(error, 500, headers))
    answer.update(reader(root))
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
            "RequestId": headers.get("x-amz-request-id"),
        },
    }


def _read_multipart(root: Element) -> dict[str, Any]:
    return {"UploadId": read_fields(root)["UploadId"]}


def _read_completed(root: Element) -> dict[str, Any]:
    return {"ETag": read_fields(root).get("ETag")}


READERS: Final[Mapping[str, Callable[[Element], dict[str, Any]]]] = {
    "list_objects_v2": read_page,
    "delete_objects": read_deleted,
    "create_multipart_upload": _read_multipart,
    "complete_multipart_upload": _read_completed,
    "list_parts": read_parts,
}
"""How the body of an answer is read, for the operations whose answers have one."""


def _http_date(text: str) -> datetime | None:
    """Read a date of RFC 9110 section 5.6.7: the usual form by its columns, which takes a tenth of the time."""
    if len(text) == _DATE_LENGTH and text.endswith(" GMT"):
        try:
            hour, minute, second = int(text[17:19]), int(text[20:22]), int(text[23:25])
            return datetime(
                int(text[12:16]), _MONTHS[text[8:11]], int(text[5:7]), hour, minute, second, tzinfo=UTC
            )
        except (KeyError, ValueError):
            return None
    try:
        return parsedate_to_datetime(text)
    except ValueError:
        return None
