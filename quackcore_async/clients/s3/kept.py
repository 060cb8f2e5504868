"""What survives an interrupted transfer, so that the next one need not begin anew: as the transfers see it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["KeptRanges", "KeptUpload", "KnownUpload"]


class KeptRanges(Protocol):
    """What is kept of an interrupted download. Its methods block."""

    def is_begun(self) -> bool:
        """Tell whether something may have been kept."""
        ...

    def done(self) -> Sequence[tuple[int, int]]:
        """Return the ranges that are complete in the file that has begun: of the same version of the object."""
        ...

    def record(self, start: int, end: int) -> None:
        """Keep that a range is complete."""
        ...

    def spoil(self) -> None:
        """Keep nothing: the bytes are wrong."""
        ...


@dataclass(frozen=True, slots=True)
class KnownUpload:
    """A multipart upload that was begun earlier.

    Attributes:
        fingerprint: What it is made of.
        upload_id: The service's name for it.
        token: What it has in its metadata, to know the object again.
        digests: By part number the entity tag that the service gave, and the MD5 of what was sent, in hexadecimal.
    """

    fingerprint: str
    upload_id: str
    token: str
    digests: Mapping[int, tuple[str, str]] = field(default_factory=dict)


class KeptUpload(Protocol):
    """What is kept of an upload in parts. Its methods block."""

    def open(self) -> bool:
        """Take it; False when somebody else has it, or nothing can be kept."""
        ...

    def load(self) -> KnownUpload | None:
        """Return the upload that was begun earlier; None when there is none."""
        ...

    def begin(self, fingerprint: str, upload_id: str, token: str) -> None:
        """Keep that an upload has begun; what was kept before is forgotten."""
        ...

    def add(self, number: int, etag: str, digest: str) -> None:
        """Keep that the service has a part."""
        ...

    def remove(self) -> None:
        """Keep nothing any more."""
        ...

    def close(self) -> None:
        """Let go of it; what is kept stays. Idempotent."""
        ...
