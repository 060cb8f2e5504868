"""The local ends of a transfer: the file that is uploaded and the file that a download becomes."""

import os
import stat
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Final, cast

from quackcore_async.errors import ConflictError, IntegrityError, InvalidNameError, LifecycleError
from quackcore_async.protocols import RemoteFile, Verification, nanoseconds_of
from quackcore_async.storage.folders import Folder, Spot, blaming
from quackcore_async.storage.names import check_component, is_encodable
from quackcore_async.storage.partial import PartialFile
from quackcore_async.storage.resumable import Range, ResumablePart, resumable_name, version_of
from quackcore_async.storage.steps import CHUNK_BYTES

__all__ = ["DownloadTarget", "SourceFile", "local_path_of", "mtime_ns_of"]

_READ_FLAGS: Final = (
    os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
)


def local_path_of(path: str | os.PathLike[str]) -> str:
    """Return a path of the caller's own with `~` expanded.

    Raises:
        InvalidNameError: if it is no text, empty or holds a NUL.
    """
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else None
    if not isinstance(text, str) or not text or "\0" in text or not is_encodable(text):
        raise InvalidNameError(f"{path!a} is no usable local path: give the path of a file as text")
    return os.path.expanduser(text)


def mtime_ns_of(file: RemoteFile) -> int | None:
    """Return the stored modification time in nanoseconds, such that it reads back as the same float."""
    return nanoseconds_of(file.get("mtime"))


class SourceFile:
    """A local file to be uploaded, which must be regular and must not change meanwhile.

    Blocking, but for the attributes: `open`, `read`, `check_unchanged` and `chunks` belong in a worker thread, for
    a small file all of them in one hop.

    Args:
        path: Where it is; `~` is expanded and symbolic links are followed.

    Attributes:
        path: The expanded path.
        fd: Descriptor to read from, with `os.pread` at any offset; -1 while it is closed.
        size: Bytes, once it is open.
        mtime: Modification time in epoch seconds, once it is open.
        mtime_ns: The same in nanoseconds.
        mode: Permission bits, once it is open.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = local_path_of(path)
        self.fd = -1
        self.size = 0
        self.mtime = 0.0
        self.mtime_ns = 0
        self.mode = 0o666
        self._identity: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """The last part of its path."""
        return os.path.basename(self.path)

    def open(self) -> None:
        """Open it.

        Raises:
            RemoteNotFoundError: if it is not there.
            AccessDeniedError: if it may not be read.
            InvalidNameError: if it is a folder, a pipe, a socket or a device.
        """
        with blaming("read", self.path):
            self._check_regular(os.stat(self.path))
            self.fd = os.open(self.path, _READ_FLAGS)
            found = os.fstat(self.fd)
        self._check_regular(found)
        self._identity = _identity(found)
        self.size = found.st_size
        self.mtime = found.st_mtime
        self.mtime_ns = found.st_mtime_ns
        self.mode = stat.S_IMODE(found.st_mode)

    def close(self) -> None:
        """Close it; idempotent."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Have it open for the time of a block."""
        try:
            self.open()
            yield
        finally:
            self.close()

    def read_small(self, largest: int) -> bytes | None:
        """Open, read and close a file of up to `largest` bytes, with as few calls as it takes.

        Returns:
            Its bytes; None for a larger file.

        Raises:
            ConflictError: with code `source_changed`, if it changed meanwhile.
            QuackError: what `open` raises.
        """
        try:
            self.open()
            if self.size > largest:
                return None
            with blaming("read", self.path):
                content = os.read(self.fd, self.size + 1)
            if len(content) != self.size:
                raise self._changed()
            self.check_unchanged()
            return content
        finally:
            self.close()

    def chunks(self) -> Generator[bytes, None, None]:
        """Read the open file in order, up to its end.

        Raises:
            ConflictError: with code `source_changed`, at the end, if it changed meanwhile.
        """
        left = self.size
        with blaming("read", self.path):
            while chunk := os.read(self.fd, min(CHUNK_BYTES, left + 1)):
                left -= len(chunk)
                if left < 0:
                    raise self._changed()
                yield chunk
        if left:
            raise self._changed()
        self.check_unchanged()

    def check_unchanged(self) -> None:
        """Compare what the path names now with what was opened.

        Raises:
            ConflictError: with code `source_changed`, if size, modification time or identity differ.
        """
        try:
            named = os.stat(self.path)
        except OSError:
            raise self._changed() from None
        if self._identity != _identity(named):  # the same is the open file: nobody else has its number
            raise self._changed()

    def _check_regular(self, found: os.stat_result) -> None:
        if stat.S_ISDIR(found.st_mode):
            message = f"{self.path} is a folder: upload the files in it, or sync it"
            raise InvalidNameError(message, code="is_a_directory")
        if not stat.S_ISREG(found.st_mode):
            message = f"{self.path} is a pipe, a socket or a device: only regular files are uploaded; stream it"
            raise InvalidNameError(message, code="not_a_regular_file")

    def _changed(self) -> ConflictError:
        message = f"{self.path} changed while it was read: upload it again when nobody writes to it"
        return ConflictError(message, code="source_changed", retryable=True)


def _identity(found: os.stat_result) -> tuple[int, ...]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


class DownloadTarget:
    """The local file that a download becomes: whole and checked, or as it was before.

    Blocking, but for the attributes: `open`, writing to `fd`, `commit` and `discard` belong in a worker thread,
    for a small file all of them in one hop.

    Args:
        local_path: Where to; a folder, or what ends in a separator, gets the name behind it; None is the name in
            the working directory.
        name: Base name of the remote file.
        overwrite: False fails when the file exists, now or at the end.
        exact: Take `local_path` as that of the file, and fail when a folder is there.
        resume: Keep what is complete of a large file when the download fails or is cancelled, and go on with what
            an earlier one has kept.

    Attributes:
        path: Path of the file, final once it is open.
        fd: Descriptor of the unfinished file, for `os.pwrite` at any offset; -1 while it is closed.
        verified: How far the bytes were checked, once it is committed.
        committed: Whether it took its place.
        resumes: Whether it keeps what is complete.
    """

    def __init__(
        self,
        local_path: str | os.PathLike[str] | None,
        name: str,
        *,
        overwrite: bool = True,
        exact: bool = False,
        resume: bool = False,
    ) -> None:
        self.path = "" if local_path is None else local_path_of(local_path)
        self.committed = False
        self.resumes = resume
        self.verified: Verification = "none"
        self._name = name
        self._overwrite = overwrite
        self._exact = exact
        self._file: RemoteFile | None = None
        self._mtime_ns: int | None = None
        self._partial: PartialFile | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is something to commit or to discard."""
        return self._partial is not None

    @property
    def fd(self) -> int:
        """Descriptor of the unfinished file."""
        return -1 if self._partial is None else self._partial.fd

    def open(self, file: RemoteFile, *, in_ranges: bool = False, mtime_ns: int | None = None) -> int:
        """Begin the unfinished file, once it is known what will be in it; return its descriptor.

        Args:
            file: What will be in it.
            in_ranges: Whether the caller uses `done` and `record`: then it goes on with what was kept of the same
                version of the file, and has its full length from the start.
            mtime_ns: Its modification time, where the caller knows it better than a float can tell it.

        Raises:
            InvalidNameError: if the remote name cannot be a file here, or the target is no regular file.
            ConflictError: if the target exists and is not to be overwritten.
        """
        self._file = file
        self._mtime_ns = mtime_ns_of(file) if mtime_ns is None else mtime_ns
        with blaming("write", self.path):
            spot = self._settle()
        version = version_of(file) if self.resumes and in_ranges else None
        make = PartialFile if version is None else partial(ResumablePart, size=file["size"], version=version)
        self._partial = make(self.path, lambda: spot, overwrite=self._overwrite, mode=file.get("mode"))
        return self._partial.open()

    def is_begun(self) -> bool:
        """Tell whether something may have been kept by an earlier download."""
        if not self.resumes:
            return False
        path = self.path
        if not path or self._is_given_as_folder or (not self._exact and os.path.isdir(path)):
            path = os.path.join(path, check_component(self._name))
        parent, name = os.path.split(os.path.abspath(path))
        return os.path.lexists(os.path.join(parent, resumable_name(name)))

    def done(self) -> Sequence[Range]:
        """Return the ranges that are complete in the open file."""
        return self._partial.done() if isinstance(self._partial, ResumablePart) else ()

    def record(self, start: int, end: int) -> None:
        """Write down that a range is complete; it waits for the disk."""
        if isinstance(self._partial, ResumablePart):
            self._partial.record(start, end)

    def spoil(self) -> None:
        """Keep nothing of the open file: it is not what it should be."""
        if isinstance(self._partial, ResumablePart):
            self._partial.spoil()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write all of `data` behind what was written before."""
        self._opened().write(data)

    @contextmanager
    def named_in_errors(self) -> Iterator[None]:
        """Name this file in what the disk raises inside a `with` block: who writes to `fd` knows no path."""
        try:
            yield
        except OSError as exc:
            if isinstance(exc, ConnectionError | TimeoutError):
                raise  # of the network
            with blaming("write", self.path):
                raise

    def commit(self, verified: Verification = "length") -> None:
        """Check the length, restore time and mode, and let the file take its place.

        Args:
            verified: What the caller has checked; the length is checked here.

        Raises:
            IntegrityError: if it has not as many bytes as the remote file.
        """
        unfinished, file = self._opened(), cast("RemoteFile", self._file)
        if isinstance(unfinished, ResumablePart):
            unfinished.seal()
        with blaming("write", self.path):
            size = os.fstat(unfinished.fd).st_size
        if size != file["size"]:
            message = f"{self._name!r} came as {size} bytes of {file['size']}: download it again"
            raise IntegrityError(message, code="truncated", retryable=True)
        unfinished.commit(mtime_ns=self._mtime_ns)
        self.committed = True
        self.verified = verified
        self.discard()

    def discard(self) -> None:
        """Remove what is not committed, but for what a resumed download is to go on with; idempotent."""
        unfinished, self._partial = self._partial, None
        if unfinished is not None:
            unfinished.discard()

    def _opened(self) -> PartialFile:
        if self._partial is None:
            raise LifecycleError("the target of this download is not open", code="not_open")
        return self._partial

    def _settle(self) -> Spot:
        """Find out where the file goes: a folder gets the name behind it."""
        if not self.path or self._is_given_as_folder:
            self.path = os.path.join(self.path, check_component(self._name))
            return self._spot()
        spot = self._spot()
        if self._exact or not self._is_folder(spot):
            return spot
        spot.folder.close()
        self.path = os.path.join(self.path, check_component(self._name))
        return self._spot()

    @property
    def _is_given_as_folder(self) -> bool:
        return self.path.endswith((os.sep, os.altsep or os.sep))

    def _is_folder(self, spot: Spot) -> bool:
        if spot.found is None:
            return not spot.name  # the root
        return stat.S_ISDIR(spot.found.st_mode) or (stat.S_ISLNK(spot.found.st_mode) and os.path.isdir(self.path))

    def _spot(self) -> Spot:
        parent, name = os.path.split(os.path.abspath(self.path))
        try:
            folder = Folder.open_shared(parent)
        except (FileNotFoundError, NotADirectoryError):
            os.makedirs(parent, exist_ok=True)  # says itself what stands in its way
            folder = Folder.open_shared(parent)
        return folder.spot(name)
