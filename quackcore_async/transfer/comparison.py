"""When two files count as equal."""

import base64
import hashlib
import zlib
from collections.abc import Callable, Mapping
from typing import Final, Literal, Protocol

from quackcore_async.transfer.entries import Entry, plain_md5

__all__ = ["Compare", "Side", "are_equal", "digest_algorithms", "new_digest", "quick_verdict"]

Compare = Literal["auto", "size", "checksum"]
"""By size and time, by size alone, or by content."""

_TOLERANCE: Final = 0.001  # seconds; what is lost between nanoseconds, floats and text


_CHEAP_TO_READ: Final = 16 * 1024**2
"""Bytes that are hashed here before a service is asked about a file: reading them costs less than a request."""


class Digest(Protocol):
    """A checksum under way."""

    def update(self, data: bytes, /) -> None:
        """Take more bytes."""
        ...

    def digest(self) -> bytes:
        """Return the checksum of what was taken."""
        ...


class _Crc32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


digest_algorithms: Final[Mapping[str, Callable[[], Digest]]] = {
    "sha256": hashlib.sha256,
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "md5": lambda: hashlib.md5(usedforsecurity=False),
    "crc32": _Crc32,
}
"""What can be computed here, the most telling first."""


def new_digest(algorithm: str) -> Digest:
    """Begin a checksum."""
    return digest_algorithms[algorithm]()


class Side(Protocol):
    """Where one of two files lies, as far as comparing it needs."""

    @property
    def is_local(self) -> bool:
        """Whether reading its files costs nothing but time of this machine."""
        ...

    async def complete(self, entry: Entry) -> Entry:
        """Return an entry with all that is stored beside the file: modification time, checksums."""
        ...

    async def digest(self, entry: Entry, algorithm: str) -> bytes:
        """Read the file and compute its checksum."""
        ...


async def are_equal(source_side: Side, source: Entry, target_side: Side, target: Entry, compare: Compare) -> bool:
    """Tell whether a target need not be written again.

    Sizes must match. Then `auto` takes a file as equal when its modification times match, or the target is not
    older than the source, or an MD5 that is known matches, in the order of what they cost. `checksum` wants equal
    content: by stored checksums, by an entity tag that is a plain MD5, else by reading both.
    """
    verdict = quick_verdict(source, target, compare)
    if verdict is not None:
        return verdict
    if compare == "checksum":
        return await _same_content(source_side, source, target_side, target)
    listed = source.etag, target.etag
    known = None
    if source.size <= _CHEAP_TO_READ:
        known = await _compare_md5(source_side, source, target_side, target)
    if known is True:
        return True
    source, target = await source_side.complete(source), await target_side.complete(target)
    if source.size != target.size:
        return False
    if _same_time(source, target):
        return True
    if known is None or listed != (source.etag, target.etag):
        known = await _compare_md5(source_side, source, target_side, target)
    return known is True


def quick_verdict(source: Entry, target: Entry, compare: Compare) -> bool | None:
    """Tell what two listings alone say of two files; None when more has to be looked at."""
    if source.size != target.size:
        return False
    if compare == "checksum":
        return None
    return True if compare == "size" or _same_time(source, target) or _is_not_older(target, source) else None


def _same_time(source: Entry, target: Entry) -> bool:
    if source.mtime is None or target.mtime is None:
        return False
    return abs(source.mtime - target.mtime) < _TOLERANCE


def _is_not_older(target: Entry, source: Entry) -> bool:
    """Compare ages, in doubt against the target: a source may have changed as late as it was written."""
    changed = max((moment for moment in (source.mtime, source.written) if moment is not None), default=None)
    return changed is not None and target.age is not None and target.age >= changed


async def _same_content(source_side: Side, source: Entry, target_side: Side, target: Entry) -> bool:
    verdict = await _compare_known(source_side, source, target_side, target)
    if verdict is None:
        source, target = await source_side.complete(source), await target_side.complete(target)
        if source.size != target.size:
            return False
        verdict = await _compare_known(source_side, source, target_side, target)
    if verdict is None:
        algorithm = next(iter(digest_algorithms))
        verdict = await source_side.digest(source, algorithm) == await target_side.digest(target, algorithm)
    return verdict


async def _compare_known(source_side: Side, source: Entry, target_side: Side, target: Entry) -> bool | None:
    """Compare by what is stored beside at least one of two files; None when that does not suffice."""
    for algorithm in digest_algorithms:
        ours = await _known_digest(source_side, source, algorithm, (target.checksums or {}))
        theirs = await _known_digest(target_side, target, algorithm, (source.checksums or {}))
        if ours is not None and theirs is not None:
            return ours == theirs
    return await _compare_md5(source_side, source, target_side, target)


async def _known_digest(side: Side, entry: Entry, algorithm: str, others: Mapping[str, str]) -> bytes | None:
    stored = (entry.checksums or {}).get(algorithm)
    if stored is not None:
        return base64.b64decode(stored)
    return await side.digest(entry, algorithm) if side.is_local and algorithm in others else None


async def _compare_md5(source_side: Side, source: Entry, target_side: Side, target: Entry) -> bool | None:
    ours, theirs = plain_md5(source.etag), plain_md5(target.etag)
    if ours is None and theirs is not None and source_side.is_local:
        ours = (await source_side.digest(source, "md5")).hex()
    if theirs is None and ours is not None and target_side.is_local:
        theirs = (await target_side.digest(target, "md5")).hex()
    return None if ours is None or theirs is None else ours == theirs
