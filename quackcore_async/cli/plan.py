"""What `cp` has to copy: the files behind a source, and the names that they get below the target."""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import NamedTuple

from quackcore_async.cli.locations import Location
from quackcore_async.cli.storages import Place, local_path
from quackcore_async.concurrency import run_in_thread
from quackcore_async.errors import InvalidNameError, QuackError, RemoteNotFoundError
from quackcore_async.transfer.entries import Entry
from quackcore_async.transfer.patterns import PatternFilter
from quackcore_async.transfer.sides import LocalSide, StorageSide

__all__ = ["Piece", "Source"]


class Piece(NamedTuple):
    """One file to copy.

    Attributes:
        source: Local path, or identifier within the storage.
        relative: Name below the target folder.
        entry: What the listing said; None for a file that the command line names.
    """

    source: str
    relative: str
    entry: Entry | None = None


@dataclass(slots=True)
class Source:
    """One source of `cp`.

    Attributes:
        location: As the command line has it.
        place: The storage that it lies in; None for a local one.
        is_folder: Whether what lies below it is meant.
        complaints: What was left out of its listing, a sentence each.
        failures: Why its listing is not whole.
    """

    location: Location
    place: Place | None
    is_folder: bool = False
    complaints: list[str] = field(default_factory=list)
    failures: list[QuackError] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The last part of its path, or the name of its storage."""
        path = self.place.folder if self.place is not None else local_path(self.location)
        return os.path.basename(path) or self.location.host  # noqa: PTH119 - names are data

    async def look(self, *, recursive: bool) -> None:
        """Find out whether it is a folder.

        Raises:
            InvalidNameError: if it is one and folders are not wanted.
            QuackError: if it cannot be looked up.
        """
        self.is_folder = await self._looks_like_folder(recursive=recursive)
        if self.is_folder and not recursive:
            raise InvalidNameError(
                f"{self.location} is a folder: add -r to copy what is in it", code="is_a_folder"
            )

    async def pieces(self, patterns: PatternFilter, *, keep_name: bool) -> AsyncIterator[Piece]:
        """Yield the files of it.

        Args:
            patterns: Which files of a folder take part.
            keep_name: Put the files of a folder below its own name, as several sources have it.

        Raises:
            RemoteNotFoundError: if it is a folder, and there is none, or nothing in it.
        """
        if not self.is_folder:
            source = self.place.path if self.place is not None else local_path(self.location)
            yield Piece(source, self.name)
            return
        prefix = f"{self.name}/" if keep_name and self.name else ""
        side = self.side()
        count = 0
        async for entry in side.entries(patterns, must_exist=True):
            count += 1
            if not entry.is_folder:
                yield Piece(_source_of(side, entry), f"{prefix}{entry.path}", entry)
        self.complaints += side.complaints
        self.failures += side.failures
        if not count and self.place is not None and not side.failures:
            raise RemoteNotFoundError(f"there is nothing below {self.location}", code="folder_not_found")

    def side(self) -> LocalSide | StorageSide:
        """Return it as the tree that it is."""
        if self.place is None:
            return LocalSide(local_path(self.location))
        return StorageSide(self.place.storage, self.place.folder)

    async def _looks_like_folder(self, *, recursive: bool) -> bool:
        if self.place is None:
            return await run_in_thread(os.path.isdir, local_path(self.location))
        if self.location.names_folder or not recursive:
            return self.location.names_folder
        return not (await self.place.storage.file_exists(self.place.path)).unwrap()


def _source_of(side: LocalSide | StorageSide, entry: Entry) -> str:
    return side.label_of(entry.path) if side.is_local else entry.remote
