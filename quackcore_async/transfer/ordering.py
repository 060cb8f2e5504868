"""A listing of any length in the order of its keys, in flat memory: kept in order, or sorted, on disk."""

import heapq
import marshal
import tempfile
from collections.abc import AsyncIterable, Iterable, Iterator
from itertools import pairwise
from typing import IO, Final, Self

from quackcore_async.concurrency import run_in_thread
from quackcore_async.transfer.entries import Entry

__all__ = ["RUN_ENTRIES", "SortedListing"]

RUN_ENTRIES: Final = 16_384
"""Entries that are held in memory to be sorted; about 8 MB."""

_BLOCK_ENTRIES: Final = 256  # entries that are written and read back at once


class _Run:
    """Entries in ascending order, in blocks of a file."""

    def __init__(self) -> None:
        self.blocks: list[int] = []
        self.last = b""


class SortedListing:
    """The entries of one tree, each path once, in ascending order of their keys.

    A listing that comes in order, as most do, is only written down. From the first inversion on, runs of it are
    sorted and merged when they are read. What was read before stays where it is, and nothing is listed twice. It
    lives in a temporary file without a name, which goes away with the process.

    Args:
        run_entries: Entries to hold in memory at most while they are sorted.

    Attributes:
        count: Entries that were taken in.
        in_order: Whether all of them came in order.
    """

    def __init__(self, *, run_entries: int = RUN_ENTRIES) -> None:
        self.count = 0
        self.in_order = True
        self._run_entries = run_entries
        self._pending: list[Entry] = []
        self._runs: list[_Run] = []
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - `close` closes it

    async def fill(self, entries: AsyncIterable[Entry]) -> Self:
        """Take all entries of a listing."""
        async for entry in entries:
            self._pending.append(entry)
            if len(self._pending) >= self._run_entries:
                await run_in_thread(self.flush)
        await run_in_thread(self.flush)
        return self

    def add(self, entries: Iterable[Entry]) -> None:
        """Take entries. Blocks now and then to write them down."""
        for entry in entries:
            self._pending.append(entry)
            if len(self._pending) >= self._run_entries:
                self.flush()

    def flush(self) -> None:
        """Write down what is still in memory. Blocks."""
        pending, self._pending = self._pending, []
        if not pending:
            return
        self.count += len(pending)
        if not _is_ascending(pending):
            self.in_order = False
            pending.sort(key=_key)
        if not self._runs or pending[0].key < self._runs[-1].last:
            self.in_order = self.in_order and not self._runs
            self._runs.append(_Run())
        self._write(self._runs[-1], pending)

    def __iter__(self) -> Iterator[Entry]:
        """Read the entries back in order; may be done again and again. Blocks."""
        runs = [self._read(run) for run in self._runs]
        previous: bytes | None = None
        for entry in runs[0] if len(runs) == 1 else heapq.merge(*runs, key=_key):
            if entry.key != previous:
                yield entry
            previous = entry.key

    def close(self) -> None:
        """Drop the entries."""
        self._file.close()

    def _write(self, run: _Run, entries: list[Entry]) -> None:
        position = self._file.seek(0, 2)
        for start in range(0, len(entries), _BLOCK_ENTRIES):
            block = marshal.dumps([tuple(entry) for entry in entries[start : start + _BLOCK_ENTRIES]])
            run.blocks.append(position)
            position += self._file.write(block)
        run.last = entries[-1].key

    def _read(self, run: _Run) -> Iterator[Entry]:
        for position in run.blocks:
            self._file.seek(position)
            block = marshal.load(self._file)  # noqa: S302 - only this object wrote to that file
            yield from map(Entry._make, block)


def _key(entry: Entry) -> bytes:
    return entry.key


def _is_ascending(entries: list[Entry]) -> bool:
    return all(left.key <= right.key for left, right in pairwise(entries))
