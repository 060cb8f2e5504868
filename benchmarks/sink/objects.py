"""What the sink keeps: buckets, objects with or without their bytes, and uploads in parts."""

import hashlib
import random
import time
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import formatdate

__all__ = ["Bucket", "Listing", "Object", "Stamp", "Upload", "invented"]

_PIECE = 256 * 1024
_PERIOD = 1024**2
_PATTERN = memoryview(random.Random(0).randbytes(_PERIOD) * 2)
_TAGGED_BY_MD5 = 256 * 1024
_AFTER_ALL = "\U0010ffff"


def invented(start: int, stop: int) -> Iterator[memoryview]:
    """Yield bytes that an object without a body is taken to have, from `start` up to `stop`."""
    while start < stop:
        offset = start % _PERIOD
        piece = _PATTERN[offset : offset + min(_PIECE, stop - start)]
        yield piece
        start += len(piece)


@dataclass(frozen=True, slots=True)
class Stamp:
    """A time as listings and as headers write it."""

    iso: str
    http: str

    @classmethod
    def now(cls) -> "Stamp":
        seconds = int(time.time())
        return cls(time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds)), formatdate(seconds, usegmt=True))


@dataclass(frozen=True, slots=True)
class Object:
    """One object.

    Attributes:
        size: Bytes.
        body: The bytes; None for those of `invented`.
        tag: Entity tag without quotes: the MD5 of a small body, and for others what cannot be taken for one.
        stamp: When it was written.
        kept: Header lines that came with it and go out with it.
    """

    size: int
    body: bytes | None
    tag: str
    stamp: Stamp
    kept: str = ""

    def pieces(self, start: int, stop: int) -> Iterator[memoryview]:
        """Yield the bytes from `start` up to `stop`."""
        if self.body is None:
            yield from invented(start, stop)
            return
        view = memoryview(self.body)
        for offset in range(start, stop, _PIECE):
            yield view[offset : min(offset + _PIECE, stop)]


def tag_of(body: bytes | None, number: int) -> str:
    """Return an entity tag: the service gives the MD5 of what came in one request, which is dear for a lot."""
    if body is not None and len(body) <= _TAGGED_BY_MD5:
        return hashlib.md5(body, usedforsecurity=False).hexdigest()
    return f"{number:032x}-1"


@dataclass(slots=True)
class Upload:
    """An upload in parts: (size, body or None) by number."""

    key: str
    kept: str
    parts: dict[int, tuple[int, bytes | None]] = field(default_factory=dict)


@dataclass(slots=True)
class Listing:
    """One page: keys, common prefixes, and the name after which the next page begins."""

    keys: list[str] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    rest: str | None = None

    def __len__(self) -> int:
        return len(self.keys) + len(self.prefixes)


class Bucket:
    """Objects by key, in the order of their names when that is asked for."""

    def __init__(self) -> None:
        self.objects: dict[str, Object] = {}
        self.uploads: dict[str, Upload] = {}
        self._order: list[str] | None = []

    def put(self, key: str, value: Object) -> None:
        if key not in self.objects:
            self._order = None
        self.objects[key] = value

    def remove(self, key: str) -> None:
        if self.objects.pop(key, None) is not None:
            self._order = None

    def page(self, prefix: str, delimiter: str, after: str, limit: int) -> Listing:
        """Return the names after `after` that begin with `prefix`."""
        if self._order is None:
            self._order = sorted(self.objects)
        names, page, last = self._order, Listing(), after
        index = bisect_right(names, max(after, prefix))
        if not after and prefix in self.objects:
            index -= 1
        if delimiter and after.endswith(delimiter):
            index = bisect_right(names, after + _AFTER_ALL)
        while index < len(names) and names[index].startswith(prefix):
            if len(page) == limit:
                page.rest = last
                break
            name = names[index]
            cut = name.find(delimiter, len(prefix)) if delimiter else -1
            if cut < 0:
                page.keys.append(name)
                last, index = name, index + 1
            else:
                last = name[: cut + len(delimiter)]
                page.prefixes.append(last)
                index = bisect_right(names, last + _AFTER_ALL, index)
        return page
