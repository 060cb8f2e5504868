"""The protocol of object storage, which goes beyond the four methods, and the values it deals in."""

from abc import abstractmethod
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, NotRequired, Protocol, Self, runtime_checkable

from pydantic import Field, SkipValidation
from typing_extensions import TypedDict  # before Python 3.12 pydantic takes no other

from quackcore_async.protocols.core import StorageIntegrationProtocol
from quackcore_async.results import IntegrationResult

__all__ = [
    "ByteStream",
    "DownloadResult",
    "ObjectStorageProtocol",
    "ProgressCallback",
    "RemoteFile",
    "StorageCapabilities",
    "UploadOptions",
    "Verification",
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


@dataclass(frozen=True, slots=True)
class StorageCapabilities:
    """What a storage can do beyond the protocol's plain reading and writing.

    Attributes:
        folders: Empty folders exist.
        conditional_write: `overwrite=False` is decided by the storage, atomically.
        ordered_listing: A recursive listing comes in ascending order of the UTF-8 bytes of the paths.
        metadata: `UploadOptions.metadata` is kept.
        modification_time: `mtime` and `mode` of an uploaded file are kept.
        presign: `presign_url` works.
        server_side_copy: `copy_file` moves no bytes through this process.
        max_name_bytes: Longest path in UTF-8 bytes; None is unlimited.
    """

    folders: bool = False
    conditional_write: bool = False
    ordered_listing: bool = False
    metadata: bool = False
    modification_time: bool = False
    presign: bool = False
    server_side_copy: bool = False
    max_name_bytes: int | None = None


Verification = Literal["full", "length", "none"]
"""How far the bytes of a download were checked: length and checksum, length only, or nothing was known."""


class DownloadResult(IntegrationResult[str]):
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


class ByteStream(Protocol):
    """An open file of a storage, to be read once, in order.

    Use it as `async with storage.open_read(path) as stream: async for chunk in stream: ...`. Leaving the
    block, early or not, releases the connection.

    Attributes:
        file: What is being read, known once the block is entered.
    """

    file: RemoteFile

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def __anext__(self) -> bytes: ...

    async def aclose(self) -> None:
        """Release the connection."""
        ...


@runtime_checkable
class ObjectStorageProtocol(StorageIntegrationProtocol, Protocol):
    """A storage whose files can also be streamed, looked up, copied, moved and deleted.

    Coroutines return results; `iter_files` and `open_read` raise `QuackError`.

    Wherever a remote name is asked for, the `path`, the `id` and the `url` of a file do. A name that ends in `/`
    is a folder: as a target of `upload_file`, `copy_file` and `move_file` it gets the base name put behind it, and
    `delete_file` removes it when it is empty.
    """

    @property
    @abstractmethod
    def capabilities(self) -> StorageCapabilities:
        """What this storage can do beyond the rest."""
        ...

    @abstractmethod
    async def upload_file(
        self,
        file_path: str,
        remote_path: str | None = None,
        *,
        overwrite: bool = True,
        options: UploadOptions | None = None,
        progress: ProgressCallback | None = None,
    ) -> IntegrationResult[str]:
        """Upload a local file, whole or not at all; the content is its identifier."""
        ...

    @abstractmethod
    async def download_file(
        self,
        remote_id: str,
        local_path: str | None = None,
        *,
        overwrite: bool = True,
        progress: ProgressCallback | None = None,
    ) -> DownloadResult:
        """Download a file, whole or not at all; the content is its local path."""
        ...

    @abstractmethod
    async def list_files(
        self, remote_path: str | None = None, pattern: str | None = None, *, recursive: bool = True
    ) -> IntegrationResult[Sequence[RemoteFile]]:
        """List the files below `remote_path`; when it is not recursive it has the folders too."""
        ...

    @abstractmethod
    def iter_files(
        self, remote_path: str | None = None, pattern: str | None = None, *, recursive: bool = True
    ) -> AsyncIterator[RemoteFile]:
        """Stream a listing page by page; when it is not recursive it has the folders too."""
        ...

    @abstractmethod
    async def stat_file(self, remote: str) -> IntegrationResult[RemoteFile]:
        """Look one file up."""
        ...

    @abstractmethod
    async def file_exists(self, remote: str) -> IntegrationResult[bool]:
        """Tell whether there is such a file."""
        ...

    @abstractmethod
    async def delete_file(self, remote: str) -> IntegrationResult[bool]:
        """Delete a file; one that is not there is a success with content False where the service tells."""
        ...

    @abstractmethod
    async def copy_file(self, source: str, target: str, *, overwrite: bool = True) -> IntegrationResult[str]:
        """Copy a file within the storage; the content is the new identifier."""
        ...

    @abstractmethod
    async def move_file(self, source: str, target: str, *, overwrite: bool = True) -> IntegrationResult[str]:
        """Move a file within the storage; the content is the new identifier."""
        ...

    @abstractmethod
    async def read_bytes(
        self, remote: str, *, start: int | None = None, end: int | None = None
    ) -> IntegrationResult[bytes]:
        """Read a file, or its bytes from `start` up to but without `end`."""
        ...

    @abstractmethod
    async def write_bytes(
        self, remote: str, data: bytes, *, overwrite: bool = True, options: UploadOptions | None = None
    ) -> IntegrationResult[str]:
        """Write a file whole; the content is its identifier."""
        ...

    @abstractmethod
    def open_read(self, remote: str, *, start: int | None = None, end: int | None = None) -> ByteStream:
        """Open a file, or its bytes from `start` up to but without `end`, as a stream.

        Both are cut to the size of the file, as in a slice: beyond the end there is nothing to read.
        """
        ...

    @abstractmethod
    async def write_stream(
        self,
        remote: str,
        chunks: AsyncIterable[bytes],
        *,
        overwrite: bool = True,
        options: UploadOptions | None = None,
    ) -> IntegrationResult[str]:
        """Write a file from a stream of unknown length; it is whole or absent."""
        ...

    @abstractmethod
    async def presign_url(
        self, remote: str, *, method: str = "GET", expires_in: float = 3600.0
    ) -> IntegrationResult[str]:
        """Make a URL that lets whoever has it do `method` for `expires_in` seconds."""
        ...


def remote_id_of(file: Mapping[str, Any]) -> str:
    """Return the identifier of a listed file: `id` where there is one, else `path`."""
    identifier = file.get("id") or file["path"]
    return str(identifier)
