"""A storage that has more than the guide's four methods, as the transfers see it."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import aclosing
from typing import Any, TypeVar, cast

from quackcore_async.errors import RemoteNotFoundError
from quackcore_async.protocols import (
    ByteStream,
    DownloadResult,
    ObjectStorageProtocol,
    StorageCapabilities,
    UploadOptions,
    Verification,
)
from quackcore_async.results import error_of_exception
from quackcore_async.storage.base import BaseStorageIntegration
from quackcore_async.transfer.batching import BATCH, DeleteBatcher
from quackcore_async.transfer.gateway import OnBytes, StorageGateway, content_of

__all__ = ["ObjectGateway"]

T = TypeVar("T")


class ObjectGateway(StorageGateway):
    """An object storage, all of whose abilities are used.

    Args:
        storage: The storage.
    """

    def __init__(self, storage: ObjectStorageProtocol) -> None:
        super().__init__(storage)
        self._storage = storage
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
        content_of(
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
        content_of(result, "download_file")
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
            return content_of(await self._storage.stat_file(remote), "stat_file")
        except RemoteNotFoundError:
            return None

    async def delete(self, remote: str) -> bool:
        """Delete a file; False when it was not there and the storage tells."""
        if self._batcher is not None and self.capabilities.batch_delete:
            result = await self._batcher.delete(remote)
        else:
            result = await self._storage.delete_file(remote)
        return content_of(result, "delete_file") is not False

    def deletion_workers(self, concurrency: int) -> int:
        """Return how many deletions to ask for at a time: a batch full where they are sent together."""
        return BATCH if self._batcher is not None and self.capabilities.batch_delete else concurrency

    async def copy(self, source: str, target: str) -> None:
        """Copy a file within the storage."""
        content_of(await self._storage.copy_file(source, target), "copy_file")

    async def write_stream(
        self, remote: str, chunks: AsyncIterable[bytes], options: UploadOptions | None = None
    ) -> None:
        """Write a file from a stream."""
        content_of(await self._storage.write_stream(remote, chunks, options=options), "write_stream")

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
