"""Both trees of a sync, listed at the same time and paired path by path while they are."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from itertools import islice
from types import TracebackType
from typing import Final, NamedTuple, Self, TypeVar

import anyio

from quackcore_async.concurrency import run_in_thread
from quackcore_async.transfer.entries import Entry
from quackcore_async.transfer.ordering import SortedListing
from quackcore_async.transfer.patterns import PatternFilter
from quackcore_async.transfer.progress import ProgressReporter
from quackcore_async.transfer.sides import LocalSide, StorageSide
from quackcore_async.transfer.tree_listing import TreeListing

__all__ = ["Pair", "TreePair", "merge"]

T = TypeVar("T")

_BATCH: Final = 512  # entries for each hop to a thread


class Pair(NamedTuple):
    """What two trees have under one path; None where one has nothing."""

    source: Entry | None
    target: Entry | None


class TreePair:
    """Two trees, read in pairs while they are listed. Leaving its block drops the listings.

    That both have a path is certain as soon as both have listed it. That one lacks it is certain once it has come
    further in ascending order, if that order holds to the end. So a path that the target seems to lack is told at
    once where the order is promised, else when the target has been listed. What the target alone has is told at
    the end, when both orders have held. Once one has not, both trees are read again in order from where they were
    written down, and what is not told yet is.

    Args:
        source: Where files come from.
        target: Where they go.
        patterns: Which of them take part, on both sides.
        reporter: Counts the files of the source.
        keep_extras: Keep what the target alone has, for `extras`.
        trust_target: Rely on the order that the target promises.

    Attributes:
        source: The source, as far as it is listed.
        target: The target, likewise.
        is_whole: Whether both have been listed to the end, with nothing left out, and all pairs were told.
    """

    def __init__(
        self,
        source: LocalSide | StorageSide,
        target: LocalSide | StorageSide,
        patterns: PatternFilter,
        reporter: ProgressReporter,
        *,
        keep_extras: bool,
        trust_target: bool = True,
    ) -> None:
        self.source = TreeListing(source, reporter, keep_folders=keep_extras)
        self.target = TreeListing(target)
        self.is_whole = False
        self._patterns = patterns
        self._keep_extras = keep_extras
        self._trust_target = trust_target
        self._tells_missing: bool | None = None
        self._told = 0, 0
        self._held = SortedListing()
        self._extras = SortedListing()

    async def list_sides(self) -> None:
        """List both trees, as far ahead as whoever reads the pairs allows."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._list, self.source, True)
            group.start_soon(self._list, self.target, False)

    async def _list(self, listing: TreeListing, must_exist: bool) -> None:
        await listing.list_side(self._patterns, must_exist=must_exist)

    def raise_for_failures(self) -> None:
        """Raise why a listing is not whole.

        Raises:
            QuackError: if one is not.
        """
        for tree in (self.source, self.target):
            if tree.failure is not None:
                raise tree.failure

    @property
    def is_in_order(self) -> bool:
        """Whether all that both have listed so far came in order."""
        return self.source.in_order and self.target.in_order

    async def pairs(self) -> AsyncGenerator[list[Pair], None]:
        """Stream what the source has, with what the target has under the same path, while both are listed.

        It ends early when the target's listing breaks off, as no more can be told then, and at the first
        inversion: go on with `rest`.
        """
        ours: list[Entry] = []
        theirs: list[Entry] = []
        while not (self.source.is_over and self.target.is_over):
            ours = ours or await self.source.take()
            theirs = theirs or await self.target.take()
            if not self.is_in_order or self.target.failure is not None:
                break
            pairs = merge(ours, theirs, more_source=not self.source.is_over, more_target=not self.target.is_over)
            yield await self._certain(pairs)
            if self.target.is_over and not self._tells_missing:
                self._tells_missing = True
                async with aclosing(_read(self._held)) as held:
                    async for entries in held:
                        yield [Pair(entry, None) for entry in entries]
        self._told = self.source.offered - len(ours), self.target.offered - len(theirs)
        self.is_whole = self.is_in_order and self.source.failure is None and self.target.failure is None

    async def rest(self) -> AsyncGenerator[list[tuple[Pair, bool]], None]:
        """Stream, after an inversion, all pairs in order; with each, whether `pairs` has told it already."""
        if self.is_in_order:
            return
        async with anyio.create_task_group() as group:
            for tree in (self.source, self.target):
                group.start_soon(tree.drain)
        if self.target.failure is not None:
            return
        self._extras.close()
        self._extras = SortedListing()
        pairs = self._sorted_pairs()
        while batch := await run_in_thread(_take, pairs):
            yield batch
        self.is_whole = self.source.failure is None

    async def extras(self) -> AsyncGenerator[list[Entry], None]:
        """Stream what the target alone has, in order, once all pairs were told; nothing unless that `is_whole`."""
        if self.is_whole:
            async with aclosing(_read(self._extras)) as extras:
                async for entries in extras:
                    yield entries

    async def _certain(self, pairs: list[Pair]) -> list[Pair]:
        """Put aside what is only known once the target has been listed; return the rest."""
        if self._tells_missing is None:  # a storage that has listed something is up, and knows what it can do
            self._tells_missing = self._trust_target and self.target.side.lists_in_order
        if self._keep_extras:
            await self._extras.put(
                [pair.target for pair in pairs if pair.source is None and pair.target is not None]
            )
        if self._tells_missing:
            return [pair for pair in pairs if pair.source is not None]
        await self._held.put([pair.source for pair in pairs if pair.source is not None and pair.target is None])
        return [pair for pair in pairs if pair.source is not None and pair.target is not None]

    def _sorted_pairs(self) -> Iterator[tuple[Pair, bool]]:
        """Read both trees again in order. Blocks."""
        ours, theirs = (
            _Rereading(tree.written.marked(count))
            for tree, count in zip((self.source, self.target), self._told, strict=True)
        )
        while not (ours.is_over and theirs.is_over):
            ours.read_on()
            theirs.read_on()
            for pair in merge(
                ours.entries, theirs.entries, more_source=not ours.is_over, more_target=not theirs.is_over
            ):
                if pair.source is not None:
                    is_told = pair.source.key in ours.marked
                    is_told &= bool(self._tells_missing) or (
                        pair.target is not None and pair.target.key in theirs.marked
                    )
                    yield pair, is_told
                elif self._keep_extras and pair.target is not None:
                    self._extras.add((pair.target,))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for listing in (self.source.written, self.target.written, self._held, self._extras):
            listing.close()


class _Rereading:
    """One tree, read again a block at a time."""

    def __init__(self, listing: Iterator[tuple[Entry, bool]]) -> None:
        self.entries: list[Entry] = []
        self.marked: set[bytes] = set()
        self.is_over = False
        self._listing = listing

    def read_on(self) -> None:
        """Read the next block, when there is nothing left of the one before."""
        if not self.entries:
            block = list(islice(self._listing, _BATCH))
            self.entries = [entry for entry, _ in block]
            self.marked = {entry.key for entry, is_marked in block if is_marked}
            self.is_over = not block


def merge(
    source: list[Entry], target: list[Entry], *, more_source: bool = False, more_target: bool = False
) -> list[Pair]:
    """Pair the entries of two trees, each in ascending order of keys, and take them out of the lists.

    A folder without files in one tree that has files in the other is no difference.

    Args:
        source: The next entries of the source.
        target: The next entries of the target.
        more_source: More is to come in the source: what comes after the last of these is left.
        more_target: The same for the target.
    """
    pairs: list[Pair] = []
    tell = pairs.append
    ours, theirs = 0, 0
    while ours < len(source) and theirs < len(target):
        left, right = source[ours], target[theirs]
        if left.key == right.key:
            tell(_pair((left, right)))
            ours += 1
            theirs += 1
        elif left.key < right.key:
            if not _is_above(left, right):
                tell(_pair((left, None)))
            ours += 1
        else:
            if not _is_above(right, left):
                tell(_pair((None, right)))
            theirs += 1
    del source[:ours], target[:theirs]
    if not source and not more_source:
        pairs += [Pair(None, entry) for entry in target]
        target.clear()
    elif not target and not more_target:
        pairs += [Pair(entry, None) for entry in source]
        source.clear()
    return pairs


def _pair(of: tuple[Entry | None, Entry | None]) -> Pair:
    return tuple.__new__(Pair, of)


def _is_above(folder: Entry, entry: Entry) -> bool:
    return folder.key.endswith(b"/") and entry.key.startswith(folder.key)


async def _read(listing: SortedListing) -> AsyncGenerator[list[Entry], None]:
    if listing.is_empty:
        return
    await run_in_thread(listing.flush)
    entries = iter(listing)
    while batch := await run_in_thread(_take, entries):
        yield batch


def _take(entries: Iterator[T]) -> list[T]:
    return list(islice(entries, _BATCH))
