"""What `ls` lists: the files of a location, named as below it."""

import os
from collections.abc import AsyncIterator, Iterable

from quackcore_async.cli.locations import Location
from quackcore_async.cli.storages import Place, Storages, local_path
from quackcore_async.concurrency import run_in_thread
from quackcore_async.errors import RemoteNotFoundError
from quackcore_async.protocols import RemoteFile
from quackcore_async.transfer.patterns import PatternFilter

__all__ = ["list_location"]


async def list_location(
    storages: Storages, location: Location, *, recursive: bool, include: Iterable[str], exclude: Iterable[str]
) -> AsyncIterator[tuple[str, RemoteFile]]:
    """Yield what a folder holds, or the one file that the location names, each with its path below the location.

    Args:
        storages: Where to open the storage.
        location: The folder or the file.
        recursive: Files at any depth and no folders; otherwise what lies in the folder itself.
        include: Patterns of which a file must match one.
        exclude: Patterns of which a file may match none.

    Raises:
        RemoteNotFoundError: with code `folder_not_found`, if there is nothing at that place.
        QuackError: if the listing fails.
    """
    place = await _folder_or_none(storages, location)
    patterns = PatternFilter(include, exclude)
    count = 0
    if place is not None:
        prefix = f"{place.folder}/" if place.folder else ""
        async for file in place.storage.iter_files(prefix or None, recursive=recursive):
            count += 1
            path = file["path"].removeprefix(prefix)
            if patterns.enters(path.rstrip("/")) if file.get("is_folder") else patterns.takes(path):
                yield path, file
        if count or location.is_local or not prefix:
            return
    file = await _stat(await storages.place(location), location)
    yield file["name"], file


async def _folder_or_none(storages: Storages, location: Location) -> Place | None:
    """Return the place as a folder; None when it is known to be none."""
    if location.is_local and not await run_in_thread(os.path.isdir, local_path(location)):
        return None
    return await storages.folder(location)


async def _stat(place: Place, location: Location) -> RemoteFile:
    missing = f"there is no file or folder {location}"
    if location.names_folder:
        raise RemoteNotFoundError(missing, code="folder_not_found")
    try:
        return (await place.storage.stat_file(place.path)).unwrap()
    except RemoteNotFoundError as error:
        raise RemoteNotFoundError(missing, code="folder_not_found") from error
