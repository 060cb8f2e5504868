"""Standard input and output as streams of bytes that never block the event loop, in flat memory."""

import errno
import os
import stat
from collections.abc import AsyncIterable, AsyncIterator
from typing import Final

import anyio

from quackcore_async.concurrency import run_in_thread

__all__ = ["read_stdin", "write_stdout"]

_STDIN: Final = 0
_STDOUT: Final = 1
_CHUNK_BYTES: Final = 256 * 1024


async def read_stdin() -> AsyncIterator[bytes]:
    """Yield standard input in pieces, as they come.

    A pipe or a terminal is awaited rather than read in a thread: a read that waits for its next byte could not be
    cancelled.
    """
    waits = await run_in_thread(_waits, _STDIN)
    while chunk := await (_read_ready(_STDIN) if waits else run_in_thread(os.read, _STDIN, _CHUNK_BYTES)):
        yield chunk


async def write_stdout(chunks: AsyncIterable[bytes]) -> int:
    """Write a stream to standard output and return how many bytes there were.

    Raises:
        BrokenPipeError: if nobody reads it any more.
    """
    written = 0
    async for chunk in chunks:
        # Abandoned when cancelled: a reader that has stopped reading must not keep the command from ending.
        await run_in_thread(_write_all, _STDOUT, chunk, abandon_on_cancel=True)
        written += len(chunk)
    return written


async def _read_ready(fd: int) -> bytes:
    while True:
        await anyio.wait_readable(fd)
        try:
            return os.read(fd, _CHUNK_BYTES)
        except BlockingIOError:
            continue  # another process emptied the pipe first


def _waits(fd: int) -> bool:
    """Tell whether a read may wait for somebody, and the event loop can do that waiting."""
    mode = os.fstat(fd).st_mode
    return os.name != "nt" and (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(fd))


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except OSError as error:
            if error.errno != errno.EAGAIN:
                raise
            _wait_writable(fd)


def _wait_writable(fd: int) -> None:
    """Wait for a pipe that whoever opened it has set to non-blocking."""
    import select

    select.select([], [fd], [])
