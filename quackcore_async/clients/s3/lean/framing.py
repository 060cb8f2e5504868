"""The form of an answer in HTTP/1.1: its head, and how far its body goes (RFC 9112).

Where the RFC leaves the choice between reading and refusing, this refuses: bare LF, folded headers, and lengths
that two readers could understand in two ways.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol

__all__ = [
    "MAX_HEAD",
    "Body",
    "CountedBody",
    "Head",
    "MalformedError",
    "body_for",
    "length_of",
    "parse_head",
    "take_head",
]

MAX_HEAD: Final = 64 * 1024
"""Longest head of an answer, and longest trailer, in bytes."""

_STATUS_LINE: Final = re.compile(r"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: [^\r\n\0]*)?")
_LINE: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n\0]*"  # the name: RFC 9110 section 5.6.2
_HEADER_LINES: Final = re.compile(rf"(?:{_LINE}(?:\r\n{_LINE})*)?")
_BEGINNING: Final = b"HTTP/1."
_TRAILER_LINE: Final = re.compile(_LINE.encode())
_SIZE_LINE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n\0]*)?")
_LENGTH: Final = re.compile(r"[0-9]{1,15}")
_BLANKS: Final = " \t"
_FINAL: Final = 200  # statuses below are interim answers: RFC 9110 section 15.2
_SWITCHING: Final = 101
_LONGEST_LINE: Final = 8192
_NO_CONTENT: Final = frozenset({204, 304})


class MalformedError(ValueError):
    """What came is no HTTP."""


class Head(NamedTuple):
    """The beginning of an answer.

    Attributes:
        status: HTTP status.
        headers: Values by lower-case name; of those that came several times, joined.
        persists: Whether the connection may carry another request.
    """

    status: int
    headers: dict[str, str]
    persists: bool


def take_head(data: bytes) -> tuple[Head | None, bytes]:
    """Read the head of the answer at the start of what came; interim answers before it are passed over.

    Returns:
        The head and what follows it; without a head what the next bytes are to be put behind.

    Raises:
        MalformedError: if it is none, or cannot become one.
    """
    while (end := data.find(b"\r\n\r\n", 0, MAX_HEAD + 4)) >= 0:
        head = parse_head(data[:end])
        data = data[end + 4 :]
        if head.status >= _FINAL:
            return head, data
        if head.status == _SWITCHING:
            raise MalformedError("the service wants to speak something else")
    if len(data) >= MAX_HEAD + 4:
        raise MalformedError(f"the head of the answer is longer than {MAX_HEAD} bytes")
    if not _BEGINNING.startswith(data[: len(_BEGINNING)]):  # who speaks something else may wait for us to go on
        raise MalformedError(f"the answer begins with {_shown(data)}")
    if data.count(b"\n") != data.count(b"\r\n"):
        raise MalformedError("a line in the head of the answer has no end")
    return None, data


def parse_head(data: bytes) -> Head:
    """Read a head without its empty line.

    Raises:
        MalformedError: if it is none.
    """
    status_line, _, lines = data.decode("utf-8", "surrogateescape").partition("\r\n")
    match = _STATUS_LINE.fullmatch(status_line)
    if match is None:
        raise MalformedError(f"the answer begins with {_shown(data)}")
    if _HEADER_LINES.fullmatch(lines) is None:
        raise MalformedError(f"the answer has a header line {_broken_line(lines)!r}")
    headers: dict[str, str] = {}
    for line in lines.split("\r\n") if lines else ():
        name, _, value = line.partition(":")
        name = name.lower()
        value = value.strip(_BLANKS)
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return Head(int(match[2]), headers, _persists(headers, old=match[1] == "0"))


def _broken_line(lines: str) -> str:
    return next(line for line in lines.split("\r\n") if not re.fullmatch(_LINE, line))[:40]


def _persists(headers: dict[str, str], *, old: bool) -> bool:
    """Tell whether the connection may be used again: RFC 9112 sections 6.1, 6.3 and 9.3."""
    if "transfer-encoding" in headers and (old or "content-length" in headers):
        return False  # somebody on the way may have seen another end of the body
    options = headers.get("connection")
    if options is None:
        return not old
    names = {option.strip(_BLANKS) for option in options.lower().split(",")}
    return "close" not in names and (not old or "keep-alive" in names)


def _shown(data: bytes) -> str:
    return repr(data[:40].partition(b"\r")[0].decode("utf-8", "backslashreplace"))


class Body(Protocol):
    """The body of an answer, as it comes in.

    Attributes:
        ended: Whether all of it came.
        surplus: Whether something came behind its end.
    """

    ended: bool
    surplus: bool

    def feed(self, data: bytes) -> bytes:
        """Return what is of the body in what came.

        Raises:
            MalformedError: if it is not in its coding.
        """
        ...

    def close(self) -> None:
        """Take note that nothing more comes."""
        ...


def body_for(method: str, head: Head) -> Body:
    """Return how the body of an answer is framed: RFC 9112 section 6.3.

    Raises:
        MalformedError: if that cannot be told.
    """
    length = length_of(head.headers)  # also of an answer without a body: who asked for it reads it
    if method == "HEAD" or head.status in _NO_CONTENT:
        return CountedBody(0)
    coding = head.headers.get("transfer-encoding")
    if coding is not None:
        if coding.lower() != "chunked" or not coding.isascii():
            raise MalformedError(f"the answer has the transfer coding {coding[:40]!r}")
        return _Chunked()
    return _UntilClosed() if length is None else CountedBody(length)


def length_of(headers: Mapping[str, str]) -> int | None:
    """Return the length that an answer states, also when it does so several times: RFC 9110 section 8.6.

    Raises:
        MalformedError: if it is none, or more than one.
    """
    stated = headers.get("content-length")
    if stated is None:
        return None
    first, *others = (each.strip(_BLANKS) for each in stated.split(","))
    if _LENGTH.fullmatch(first) is None or others != [first] * len(others):
        raise MalformedError(f"the answer has the length {stated[:40]!r}")
    return int(first)


class CountedBody(Body):
    """A body of a length that was said before.

    Attributes:
        left: Bytes that are still to come.
    """

    def __init__(self, length: int) -> None:
        self.left = length
        self.ended = length == 0
        self.surplus = False

    def feed(self, data: bytes) -> bytes:
        """Return what is of the body in what came."""
        if len(data) > self.left:
            self.surplus = True
            data = data[: self.left]
        self.pass_over(len(data))
        return data

    def pass_over(self, count: int) -> None:
        """Take note that so many bytes were read by somebody else."""
        self.left -= count
        self.ended = self.left == 0

    def close(self) -> None:
        """It ends early, unless it has ended."""


class _UntilClosed(Body):
    """A body that goes on until the connection is closed."""

    def __init__(self) -> None:
        self.ended = False
        self.surplus = False

    def feed(self, data: bytes) -> bytes:
        return data

    def close(self) -> None:
        self.ended = True


class _Chunked(Body):
    """A body in chunks that say how long they are: RFC 9112 section 7.1."""

    def __init__(self) -> None:
        self.ended = False
        self.surplus = False
        self._line = bytearray()
        self._left = 0  # of the chunk under way
        self._trailer = 0  # bytes of it so far
        self._state = "size"  # what the next line is

    def feed(self, data: bytes) -> bytes:
        pieces: list[bytes] = []
        at = 0
        while at < len(data):
            if self.ended:
                self.surplus = True
                break
            if self._left:
                piece = data[at : at + self._left]
                at += len(piece)
                self._left -= len(piece)
                pieces.append(piece)
            else:
                at = self._gather(data, at)
        return b"".join(pieces)  # small chunks are no reason for many small objects

    def _gather(self, data: bytes, at: int) -> int:
        """Complete a line, if its end came; return where the rest begins."""
        end = data.find(b"\n", at) + 1 or len(data)
        self._line += data[at:end]
        if len(self._line) > _LONGEST_LINE:
            raise MalformedError("a line between the chunks of the answer is too long")
        if self._line.endswith(b"\r\n"):
            line = bytes(self._line[:-2])
            self._line.clear()
            self._take_line(line)
        elif self._line.endswith(b"\n"):
            raise MalformedError("a line between the chunks of the answer has no end")
        elif self._state == "end of data" and self._line != b"\r":
            raise MalformedError("a chunk of the answer is longer than its size")
        return end

    def _take_line(self, line: bytes) -> None:
        if self._state == "size":
            match = _SIZE_LINE.fullmatch(line)
            if match is None:
                raise MalformedError(f"a chunk of the answer has the size {_shown(line)}")
            self._left = int(match[1], 16)
            self._state = "end of data" if self._left else "trailer"
        elif self._state == "end of data":
            if line:
                raise MalformedError("a chunk of the answer is longer than its size")
            self._state = "size"
        elif line:
            self._trailer += len(line)
            if self._trailer > MAX_HEAD or _TRAILER_LINE.fullmatch(line) is None:
                raise MalformedError(f"the answer has a trailer with the line {_shown(line)}")
        else:
            self.ended = True

    def close(self) -> None:
        """It ends early, unless it has ended."""
