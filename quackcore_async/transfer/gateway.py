"""What the transfers ask of a storage, of whatever kind."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, TypeVar

from quackcore_async.errors import ContractError
from quackcore_async.protocols import ByteStream, StorageCapabilities, UploadOptions, Verification
from quackcore_async.protocols.core import StorageIntegrationProtocol
from quackcore_async.results import IntegrationResult, service_name

__all__ = ["OnBytes", "StorageGateway", "content_of"]

T = TypeVar("T")

OnBytes = Callable[[int], None]
"""Told the bytes done so far."""


class StorageGateway(ABC):
    """A storage, as the transfers see it: methods that return what is in the results, or raise.

    Args:
        storage: The storage.

    Attributes:
        storage: The storage.
        name: What it is called.
        resumes: Whether large files go on where an interrupted transfer has stopped, as far as the storage can.
    """

    def __init__(self, storage: StorageIntegrationProtocol) -> None:
        self.storage = storage
        self.name = service_name(storage)
        self.resumes = False

    @property
    @abstractmethod
    def capabilities(self) -> StorageCapabilities:
        """What the storage can do beyond the four methods."""

    @abstractmethod
    async def upload(
        self, source: str, remote: str, *, overwrite: bool, options: UploadOptions | None, on_bytes: OnBytes | None
    ) -> None:
        """Upload a local file."""

    @abstractmethod
    async def download(
        self,
        remote: str,
        path: str,
        *,
        size: int | None,
        overwrite: bool,
        on_bytes: OnBytes | None,
        exact: bool = True,
    ) -> Verification:
        """Download to a local path, whole or not at all; say how far the bytes were checked.

        Args:
            remote: The file.
            path: Where to.
            size: Bytes that it should have, where that is known.
            overwrite: Whether a file that is there may be replaced.
            on_bytes: Told the bytes done so far.
            exact: Fail where there is a folder; False downloads into it.
        """

    @abstractmethod
    async def stat(self, remote: str) -> Mapping[str, Any] | None:
        """Look a file up; None when it is not there."""

    @abstractmethod
    async def delete(self, remote: str) -> bool:
        """Delete a file; False when it was not there and the storage tells."""

    @abstractmethod
    async def copy(self, source: str, target: str) -> None:
        """Copy a file within the storage."""

    @abstractmethod
    async def write_stream(
        self, remote: str, chunks: AsyncIterable[bytes], options: UploadOptions | None = None
    ) -> None:
        """Write a file from a stream."""

    @abstractmethod
    def open_read(self, remote: str) -> ByteStream:
        """Open a file as a stream."""

    @abstractmethod
    def iter_files(self, folder: str | None, *, recursive: bool = True) -> AsyncGenerator[Mapping[str, Any], None]:
        """Stream the files below a folder, or what lies directly in it."""

    @abstractmethod
    def tree_pages(self, folder: str | None) -> AsyncGenerator[Sequence[Mapping[str, Any]], None]:
        """Stream the files below a folder, and the empty folders where the storage can list them, as they come."""

    @property
    @abstractmethod
    def lists_in_order(self) -> bool:
        """Whether the storage promises to list in the order of the UTF-8 bytes of the paths."""

    @property
    @abstractmethod
    def is_object_storage(self) -> bool:
        """Whether it has more than the four methods."""

    def deletion_workers(self, concurrency: int) -> int:
        """Return how many deletions to ask for at a time: a batch full where they are sent together."""
        return concurrency

    async def folders_in(self, parent: str) -> frozenset[str]:
        """Return the folders that lie directly in a folder."""
        async with aclosing(self.iter_files(parent or None, recursive=False)) as files:
            return frozenset([str(file["path"]).rstrip("/") async for file in files if file.get("is_folder")])

    async def create_folder(self, folder: str) -> None:
        """Create a folder."""
        content_of(await self.storage.create_folder(folder), "create_folder")


def content_of(result: IntegrationResult[T], method: str) -> T:
    """Return the content of what a method of a storage returned.

    Raises:
        ContractError: if that is no result.
        QuackError: if it is a failed one.
    """
    if not isinstance(result, IntegrationResult):
        raise ContractError(f"{method} returned {type(result).__name__}: a storage returns IntegrationResult")
    return result.unwrap()
