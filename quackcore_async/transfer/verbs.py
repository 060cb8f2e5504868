"""What is done to an item: upload, download, delete."""

import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Iterable
from functools import partial
from typing import Any, ClassVar

from quackcore_async.concurrency import run_briefly, run_in_thread
from quackcore_async.errors import InvalidNameError, QuackError, RemoteNotFoundError
from quackcore_async.results import to_quack_error
from quackcore_async.transfer.claims import TargetClaims
from quackcore_async.transfer.comparison import are_equal
from quackcore_async.transfer.engine import Done, Job
from quackcore_async.transfer.entries import Entry
from quackcore_async.transfer.gateway import StorageGateway
from quackcore_async.transfer.items import (
    DeleteItem,
    DownloadItem,
    LocalPath,
    Overwrite,
    UploadItem,
    read_delete,
    read_download,
    read_upload,
    remote_target,
)
from quackcore_async.transfer.naming import TargetFolder
from quackcore_async.transfer.progress import ItemMeter
from quackcore_async.transfer.report import TransferAction, TransferStatus
from quackcore_async.transfer.sides import LocalSide, StorageSide, local_entry

__all__ = ["EXISTS", "UNCHANGED", "WOULD_DO", "Deletions", "Downloads", "Uploads", "Verb"]

EXISTS = Done(TransferStatus.SKIPPED, "it exists already")
UNCHANGED = Done(TransferStatus.SKIPPED, "it is unchanged")
WOULD_DO = Done(TransferStatus.DRY_RUN)


class Verb(ABC):
    """Makes a job of each entry of the input.

    Args:
        storage: The storage.
        overwrite: Whether what exists is replaced, for items that do not say.
        dry_run: Change nothing.
        remember: Finished targets to remember, to tell duplicates; None remembers all.
    """

    action: ClassVar[TransferAction]

    def __init__(
        self,
        storage: StorageGateway,
        *,
        overwrite: Overwrite = True,
        dry_run: bool = False,
        remember: int | None = None,
    ) -> None:
        self._storage = storage
        self._overwrite: Overwrite = overwrite
        self._dry_run = dry_run
        self._claims = TargetClaims(remember=remember, nested=self.action is TransferAction.DOWNLOAD)

    @property
    def service(self) -> str:
        """Name of the storage."""
        return self._storage.name

    def job(self, index: int, entry: object) -> Job:
        """Make the job of an entry; one that cannot be done says why."""
        job = Job(index, self.action, entry=entry)
        try:
            self._fill(job, entry)
        except Exception as exc:  # noqa: BLE001 - a bad entry is the failure of this one item
            job.refusal = to_quack_error(exc)
            job.source = job.source or str(entry)
        return job

    def workers(self, concurrency: int) -> int:
        """Return how many items have to be under way at a time to keep `concurrency` of them busy."""
        return concurrency

    async def measure(self, jobs: Iterable[Job]) -> None:  # noqa: B027 - most have nothing to measure
        """Find out the sizes of jobs, where that is cheap."""

    @abstractmethod
    def _fill(self, job: Job, entry: object) -> None:
        """Read the entry, name its source and target, and say how it is performed."""

    def _claim(self, job: Job, identity: str) -> None:
        job.finish = self._claims.claim(identity)


class _LookedUp(StorageSide):
    """A storage whose files were looked up, so that it has nothing more to say of them."""

    async def complete(self, entry: Entry) -> Entry:
        """Return the entry."""
        return entry


class Uploads(Verb):
    """Uploads local files."""

    action = TransferAction.UPLOAD

    async def measure(self, jobs: Iterable[Job]) -> None:
        """Look the local files up, in one hop to a thread."""
        await run_in_thread(_measure_files, [job for job in jobs if job.perform is not None])

    def _fill(self, job: Job, entry: object) -> None:
        item = read_upload(entry)
        job.source, job.target = os.fspath(item.source), remote_target(item)
        self._claim(job, job.target)
        job.perform = partial(self._upload, item, job.source, job.target)  # to hold the job would make a cycle

    async def _upload(self, item: UploadItem, given: str, remote: str, meter: ItemMeter) -> Done:
        overwrite = self._overwrite if item.overwrite is None else item.overwrite
        source = os.path.expanduser(given)  # noqa: ASYNC240, PTH111 - no disk is read; names are data
        if overwrite == "if_changed" or self._dry_run:
            skipped = await self._look_at_target(source, remote, overwrite)
            if skipped is not None:
                return skipped
        try:
            await self._storage.upload(
                source, remote, overwrite=overwrite is not False, options=item.options, on_bytes=meter
            )
        except QuackError as exc:
            if overwrite is False and exc.code == "exists":
                return EXISTS
            raise
        return Done()

    async def _look_at_target(self, source: str, remote: str, overwrite: Overwrite) -> Done | None:
        local = await run_briefly(partial(_stat_regular, source))
        found = await self._storage.stat(remote) if overwrite is not True else None
        if found is not None and overwrite is False:
            return EXISTS
        if found is not None:
            sides = LocalSide(""), _LookedUp(self._storage.storage, "")
            theirs = Entry.of_listed(remote, found)
            if await are_equal(sides[0], local_entry(source, local), sides[1], theirs, "auto"):
                return UNCHANGED
        return WOULD_DO if self._dry_run else None


class Downloads(Verb):
    """Downloads remote files into a folder that none of their names leads out of."""

    action = TransferAction.DOWNLOAD

    def __init__(self, storage: StorageGateway, target: LocalPath, **options: Any) -> None:
        super().__init__(storage, **options)
        self._folder = TargetFolder(target)

    def _fill(self, job: Job, entry: object) -> None:
        item = read_download(entry)
        job.source, job.size = item.remote, item.size
        job.target = self._folder.place(item.name) if item.local is None else self._given_path(item)
        self._claim(job, self._folder.identity(job.target))
        job.perform = partial(self._download, item, job.target)

    def _given_path(self, item: DownloadItem) -> str:
        """Return the path that the caller gave; one that ends in a separator gets the name behind it."""
        given = os.fspath(item.local or "")
        if not given or "\0" in given:
            raise InvalidNameError(f"{given!r} is no local path")
        path = os.path.abspath(os.path.join(self._folder.root, os.path.expanduser(given)))  # noqa: PTH100, PTH111, PTH118 - names are data
        if given.endswith((os.sep, os.altsep or os.sep)):
            path = TargetFolder(path).place(item.name.rpartition("/")[2])
        return path

    async def _download(self, item: DownloadItem, path: str, meter: ItemMeter) -> Done:
        overwrite = self._overwrite if item.overwrite is None else item.overwrite
        found = None
        if item.local is None:
            found = await run_briefly(partial(self._folder.prepare, path, create=not self._dry_run))
        elif overwrite is not True:
            found = await run_briefly(partial(_stat_or_none, path))
        if found is not None and overwrite is not True:
            if overwrite is False:
                return EXISTS
            if await self._is_unchanged(item, local_entry(path, found)):
                return UNCHANGED
        if self._dry_run:
            return WOULD_DO
        verified = await self._storage.download(
            item.remote,
            path,
            size=item.size,
            overwrite=overwrite is not False,
            on_bytes=meter,
            exact=item.local is None,
        )
        return Done(verified=verified)

    async def _is_unchanged(self, item: DownloadItem, local: Entry) -> bool:
        file = item.file or await self._storage.stat(item.remote)
        if file is None:
            raise RemoteNotFoundError(f"{item.remote} is not there")
        remote = Entry.of_listed(item.name, file)
        side = (StorageSide if item.file else _LookedUp)(self._storage.storage, "")
        return await are_equal(side, remote, LocalSide(""), local, "auto")


class Deletions(Verb):
    """Deletes remote files."""

    action = TransferAction.DELETE

    def workers(self, concurrency: int) -> int:
        """Return how many items have to be under way at a time: a batch full where deletions go in batches."""
        return self._storage.deletion_workers(concurrency)

    def _fill(self, job: Job, entry: object) -> None:
        item = read_delete(entry)
        job.target = item.remote
        self._claim(job, item.remote)
        job.perform = partial(self._delete, item)

    async def _delete(self, item: DeleteItem, _meter: ItemMeter) -> Done:
        if self._dry_run:
            return WOULD_DO
        existed = await self._storage.delete(item.remote)
        return Done() if existed else Done(TransferStatus.SKIPPED, "it was not there")


def _measure_files(jobs: list[Job]) -> None:
    for job in jobs:
        try:
            job.size = os.stat(os.path.expanduser(job.source)).st_size  # noqa: PTH111, PTH116 - names are data
        except (OSError, ValueError):
            job.size = None


def _stat_regular(path: str) -> os.stat_result:
    found = os.stat(path)  # noqa: PTH116 - names are data
    if not stat.S_ISREG(found.st_mode):
        raise InvalidNameError(f"{path} is not a regular file", code="not_a_regular_file")
    return found


def _stat_or_none(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116 - names are data
    except FileNotFoundError:
        return None
    except OSError as exc:
        error: QuackError = to_quack_error(exc)
        raise error from exc
