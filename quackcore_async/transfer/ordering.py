"""A listing of any length in the order of its keys, in flat memory: kept in order, or sorted, on disk."""

import heapq
import marshal
import tempfile
from collections.abc import Iterable, Iterator
from itertools import chain, islice, repeat
from operator import itemgetter, le
from typing import IO, Final

from quackcore_async.concurrency import run_in_thread
from quackcore_async.transfer.entries import Entry

__all__ = ["RUN_ENTRIES", "SortedListing"]

RUN_ENTRIES: Final = 16_384
"""Entries that are held in memory to be sorted; about 8 MB."""

_WRITE_ENTRIES: Final = 2048  # entries that are held until they are written, as long as they come in order
_BLOCK_ENTRIES: Final = 64  # entries that are written and read back at once: so many of each run are in memory

_key: Final = itemgetter(0)


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
        in_order: Whether all of them came in order.
    """

    def __init__(self, *, run_entries: int = RUN_ENTRIES) -> None:
        self.in_order = True
        self._run_entries = run_entries
        self._pending: list[Entry] = []
        self._runs: list[_Run] = []
        self._opened: IO[bytes] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing was taken in."""
        return not self._runs and not self._pending

    async def put(self, entries: Iterable[Entry]) -> None:
        """Take entries, and write them down in a thread now and then."""
        self._pending += entries
        if self._is_full:
            await run_in_thread(self.flush)

    def add(self, entries: Iterable[Entry]) -> None:
        """Take entries. Blocks now and then to write them down."""
        for entry in entries:
            self._pending.append(entry)
            if self._is_full:
                self.flush()

    def flush(self) -> None:
        """Write down what is still in memory. Blocks."""
        pending, self._pending = self._pending, []
        if not pending:
            return
        if not _is_ascending(pending):
            self.in_order = False
            pending.sort(key=_key)
        if not self._runs or pending[0].key < self._runs[-1].last:
            self.in_order = self.in_order and not self._runs
            self._runs.append(_Run())
        self._write(self._runs[-1], pending)

    def __iter__(self) -> Iterator[Entry]:
        """Read the entries back in order; may be done again and again. Blocks."""
        return map(_key, self.marked(0))

    def marked(self, count: int) -> Iterator[tuple[Entry, bool]]:
        """Read the entries back in order, with a mark on the first `count` that were taken in. Blocks.

        Args:
            count: How many; all of them must have come in order, before what is out of order was flushed.
        """
        marks = chain([count], repeat(0))
        runs = [self._read(run, marked) for run, marked in zip(self._runs, marks, strict=False)]
        previous: bytes | None = None
        for entry, is_marked in heapq.merge(*runs, key=_key_of_marked):
            if entry.key != previous:
                yield entry, is_marked
            previous = entry.key

    def close(self) -> None:
        """Drop the entries."""
        self._pending = []
        if self._opened is not None:
            self._opened.close()

    @property
    def _is_full(self) -> bool:
        return len(self._pending) >= (
            min(_WRITE_ENTRIES, self._run_entries) if self.in_order else self._run_entries
        )

    def _write(self, run: _Run, entries: list[Entry]) -> None:
        if self._opened is None:
            self._opened = tempfile.TemporaryFile()  # noqa: SIM115 - `close` closes it
        position = self._opened.seek(0, 2)
        for start in range(0, len(entries), _BLOCK_ENTRIES):
            block = marshal.dumps(list(map(tuple, entries[start : start + _BLOCK_ENTRIES])))
            run.blocks.append(position)
            position += self._opened.write(block)
        run.last = entries[-1].key

    def _read(self, run: _Run, marked: int) -> Iterator[tuple[Entry, bool]]:
        marks = chain(repeat(True, marked), repeat(False))
        for position in run.blocks:
            if self._opened is None:
                return
            self._opened.seek(position)
            block = marshal.load(self._opened)  # noqa: S302 - only this object wrote to that file
            yield from zip(map(Entry._make, block), marks, strict=False)


def _key_of_marked(marked: tuple[Entry, bool]) -> bytes:
    return marked[0].key


def _is_ascending(entries: list[Entry]) -> bool:
    keys = list(map(_key, entries))
    return all(map(le, keys, islice(keys, 1, None)))
