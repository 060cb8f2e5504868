"""What obstore says of an object, and what it is told to store beside it."""

import re
from collections.abc import Mapping
from typing import Any, Final

from quackcore_async.clients.objectstore.settings import Service
from quackcore_async.clients.s3.attributes import guess_content_type, source_metadata
from quackcore_async.clients.s3.objects import ObjectInfo, quoted_tag
from quackcore_async.errors import ErrorKind, StorageError
from quackcore_async.protocols import UploadOptions, nanoseconds_of

__all__ = ["attributes_of", "object_info"]

_HEADERS: Final = {
    "content_type": "Content-Type",
    "cache_control": "Cache-Control",
    "content_disposition": "Content-Disposition",
    "content_encoding": "Content-Encoding",
    "storage_class": "Storage-Class",
}
_NOT_METADATA: Final = frozenset({*_HEADERS.values(), "Content-Language"})
_NAMES: Final = {
    "azure": re.compile(
        r"[A-Za-z_]\w*", re.ASCII
    ),  # https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
    "gcs": re.compile(r"[!#$%&'*+.^`|~\w-]+", re.ASCII),  # they travel as names of headers: RFC 9110 section 5.6.2
    "s3": re.compile(r"[!#$%&'*+.^`|~\w-]+", re.ASCII),
}
_VALUE: Final = re.compile(r"[\x20-\x7e]*")


def object_info(key: str, meta: Mapping[str, Any], attributes: Mapping[str, str] | None = None) -> ObjectInfo:
    """Read obstore's `ObjectMeta`, and its `Attributes` where the request brought them."""
    attributes = attributes or {}
    return ObjectInfo(
        key=key,
        size=meta["size"],
        etag=quoted_tag(meta["e_tag"]),
        last_modified=meta["last_modified"],
        content_type=attributes.get("Content-Type"),
        metadata={name: value for name, value in attributes.items() if name not in _NOT_METADATA},
        storage_class=attributes.get("Storage-Class"),
        version_id=meta["version"],
    )


def attributes_of(
    service: Service, key: str, options: UploadOptions | None, kept: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Translate options into obstore's attributes.

    Args:
        service: Which rules apply to metadata.
        key: Name to guess the content type from.
        options: What the caller asked for.
        kept: More metadata; what the options say wins.

    Raises:
        StorageError: with code `invalid_metadata`, for metadata that cannot travel; with code `capability`, for
            encryption that is chosen for each object.
    """
    if options is None:
        return {"Content-Type": guess_content_type(key), **(kept or {})}
    if options.server_side_encryption or options.kms_key_id:
        raise StorageError(
            f"cannot write {key}: the encryption of single objects cannot be chosen here; configure the bucket's",
            kind=ErrorKind.UNSUPPORTED,
            code="capability",
        )
    headers = {name: value for field, name in _HEADERS.items() if (value := getattr(options, field))}
    metadata = {**(kept or {}), **source_metadata(nanoseconds_of(options.mtime), options.mode), **options.metadata}
    for name, value in metadata.items():
        _check(service, key, name, value)
    return {"Content-Type": guess_content_type(key), **headers, **metadata}


def _check(service: Service, key: str, name: str, value: str) -> None:
    """Refuse what the library below answers by crashing, or the service with a riddle."""
    if not _NAMES[service].fullmatch(name) or name in _NOT_METADATA or not _VALUE.fullmatch(value):
        rule = "letters, digits and _" if service == "azure" else "letters, digits, - and _"
        raise StorageError(
            f"cannot write {key}: the metadata {name!r} cannot be kept; names have {rule}, values printable ASCII",
            kind=ErrorKind.INVALID_INPUT,
            code="invalid_metadata",
        )
