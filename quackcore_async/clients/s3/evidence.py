"""Telling whether an object is the one that a write of ours made, when the answer to the write was lost."""

import email.utils
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from quackcore_async.clients.s3.attributes import WRITE_KEY
from quackcore_async.clients.s3.checksums import expectation_of, hasher_of
from quackcore_async.clients.s3.objects import ObjectInfo

__all__ = ["Evidence", "age_of"]

_CLOCK_STEP: Final = 1.0  # seconds: HTTP dates know no fractions
_MADE_OF_MD5: Final = re.compile(r'"[0-9a-f]{32}(-\d+)?"', re.ASCII)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an object that this write made must look like.

    Attributes:
        size: Bytes; None when nobody knows.
        etag: Entity tag that it has where the service makes them of MD5s; None when nobody knows.
        content: The bytes themselves, where they are in memory.
        metadata: What is stored beside it; None when nobody knows.
        token: What it has under `WRITE_KEY` as no other write has; None when it was written without.
    """

    size: int | None = None
    etag: str | None = None
    content: memoryview | None = None
    metadata: Mapping[str, str] | None = None
    token: str | None = None

    def fits(self, info: ObjectInfo, *, age: float | None, spent: float, replayed: bool = False) -> bool:
        """Tell whether an object is the one that was written. It blocks where the content has to be hashed.

        Args:
            info: The object, with its checksums.
            age: Seconds since it was written, on the clock of the service; None when nobody knows.
            spent: Seconds since this write began.
            replayed: Whether it is only a guess that the request was sent before: then the object must be young.
        """
        if self.size is not None and info.size != self.size:
            return False
        if self.token is not None and info.metadata:
            return info.metadata.get(WRITE_KEY) == self.token
        # There is no token, or the service keeps no metadata: content and time have to do.
        if self.metadata is not None and info.metadata and dict(info.metadata) != _lowered(self.metadata):
            return False
        if age is None and replayed:
            return False
        if age is not None and age > spent + _CLOCK_STEP:
            return False
        return self._has_content(info)

    def _has_content(self, info: ObjectInfo) -> bool:
        if self.etag is not None and info.etag == self.etag:
            return True
        if self.content is None or (_MADE_OF_MD5.fullmatch(info.etag or "") and not info.encrypted):
            return False
        expected = expectation_of(info)
        if expected is None:
            return False
        hasher = hasher_of(expected.algorithm)
        hasher.update(self.content)
        return hasher.digest() == expected.digest


def age_of(info: ObjectInfo, answer: Mapping[str, Any]) -> float | None:
    """Return how many seconds ago an object was written, by the clock of the service that answered."""
    try:
        now = email.utils.parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    except (KeyError, ValueError):
        return None
    return None if info.last_modified is None else (now - info.last_modified).total_seconds()


def _lowered(metadata: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in metadata.items()}
