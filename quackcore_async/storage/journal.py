"""Lines of a journal that a crash may have torn: each has a checksum, and behind a bad one there is nothing."""

import os
import zlib
from typing import Final

__all__ = ["append_line", "line_of", "read_lines"]

_MAX_BYTES: Final = 16 * 1024**2  # a journal of 10 000 parts has 2 MB


def line_of(text: str) -> bytes:
    """Return a text without line breaks as a line with its CRC-32 in front."""
    data = text.encode()
    return b"%08x %b\n" % (zlib.crc32(data), data)


def append_line(fd: int, offset: int, text: str) -> int:
    """Write a line at an offset and return the offset behind it."""
    view = memoryview(line_of(text))
    while view:
        written = os.pwrite(fd, view, offset)
        offset += written
        view = view[written:]
    return offset


def read_lines(fd: int, offset: int) -> tuple[list[str], int]:
    """Return the lines from an offset on, up to the first that is torn or damaged, and the offset behind them."""
    data = bytearray()
    while len(data) < _MAX_BYTES and (chunk := os.pread(fd, 1024**2, offset + len(data))):
        data += chunk
    lines: list[str] = []
    for line in bytes(data).splitlines(keepends=True):
        text = _text_of(line)
        if text is None:
            break
        lines.append(text)
        offset += len(line)
    return lines, offset


def _text_of(line: bytes) -> str | None:
    checksum, _, data = line.removesuffix(b"\n").partition(b" ")
    if not line.endswith(b"\n") or checksum != b"%08x" % zlib.crc32(data):
        return None
    return data.decode(errors="replace")
