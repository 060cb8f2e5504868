"""Whether the bytes that arrived are those that the service keeps."""

import base64
import hashlib
import os
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from quackcore_async.clients.s3.objects import ObjectInfo

__all__ = ["Expectation", "Hasher", "digest_file", "expectation_of"]

_PLAIN_MD5: Final = re.compile(r'"?([0-9a-f]{32})"?', re.ASCII)
_CHUNK: Final = 1024**2


class Hasher(Protocol):
    """A running checksum."""

    def update(self, data: bytes, /) -> None:
        """Take the next bytes."""
        ...

    def digest(self) -> bytes:
        """Return the checksum of all bytes so far."""
        ...


class _Crc32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


_HASHERS: Final[dict[str, Callable[[], Hasher]]] = {
    "crc32": _Crc32,
    "sha256": hashlib.sha256,
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "md5": lambda: hashlib.md5(usedforsecurity=False),
}
_PREFERRED: Final = ("crc32", "sha256", "sha1")  # the cheapest first; CRC32C and CRC64NVME need compiled code


@dataclass(frozen=True, slots=True)
class Expectation:
    """The checksum that the whole object must have.

    Attributes:
        algorithm: Its name.
        digest: Its value.
    """

    algorithm: str
    digest: bytes

    def hasher(self) -> Hasher:
        """Begin a running checksum of this kind."""
        return _HASHERS[self.algorithm]()


def expectation_of(info: ObjectInfo) -> Expectation | None:
    """Return the checksum that an object must have, as far as the service tells one that can be computed here.

    The entity tag is the MD5 of the content for objects that were written with one request and without keys of
    the customer: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
    """
    for algorithm in _PREFERRED:
        value = info.checksums.get(algorithm)
        if value is not None:
            return Expectation(algorithm, base64.b64decode(value))
    match = _PLAIN_MD5.fullmatch(info.etag or "")
    if match is None or info.encrypted:
        return None
    return Expectation("md5", bytes.fromhex(match[1]))


def digest_file(fd: int, size: int, expectation: Expectation) -> bytes:
    """Compute the checksum of the first `size` bytes of an open file. It blocks: call it in a worker thread."""
    hasher = expectation.hasher()
    for offset in range(0, size, _CHUNK):
        hasher.update(os.pread(fd, min(_CHUNK, size - offset), offset))
    return hasher.digest()
