"""What one storage has to write: a few hooks, which raise, below the public methods of the base class."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from quackcore_async.errors import ErrorKind, StorageError
from quackcore_async.protocols import CleanupOutcome, RemoteFile, StorageCapabilities, UploadOptions
from quackcore_async.storage.files import DownloadTarget, SourceFile
from quackcore_async.storage.names import check_name, shown
from quackcore_async.storage.streams import Reader

__all__ = ["NO_OPTIONS", "Pages", "StorageHooks", "Write"]

Pages = AsyncGenerator[Sequence[RemoteFile], None]
"""A listing in lists of any length."""


NO_OPTIONS: Final = UploadOptions()
"""What a `Write` has whose caller gave no options: to be known by identity."""


@dataclass(frozen=True, slots=True)
class Write:
    """What a hook is to write.

    Attributes:
        path: Name of the file.
        overwrite: False fails with code `exists` when there is such a file.
        options: How it is written.
        progress: To be called with the bytes done so far; it drops what goes backwards.
        resume: Whether an interrupted upload of the same file is gone on with, and this one kept when interrupted.
    """

    path: str
    overwrite: bool
    options: UploadOptions
    progress: Callable[[int], None]
    resume: bool = False


class StorageHooks(ABC):
    """The hooks of a storage.

    They are called from many tasks at once, after the storage is up, with paths that passed `_check_path`, and
    raise `QuackError` or `OSError`.
    """

    @property
    @abstractmethod
    def capabilities(self) -> StorageCapabilities:
        """What this storage can do beyond the rest."""

    @abstractmethod
    def _url_of(self, path: str) -> str:
        """Return the full identifier of a path; of the empty path, what they all begin with."""

    def _path_of(self, remote: str) -> str:
        """Return the path that an identifier names: a path, an `id` or what `_url_of` returned."""
        return remote.removeprefix(self._url_of(""))

    def _check_path(self, path: str) -> str:
        """Return a path unchanged when a file of that name can exist here; extend it with the service's rules.

        Raises:
            InvalidNameError: if it cannot.
        """
        return check_name(path, self.capabilities.max_name_bytes)

    @abstractmethod
    async def _put_file(self, source: SourceFile, write: Write) -> None:
        """Upload a file that is not open yet; what is left open is closed by the caller."""

    @abstractmethod
    async def _put_stream(self, chunks: AsyncIterable[bytes], write: Write) -> None:
        """Write what a stream yields, whole or not at all."""

    async def _put_bytes(self, data: bytes, write: Write) -> None:
        """Write bytes; to be overridden where that is cheaper than a stream."""
        await self._put_stream(_once(data), write)

    @abstractmethod
    async def _fetch(self, path: str, target: DownloadTarget, progress: Callable[[int], None]) -> None:
        """Find the file, open the target with what was found, fill it, commit it.

        What is left uncommitted is discarded by the caller, on failure and on cancellation too.
        """

    @abstractmethod
    async def _open(self, path: str, start: int | None, end: int | None) -> Reader:
        """Open a file for reading a range of it, which `cut_range` cuts to its size."""

    @abstractmethod
    def _pages(self, folder: str, *, recursive: bool) -> Pages:
        """Yield the listing of a folder (empty, or ending in `/`) in lists of any length."""

    def _tree_pages(self, folder: str) -> Pages:
        """Yield a recursive listing with empty folders in it; to be overridden where the storage has such."""
        return self._pages(folder, recursive=True)

    @abstractmethod
    async def _stat(self, path: str) -> RemoteFile:
        """Look a file up.

        Raises:
            RemoteNotFoundError: if it is not there.
        """

    @abstractmethod
    async def _delete(self, path: str) -> bool:
        """Delete a file, or an empty folder when the path ends in `/`; False when it was not there."""

    @abstractmethod
    async def _copy(self, source: str, target: str, *, overwrite: bool) -> None:
        """Copy a file to another path."""

    async def _move(self, source: str, target: str, *, overwrite: bool) -> None:
        """Move a file to another path; to be overridden where the service can."""
        await self._copy(source, target, overwrite=overwrite)
        await self._delete(source)

    @abstractmethod
    async def _make_folder(self, path: str) -> None:
        """Create a folder, whose path ends in `/`, and those above it; it may be there already."""

    async def _cleanup(self, folder: str, before: datetime, *, dry_run: bool) -> list[CleanupOutcome]:
        """Remove what is unfinished below a folder and nobody was at since `before`; to be overridden with it."""
        del before, dry_run
        raise StorageError(
            f"{type(self).__name__} does not tell what is unfinished in {shown(folder or '/')}",
            kind=ErrorKind.UNSUPPORTED,
            code="capability",
        )

    async def _presign(self, path: str, method: str, expires_in: float) -> str:
        """Make a presigned URL."""
        raise StorageError(
            f"{type(self).__name__} cannot presign a URL for {method} of {shown(path)} ({expires_in:g} s): "
            "only services that are reached by URL can",
            kind=ErrorKind.UNSUPPORTED,
            code="capability",
        )


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
