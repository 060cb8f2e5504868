"""Where a remote name lands on the local disk. Remote names are data: none of them leads out of the folder."""

import os
import re
import stat
import sys
import unicodedata
from pathlib import Path
from typing import Final

from quackcore_async.errors import ConflictError, InvalidNameError
from quackcore_async.storage.names import check_component

__all__ = ["TargetFolder", "name_parts"]

_DRIVE: Final = re.compile(r"[A-Za-z]:($|[/\\])")
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://[^/]*/")
_CHECKED_FOLDERS: Final = 4096


def name_parts(name: str) -> tuple[str, ...]:
    """Split a remote name into the parts of a relative local path.

    Of a URL the part after the authority is taken.

    Raises:
        InvalidNameError: if it is absolute, starts with a drive, or has a part that cannot be a file of exactly
            that name: an empty one, `.`, `..`, one with a NUL, or what the system cannot store.
    """
    url = _URL.match(name)
    path = name[url.end() :] if url else name
    if path.startswith("/"):
        raise _refused(name, "it is absolute")
    if _DRIVE.match(path):
        raise _refused(name, "it starts with a drive")
    return tuple(check_component(part) for part in path.split("/"))


class TargetFolder:
    """The local folder that downloads go to and never lead out of.

    Args:
        root: The folder; it need not exist. It may be a symbolic link itself, what lies below may not.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = os.path.realpath(Path(root).expanduser())
        self._checked: dict[str, None] = {}
        self._folds_case: bool | None = None

    def place(self, name: str) -> str:
        """Return the absolute path that a remote name stands for.

        Raises:
            InvalidNameError: if the name cannot be used as a local path.
        """
        return os.path.join(self.root, *name_parts(name))  # noqa: PTH118 - pathlib takes five times as long

    def identity(self, path: str) -> str:
        """Return what is the same text for paths that are the same file for the system."""
        relative = path.replace(os.sep, "/") if os.sep != "/" else path
        return unicodedata.normalize("NFC", relative).casefold() if self.folds_case else relative

    @property
    def folds_case(self) -> bool:
        """Whether the file system takes `A` and `a` for one name. Blocks the first time."""
        if self._folds_case is None:
            self._folds_case = folds_case(self.root)
        return self._folds_case

    def prepare(self, path: str, *, create: bool = True) -> os.stat_result | None:
        """Make the folders of a target below the root; return the stat of what is there. Blocks.

        Raises:
            ConflictError: if a folder of the path is a symbolic link or a file, or the target itself is a link
                or a folder.
        """
        self._check_folders(os.path.dirname(path), create=create)  # noqa: PTH120 - as in `place`
        try:
            found = os.lstat(path)
        except FileNotFoundError:
            return None
        if stat.S_ISLNK(found.st_mode):
            raise ConflictError(f"{path} is a symbolic link: remove it first", code="symlink")
        if stat.S_ISDIR(found.st_mode):
            raise ConflictError(f"{path} is a folder, and a file of that name is to go there", code="is_a_folder")
        return found

    def _check_folders(self, folder: str, *, create: bool) -> None:
        if folder in self._checked:
            return
        if folder == self.root:
            if create:
                os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - as in `place`
        else:
            self._check_folders(os.path.dirname(folder), create=create)  # noqa: PTH120 - as in `place`
            if not _is_real_folder(folder, create=create):
                return
        if len(self._checked) >= _CHECKED_FOLDERS:
            self._checked.clear()
        self._checked[folder] = None


def _is_real_folder(folder: str, *, create: bool) -> bool:
    try:
        mode = os.lstat(folder).st_mode
    except FileNotFoundError:
        if create:
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - as in `TargetFolder.place`
        return create
    if stat.S_ISLNK(mode):
        raise ConflictError(f"{folder} is a symbolic link: a download does not follow it", code="symlink")
    if not stat.S_ISDIR(mode):
        raise ConflictError(f"{folder} is a file, and a folder of that name is needed", code="not_a_folder")
    return True


def folds_case(path: str) -> bool:
    """Tell whether the file system of a path, or of its nearest existing parent, ignores case."""
    while True:
        head, tail = os.path.split(path)
        if not tail:
            return sys.platform in {"win32", "darwin"}
        swapped = tail.swapcase()
        if swapped != tail and os.path.lexists(path):
            try:
                return os.path.samefile(path, os.path.join(head, swapped))  # noqa: PTH118, PTH121 - text all through
            except OSError:
                return False
        path = head


def _refused(name: str, reason: str) -> InvalidNameError:
    return InvalidNameError(f"{name!r} cannot be a local path below the target folder: {reason}")
