"""The checksums that go up with an object, so that the service refuses what arrives otherwise than it was read."""

import base64
from typing import Final, Literal

from quackcore_async.clients.s3.checksums import hasher_of
from quackcore_async.clients.s3.crc import CRCS

__all__ = ["UploadAlgorithm", "UploadChecksums"]

UploadAlgorithm = Literal["crc32", "crc32c", "crc64nvme", "sha1", "sha256"]
"""Checksums that S3 compares and keeps: the fast CRCs need the extra `checksums`."""

_FULL: Final = "FULL_OBJECT"
_OF_PARTS: Final = "COMPOSITE"


class UploadChecksums:
    """The checksums of one upload, as parameters of its requests.

    That of an object in parts is put together from theirs where it is a CRC, and the service compares it when it
    joins them; of SHA it keeps a checksum of the parts' checksums.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html

    What takes `data` blocks for as long as it takes to read it: call it in the thread that fills the buffer.

    Args:
        algorithm: Which one.

    Raises:
        LookupError: if there is no code for it here.
    """

    def __init__(self, algorithm: UploadAlgorithm) -> None:
        hasher_of(algorithm)
        self._algorithm = algorithm
        self._parameter = f"Checksum{algorithm.upper()}"
        self._parts: dict[int, tuple[bytes, int]] = {}

    def of_object(self, data: bytes | memoryview) -> dict[str, str]:
        """Return what PutObject takes."""
        return {self._parameter: _encoded(self._digest(data))}

    def of_upload(self) -> dict[str, str]:
        """Return what CreateMultipartUpload takes."""
        return {
            "ChecksumAlgorithm": self._algorithm.upper(),
            "ChecksumType": _FULL if self._algorithm in CRCS else _OF_PARTS,
        }

    def of_part(self, number: int, data: bytes | memoryview) -> dict[str, str]:
        """Return what UploadPart takes, and remember it; a part that is sent again may be asked for again."""
        digest = self._digest(data)
        self._parts[number] = (digest, len(data))
        return {self._parameter: _encoded(digest)}

    def of_sent_part(self, number: int) -> dict[str, str]:
        """Return what the entry of a part in CompleteMultipartUpload takes."""
        return {self._parameter: _encoded(self._parts[number][0])}

    def of_completion(self) -> dict[str, str]:
        """Return what CompleteMultipartUpload takes besides."""
        crc = CRCS.get(self._algorithm)
        if crc is None:
            return {"ChecksumType": _OF_PARTS}
        value = 0
        for number in sorted(self._parts):
            digest, size = self._parts[number]
            value = crc.combine(value, int.from_bytes(digest, "big"), size)
        return {"ChecksumType": _FULL, self._parameter: _encoded(value.to_bytes(crc.size, "big"))}

    def _digest(self, data: bytes | memoryview) -> bytes:
        hasher = hasher_of(self._algorithm)
        hasher.update(data)
        return hasher.digest()


def _encoded(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
