"""Files that are whole or absent: written under a hidden name, then renamed."""

import os
import secrets
import stat
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Self

from quackcore_async.errors import ConflictError, InvalidNameError
from quackcore_async.storage.folders import Folder, Spot, blaming
from quackcore_async.storage.locks import try_lock
from quackcore_async.storage.names import PARTIAL_SUFFIX

__all__ = ["PartialFile", "already_exists", "check_target"]

_PERMISSIONS: Final = 0o777  # never set-user-id and its like on the word of somebody else's metadata


class PartialFile:
    """A hidden file beside its target, which takes the target's place whole or vanishes.

    Blocking: used in worker threads. Whoever makes it calls `discard` in the end, which after `commit` does
    nothing; a `with` block does both ends. A killed process leaves the hidden file, which listings do not show.

    Args:
        path: Path of the target, for messages.
        place: Opens the folder of the target and looks what is there.
        overwrite: False fails when the target exists, now or at the end.
        mode: Permission bits of the file; None takes what the umask says.

    Attributes:
        fd: Descriptor to write to; -1 while it is closed.
    """

    def __init__(
        self,
        path: str,
        place: Callable[[], Spot],
        *,
        overwrite: bool = True,
        mode: int | None = None,
    ) -> None:
        self.path = path
        self.fd = -1
        self._place = place
        self._overwrite = overwrite
        self._mode = mode
        self._folder: Folder | None = None
        self._name = ""
        self._temporary = ""

    def open(self) -> int:
        """Begin it and return its descriptor.

        Raises:
            ConflictError: if the target exists and is not to be overwritten, or is a folder.
            InvalidNameError: if the target is a device, a pipe or a socket.
        """
        with blaming("write", self.path):
            self._folder, self._name, found = self._place()
            check_target(found, self.path, overwrite=self._overwrite)
            self._begin(self._folder)
        return self.fd

    def _begin(self, folder: Folder) -> None:
        temporary = f".{secrets.token_hex(8)}{PARTIAL_SUFFIX}"
        self.fd = folder.open_file(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, self._first_mode)
        self._temporary = temporary
        try_lock(self.fd)  # who cleans up sees that it is in use

    @property
    def _first_mode(self) -> int:
        return 0o666 if self._mode is None else 0o600

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write all of `data` behind what was written before."""
        view = memoryview(data)
        with blaming("write", self.path):
            while view:
                view = view[os.write(self.fd, view) :]

    def commit(self, *, mtime_ns: int | None = None) -> None:
        """Make it durable and let it take the target's place.

        Args:
            mtime_ns: Modification time that it gets; None leaves the time of the last write.

        Raises:
            ConflictError: if the target is not to be overwritten and exists meanwhile.
        """
        folder = self._folder
        assert folder is not None, "commit before open"  # noqa: S101 - a slip of this package, not of its callers
        with blaming("write", self.path):
            self._finish(folder, mtime_ns)
            if self._overwrite:
                folder.replace(self._temporary, folder, self._name)
            else:
                folder.take_free_name(self._temporary, folder, self._name)
            self._temporary = ""
            folder.sync_once()
        self.discard()

    def discard(self) -> None:
        """Remove it, unless it took the target's place, and close everything; idempotent."""
        folder, self._folder = self._folder, None
        temporary, self._temporary = self._temporary, ""
        if os.name == "nt":  # no open file can be removed there; elsewhere its lock holds until it is gone
            self._close()
        try:
            if folder is not None:
                with folder, suppress(FileNotFoundError):
                    if temporary:
                        folder.unlink(temporary)
        finally:
            self._close()

    def __enter__(self) -> Self:
        try:
            self.open()
        except BaseException:
            self.discard()
            raise
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.discard()

    def _finish(self, folder: Folder, mtime_ns: int | None) -> None:
        if self._mode is not None and hasattr(os, "fchmod"):
            os.fchmod(self.fd, self._mode & _PERMISSIONS)
        if mtime_ns is not None:
            folder.utime(self._temporary, mtime_ns)
        os.fsync(self.fd)
        if os.name == "nt":  # no open file can be renamed there; elsewhere its lock holds until it has its name
            self._close()

    def _close(self) -> None:
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)


def check_target(found: os.stat_result | None, path: str, *, overwrite: bool) -> None:
    """Refuse a target that no file may replace.

    Args:
        found: What is there.
        path: Where, for messages.
        overwrite: Whether a file may be replaced.

    Raises:
        ConflictError: if it exists and is not to be overwritten, or is a folder.
        InvalidNameError: if it is a device, a pipe or a socket.
    """
    if found is None:
        return
    if stat.S_ISDIR(found.st_mode):
        raise ConflictError(f"{path} is a folder, not a file: rename one of them", code="is_a_folder")
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISLNK(found.st_mode)):
        raise InvalidNameError(f"{path} is no regular file: it is not replaced", code="not_a_regular_file")
    if not overwrite:
        raise already_exists(path)


def already_exists(path: str) -> ConflictError:
    """Make the error of a target that exists and is not to be overwritten."""
    return ConflictError(f"{path} exists already: allow overwriting or choose another name", code="exists")
