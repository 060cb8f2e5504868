"""One tree of a sync, listed while others read what has come of it."""

from contextlib import aclosing
from itertools import islice
from operator import lt
from typing import Final

import anyio
import anyio.lowlevel

from quackcore_async.concurrency import comes_from_outside, own_error, run_in_thread
from quackcore_async.errors import QuackError
from quackcore_async.results import to_quack_error
from quackcore_async.transfer.entries import Entry
from quackcore_async.transfer.ordering import SortedListing
from quackcore_async.transfer.patterns import PatternFilter
from quackcore_async.transfer.progress import ProgressReporter
from quackcore_async.transfer.sides import LocalSide, StorageSide

__all__ = ["LISTED_AHEAD", "TreeListing"]

LISTED_AHEAD: Final = 2048
"""Entries that a listing may be ahead of who reads it, and a batch more."""


class TreeListing:
    """One tree, which one task lists and one other task reads.

    What comes in ascending order of keys can be taken as it comes. All of it is written down as well, so that the
    whole can be read again in order once a listing has turned out to have another one.

    Args:
        side: The tree.
        reporter: Counts the files; None when they are not to be counted.
        keep_folders: Remember the folders without files.

    Attributes:
        written: All that came, once the listing has ended.
        offered: Entries at the start of the listing that came in order.
        files: How many files there are, as far as they have come.
        empty_folders: The keys of its folders without files, likewise; only when they are to be remembered.
        in_order: Whether all that came was in order.
        is_over: Whether nothing can be taken any more: the listing has ended, or is not in order.
        failure: Why the listing is not whole; None when it is.
    """

    def __init__(
        self,
        side: LocalSide | StorageSide,
        reporter: ProgressReporter | None = None,
        *,
        keep_folders: bool = False,
    ) -> None:
        self.side = side
        self.written = SortedListing()
        self.offered = 0
        self.files = 0
        self.empty_folders: set[bytes] = set()
        self.in_order = True
        self.is_over = False
        self.failure: QuackError | None = None
        self._reporter = reporter
        self._keep_folders = keep_folders
        self._last = b""
        self._inbox: list[Entry] = []
        self._has_ended = False
        self._more = anyio.Event()
        self._room = anyio.Event()

    async def list_side(self, patterns: PatternFilter, *, must_exist: bool) -> None:
        """List the tree, as far ahead as it may be; a failure is kept."""
        try:
            async with aclosing(self.side.batches(patterns, must_exist=must_exist)) as batches:
                async for batch in batches:
                    if not must_exist and self.side.failures:
                        break  # what a target does not show must not be taken for missing
                    self._inbox += batch
                    self._more.set()
                    if len(self._inbox) >= LISTED_AHEAD:
                        self._room = anyio.Event()
                        await self._room.wait()
        except Exception as exc:  # noqa: BLE001 - a broken listing is a finding, which decides what may be done
            self.failure = to_quack_error(exc)
        except anyio.get_cancelled_exc_class() as exc:
            if comes_from_outside(exc):
                raise
            self.failure = to_quack_error(own_error("the listing", exc))
        self.failure = self.failure or next(iter(self.side.failures), None)
        self._has_ended = True
        self._more.set()

    async def take(self) -> list[Entry]:
        """Return what has come next, at least one entry; nothing once it `is_over`."""
        while not self.is_over:
            batch = await self._next_batch()
            taken = await self._take_in(batch) if batch else []
            self.is_over = not batch or not self.in_order
            if taken:
                return taken
        return []

    async def drain(self) -> None:
        """Write down all that is still to come, and all that was."""
        while batch := await self._next_batch():
            await self._take_in(batch)
        await run_in_thread(self.written.flush)

    async def _next_batch(self) -> list[Entry]:
        await anyio.lowlevel.checkpoint()
        while not self._inbox and not self._has_ended:
            self._more = anyio.Event()
            await self._more.wait()
        batch, self._inbox = self._inbox, []
        self._room.set()
        return batch

    async def _take_in(self, batch: list[Entry]) -> list[Entry]:
        """Count a batch and write it down; return what of it is in order and new."""
        taken, late = self._split(batch)
        self.offered += len(taken)
        self._count(taken)
        await self.written.put(taken)
        if late:
            self._count(late)
            await run_in_thread(self.written.flush)  # what came in order stays apart
            await self.written.put(late)
        return taken

    def _split(self, batch: list[Entry]) -> tuple[list[Entry], list[Entry]]:
        """Return what comes in order, each path once, and the rest from the first inversion on."""
        if not self.in_order:
            return [], batch
        keys = [entry.key for entry in batch]
        if self._last < keys[0] and all(map(lt, keys, islice(keys, 1, None))):
            self._last = keys[-1]
            return batch, []
        taken: list[Entry] = []
        for index, entry in enumerate(batch):
            if entry.key < self._last:
                self.in_order = False
                return taken, batch[index:]
            if entry.key > self._last:
                taken.append(entry)
                self._last = entry.key
        return taken, []

    def _count(self, entries: list[Entry]) -> None:
        folders = [entry.key for entry in entries if entry.key.endswith(b"/")]
        if self._keep_folders:
            self.empty_folders.update(folders)
        self.files += len(entries) - len(folders)
        if self._reporter is not None:
            self._reporter.find(len(entries) - len(folders))
