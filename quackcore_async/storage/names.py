"""Remote names as data: folders, base names, patterns, and what may become a name on a disk."""

import os
import re
from fnmatch import fnmatchcase
from typing import Final

from quackcore_async.errors import InvalidNameError
from quackcore_async.protocols import RemoteFile

__all__ = [
    "PARTIAL_SUFFIX",
    "as_folder",
    "base_name",
    "check_component",
    "check_name",
    "folder_entry",
    "is_encodable",
    "is_partial",
    "matches",
    "shown",
]

PARTIAL_SUFFIX: Final = ".quack-part"
"""End of the hidden names of files that are not whole yet."""

_PARTIAL: Final = re.compile(r"\.[0-9a-f]{16}\.quack-part")
_SHOWN: Final = 80  # characters of an unusable name that an error message repeats
_SEPARATORS: Final = frozenset(filter(None, ("/", os.sep, os.altsep)))

# https://learn.microsoft.com/windows/win32/fileio/naming-a-file
_WINDOWS_RESERVED: Final = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
_WINDOWS_ILLEGAL: Final = re.compile(r'[<>:"|?*\x00-\x1f]|[. ]$')


def as_folder(name: str) -> str:
    """Return the name of a folder with the `/` at its end; the topmost folder stays empty."""
    return name if not name or name.endswith("/") else f"{name}/"


def base_name(path: str) -> str:
    """Return the last part of a remote path, a folder's without its `/`."""
    return path.removesuffix("/").rpartition("/")[2]


def matches(pattern: str | None, path: str, folder: str) -> bool:
    """Tell whether a path matches a glob: by its name, by all below `folder` when the pattern contains `/`."""
    if pattern is None:
        return True
    subject = path.removeprefix(folder).removesuffix("/") if "/" in pattern else base_name(path)
    return fnmatchcase(subject, pattern)


def folder_entry(path: str, url: str) -> RemoteFile:
    """Return what a listing says of the folder `path`, which ends in `/`."""
    return {"name": base_name(path), "path": path, "size": 0, "last_modified": None, "url": url, "is_folder": True}


def shown(name: str) -> str:
    """Return a name, cut and escaped, for a message."""
    return repr(name if len(name) <= _SHOWN else f"{name[:_SHOWN]}...")


def check_name(name: str, max_bytes: int | None) -> str:
    """Return a remote name unchanged when it is text of a length that the storage takes.

    Raises:
        InvalidNameError: if it is empty, has no UTF-8 form or is longer than `max_bytes`.
    """
    if not name:
        raise InvalidNameError("the remote name is empty: name the file")
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise InvalidNameError(f"the name {name[:_SHOWN]!a} is no valid Unicode text: rename it") from None
    if max_bytes is not None and size > max_bytes:
        raise InvalidNameError(
            f"the name {shown(name)} has {size} bytes: this storage takes {max_bytes} at most, shorten it",
            code="name_too_long",
        )
    return name


def check_component(name: str) -> str:
    """Return one part of a path unchanged when a file of exactly that name can lie in a directory.

    Raises:
        InvalidNameError: if it is empty, `.` or `..`, or holds a NUL, a separator of this system, or what Windows
            forbids there; and if it is a name that unfinished files of this package have.
    """
    if name in ("", ".", ".."):
        raise InvalidNameError(f"the name part {name!r} cannot be a file or a folder: it would lead elsewhere")
    if "\0" in name or not _SEPARATORS.isdisjoint(name):
        raise InvalidNameError(f"the name part {shown(name)} holds a NUL or a path separator: rename it")
    if not is_encodable(name):
        raise InvalidNameError(f"the name part {name[:_SHOWN]!a} has no form on this file system: rename it")
    if os.name == "nt" and (_WINDOWS_RESERVED.fullmatch(name) or _WINDOWS_ILLEGAL.search(name)):
        raise InvalidNameError(f"the name part {shown(name)} cannot exist on Windows: rename it")
    if is_partial(name):
        raise InvalidNameError(f"the name {shown(name)} is reserved for unfinished files: rename it")
    return name


def is_encodable(path: str) -> bool:
    """Tell whether the file system has bytes for a path."""
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return False
    return True


def is_partial(name: str) -> bool:
    """Tell whether a name is one that unfinished files of this package have."""
    return name.endswith(PARTIAL_SUFFIX) and _PARTIAL.fullmatch(name) is not None
