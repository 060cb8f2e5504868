"""The checksum of a file that is written in pieces, by several threads, in any order."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from threading import Lock
from typing import Final

from quackcore_async.clients.s3.checksums import Expectation, Hasher, hasher_of
from quackcore_async.clients.s3.crc import CRCS, Crc, CrcFunction, crc_function

__all__ = ["RunningChecksum", "running_checksum"]

_CHUNK: Final = 1024**2  # bytes that are read again at once

ReadAt = Callable[[int, int], bytes]
"""Reads at most so many bytes from an offset: `read(size, offset)`."""


class RunningChecksum(ABC):
    """Takes what is written to a file while it is in memory, and gives the checksum of the file at the end.

    Those that write call `feed` from their threads; what one of them writes in sequence, it feeds in sequence.
    What was not fed, or was fed twice, is read from the file at the end, so that the result is right whatever was
    fed: feeding only saves the reading.
    """

    @abstractmethod
    def feed(self, offset: int, chunks: Iterable[bytes | memoryview]) -> None:
        """Take bytes that were written, or are about to be.

        Args:
            offset: Where the first of them lies in the file.
            chunks: The bytes; they are used only during the call.
        """

    def digest(self, fd: int, size: int) -> bytes:
        """Return the checksum of the first `size` bytes of the file. It blocks: call it in a worker thread.

        Args:
            fd: The file, open for reading, with everything written.
            size: Bytes of it.

        Raises:
            EOFError: if the file is shorter.
            OSError: if it cannot be read.
        """
        return self.digest_from(lambda count, offset: os.pread(fd, count, offset), size)

    @abstractmethod
    def digest_from(self, read: ReadAt, size: int) -> bytes:
        """Return the checksum, with the bytes that are missing for it from `read(size, offset)`; see `digest`."""


def running_checksum(expectation: Expectation) -> RunningChecksum:
    """Begin the checksum of a file that is written in pieces.

    CRCs of pieces are put together; of MD5 and SHA only what comes in sequence from the first byte on is not read
    again.

    Raises:
        LookupError: if there is no code for it here.
    """
    crc = CRCS.get(expectation.algorithm)
    if crc is None:
        return _Sequential(expectation.algorithm)
    function = crc_function(crc.name)
    if function is None:
        raise LookupError(f"nothing here computes {crc.name}: install the extra `checksums`")
    return _Combined(crc, function)


class _Run:
    """Bytes without a gap whose checksum is known."""

    __slots__ = ("end", "start", "value")

    def __init__(self, start: int) -> None:
        self.start = start
        self.end = start
        self.value = 0


class _Combined(RunningChecksum):
    """A checksum that is put together from those of runs."""

    def __init__(self, crc: Crc, function: CrcFunction) -> None:
        self._crc = crc
        self._function = function
        self._open: dict[int, _Run] = {}  # by their end, where they may grow
        self._shut: list[_Run] = []  # runs that another one ended with
        self._lock = Lock()

    def feed(self, offset: int, chunks: Iterable[bytes | memoryview]) -> None:
        with self._lock:
            run = self._open.pop(offset, None)
        if run is None:
            run = _Run(offset)
        for chunk in chunks:
            run.value = self._function(chunk, run.value)
            run.end += len(chunk)
        if run.end == run.start:
            return
        with self._lock:
            other = self._open.get(run.end)
            if other is not None:
                self._shut.append(other)
            self._open[run.end] = run

    def digest_from(self, read: ReadAt, size: int) -> bytes:
        with self._lock:
            runs = sorted((*self._open.values(), *self._shut), key=lambda run: run.start)
        value = position = 0
        for run in (*_certain(runs, size), None):
            gap_end = size if run is None else run.start
            for chunk in _read(read, position, gap_end):
                value = self._function(chunk, value)
            position = gap_end
            if run is not None:
                value = self._crc.combine(value, run.value, run.end - run.start)
                position = run.end
        return value.to_bytes(self._crc.size, "big")


def _certain(runs: Sequence[_Run], size: int) -> list[_Run]:
    """Return the runs, of those in order of their starts, that share no byte with another one."""
    certain: list[_Run] = []
    reached = 0
    for index, run in enumerate(runs):
        following = runs[index + 1].start if index + 1 < len(runs) else size
        if run.start >= reached and run.end <= min(following, size):
            certain.append(run)
        reached = max(reached, run.end)
    return certain


class _Sequential(RunningChecksum):
    """A checksum that takes the bytes from the first one on, and reads those that came before their turn."""

    def __init__(self, algorithm: str) -> None:
        self._algorithm = algorithm
        self._hasher: Hasher = hasher_of(algorithm)
        self._position = 0
        self._lock = Lock()

    def feed(self, offset: int, chunks: Iterable[bytes | memoryview]) -> None:
        if offset > self._position:
            return  # without the lock: who comes too early does not wait for who is in time
        with self._lock:
            if offset < self._position:  # written anew: what was taken of it is not in the file any more
                self._hasher, self._position = hasher_of(self._algorithm), 0
            if offset == self._position:
                for chunk in chunks:
                    self._hasher.update(chunk)
                    self._position += len(chunk)

    def digest_from(self, read: ReadAt, size: int) -> bytes:
        with self._lock:
            if self._position > size:
                self._hasher, self._position = hasher_of(self._algorithm), 0
            for chunk in _read(read, self._position, size):
                self._hasher.update(chunk)
            self._position = size
            return self._hasher.digest()


def _read(read: ReadAt, start: int, end: int) -> Iterable[bytes]:
    while start < end:
        chunk = read(min(_CHUNK, end - start), start)
        if not chunk:
            raise EOFError(f"the file ends at byte {start}, before {end}")
        yield chunk
        start += len(chunk)
