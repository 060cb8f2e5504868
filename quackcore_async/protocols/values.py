"""The values that storages deal in: listed files, options, capabilities, the outcome of a download."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, NotRequired, Self

from pydantic import Field, SkipValidation
from typing_extensions import TypedDict  # before Python 3.12 pydantic takes no other

from quackcore_async.results import IntegrationResult

__all__ = [
    "CleanupOutcome",
    "CleanupStatus",
    "DownloadResult",
    "ProgressCallback",
    "RemoteFile",
    "StorageCapabilities",
    "UploadOptions",
    "Verification",
    "moment_of",
    "nanoseconds_of",
    "remote_id_of",
]

ProgressCallback = Callable[[int], None]
"""Called with the number of bytes of this operation that are done so far; it never goes backwards."""


class RemoteFile(TypedDict):
    """One file or folder of a storage.

    Attributes:
        name: Last part of the path.
        path: Name within the storage, relative to its prefix or root, with `/` between parts; that of a folder
            ends in `/`.
        size: Bytes; 0 for a folder.
        last_modified: When it was written, with a time zone; None where nobody knows.
        url: Full address, which every method takes as an identifier too.
        id: Identifier, where the service has one that is not the path.
        etag: Entity tag as the service gives it, with its quotes.
        content_type: Media type.
        metadata: What the writer stored beside it.
        mtime: Modification time of the file that was uploaded, in epoch seconds.
        mode: Permission bits of the file that was uploaded.
        is_folder: True for a folder.
        checksums: Full-object checksums by algorithm (`crc32`, `sha256`, ...), base64.
        storage_class: The service's storage class.
        version_id: The service's version.
    """

    name: str
    path: str
    size: int
    last_modified: datetime | None
    url: str
    id: NotRequired[str]
    etag: NotRequired[str]
    content_type: NotRequired[str]
    metadata: NotRequired[Mapping[str, str]]
    mtime: NotRequired[float]
    mode: NotRequired[int]
    is_folder: NotRequired[bool]
    checksums: NotRequired[Mapping[str, str]]
    storage_class: NotRequired[str]
    version_id: NotRequired[str]


@dataclass(frozen=True, slots=True)
class UploadOptions:
    """How a file is written.

    Attributes:
        content_type: Media type; None guesses it from the name.
        metadata: Stored beside the file, as far as the storage can.
        cache_control: `Cache-Control` served with it.
        content_disposition: `Content-Disposition` served with it.
        content_encoding: `Content-Encoding` served with it.
        storage_class: The service's storage class, such as `STANDARD_IA`.
        server_side_encryption: `AES256` or `aws:kms`.
        kms_key_id: The key for `aws:kms`.
        if_match: Write only while the target still has this entity tag.
        mtime: Modification time to store, in epoch seconds; None takes that of the file that is uploaded.
        mode: Permission bits to store; None takes those of the file that is uploaded.
    """

    content_type: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    cache_control: str | None = None
    content_disposition: str | None = None
    content_encoding: str | None = None
    storage_class: str | None = None
    server_side_encryption: str | None = None
    kms_key_id: str | None = None
    if_match: str | None = None
    mtime: float | None = None
    mode: int | None = None


@dataclass(frozen=True, slots=True)
class StorageCapabilities:
    """What a storage can do beyond the protocol's plain reading and writing.

    Attributes:
        folders: Empty folders exist.
        conditional_write: `overwrite=False` is decided by the storage, atomically.
        ordered_listing: A recursive listing comes in ascending order of the UTF-8 bytes of the paths.
        metadata: `UploadOptions.metadata` is kept.
        modification_time: `mtime` and `mode` of an uploaded file, and those of `UploadOptions`, are kept.
        presign: `presign_url` works.
        server_side_copy: `copy_file` moves no bytes through this process.
        batch_delete: `delete_files` deletes many files with few requests; see `S3Storage.delete_files`.
        cleanup: `cleanup` finds and removes what interrupted transfers have left.
        resume: `resume=True` of a transfer goes on with what an interrupted one has left of a large file.
        max_name_bytes: Longest path in UTF-8 bytes; None is unlimited.
    """

    folders: bool = False
    conditional_write: bool = False
    ordered_listing: bool = False
    metadata: bool = False
    modification_time: bool = False
    presign: bool = False
    server_side_copy: bool = False
    batch_delete: bool = False
    cleanup: bool = False
    resume: bool = False
    max_name_bytes: int | None = None


CleanupStatus = Literal["removed", "would_remove", "in_use", "failed"]
"""What became of something unfinished: removed, to be removed, left because somebody is at it, or it failed."""


@dataclass(frozen=True, slots=True)
class CleanupOutcome:
    """Something that an interrupted transfer has left, and what became of it.

    Attributes:
        kind: `upload` for a multipart upload, `file` for an unfinished file.
        path: Name that it has, or that the finished file would have had.
        url: The same as a full address.
        status: What became of it.
        modified: When anybody was last at it.
        size: Bytes that it takes; None where nobody knows.
        upload_id: The service's name of the upload; None for a file.
        error: Why it could not be removed.
    """

    kind: Literal["upload", "file"]
    path: str
    url: str
    status: CleanupStatus
    modified: datetime | None = None
    size: int | None = None
    upload_id: str | None = None
    error: str | None = None


Verification = Literal["full", "length", "none"]
"""How far the bytes of a download were checked: length and checksum, length only, or nothing was known."""


if TYPE_CHECKING:
    _TextResult = IntegrationResult[str]
else:
    _TextResult = IntegrationResult  # naming the parameter would build its class at import


class DownloadResult(_TextResult):
    """The outcome of a download.

    Attributes:
        content: Path of the local file.
        verified: `full` when length and checksum were compared, `length` when only that was known, else `none`.
    """

    content: SkipValidation[str] | None = Field(default=None, description="Path of the local file.")
    verified: Verification = Field(default="none", description="How far the bytes were checked.")

    @classmethod
    def success_result(
        cls, content: str | None = None, message: str | None = None, verified: Verification = "none"
    ) -> Self:
        """Make the result of a success."""
        return cls(success=True, content=content, message=message, verified=verified)


def remote_id_of(file: Mapping[str, Any]) -> str:
    """Return the identifier of a listed file: `id` where there is one, else `path`."""
    identifier = file.get("id") or file["path"]
    return str(identifier)


def moment_of(seconds: float) -> datetime | None:
    """Return the moment of epoch seconds; None where no calendar has it, as file systems and metadata may."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):  # not from year 1 to 9999, or no number
        return None


def nanoseconds_of(seconds: float | None) -> int | None:
    """Return epoch seconds in nanoseconds such that they read back as the same float; None stays None."""
    if seconds is None:
        return None
    whole = int(seconds // 1)
    return whole * 10**9 + round((seconds - whole) * 1e9)
