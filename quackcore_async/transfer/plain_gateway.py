"""A storage that has the guide's four methods only, as the transfers see it."""

import os
import secrets
import stat
from collections.abc import AsyncGenerator, AsyncIterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

import anyio

from quackcore_async.concurrency import run_in_thread, shielded
from quackcore_async.errors import (
    ConflictError,
    ContractError,
    ErrorKind,
    IntegrityError,
    InvalidNameError,
    StorageError,
)
from quackcore_async.protocols import ByteStream, StorageCapabilities, UploadOptions, Verification
from quackcore_async.protocols.core import StorageIntegrationProtocol
from quackcore_async.storage.folders import Folder
from quackcore_async.storage.names import PARTIAL_SUFFIX, base_name, check_component
from quackcore_async.storage.partial import check_target
from quackcore_async.transfer.gateway import OnBytes, StorageGateway, content_of

__all__ = ["PlainGateway"]

_PAGE: Final = 1000  # files of a list that are handed on at once


class PlainGateway(StorageGateway):
    """A storage with the guide's four methods only.

    Args:
        storage: The storage.
    """

    def __init__(self, storage: StorageIntegrationProtocol) -> None:
        super().__init__(storage)
        self._listing: dict[str, Mapping[str, Any]] | None = None
        self._listing_lock = anyio.Lock()

    @property
    def capabilities(self) -> StorageCapabilities:
        """Nothing beyond the four methods."""
        return StorageCapabilities()

    @property
    def lists_in_order(self) -> bool:
        """Nobody promises an order."""
        return False

    @property
    def is_object_storage(self) -> bool:
        """It has not more than the four methods."""
        return False

    async def upload(
        self, source: str, remote: str, *, overwrite: bool, options: UploadOptions | None, on_bytes: OnBytes | None
    ) -> None:
        """Upload a local file; where nothing may be overwritten, the listing is looked at before."""
        if options is not None:
            raise self._unsupported("takes no options for an upload")
        if not overwrite and await self.stat(remote) is not None:
            raise ConflictError(f"{remote} exists already", code="exists")
        size = await run_in_thread(_regular_size, source)
        content_of(await self.storage.upload_file(source, remote), "upload_file")
        if on_bytes is not None:
            on_bytes(size)

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
        """Download to a local path; what is checked is the length, where it is known."""
        target = _WrittenInPlace(remote, path, size, overwrite=overwrite, exact=exact)
        try:
            unfinished = await run_in_thread(target.prepare)
            content_of(await self.storage.download_file(remote, unfinished), "download_file")
            found = await run_in_thread(target.take_place)
        finally:
            await shielded(partial(run_in_thread, target.discard))
        if on_bytes is not None:
            on_bytes(found)
        return "none" if size is None else "length"

    async def stat(self, remote: str) -> Mapping[str, Any] | None:
        """Look a file up in the listing, which is asked for once."""
        async with self._listing_lock:
            if self._listing is None:
                self._listing = {str(file["path"]): file for file in await self._list(None)}
        return self._listing.get(remote)

    async def delete(self, remote: str) -> bool:
        """Refuse it."""
        raise self._unsupported("cannot delete", remote)

    async def copy(self, source: str, target: str) -> None:
        """Refuse it."""
        raise self._unsupported(f"cannot copy to {target}", source)

    async def write_stream(
        self, remote: str, chunks: AsyncIterable[bytes], options: UploadOptions | None = None
    ) -> None:
        """Refuse it."""
        del chunks, options
        raise self._unsupported("cannot write a stream", remote)

    def open_read(self, remote: str) -> ByteStream:
        """Refuse it."""
        raise self._unsupported("cannot open a stream", remote)

    async def iter_files(
        self, folder: str | None, *, recursive: bool = True
    ) -> AsyncGenerator[Mapping[str, Any], None]:
        """Yield what the storage lists, all of it at once."""
        for file in await self._list(folder):
            if recursive or file.get("is_folder"):
                yield file

    async def tree_pages(self, folder: str | None) -> AsyncGenerator[Sequence[Mapping[str, Any]], None]:
        """Yield the same in pages."""
        files = await self._list(folder)
        for start in range(0, len(files), _PAGE):
            yield files[start : start + _PAGE]

    async def _list(self, folder: str | None) -> Sequence[Mapping[str, Any]]:
        files = content_of(await self.storage.list_files(folder), "list_files")
        for file in files:
            if not isinstance(file, Mapping) or not file.get("path"):
                raise ContractError(f"{self.name}.list_files returned {file!r}: a file is a mapping with a `path`")
        return files

    def _unsupported(self, what: str, remote: str = "") -> StorageError:
        return StorageError(
            f"the storage {self.name} {what} {remote}".rstrip()
            + ": it has only the four methods of every storage",
            kind=ErrorKind.UNSUPPORTED,
            code="capability",
        )


def _regular_size(path: str) -> int:
    found = os.stat(os.path.expanduser(path))  # noqa: PTH111, PTH116 - names are data
    if not stat.S_ISREG(found.st_mode):
        raise InvalidNameError(f"{path} is not a regular file", code="not_a_regular_file")
    return found.st_size


class _WrittenInPlace:
    """The local file of a download that a storage writes by itself: beside its target at first. It blocks."""

    def __init__(self, remote: str, path: str, size: int | None, *, overwrite: bool, exact: bool) -> None:
        self._remote = remote
        self._path = path
        self._size = size
        self._overwrite = overwrite
        self._exact = exact
        self._unfinished = ""

    def prepare(self) -> str:
        """Find out where the file goes, a folder getting the name behind it; return where to write it first."""
        if not self._exact and os.path.isdir(self._path):  # noqa: PTH112 - names are data, here and below
            self._path = os.path.join(self._path, check_component(base_name(self._remote)))  # noqa: PTH118
        folder = os.path.dirname(self._path)  # noqa: PTH120
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103
        self._check()
        self._unfinished = os.path.join(folder, f".{secrets.token_hex(8)}{PARTIAL_SUFFIX}")  # noqa: PTH118
        return self._unfinished

    def take_place(self) -> int:
        """Let the file take its place, durably; return its size."""
        try:
            fd = os.open(self._unfinished, os.O_RDONLY)
        except FileNotFoundError:
            raise ContractError(f"download_file said that it wrote {self._remote}, and did not") from None
        try:
            size = os.fstat(fd).st_size
            if self._size is not None and size != self._size:
                message = f"{self._remote} came as {size} bytes of {self._size}: download it again"
                raise IntegrityError(message, code="truncated", retryable=True)
            os.fsync(fd)
        finally:
            os.close(fd)
        self._check()
        os.replace(self._unfinished, self._path)  # noqa: PTH105
        with Folder.open(os.path.dirname(self._path)) as folder:  # noqa: PTH120
            folder.sync()
        return size

    def discard(self) -> None:
        """Remove what did not take its place."""
        if self._unfinished:
            with suppress(FileNotFoundError):
                os.unlink(self._unfinished)  # noqa: PTH108

    def _check(self) -> None:
        with suppress(FileNotFoundError):
            check_target(os.lstat(self._path), self._path, overwrite=self._overwrite)
