"""The local file that is being uploaded, as the transfer engine sees it."""

import os
from typing import Protocol

from quackcore_async.errors import ConflictError

__all__ = ["Source", "read_into"]


class Source(Protocol):
    """A regular file. Its methods block: they are called in worker threads.

    Attributes:
        path: Where it is, for messages.
        fd: Descriptor to read from at any offset; -1 while it is closed.
        size: Bytes, once it is open.
        mtime_ns: Modification time in nanoseconds, once it is open.
        mode: Permission bits, once it is open.
    """

    path: str
    fd: int
    size: int
    mtime_ns: int
    mode: int

    def open(self) -> None:
        """Open it; what is no regular file is refused."""
        ...

    def close(self) -> None:
        """Close it; idempotent."""
        ...

    def check_unchanged(self) -> None:
        """Raise a `ConflictError` with code `source_changed` when it is not what was opened any more."""
        ...


def read_into(source: Source, memory: memoryview, offset: int) -> None:
    """Fill `memory` with the bytes of an open source from `offset` on.

    Raises:
        ConflictError: with code `source_changed`, if the file ends before.
    """
    done = 0
    while done < len(memory):
        count = _read_at(source.fd, memory[done:], offset + done)
        if count == 0:
            raise ConflictError(
                f"{source.path} became shorter while it was read: upload it again when nobody writes to it",
                code="source_changed",
                retryable=True,
            )
        done += count


def _read_at(fd: int, memory: memoryview, offset: int) -> int:
    if hasattr(os, "preadv"):
        return os.preadv(fd, [memory], offset)
    data = os.pread(fd, len(memory), offset)
    memory[: len(data)] = data
    return len(data)
