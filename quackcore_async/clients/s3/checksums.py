"""Whether the bytes that arrived are those that the service keeps."""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from quackcore_async.clients.s3.crc import CRCS, CrcFunction, crc_function
from quackcore_async.clients.s3.objects import ObjectInfo
from quackcore_async.errors import IntegrityError

__all__ = ["ALGORITHMS", "Expectation", "Hasher", "expectation_of", "hasher_of", "load_checksums"]

_PLAIN_MD5: Final = re.compile(r'"?([0-9a-f]{32})"?', re.ASCII)


class Hasher(Protocol):
    """A running checksum."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Take the next bytes."""
        ...

    def digest(self) -> bytes:
        """Return the checksum of all bytes so far."""
        ...


class _CrcHasher:
    def __init__(self, size: int, function: CrcFunction) -> None:
        self._size = size
        self._function = function
        self._value = 0

    def update(self, data: bytes | memoryview) -> None:
        self._value = self._function(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size, "big")


_HASHES: Final[dict[str, Callable[[], Hasher]]] = {
    "sha256": hashlib.sha256,
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "md5": lambda: hashlib.md5(usedforsecurity=False),
}
_PREFERRED: Final = (*CRCS, "sha256", "sha1")  # the cheapest first
_SIZES: Final = {**{name: crc.size for name, crc in CRCS.items()}, "sha256": 32, "sha1": 20}  # bytes

ALGORITHMS: Final = (*CRCS, *_HASHES)
"""The checksums that this package knows; CRC32C and CRC64NVME need compiled code, the extra `checksums`."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """The checksum that the whole object must have.

    Attributes:
        algorithm: Its name.
        digest: Its value.
    """

    algorithm: str
    digest: bytes

    def check(self, digest: bytes, address: object) -> None:
        """Compare the checksum of what came with it.

        Args:
            digest: That of all bytes.
            address: The object, for the message.

        Raises:
            IntegrityError: if it is another.
        """
        if digest != self.digest:
            raise IntegrityError(
                f"cannot read {address}: the bytes that came have another {self.algorithm} checksum than the "
                "service keeps; read it again",
                retryable=True,
            )


def load_checksums() -> None:
    """Load the compiled code for checksums, where it is installed. It blocks: call it in a worker thread."""
    for algorithm in CRCS:
        crc_function(algorithm)


def hasher_of(algorithm: str) -> Hasher:
    """Begin a running checksum.

    Raises:
        LookupError: if there is no code for it here.
    """
    if algorithm in _HASHES:
        return _HASHES[algorithm]()
    function = crc_function(algorithm)
    if function is None:
        raise LookupError(f"nothing here computes {algorithm}: install the extra `checksums`")
    return _CrcHasher(CRCS[algorithm].size, function)


def expectation_of(info: ObjectInfo) -> Expectation | None:
    """Return the checksum that an object must have, as far as the service tells one that can be computed here.

    The entity tag is the MD5 of the content for objects that were written with one request and without keys of
    the customer: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
    """
    for algorithm in _PREFERRED:
        value = info.checksums.get(algorithm)
        digest = _decoded(value) if value is not None and _is_computed_here(algorithm) else b""
        if len(digest) == _SIZES[algorithm]:
            return Expectation(algorithm, digest)
    match = _PLAIN_MD5.fullmatch(info.etag or "")
    if match is None or info.encrypted:
        return None
    return Expectation("md5", bytes.fromhex(match[1]))


def _is_computed_here(algorithm: str) -> bool:
    return algorithm in _HASHES or crc_function(algorithm) is not None


def _decoded(value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        return b""
