"""The protocol of object storage, which goes beyond the four methods."""

from __future__ import annotations  # `IntegrationResult[...]` builds a pydantic class: not at import

from abc import abstractmethod
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from quackcore_async.protocols.core import StorageIntegrationProtocol
from quackcore_async.protocols.values import (
    DownloadResult,
    ProgressCallback,
    RemoteFile,
    StorageCapabilities,
    UploadOptions,
)
from quackcore_async.results import IntegrationResult

__all__ = ["ByteStream", "ObjectStorageProtocol"]


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
