"""Addresses of objects, and which names obstore can carry unchanged."""

import re
from dataclasses import dataclass
from typing import Final

from quackcore_async.errors import InvalidNameError

__all__ = ["MAX_KEY_BYTES", "ObjectAddress", "check_object_key"]

MAX_KEY_BYTES: Final = 1024
"""Longest name in UTF-8 bytes: https://cloud.google.com/storage/docs/objects#naming; Azure counts characters."""

_SHOWN: Final = 80  # characters of an unusable name that an error message repeats
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_SURELY_FINE: Final = re.compile(r"(?:[\w-][\w.-]*/)*[\w-][\w.-]*", re.ASCII)
"""Most keys there are; each character of them is one byte."""


@dataclass(frozen=True, slots=True)
class ObjectAddress:
    """An object's place.

    Attributes:
        scheme: That of its address, such as `gs`.
        bucket: Name of the bucket or container.
        key: Name of the object in it.
    """

    scheme: str
    bucket: str
    key: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}/{self.key}"


def check_object_key(key: str) -> str:
    """Return `key` unchanged when obstore stores it under exactly this name.

    The library below splits names at `/` and has no form for empty parts, `.`, `..` and control characters; it
    drops a leading and a trailing slash. What it would change is refused here: a file never lands under another
    name than the one that was asked for.

    Raises:
        InvalidNameError: if the key is empty, longer than 1024 bytes, no valid text, or holds such a part.
    """
    if len(key) <= MAX_KEY_BYTES and _SURELY_FINE.fullmatch(key):
        return key
    if not key:
        raise InvalidNameError("the object name is empty: name the object")
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        shown = key[:_SHOWN].encode("ascii", "backslashreplace").decode()
        raise InvalidNameError(f"the object name {shown!r} is no valid Unicode text: rename the file") from None
    if size > MAX_KEY_BYTES:
        raise InvalidNameError(
            f"the object name {key[:_SHOWN]!r}... has {size} bytes: the service takes {MAX_KEY_BYTES} at most, "
            "shorten it",
            code="name_too_long",
        )
    if _CONTROL.search(key):
        raise InvalidNameError(f"the object name {key[:_SHOWN]!r} holds a control character: rename the file")
    if any(part in ("", ".", "..") for part in key.split("/")):
        raise InvalidNameError(
            f"the object name {key[:_SHOWN]!r} has an empty part, `.` or `..` between slashes, which cannot be "
            "reached through obstore: rename the file"
        )
    return key
