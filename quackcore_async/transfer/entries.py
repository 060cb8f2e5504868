"""One file or empty folder of a tree, as much of it as a comparison needs."""

import hashlib
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, Self

from quackcore_async.protocols import remote_id_of

__all__ = ["Entry", "path_key", "plain_md5"]

_MD5_HEX_DIGITS = hashlib.md5(usedforsecurity=False).digest_size * 2


class Entry(NamedTuple):
    """One file of a tree, or a folder without any.

    Trees are merged in the order of `key`, so it comes first.

    Attributes:
        key: Path relative to the tree, in UTF-8; the key of a folder ends in `/`.
        size: Bytes.
        mtime: Modification time of the file, or of the one that it was uploaded from, in epoch seconds; None where
            the listing does not say.
        written: When it was written to where it is, in epoch seconds; None where nobody knows.
        etag: Entity tag, without its quotes.
        checksums: Full-object checksums by algorithm, base64.
        remote: Identifier in its storage; empty for a local file.
    """

    key: bytes
    size: int = 0
    mtime: float | None = None
    written: float | None = None
    etag: str | None = None
    checksums: dict[str, str] | None = None
    remote: str = ""

    @property
    def path(self) -> str:
        """Path relative to the tree; a folder's has no `/` at its end."""
        return self.key.removesuffix(b"/").decode("utf-8", "surrogateescape")

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.key.endswith(b"/")

    @property
    def age(self) -> float | None:
        """Modification time, as far as it is known: that of the uploaded file, else when it was written."""
        return self.mtime if self.mtime is not None else self.written

    @classmethod
    def of_listed(cls, path: str, file: Mapping[str, Any]) -> Self:
        """Make it of a listed file.

        Args:
            path: Path relative to the tree.
            file: What the storage says of it.
        """
        told = file.get
        checksums, etag = told("checksums"), told("etag")
        fields = (
            path_key(path),
            int(told("size") or 0),
            _seconds(told("mtime")),
            _seconds(told("last_modified")),
            etag.strip('"') if isinstance(etag, str) else None,
            dict(checksums) if checksums else None,
            remote_id_of(file),
        )
        return tuple.__new__(cls, fields)  # a third of what the call of the class takes

    @classmethod
    def of_local(cls, key: bytes, found: os.stat_result) -> Self:
        """Make it of what the system says of a local file."""
        return tuple.__new__(cls, (key, found.st_size, found.st_mtime_ns / 1e9, None, None, None, ""))


def path_key(path: str) -> bytes:
    """Return a path in UTF-8, undecodable bytes of local names as they were."""
    try:
        return path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return path.encode("utf-8", "surrogatepass")


def plain_md5(etag: str | None) -> str | None:
    """Return the MD5 that an entity tag is, None when it is not plainly one, as after a multipart upload."""
    if etag is None or len(etag) != _MD5_HEX_DIGITS or not all(letter in "0123456789abcdef" for letter in etag):
        return None
    return etag


def _seconds(moment: object) -> float | None:
    if type(moment) is float or moment is None:
        return moment
    if isinstance(moment, datetime):
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if isinstance(moment, int | float) and not isinstance(moment, bool):
        return float(moment)
    return None
