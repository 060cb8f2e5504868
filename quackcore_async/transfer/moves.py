"""How a single file gets from one tree to another, or out of it."""

import os
import tempfile
from functools import partial
from pathlib import Path
from typing import Final

from quackcore_async.concurrency import run_briefly, run_in_thread, shielded
from quackcore_async.errors import QuackError
from quackcore_async.protocols import RemoteFile, UploadOptions, Verification
from quackcore_async.transfer.comparison import Compare, are_equal, quick_verdict
from quackcore_async.transfer.engine import Done
from quackcore_async.transfer.entries import Entry
from quackcore_async.transfer.progress import ItemMeter
from quackcore_async.transfer.report import TransferAction, TransferStatus
from quackcore_async.transfer.sides import LocalSide, StorageSide
from quackcore_async.transfer.verbs import UNCHANGED, WOULD_DO

__all__ = ["TreeMoves"]

_NOT_EMPTY: Final = Done(TransferStatus.SKIPPED, "what takes no part in the sync lies in it")


class TreeMoves:
    """Transfers, creates and deletes between two trees.

    Args:
        source: Where files come from.
        target: Where they go.
        compare: When two files are equal.
        dry_run: Change nothing.

    Attributes:
        action: What a transfer is called.
        keeps_folders: Whether the target has folders without files.
    """

    def __init__(
        self,
        source: LocalSide | StorageSide,
        target: LocalSide | StorageSide,
        *,
        compare: Compare,
        dry_run: bool,
    ) -> None:
        self._source = source
        self._target = target
        self._compare: Compare = compare
        self._dry_run = dry_run
        self.keeps_folders = target.storage.capabilities.folders
        self.action = _action(source, target)

    def are_surely_equal(self, source: Entry, target: Entry) -> bool:
        """Tell whether the listings alone say that nothing is to be done."""
        return quick_verdict(source, target, self._compare) is True

    async def transfer(self, source: Entry, target: Entry | None, meter: ItemMeter) -> Done:
        """Bring a file to the target, unless a closer look shows that they are equal."""
        if target is not None and await are_equal(self._source, source, self._target, target, self._compare):
            return UNCHANGED
        if self._dry_run:
            return WOULD_DO
        return Done(verified=await self._move(source, meter))

    async def create_folder(self, source: Entry, _meter: ItemMeter) -> Done:
        """Create a folder in the target, unless it is there."""
        path = self._target.remote_of(source.path)
        if isinstance(self._target, LocalSide):
            self._target.folder.place(source.path)
        elif await self._target.has_folder(path):
            return Done(TransferStatus.SKIPPED, "it exists already")
        if self._dry_run:
            return WOULD_DO
        await self._target.storage.create_folder(path)
        return Done()

    async def delete(self, target: Entry, _meter: ItemMeter) -> Done:
        """Delete a file, or a folder without files, from the target."""
        if self._dry_run:
            return WOULD_DO
        folder = "/" if target.is_folder else ""
        try:
            await self._target.storage.delete(target.remote or f"{self._target.remote_of(target.path)}{folder}")
        except QuackError as error:
            if target.is_folder and error.code == "not_empty":
                return _NOT_EMPTY
            raise
        return Done()

    async def _move(self, source: Entry, meter: ItemMeter) -> Verification | None:
        if isinstance(self._source, LocalSide):
            await self._upload(self._source.label_of(source.path), source, meter)
            return None
        if isinstance(self._target, LocalSide):
            return await self._download(self._source, self._target, source, meter)
        remote = self._target.remote_of(source.path)
        if self._source.storage.storage is self._target.storage.storage:
            await self._target.storage.copy(source.remote, remote)
        elif self._source.storage.is_object_storage and self._target.storage.is_object_storage:
            async with self._source.storage.open_read(source.remote) as stream:
                await self._target.storage.write_stream(remote, stream, _kept_options(stream.file))
        else:
            await self._relay(self._source, source, meter)
        return None

    async def _upload(self, path: str, source: Entry, meter: ItemMeter) -> None:
        remote = self._target.remote_of(source.path)
        await self._target.storage.upload(path, remote, overwrite=True, options=None, on_bytes=meter)

    async def _download(
        self, source_side: StorageSide, target_side: LocalSide, source: Entry, meter: ItemMeter
    ) -> Verification:
        path = target_side.folder.place(source.path)
        await run_briefly(partial(target_side.folder.prepare, path))
        return await source_side.storage.download(
            source.remote, path, size=source.size, overwrite=True, on_bytes=meter
        )

    async def _relay(self, source_side: StorageSide, source: Entry, meter: ItemMeter) -> None:
        """Bring a file from storage to storage by way of the disk, as one of them cannot stream."""
        folder = await run_in_thread(tempfile.mkdtemp)
        path = os.path.join(folder, "file")  # noqa: PTH118 - names are data
        try:
            await source_side.storage.download(
                source.remote, path, size=source.size, overwrite=True, on_bytes=None
            )
            await self._upload(path, source, meter)
        finally:
            await shielded(partial(run_in_thread, _remove_folder, Path(folder)))


def _action(source: LocalSide | StorageSide, target: LocalSide | StorageSide) -> TransferAction:
    if source.is_local == target.is_local:
        return TransferAction.COPY
    return TransferAction.UPLOAD if source.is_local else TransferAction.DOWNLOAD


def _kept_options(file: RemoteFile) -> UploadOptions:
    """Return what is stored beside a file, to be stored beside its copy."""
    return UploadOptions(
        content_type=file.get("content_type"),
        metadata=dict(file.get("metadata") or {}),
        mtime=file.get("mtime"),
        mode=file.get("mode"),
    )


def _remove_folder(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
