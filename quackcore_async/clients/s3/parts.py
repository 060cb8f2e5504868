"""Arithmetic of multipart transfers: how large parts are and where they lie."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from quackcore_async.errors import ErrorKind, StorageError

__all__ = [
    "MAX_PARTS",
    "MAX_PART_SIZE",
    "MIN_PART_SIZE",
    "Part",
    "missing_parts",
    "part_size_for",
    "parts_of",
    "stream_part_size",
]

MIN_PART_SIZE: Final = 5 * 1024**2
"""Smallest part but the last: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html"""

MAX_PART_SIZE: Final = 5 * 1024**3
"""Largest part, and largest object of a single PUT or copy (same page)."""

MAX_PARTS: Final = 10_000
"""Most parts of one upload (same page)."""

_STREAM_STEP: Final = 500  # parts after which the parts of an unexpectedly long stream double
_STREAM_EQUAL: Final = 5000  # parts that stay equal: some services want all parts but the last alike


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of an object.

    Attributes:
        number: From 1.
        offset: First byte.
        size: Bytes.
    """

    number: int
    offset: int
    size: int


def part_size_for(size: int, wanted: int) -> int:
    """Return the part size for an object of `size` bytes: `wanted`, or as much more as 10 000 parts need.

    Raises:
        StorageError: if the object is larger than 10 000 parts of 5 GiB.
    """
    needed = -(-size // MAX_PARTS)
    if needed > MAX_PART_SIZE:
        raise StorageError(
            f"{size} bytes are more than an object can have, {MAX_PARTS} parts of {MAX_PART_SIZE}: split the file",
            kind=ErrorKind.INVALID_INPUT,
            code="too_large",
        )
    return min(max(wanted, needed, MIN_PART_SIZE), MAX_PART_SIZE)


def parts_of(size: int, part_size: int) -> Iterator[Part]:
    """Yield the parts of an object of `size` bytes, in order; an empty object has none."""
    for index, offset in enumerate(range(0, size, part_size)):
        yield Part(index + 1, offset, min(part_size, size - offset))


def missing_parts(size: int, part_size: int, done: Iterable[tuple[int, int]]) -> Iterator[Part]:
    """Yield the parts of an object of `size` bytes that are not done, in order; they are numbered by themselves.

    Args:
        size: Bytes of the object.
        part_size: Most bytes of a part.
        done: Ranges that are complete, in any order: first byte, and byte behind the last.
    """
    position = number = 0
    for start, end in (*sorted(done), (size, size)):
        while position < start:
            number += 1
            part = Part(number, position, min(part_size, start - position))
            yield part
            position += part.size
        position = max(position, end)


def stream_part_size(number: int, wanted: int) -> int:
    """Return the size of part `number` of a stream whose length nobody knows.

    The first 5000 parts have the wanted size; from there on it doubles every 500 parts, so that 10 000 parts
    of 8 MiB reach 6 TiB.
    """
    steps = 0 if number <= _STREAM_EQUAL else (number - _STREAM_EQUAL - 1) // _STREAM_STEP + 1
    return min(max(wanted, MIN_PART_SIZE) << steps, MAX_PART_SIZE)
