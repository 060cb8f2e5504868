"""Both trees of a sync, listed at the same time and paired path by path."""

from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing
from itertools import islice
from types import TracebackType
from typing import Final, NamedTuple, Self

import anyio

from quackcore_async.concurrency import run_in_thread
from quackcore_async.errors import QuackError
from quackcore_async.results import to_quack_error
from quackcore_async.transfer.entries import Entry
from quackcore_async.transfer.ordering import SortedListing
from quackcore_async.transfer.patterns import PatternFilter
from quackcore_async.transfer.progress import ProgressReporter
from quackcore_async.transfer.sides import LocalSide, StorageSide

__all__ = ["Pair", "TreeListing", "TreePair", "merge"]

_BATCH: Final = 512  # pairs for each hop to a thread


class Pair(NamedTuple):
    """What two trees have under one path; None where one has nothing."""

    source: Entry | None
    target: Entry | None


class TreeListing:
    """One tree, listed.

    Args:
        side: The tree.

    Attributes:
        entries: What it has, in order.
        files: How many files that are.
        empty_folders: The keys of its folders without files.
        failure: Why the listing is not whole; None when it is.
    """

    def __init__(self, side: LocalSide | StorageSide) -> None:
        self.side = side
        self.entries = SortedListing()
        self.files = 0
        self.empty_folders: set[bytes] = set()
        self.failure: QuackError | None = None

    async def fill(self, patterns: PatternFilter, reporter: ProgressReporter, *, must_exist: bool) -> None:
        """List the tree; a failure is kept."""
        try:
            async with aclosing(self._count(patterns, reporter, must_exist=must_exist)) as entries:
                await self.entries.fill(entries)
        except Exception as exc:  # noqa: BLE001 - a broken listing is a finding, which decides what may be done
            self.failure = to_quack_error(exc)
            await run_in_thread(self.entries.flush)
        self.failure = self.failure or next(iter(self.side.failures), None)

    async def _count(
        self, patterns: PatternFilter, reporter: ProgressReporter, *, must_exist: bool
    ) -> AsyncGenerator[Entry, None]:
        async with aclosing(self.side.entries(patterns, must_exist=must_exist)) as entries:
            async for entry in entries:
                if entry.is_folder:
                    self.empty_folders.add(entry.key)
                else:
                    self.files += 1
                    if must_exist:
                        reporter.find()
                yield entry


class TreePair:
    """Two trees, to be listed and read in pairs. Leaving its block drops the listings.

    Args:
        source: Where files come from.
        target: Where they go.
        patterns: Which of them take part, on both sides.
    """

    def __init__(
        self, source: LocalSide | StorageSide, target: LocalSide | StorageSide, patterns: PatternFilter
    ) -> None:
        self.source = TreeListing(source)
        self.target = TreeListing(target)
        self._patterns = patterns

    async def fill(self, reporter: ProgressReporter) -> None:
        """List both trees at the same time."""
        async with anyio.create_task_group() as group:
            for listing, must_exist in ((self.source, True), (self.target, False)):
                group.start_soon(_fill, listing, self._patterns, reporter, must_exist)

    def raise_for_failures(self) -> None:
        """Raise why a listing is not whole.

        Raises:
            QuackError: if one is not.
        """
        for tree in (self.source, self.target):
            if tree.failure is not None:
                raise tree.failure

    async def pairs(self) -> AsyncGenerator[Pair, None]:
        """Stream what the trees have, path by path in order; may be done again."""
        merged = merge(self.source.entries, self.target.entries)
        while batch := await run_in_thread(_take, merged):
            for pair in batch:
                yield pair

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.source.entries.close()
        self.target.entries.close()


def merge(source: Iterable[Entry], target: Iterable[Entry]) -> Iterator[Pair]:
    """Pair the entries of two trees, each in ascending order of keys.

    A folder without files in one tree that has files in the other is no difference.
    """
    sources, targets = iter(source), iter(target)
    ours, theirs = next(sources, None), next(targets, None)
    while ours is not None or theirs is not None:
        if theirs is None or (ours is not None and ours.key < theirs.key):
            if not _is_above(ours, theirs):
                yield Pair(ours, None)
            ours = next(sources, None)
        elif ours is None or theirs.key < ours.key:
            if not _is_above(theirs, ours):
                yield Pair(None, theirs)
            theirs = next(targets, None)
        else:
            yield Pair(ours, theirs)
            ours, theirs = next(sources, None), next(targets, None)


def _is_above(folder: Entry | None, entry: Entry | None) -> bool:
    return folder is not None and folder.is_folder and entry is not None and entry.key.startswith(folder.key)


async def _fill(
    listing: TreeListing,
    patterns: PatternFilter,
    reporter: ProgressReporter,
    must_exist: bool,
) -> None:
    await listing.fill(patterns, reporter, must_exist=must_exist)


def _take(pairs: Iterator[Pair]) -> list[Pair]:
    return list(islice(pairs, _BATCH))
