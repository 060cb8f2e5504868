"""One way to talk to any storage: to an object storage, and to one with the guide's four methods only."""

import os
import secrets
import stat
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import aclosing, suppress
from functools import partial
from typing import Any, Final, TypeVar, cast

import anyio

from quackcore_async.concurrency import run_in_thread, shielded
from quackcore_async.errors import (
    ConflictError,
    ContractError,
    ErrorKind,
    IntegrityError,
    InvalidNameError,
    RemoteNotFoundError,
    StorageError,
)
from quackcore_async.protocols import (
    ByteStream,
    DownloadResult,
    ObjectStorageProtocol,
    StorageCapabilities,
    UploadOptions,
    Verification,
)
from quackcore_async.protocols.core import StorageIntegrationProtocol
from quackcore_async.results import IntegrationResult, error_of_exception, service_name
from quackcore_async.storage.base import BaseStorageIntegration
from quackcore_async.storage.folders import Folder
from quackcore_async.storage.names import PARTIAL_SUFFIX, base_name, check_component
from quackcore_async.storage.partial import check_target
from quackcore_async.transfer.batching import BATCH, DeleteBatcher

__all__ = ["StorageGateway", "gateway"]

T = TypeVar("T")
_PAGE: Final = 1000  # files of a list that are handed on at once
OnBytes = Callable[[int], None]


class StorageGateway:
    """An object storage, as the transfers see it: methods that return what is in the results, or raise.

    Args:
        storage: The storage.

    Attributes:
        storage: The storage.
        name: What it is called.
        resumes: Whether large files go on where an interrupted transfer has stopped, as far as the storage can.
    """

    resumes: bool = False

    def __init__(self, storage: ObjectStorageProtocol) -> None:
        self.storage: StorageIntegrationProtocol = storage
        self._storage = storage
        self.name = service_name(storage)
        delete_files = getattr(storage, "delete_files", None)
        self._batcher = DeleteBatcher(delete_files) if callable(delete_files) else None
        self._direct = {name: _base_of(storage, name) for name in ("upload_file", "download_file")}

    @property
    def capabilities(self) -> StorageCapabilities:
        """What the storage can do beyond the four methods."""
        return self._storage.capabilities

    async def upload(
        self, source: str, remote: str, *, overwrite: bool, options: UploadOptions | None, on_bytes: OnBytes | None
    ) -> None:
        """Upload a local file."""
        storage = self._direct["upload_file"]
        more = self._resumption("upload_file")
        if storage is not None:
            upload = storage._upload_or_raise  # noqa: SLF001 - see `_base_of`
            work = upload(source, remote, overwrite=overwrite, options=options, progress=on_bytes, **more)
            await _raising(storage, "upload_file", work)
            return
        method: Any = self._storage.upload_file
        _content(
            await method(source, remote, overwrite=overwrite, options=options, progress=on_bytes, **more),
            "upload_file",
        )

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
        del size  # the storage itself checks the length
        storage = self._direct["download_file"]
        more = self._resumption("download_file")
        if storage is not None:
            download = storage._download_or_raise  # noqa: SLF001 - see `_base_of`
            work = download(remote, path, overwrite=overwrite, progress=on_bytes, exact=exact, **more)
            target = await _raising(storage, "download_file", work)
            return target.verified
        method: Any = self._storage.download_file
        result = await method(remote, path, overwrite=overwrite, progress=on_bytes, **more)
        _content(result, "download_file")
        return result.verified if isinstance(result, DownloadResult) else "none"

    def _resumption(self, method: str) -> dict[str, bool]:
        """Return the argument for it, which the protocol does not have, where the storage takes it."""
        if not self.resumes or not self.capabilities.resume:
            return {}
        storage = self.storage
        replaced = isinstance(storage, BaseStorageIntegration) and not _is_of_base(storage, method)
        return {} if replaced else {"resume": True}

    async def stat(self, remote: str) -> Mapping[str, Any] | None:
        """Look a file up; None when it is not there."""
        try:
            return _content(await self._storage.stat_file(remote), "stat_file")
        except RemoteNotFoundError:
            return None

    async def delete(self, remote: str) -> bool:
        """Delete a file; False when it was not there and the storage tells."""
        if self._batcher is not None and self.capabilities.batch_delete:
            result = await self._batcher.delete(remote)
        else:
            result = await self._storage.delete_file(remote)
        return _content(result, "delete_file") is not False

    def deletion_workers(self, concurrency: int) -> int:
        """Return how many deletions to ask for at a time: a batch full where they are sent together."""
        return BATCH if self._batcher is not None and self.capabilities.batch_delete else concurrency

    async def folders_in(self, parent: str) -> frozenset[str]:
        """Return the folders that lie directly in a folder."""
        async with aclosing(self.iter_files(parent or None, recursive=False)) as files:
            return frozenset([str(file["path"]).rstrip("/") async for file in files if file.get("is_folder")])

    async def create_folder(self, folder: str) -> None:
        """Create a folder."""
        _content(await self.storage.create_folder(folder), "create_folder")

    async def copy(self, source: str, target: str) -> None:
        """Copy a file within the storage."""
        _content(await self._storage.copy_file(source, target), "copy_file")

    async def write_stream(
        self, remote: str, chunks: AsyncIterable[bytes], options: UploadOptions | None = None
    ) -> None:
        """Write a file from a stream."""
        _content(await self._storage.write_stream(remote, chunks, options=options), "write_stream")

    def open_read(self, remote: str) -> ByteStream:
        """Open a file as a stream."""
        return self._storage.open_read(remote)

    def iter_files(self, folder: str | None, *, recursive: bool = True) -> AsyncGenerator[Mapping[str, Any], None]:
        """Stream the files below a folder, or what lies directly in it."""
        return _closing(self._storage.iter_files(folder, recursive=recursive))

    def tree_pages(self, folder: str | None) -> AsyncGenerator[Sequence[Mapping[str, Any]], None]:
        """Stream the files below a folder, and the empty folders where the storage can list them, as they come."""
        storage = self._storage
        if not isinstance(storage, BaseStorageIntegration) or not _is_of_base(storage, "iter_files"):
            return _one_by_one(self.iter_files(folder))
        if not _is_of_base(storage, "iter_tree"):
            return _one_by_one(_closing(storage.iter_tree(folder)))
        return storage.tree_pages(folder)

    @property
    def lists_in_order(self) -> bool:
        """Whether the storage promises to list in the order of the UTF-8 bytes of the paths."""
        storage = self.storage
        is_replaced = isinstance(storage, BaseStorageIntegration) and not (
            _is_of_base(storage, "iter_files") and _is_of_base(storage, "iter_tree")
        )
        return self.capabilities.ordered_listing and not is_replaced  # it was promised for what has been replaced

    @property
    def is_object_storage(self) -> bool:
        """Whether it has more than the four methods."""
        return True


class _PlainGateway(StorageGateway):
    """A storage with the guide's four methods only."""

    def __init__(self, storage: StorageIntegrationProtocol) -> None:
        self.storage = storage
        self.name = service_name(storage)
        self._batcher = None
        self._listing: dict[str, Mapping[str, Any]] | None = None
        self._listing_lock = anyio.Lock()

    @property
    def capabilities(self) -> StorageCapabilities:
        return StorageCapabilities()

    @property
    def is_object_storage(self) -> bool:
        return False

    async def upload(
        self, source: str, remote: str, *, overwrite: bool, options: UploadOptions | None, on_bytes: OnBytes | None
    ) -> None:
        if options is not None:
            raise self._unsupported("takes no options for an upload")
        if not overwrite and await self.stat(remote) is not None:
            raise ConflictError(f"{remote} exists already", code="exists")
        size = await run_in_thread(_regular_size, source)
        _content(await self.storage.upload_file(source, remote), "upload_file")
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
        target = _WrittenInPlace(remote, path, size, overwrite=overwrite, exact=exact)
        try:
            unfinished = await run_in_thread(target.prepare)
            _content(await self.storage.download_file(remote, unfinished), "download_file")
            found = await run_in_thread(target.take_place)
        finally:
            await shielded(partial(run_in_thread, target.discard))
        if on_bytes is not None:
            on_bytes(found)
        return "none" if size is None else "length"

    async def stat(self, remote: str) -> Mapping[str, Any] | None:
        async with self._listing_lock:
            if self._listing is None:
                self._listing = {str(file["path"]): file for file in await self._list(None)}
        return self._listing.get(remote)

    async def delete(self, remote: str) -> bool:
        raise self._unsupported("cannot delete", remote)

    async def copy(self, source: str, target: str) -> None:
        raise self._unsupported(f"cannot copy to {target}", source)

    async def write_stream(
        self, remote: str, chunks: AsyncIterable[bytes], options: UploadOptions | None = None
    ) -> None:
        del chunks, options
        raise self._unsupported("cannot write a stream", remote)

    def open_read(self, remote: str) -> ByteStream:
        raise self._unsupported("cannot open a stream", remote)

    async def iter_files(
        self, folder: str | None, *, recursive: bool = True
    ) -> AsyncGenerator[Mapping[str, Any], None]:
        for file in await self._list(folder):
            if recursive or file.get("is_folder"):
                yield file

    async def tree_pages(self, folder: str | None) -> AsyncGenerator[Sequence[Mapping[str, Any]], None]:
        files = await self._list(folder)
        for start in range(0, len(files), _PAGE):
            yield files[start : start + _PAGE]

    async def _list(self, folder: str | None) -> Sequence[Mapping[str, Any]]:
        files = _content(await self.storage.list_files(folder), "list_files")
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


def gateway(storage: object, *, resume: bool = False) -> StorageGateway:
    """Return the gateway to a storage.

    Raises:
        ContractError: if it is no storage.
    """
    if isinstance(storage, ObjectStorageProtocol):
        made = StorageGateway(storage)
        made.resumes = resume
        return made
    if isinstance(storage, StorageIntegrationProtocol):
        return _PlainGateway(storage)
    raise ContractError(f"{storage!r} is no storage: it lacks methods of StorageIntegrationProtocol")


def _content(result: IntegrationResult[T], method: str) -> T:
    if not isinstance(result, IntegrationResult):
        raise ContractError(f"{method} returned {type(result).__name__}: a storage returns IntegrationResult")
    return result.unwrap()


def _base_of(storage: object, name: str) -> BaseStorageIntegration | None:
    """Return a storage of ours whose method is that of the base class.

    What stands behind that can be called without a result that would be made for each file and looked at here.
    """
    ours = isinstance(storage, BaseStorageIntegration) and _is_of_base(storage, name)
    return cast("BaseStorageIntegration", storage) if ours else None


async def _raising(storage: BaseStorageIntegration, method: str, work: Coroutine[Any, Any, T]) -> T:
    """Do what a method of a storage does, with its error raised."""
    try:
        failure = await storage._ensure_initialized()  # noqa: SLF001 - as the method does
        if failure is not None:
            failure.unwrap()
        return await work
    except Exception as exc:
        error = error_of_exception(exc, owner=storage, operation=method)
        if error is exc:
            raise
        raise error from exc
    finally:
        work.close()


def _is_of_base(storage: BaseStorageIntegration, name: str) -> bool:
    """Tell whether nobody has put a method of his own in place of that of the base class."""
    return getattr(getattr(storage, name), "__func__", None) is getattr(BaseStorageIntegration, name)


async def _closing(files: AsyncIterator[Mapping[str, Any]]) -> AsyncGenerator[Mapping[str, Any], None]:
    try:
        async for file in files:
            yield file
    finally:
        if isinstance(files, AsyncGenerator):
            await files.aclose()


async def _one_by_one(
    files: AsyncGenerator[Mapping[str, Any], None],
) -> AsyncGenerator[Sequence[Mapping[str, Any]], None]:
    """Hand on each file as it comes: who waits for a whole page keeps others waiting for what is there."""
    async with aclosing(files):
        async for file in files:
            yield (file,)


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
