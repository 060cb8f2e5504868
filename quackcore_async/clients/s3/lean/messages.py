"""What the operations of S3 look like on the wire: method, query, headers and body of each."""

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from quackcore_async.clients.s3.buffers import BodyBuffer
from quackcore_async.clients.s3.lean.signing import encode_key
from quackcore_async.clients.s3.lean.xml import completion, deletion, fits_xml
from quackcore_async.errors import ErrorKind, StorageError

__all__ = ["MESSAGES", "Message", "message_for"]

_WRITE_HEADERS: Final = {
    "CacheControl": "cache-control",
    "ContentDisposition": "content-disposition",
    "ContentEncoding": "content-encoding",
    "ContentType": "content-type",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "StorageClass": "x-amz-storage-class",
}
_READ_HEADERS: Final = {"ChecksumMode": "x-amz-checksum-mode", "IfMatch": "if-match", "Range": "range"}
_CONDITIONS: Final = {"IfMatch": "if-match", "IfNoneMatch": "if-none-match"}
_PART: Final = {"PartNumber", "ETag"}
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2
_SOURCE_HEADERS: Final = {
    "CopySourceIfMatch": "x-amz-copy-source-if-match",
    "CopySourceRange": "x-amz-copy-source-range",
}
_XML: Final = {"content-type": "application/xml"}


@dataclass(slots=True)
class Message:
    """A request, but for its place and its signature.

    Attributes:
        method: HTTP method.
        key: Key of the object; None for the bucket.
        query: Parameters, not encoded.
        headers: By lower-case name.
        body: Bytes of the body, or a filled buffer.
        signs_body: Whether the hash of the body is part of the signature also where TLS protects it.
    """

    method: str
    key: str | None
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | BodyBuffer = b""
    signs_body: bool = True


@dataclass(frozen=True, slots=True)
class _Shape:
    """How one operation becomes a message.

    Attributes:
        method: HTTP method.
        headers: Header of each parameter that becomes one.
        query: Query parameter of each parameter that becomes one.
        fixed: Query that is always there.
        fill: Does what is particular to it; False leaves the request to the other engine.
    """

    method: str
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, str] = field(default_factory=dict)
    fill: Callable[[Message, dict[str, Any]], bool] | None = None


def message_for(operation: str, params: Mapping[str, Any], body: BodyBuffer | None) -> Message | None:
    """Return an operation as a request; None when it, or a parameter of it, is not covered here.

    Args:
        operation: Name of the aioboto3 client's method.
        params: Its parameters.
        body: What is sent in place of a parameter `Body`.
    """
    shape = MESSAGES.get(operation)
    if shape is None:
        return None
    left = dict(params)
    del left["Bucket"]
    message = Message(shape.method, left.pop("Key", None))
    if body is not None:
        message.body, message.signs_body = body, False
    if shape.fill is not None and not shape.fill(message, left):
        return None
    headers, query = message.headers, message.query
    query.update(shape.fixed)
    for name, value in left.items():
        if name in shape.headers:
            if not _fits_header(value):
                return None
            headers[shape.headers[name]] = value
        elif name in shape.query:
            query[shape.query[name]] = str(value)
        else:
            return None
    return message


def _fits_header(value: object) -> bool:
    """Tell whether a value arrives as it is: blanks at its ends and what is not ASCII do not.

    Raises:
        StorageError: of kind `invalid_input`, if it holds control characters, which no header can.
    """
    if not isinstance(value, str):
        return False
    if _CONTROL.search(value) is not None:
        raise StorageError(
            f"control characters in {value[:40]!r}: no header can hold them",
            kind=ErrorKind.INVALID_INPUT,
            code="invalid_request",
        )
    return value.isascii() and value == value.strip()


def _metadata(message: Message, params: dict[str, Any]) -> bool:
    for name, value in (params.pop("Metadata", None) or {}).items():
        header = f"x-amz-meta-{name.lower()}"
        fits = _fits_header(name) and _fits_header(value)
        if not fits or _TOKEN.fullmatch(name) is None or header in message.headers:
            return False
        message.headers[header] = value
    return True


def _put(message: Message, params: dict[str, Any]) -> bool:
    if "Body" in params:
        message.body, message.signs_body = params.pop("Body"), False
    return isinstance(message.body, bytes | BodyBuffer) and _metadata(message, params)


def _list(message: Message, params: dict[str, Any]) -> bool:
    message.query["prefix"] = params.pop("Prefix", "")
    return True


def _complete(message: Message, params: dict[str, Any]) -> bool:
    parts = params.pop("MultipartUpload")["Parts"]
    if any(part.keys() != _PART for part in parts):
        return False
    message.body = completion(parts)
    message.headers.update(_XML)
    return True


def _copy(message: Message, params: dict[str, Any]) -> bool:
    source = params.pop("CopySource")
    if not isinstance(source, dict) or source.keys() != {"Bucket", "Key"} or ":" in source["Bucket"]:
        return False
    message.headers["x-amz-copy-source"] = encode_key(f"{source['Bucket']}/{source['Key']}")
    return True


def _delete_batch(message: Message, params: dict[str, Any]) -> bool:
    request = params.pop("Delete")
    keys = [entry["Key"] for entry in request["Objects"]]
    plain = request.get("Quiet") is True and all(len(entry) == 1 for entry in request["Objects"])
    if not plain or not all(map(fits_xml, keys)):
        return False
    body = message.body = deletion(keys)
    digest = hashlib.md5(body, usedforsecurity=False).digest()
    message.headers["content-md5"] = base64.b64encode(
        digest
    ).decode()  # RFC 1864; S3-compatible services demand it
    message.headers.update(_XML)
    return True


MESSAGES: Final = {
    "put_object": _Shape("PUT", {**_WRITE_HEADERS, **_CONDITIONS}, fill=_put),
    "get_object": _Shape("GET", _READ_HEADERS, {"VersionId": "versionId"}),
    "head_bucket": _Shape("HEAD"),
    "head_object": _Shape("HEAD", _READ_HEADERS, {"VersionId": "versionId"}),
    "copy_object": _Shape("PUT", {**_CONDITIONS, **_SOURCE_HEADERS}, fill=_copy),
    "upload_part_copy": _Shape(
        "PUT", _SOURCE_HEADERS, {"UploadId": "uploadId", "PartNumber": "partNumber"}, fill=_copy
    ),
    "delete_object": _Shape("DELETE", {"IfMatch": "if-match"}, {"VersionId": "versionId"}),
    "delete_objects": _Shape("POST", fixed={"delete": ""}, fill=_delete_batch),
    "list_objects_v2": _Shape(
        "GET",
        query={"ContinuationToken": "continuation-token", "Delimiter": "delimiter", "MaxKeys": "max-keys"},
        fixed={"list-type": "2", "encoding-type": "url"},
        fill=_list,
    ),
    "create_multipart_upload": _Shape("POST", _WRITE_HEADERS, fixed={"uploads": ""}, fill=_metadata),
    "upload_part": _Shape("PUT", query={"UploadId": "uploadId", "PartNumber": "partNumber"}),
    "complete_multipart_upload": _Shape("POST", _CONDITIONS, {"UploadId": "uploadId"}, fill=_complete),
    "abort_multipart_upload": _Shape("DELETE", query={"UploadId": "uploadId"}),
    "list_parts": _Shape("GET", query={"UploadId": "uploadId", "PartNumberMarker": "part-number-marker"}),
}
"""The operations, by the names of the aioboto3 client:
https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html"""
