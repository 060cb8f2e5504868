"""Directories that are worked in without ever following a symbolic link out of them."""

import errno
import os
import stat
import threading
from contextlib import suppress
from typing import Final, NamedTuple, Self

from quackcore_async.concurrency import current_hop
from quackcore_async.errors import ConflictError, InvalidNameError
from quackcore_async.results import to_quack_error

__all__ = ["Folder", "Spot", "blaming"]

_HAS_DIR_FD: Final = os.open in os.supports_dir_fd and os.scandir in os.supports_fd
_NO_LINKS: Final = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
_NO_FOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)
_FILE_FLAGS: Final = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | _NO_FOLLOW
_FOLDER_FLAGS: Final = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_DIRECTORY", 0)

_counting: Final = threading.Lock()

_REMEDIES: Final = {
    "access_denied": "check the permissions",
    "disk_full": "free some space or choose another place",
    "exists": "rename one of them",
    "is_a_directory": "name a file",
    "name_too_long": "choose a shorter name",
    "not_a_directory": "check the path",
    "not_empty": "delete what is in it first",
    "not_found": "check the path",
    "read_only": "choose another place",
    "too_many_open_files": "lower the concurrency or raise the limit of open files",
}


class _UnsyncedError(OSError):
    """Raised when what was done is there, but nobody knows if it would outlive a loss of power."""


class _Blame:
    __slots__ = ("_action", "_path")

    def __init__(self, action: str, path: str) -> None:
        self._action = action
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, _type: object, exc: BaseException | None, _traceback: object) -> None:
        if not isinstance(exc, OSError):
            return
        error = to_quack_error(exc)
        remedy = _REMEDIES.get(error.code, "try again when that is settled")
        message = f"cannot {self._action} {self._path}: {exc.strerror or exc}; {remedy}"
        open_still = isinstance(exc, _UnsyncedError)
        raise type(error)(message, kind=error.kind, code=error.code, indeterminate=open_still) from exc


def blaming(action: str, path: str) -> _Blame:
    """Turn the `OSError` of a `with` block into its error, which names action and file and says what to do."""
    return _Blame(action, path)


class Spot(NamedTuple):
    """The place of a file.

    Attributes:
        folder: The open directory.
        name: Name in it.
        found: What has this name now; None when nothing has.
    """

    folder: "Folder"
    name: str
    found: os.stat_result | None


class Folder:
    """An open directory. What is done in it stays in it, even when its path is replaced meanwhile.

    Where the system has no calls relative to an open directory, paths are put together instead.

    Args:
        path: Where it is, for messages.
        fd: Descriptor of the open directory; None where the system has none.
    """

    def __init__(self, path: str, fd: int | None) -> None:
        self.path = path
        self._fd = fd
        self._users = 1

    @classmethod
    def open(cls, path: str) -> Self:
        """Open the directory at a path of the caller's own, symbolic links followed."""
        if _HAS_DIR_FD:
            return cls(path, os.open(path, _FOLDER_FLAGS))
        if not os.path.isdir(path):
            raise NotADirectoryError(f"{path} is no folder")
        return cls(path, None)

    @classmethod
    def open_shared(cls, path: str) -> Self:
        """Open a directory, or take the one that was opened in the same hop to a thread already.

        Each user closes it.
        """
        hop = current_hop()
        if hop is None:
            return cls.open(path)
        return hop.keep((cls, path), lambda: cls.open(path))._shared()

    def _shared(self) -> Self:
        """Return it to one more user."""
        with _counting:  # the other users may close it in other threads
            self._users += 1
        return self

    def close(self) -> None:
        """Close it, once for each user."""
        with _counting:
            self._users -= 1
            if self._users:
                return
            fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.close()

    def join(self, name: str) -> str:
        """Return the path of an entry, for messages."""
        return os.path.join(self.path, name)

    def _at(self, name: str) -> str:
        return name if self._fd is not None else self.join(name)

    def child(self, name: str, *, create: bool = False) -> "Folder":
        """Open the folder `name` in it.

        Raises:
            InvalidNameError: if it is a symbolic link.
            ConflictError: if it is a file.
            FileNotFoundError: if it is not there and not to be created.
        """
        try:
            return self._open_child(name)
        except FileNotFoundError:
            if not create:
                raise
        with suppress(FileExistsError):
            os.mkdir(self._at(name), dir_fd=self._fd)
        return self._open_child(name)

    def _open_child(self, name: str) -> "Folder":
        if self._fd is None:
            self._check_folder(name)
            return Folder(self.join(name), None)
        try:
            return Folder(self.join(name), os.open(name, _FOLDER_FLAGS | _NO_FOLLOW, dir_fd=self._fd))
        except OSError as exc:
            if exc.errno in (errno.ENOTDIR, errno.ELOOP):
                self._check_folder(name)
            raise

    def _check_folder(self, name: str) -> None:
        mode = self.stat(name).st_mode
        if stat.S_ISLNK(mode):
            raise InvalidNameError(f"{self.join(name)} is a symbolic link: links are not followed", code="symlink")
        if not stat.S_ISDIR(mode):
            raise ConflictError(
                f"{self.join(name)} is a file, not a folder: rename one of them", code="not_a_folder"
            )

    def stat(self, name: str) -> os.stat_result:
        """Look an entry up, a symbolic link itself included."""
        return os.stat(self._at(name), dir_fd=self._fd, follow_symlinks=False)

    def spot(self, name: str) -> Spot:
        """Return the place of a file, and what is there; when that cannot be told, close the folder."""
        try:
            return Spot(self, name, self.stat_or_none(name))
        except BaseException:
            self.close()
            raise

    def stat_or_none(self, name: str) -> os.stat_result | None:
        """Look an entry up; None when it is not there."""
        try:
            return self.stat(name)
        except FileNotFoundError:
            return None

    def open_file(self, name: str, flags: int, mode: int = 0o666) -> int:
        """Open a file in it; its descriptor is the caller's to close."""
        return os.open(self._at(name), flags | _FILE_FLAGS, mode, dir_fd=self._fd)

    def replace(self, name: str, target: "Folder", target_name: str) -> None:
        """Move a file in one step; what has the target's name is replaced."""
        os.replace(self._at(name), target._at(target_name), src_dir_fd=self._fd, dst_dir_fd=target._fd)

    def take_free_name(self, name: str, target: "Folder", target_name: str) -> None:
        """Move a file in one step to a name that nobody has.

        Raises:
            FileExistsError: if somebody has it.
        """
        try:
            os.link(
                self._at(name),
                target._at(target_name),
                src_dir_fd=self._fd,
                dst_dir_fd=target._fd,
                follow_symlinks=not _HAS_DIR_FD,
            )
        except OSError as exc:
            if exc.errno not in _NO_LINKS:
                raise
            self._claim_and_replace(name, target, target_name)
        else:
            self.unlink(name)

    def _claim_and_replace(self, name: str, target: "Folder", target_name: str) -> None:
        """Do so on a file system without hard links: an empty file claims the name first."""
        fd = target.open_file(target_name, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            claim = os.fstat(fd)
        finally:
            os.close(fd)
        try:
            self.replace(name, target, target_name)
        except OSError:
            with suppress(OSError):
                if os.path.samestat(claim, target.stat(target_name)):
                    target.unlink(target_name)
            raise

    def has_also(self, name: str, other: "Folder", other_name: str) -> bool:
        """Tell whether a file of this folder is there under another name too, by a hard link."""
        ours, theirs = self.stat(name), other.stat_or_none(other_name)
        if theirs is None or ours.st_nlink < 2 or not os.path.samestat(ours, theirs):  # noqa: PLR2004 - two names
            return False
        return name.casefold() != other_name.casefold() or not os.path.samestat(self._status(), other._status())

    def _status(self) -> os.stat_result:
        return os.stat(self.path if self._fd is None else self._fd)

    def unlink(self, name: str) -> None:
        """Remove a file."""
        os.unlink(self._at(name), dir_fd=self._fd)

    def rmdir(self, name: str) -> None:
        """Remove an empty folder."""
        os.rmdir(self._at(name), dir_fd=self._fd)

    def utime(self, name: str, mtime_ns: int) -> None:
        """Set the modification time of a file."""
        os.utime(self._at(name), ns=(mtime_ns, mtime_ns), dir_fd=self._fd, follow_symlinks=not _HAS_DIR_FD)

    def entries(self) -> list[bytes]:
        """Return the names of its files, and of its folders with a `/` behind, in the order of their bytes.

        Symbolic links and what is neither file nor folder are left out. Bytes, because they are small and sort as
        UTF-8 does.
        """
        with os.scandir(self.path if self._fd is None else self._fd) as found:
            names = [_sort_key(entry) for entry in found]
        return sorted(filter(None, names))

    def sync(self) -> None:
        """Make what happened to its entries durable, where the system can."""
        if self._fd is not None:
            try:
                os.fsync(self._fd)
            except OSError as exc:
                raise _UnsyncedError(exc.errno, exc.strerror) from exc

    def sync_once(self) -> None:
        """Do so once for all that happens in the same hop to a thread, before anybody hears of success."""
        hop = current_hop()
        if hop is None:
            self.sync()
        else:
            hop.keep(self, self._shared)  # who asks may close it before the end
            hop.at_end(self._sync_last)

    def _sync_last(self) -> None:
        with blaming("write", self.path):
            self.sync()


def _sort_key(entry: os.DirEntry[str]) -> bytes:
    if entry.is_dir(follow_symlinks=False):
        return os.fsencode(entry.name) + b"/"
    return os.fsencode(entry.name) if entry.is_file(follow_symlinks=False) else b""
