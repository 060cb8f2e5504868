"""Unfinished files that another process can go on with: what is complete is written down behind the data."""

import json
import os
import stat
from collections.abc import Callable, Sequence
from hashlib import sha256
from threading import Lock

from quackcore_async.protocols import RemoteFile
from quackcore_async.storage.folders import Folder, Spot, blaming
from quackcore_async.storage.journal import append_line, read_lines
from quackcore_async.storage.locks import is_ours, lock
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
        version: What they are.

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

    def load(self) -> bool:
        """Read what is there; False when it is of anything else."""
        lines, end = read_lines(self._fd, self._size) if os.fstat(self._fd).st_size > self._size else ([], 0)
        if not lines or lines[0] != self._version:
            return False
        self.ranges = [found for line in lines[1:] if (found := self._range_of(line)) is not None]
        os.ftruncate(self._fd, end)
        self._end = end
        return True

    def begin(self) -> None:
        """Begin in an empty file."""
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

    Its name follows from that of its target. While it is open it is locked; when somebody else has it, it is not
    this user's own, or the file system has no locks, this is an ordinary `PartialFile` that keeps nothing.

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
        if not (self._go_on(folder, name) or self._begin_anew(folder, name)):
            super()._begin(folder)

    def _go_on(self, folder: Folder, name: str) -> bool:
        """Take what was left, if it is of this version; if it is not, remove it."""
        if not self._take(folder, name):
            return False
        journal = RangeJournal(self.fd, self._size, self._version)
        if self._is_private_enough() and journal.load():
            self._journal = journal
            return True
        folder.unlink(name)
        self._temporary = ""
        self._close()
        return False

    def _begin_anew(self, folder: Folder, name: str) -> bool:
        """Begin a file of its own: it gets its own permissions."""
        if not self._take(folder, name, os.O_CREAT | os.O_EXCL):
            return False
        journal = RangeJournal(self.fd, self._size, self._version)
        journal.begin()
        self._journal = journal
        return True

    def _take(self, folder: Folder, name: str, flags: int = 0) -> bool:
        """Open the file and lock it; False when it is not there, cannot be made or cannot be ours."""
        try:
            self.fd = folder.open_file(name, os.O_RDWR | flags, self._first_mode)
        except OSError:
            return False  # a link, or somebody else's: the ordinary way says what is wrong with the folder
        locked = lock(self.fd)
        if locked is None and flags:
            folder.unlink(name)  # just made, and without a lock nobody goes on with it
        elif locked:
            found, named = os.fstat(self.fd), folder.stat_or_none(name)
            if named is not None and is_ours(found) and os.path.samestat(named, found):
                self._temporary = name
                return True
        self._close()
        return False

    def _is_private_enough(self) -> bool:
        """Tell whether nobody may read it who could not read a file that was made for this download."""
        return not stat.S_IMODE(os.fstat(self.fd).st_mode) & ~self._first_mode


def _flush(fd: int) -> None:
    if hasattr(os, "fdatasync"):
        os.fdatasync(fd)
    else:
        os.fsync(fd)
