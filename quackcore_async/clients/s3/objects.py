"""What the client returns: objects and pages of listings, as plain values."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from quackcore_async.errors import IntegrityError

__all__ = [
    "DeleteFailure",
    "IncompleteUpload",
    "ListPage",
    "ObjectInfo",
    "UploadedPart",
    "listed_info",
    "object_info",
    "quoted_tag",
]

_CHECKSUMS: Final = {
    "ChecksumCRC32": "crc32",
    "ChecksumCRC32C": "crc32c",
    "ChecksumCRC64NVME": "crc64nvme",
    "ChecksumSHA1": "sha1",
    "ChecksumSHA256": "sha256",
}
_FROM_THE_START: Final = re.compile(r"bytes 0-(\d+)/(\d+)", re.ASCII)  # RFC 9110 section 14.4


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """An object as a listing, a HEAD or a GET describes it.

    Attributes:
        key: Its key.
        size: Bytes.
        etag: Entity tag with its quotes; None where the service sends none.
        last_modified: When it was written.
        content_type: Media type; not in listings.
        metadata: What is stored beside it; not in listings.
        checksums: Checksums of the whole object by algorithm, base64; only where they were asked for.
        storage_class: The service's storage class.
        version_id: The service's version.
        encrypted: Whether the entity tag cannot be an MD5, because of keys that are not the service's own.
    """

    key: str
    size: int
    etag: str | None = None
    last_modified: datetime | None = None
    content_type: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    checksums: Mapping[str, str] = field(default_factory=dict)
    storage_class: str | None = None
    version_id: str | None = None
    encrypted: bool = False


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of a listing.

    Attributes:
        objects: Objects, in the service's order.
        prefixes: Common prefixes up to the delimiter.
        token: What continues after this page; None at the end.
    """

    objects: Sequence[ObjectInfo]
    prefixes: Sequence[str]
    token: str | None


@dataclass(frozen=True, slots=True)
class UploadedPart:
    """A part that the service has.

    Attributes:
        number: From 1.
        etag: Its entity tag.
        size: Bytes.
        modified: When it came; where the service was asked for it.
    """

    number: int
    etag: str
    size: int
    modified: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class IncompleteUpload:
    """A multipart upload that was neither completed nor aborted.

    Attributes:
        key: Key it is meant for.
        upload_id: The service's name for it.
        initiated: When it began.
    """

    key: str
    upload_id: str
    initiated: datetime | None


@dataclass(frozen=True, slots=True)
class DeleteFailure:
    """A key of a batch that could not be deleted.

    Attributes:
        key: The key.
        code: The service's error code.
        message: The service's words.
    """

    key: str
    code: str
    message: str


def quoted_tag(etag: str | None) -> str | None:
    """Return an entity tag as RFC 9110 section 8.8.3 writes it: some services leave the quotes out."""
    if not etag or etag.endswith('"'):
        return etag or None
    return f'"{etag}"'


def listed_info(entry: Mapping[str, Any]) -> ObjectInfo:
    """Read an entry of a listing, which says little of an object."""
    return ObjectInfo(
        entry["Key"],
        entry.get("Size", 0),
        quoted_tag(entry.get("ETag")),
        entry.get("LastModified"),
        storage_class=entry.get("StorageClass"),
    )


def object_info(key: str, answer: Mapping[str, Any], *, size: int | None = None) -> ObjectInfo:
    """Read the answer to a HEAD or GET.

    Args:
        key: Its key.
        answer: What botocore made of the answer.
        size: Bytes of the whole object, where they are known: an answer may tell only those of a range.

    Raises:
        IntegrityError: with code `protocol`, if nobody tells how long it is: it must not be taken for empty.
    """
    if size is None and "ContentLength" not in answer:
        raise IntegrityError(f"cannot look up {key}: the answer does not say how long it is", code="protocol")
    encryption = answer.get("ServerSideEncryption")
    return ObjectInfo(
        key=key,
        size=answer["ContentLength"] if size is None else size,
        etag=quoted_tag(answer.get("ETag")),
        last_modified=answer.get("LastModified"),
        content_type=answer.get("ContentType"),
        metadata=answer.get("Metadata") or {},
        checksums=_whole_checksums(answer),
        storage_class=answer.get("StorageClass"),
        version_id=answer.get("VersionId"),
        encrypted=encryption not in (None, "AES256") or "SSECustomerAlgorithm" in answer,
    )


def _whole_checksums(answer: Mapping[str, Any]) -> dict[str, str]:
    """Return the checksums that are those of all bytes of the object.

    That of an object made of parts may be one of the parts' checksums; then the type says so, or a number of parts
    after it, or neither: the answer to a range leaves out both, as do services that know no types, and to a range
    that is a part it brings the part's own.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
    """
    stated = {name: answer[field] for field, name in _CHECKSUMS.items() if answer.get(field)}
    if not stated or not _is_of_all_bytes(answer) or not _is_everything(answer.get("ContentRange")):
        return {}
    return {name: value for name, value in stated.items() if "-" not in value}


def _is_everything(content_range: str | None) -> bool:
    if content_range is None:
        return True
    match = _FROM_THE_START.fullmatch(content_range)
    return match is not None and int(match[1]) + 1 == int(match[2])


def _is_of_all_bytes(answer: Mapping[str, Any]) -> bool:
    """Tell whether the checksum is none of checksums: it is said, or the entity tag is that of no parts."""
    if "ChecksumType" not in answer:
        return "-" not in answer.get("ETag", "-")
    return bool(answer["ChecksumType"] == "FULL_OBJECT")
