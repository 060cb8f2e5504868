"""What `rm` does: files by name, and folders from the inside out."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import replace

from quackcore_async.cli.locations import Location
from quackcore_async.cli.reporting import Tally
from quackcore_async.cli.storages import Place, Storages
from quackcore_async.cli.usage import UsageFault
from quackcore_async.errors import QuackError, RemoteNotFoundError
from quackcore_async.results import ErrorInfo
from quackcore_async.transfer import (
    TransferAction,
    TransferOutcome,
    TransferProgress,
    TransferStatus,
    stream_delete_many,
)
from quackcore_async.transfer.patterns import PatternFilter

__all__ = ["Removal"]


class Removal:
    """One run of `rm`.

    Args:
        tally: Counts and shows what became of each file and folder.
        patterns: What to include and what to exclude of folders.
        concurrency: Deletions under way at a time; None leaves that to the transfers.
        progress: Told how far things are; None where nobody looks.
    """

    def __init__(
        self,
        tally: Tally,
        *,
        patterns: tuple[Sequence[str], Sequence[str]],
        concurrency: int | None,
        progress: Callable[[TransferProgress], None] | None,
    ) -> None:
        self._tally = tally
        self._patterns = PatternFilter(*patterns)
        self._keeps_some = any(patterns)
        self._concurrency = concurrency
        self._progress = progress

    async def run(self, locations: Iterable[Location], *, recursive: bool) -> QuackError | None:
        """Delete what the locations name.

        Returns:
            Why a folder could not be listed to its end; None when all were.

        Raises:
            UsageFault: if a folder is named without `recursive`, or a whole local disk.
            QuackError: if a storage cannot be opened.
        """
        failures: list[QuackError] = []
        async with Storages() as storages:
            places = [await storages.place(location) for location in locations]
            for place in places:
                _check(place, recursive=recursive)
            for place in places:
                try:
                    await self._remove(place, recursive=recursive)
                except QuackError as error:
                    failures.append(error)
        return next(iter(failures), None)

    async def _remove(self, place: Place, *, recursive: bool) -> None:
        named = place.path and not place.path.endswith("/")
        if named and (not recursive or (await place.storage.file_exists(place.path)).unwrap()):
            if not (await place.storage.file_exists(place.path)).unwrap():
                raise RemoteNotFoundError(f"there is no file {place.location}{_hint(place)}")
            await self._delete(place, _once(place.path))
            return
        before = self._tally.report.total
        await self._delete(place, self._files(place))
        if not self._keeps_some:
            await self._delete_folders(place)
        if self._tally.report.total == before:
            raise RemoteNotFoundError(f"there is nothing at {place.location}", code="folder_not_found")

    async def _files(self, place: Place) -> AsyncIterator[str]:
        prefix = f"{place.folder}/" if place.folder else ""
        async for file in place.storage.iter_files(prefix or None):
            if self._patterns.takes(file["path"].removeprefix(prefix)):
                yield file["path"]

    async def _delete(self, place: Place, paths: AsyncIterator[str]) -> None:
        outcomes = stream_delete_many(
            place.storage,
            paths,
            concurrency=self._concurrency,
            dry_run=self._tally.report.dry_run,
            progress=self._progress,
        )
        async for outcome in outcomes:
            self._tally.add(replace(outcome, target=place.label_of(outcome.target)))

    async def _delete_folders(self, place: Place) -> None:
        """Delete the folder and those in it, the innermost first, where the storage has such."""
        if self._tally.report.dry_run:
            return
        folders = [f"{place.folder}/"] if place.folder else [""]
        for folder in folders:  # it grows meanwhile
            inner = place.storage.iter_files(folder or None, recursive=False)
            folders += [file["path"] async for file in inner if file.get("is_folder")]
        for folder in filter(None, reversed(folders)):
            result = await place.storage.delete_file(folder)
            if result.success and not result.content:
                continue
            self._tally.add(_outcome(place, folder, result.exception))


def _outcome(place: Place, folder: str, error: QuackError | None) -> TransferOutcome:
    return TransferOutcome(
        index=0,
        action=TransferAction.DELETE,
        status=TransferStatus.FAILED if error else TransferStatus.OK,
        target=place.label_of(folder),
        error=str(error) if error else None,
        error_info=ErrorInfo.from_error(error) if error else None,
    )


def _check(place: Place, *, recursive: bool) -> None:
    if place.location.is_local and not place.folder:
        raise UsageFault(f"{place.location} is the root of a file system: name what is to be deleted")
    if not recursive and (not place.path or place.path.endswith("/")):
        raise UsageFault(f"{place.location} is a folder: add -r to delete it with all that is in it")


def _hint(place: Place) -> str:
    return "" if place.path.endswith("/") else "; add -r if it is a folder"


async def _once(path: str) -> AsyncIterator[str]:
    yield path
