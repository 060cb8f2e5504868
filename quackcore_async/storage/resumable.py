"""Unfinished files that another process can go on with: what is complete is written down behind the data."""

import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha256
from threading import Lock

from quackcore_async.protocols import RemoteFile
from quackcore_async.storage.folders import Folder, Spot, blaming
from quackcore_async.storage.journal import append_line, read_lines
from quackcore_async.storage.locks import is_ours, try_lock
from quackcore_async.storage.names import PARTIAL_SUFFIX
from quackcore_async.storage.partial import PartialFile

__all__ = ["Range", "ResumablePart", "resumable_name", "version_of"]

Range = tuple[int, int]
"""First byte, and byte behind the last."""

_FORMAT = 1


def resumable_name(name: str) -> str:
    """Return the hidden name under which a download to `name` is found again."""
    return f".{sha256(os.fsencode(f'resume/{name}')).hexdigest()[:16]}{PARTIAL_SUFFIX}"


def version_of(file: RemoteFile) -> str | None:
    """Return what tells one content of a remote file from all others; None where nothing does for sure."""
    etag = file.get("etag")
    if not etag or etag.startswith("W/"):  # RFC 9110 section 8.8.1: weak ones do not tell bytes apart
        return None
    return json.dumps([_FORMAT, file["url"], file["size"], etag, file.get("version_id")])


class RangeJournal:
    """Which ranges of a file are complete, kept in the same file behind its data. Blocking, for many threads.

    Args:
        fd: The file, open for reading and writing, and locked.
        size: Bytes of the data.
        version: What they are; with ranges of anything else it begins anew.

    Attributes:
        ranges: The complete ranges, in any order.
    """

    def __init__(self, fd: int, size: int, version: str) -> None:
        self.ranges: list[Range] = []
        self._fd = fd
        self._size = size
        self._version = version
        self._end = size
        self._waiting: list[Range] = []
        self._lock = Lock()
        self._writing = Lock()

    def open(self) -> None:
        """Read what is there, or begin."""
        lines, end = read_lines(self._fd, self._size) if os.fstat(self._fd).st_size > self._size else ([], 0)
        if lines and lines[0] == self._version:
            self.ranges = [found for line in lines[1:] if (found := self._range_of(line)) is not None]
            os.ftruncate(self._fd, end)
            self._end = end
            return
        os.ftruncate(self._fd, 0)
        os.ftruncate(self._fd, self._size)
        self._end = append_line(self._fd, self._size, self._version)

    def record(self, start: int, end: int) -> None:
        """Write down that a range is complete, once it is on the disk; one flush serves all that wait for it."""
        with self._lock:
            self._waiting.append((start, end))
        with self._writing:
            with self._lock:
                ready, self._waiting = self._waiting, []
            if ready:
                _flush(self._fd)
            for first, last in ready:
                self._end = append_line(self._fd, self._end, f"{first} {last}")
            self.ranges += ready

    def remove(self) -> None:
        """Leave nothing but the data."""
        os.ftruncate(self._fd, self._size)

    def _range_of(self, line: str) -> Range | None:
        first, _, last = line.partition(" ")
        if not (first.isdecimal() and last.isdecimal() and int(first) < int(last) <= self._size):
            return None
        return int(first), int(last)


class ResumablePart(PartialFile):
    """A hidden file that keeps what is complete of it when it is given up, to be gone on with.

    Its name follows from that of its target. While it is open it is locked; when somebody else has it, or it is
    not this user's own, this is an ordinary `PartialFile` that keeps nothing.

    Args:
        path: Path of the target, for messages.
        place: Opens the folder of the target and looks what is there.
        size: Bytes that it will have.
        version: What they are; see `version_of`.
        overwrite: False fails when the target exists, now or at the end.
        mode: Permission bits of the file; None takes what the umask says.
    """

    def __init__(
        self,
        path: str,
        place: Callable[[], Spot],
        *,
        size: int,
        version: str,
        overwrite: bool = True,
        mode: int | None = None,
    ) -> None:
        super().__init__(path, place, overwrite=overwrite, mode=mode)
        self._size = size
        self._version = version
        self._journal: RangeJournal | None = None

    def done(self) -> Sequence[Range]:
        """Return the ranges that are complete."""
        return [] if self._journal is None else list(self._journal.ranges)

    def record(self, start: int, end: int) -> None:
        """Write down that a range is complete."""
        if self._journal is not None:
            with blaming("write", self.path):
                self._journal.record(start, end)

    def spoil(self) -> None:
        """Let nothing of it be gone on with."""
        self._journal = None

    def seal(self) -> None:
        """Leave nothing in it but the data: from here on it is committed or removed."""
        journal, self._journal = self._journal, None
        if journal is not None:
            with blaming("write", self.path):
                journal.remove()

    def discard(self) -> None:
        """Close it; what is complete of it is kept under its hidden name."""
        journal, self._journal = self._journal, None
        if journal is not None and journal.ranges:
            self._temporary = ""
        super().discard()

    def _begin(self, folder: Folder) -> None:
        name = resumable_name(self._name)
        self.fd = self._take(folder, name)
        if self.fd < 0:
            super()._begin(folder)
            return
        self._temporary = name
        journal = RangeJournal(self.fd, self._size, self._version)
        journal.open()
        self._journal = journal

    def _take(self, folder: Folder, name: str) -> int:
        """Open the file that was left, or a new one, and lock it; -1 when it cannot be ours."""
        try:
            fd = folder.open_file(name, os.O_RDWR | os.O_CREAT, self._first_mode)
        except OSError:
            return -1  # a link, or somebody else's: the ordinary way says what is wrong with the folder
        with suppress(OSError):
            found = os.fstat(fd)
            named = try_lock(fd) and folder.stat_or_none(name)
            if named and is_ours(found) and (named.st_dev, named.st_ino) == (found.st_dev, found.st_ino):
                return fd
        os.close(fd)
        return -1


def _flush(fd: int) -> None:
    if hasattr(os, "fdatasync"):
        os.fdatasync(fd)
    else:
        os.fsync(fd)
