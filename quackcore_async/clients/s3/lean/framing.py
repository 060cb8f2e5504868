"""The form of an answer in HTTP/1.1: its head, and how far its body goes (RFC 9112)."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple, Protocol

__all__ = ["Body", "Head", "MalformedError", "body_for", "parse_head"]

_STATUS_LINE: Final = re.compile(r"HTTP/1\.([01]) ([1-5]\d\d)(?: [^\r\n\0]*)?")
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2
_SIZE_LINE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?")
_LONGEST_LINE: Final = 8192
_LONGEST_TRAILER: Final = 64 * 1024
_LONGEST_NUMBER: Final = 15
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


def parse_head(data: bytes) -> Head:
    """Read a head without its empty line.

    Raises:
        MalformedError: if it is none.
    """
    status_line, *lines = data.decode("utf-8", "surrogateescape").split("\r\n")
    match = _STATUS_LINE.fullmatch(status_line)
    if match is None:
        raise MalformedError(f"the answer begins with {status_line[:40]!r}")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or _NAME.fullmatch(name) is None or "\n" in value or "\0" in value or "\r" in value:
            raise MalformedError(f"the answer has a header line {line[:40]!r}")
        name = name.lower()
        value = value.strip(" \t")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    options = headers.get("connection", "").lower()
    persists = "close" not in options and (match[1] == "1" or "keep-alive" in options)
    if "transfer-encoding" in headers and "content-length" in headers:  # RFC 9112 section 6.1
        persists = False
    return Head(int(match[2]), headers, persists)


class Body(Protocol):
    """The body of an answer, as it comes in.

    Attributes:
        ended: Whether all of it came.
        surplus: Whether something came behind its end.
    """

    ended: bool
    surplus: bool

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the pieces of the body in what came.

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
    if method == "HEAD" or head.status in _NO_CONTENT:
        return _Counted(0)
    coding = head.headers.get("transfer-encoding")
    if coding is not None:
        if coding.strip().lower() != "chunked":
            raise MalformedError(f"the answer has the transfer coding {coding[:40]!r}")
        return _Chunked()
    length = head.headers.get("content-length")
    if length is None:
        return _UntilClosed()
    lengths = {each.strip() for each in length.split(",")}
    text = lengths.pop()
    if lengths or not (text.isascii() and text.isdecimal()) or len(text) > _LONGEST_NUMBER:
        raise MalformedError(f"the answer has the length {length[:40]!r}")
    return _Counted(int(text))


class _Counted(Body):
    """A body of a length that was said before."""

    def __init__(self, length: int) -> None:
        self._left = length
        self.ended = length == 0
        self.surplus = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        if len(data) > self._left:
            self.surplus = True
            data = data[: self._left]
        self._left -= len(data)
        self.ended = self._left == 0
        if data:
            yield data

    def close(self) -> None:
        """It ends early, unless it has ended."""


class _UntilClosed(Body):
    """A body that goes on until the connection is closed."""

    def __init__(self) -> None:
        self.ended = False
        self.surplus = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        yield data

    def close(self) -> None:
        self.ended = True


class _Chunked(Body):
    """A body in chunks that say how long they are: RFC 9112 section 7.1."""

    def __init__(self) -> None:
        self.ended = False
        self.surplus = False
        self._line = bytearray()
        self._left = 0
        self._state = "size"
        self._trailer = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        at = 0
        while at < len(data):
            if self.ended:
                self.surplus = True
                return
            if self._state == "data":
                piece = data[at : at + self._left]
                at += len(piece)
                self._left -= len(piece)
                if not self._left:
                    self._state = "end of data"
                yield piece
                continue
            end = data.find(b"\n", at)
            self._line += data[at : len(data) if end < 0 else end + 1]
            if len(self._line) > _LONGEST_LINE:
                raise MalformedError("a line between the chunks of the answer is too long")
            if end < 0:
                return
            at = end + 1
            self._take_line()

    def _take_line(self) -> None:
        if not self._line.endswith(b"\r\n"):
            raise MalformedError("a line between the chunks of the answer has no end")
        line = bytes(self._line[:-2])
        self._line.clear()
        if self._state == "size":
            match = _SIZE_LINE.fullmatch(line)
            if match is None:
                raise MalformedError(f"a chunk of the answer has the size {line[:40]!r}")
            self._left = int(match[1], 16)
            self._state = "data" if self._left else "trailer"
        elif self._state == "end of data":
            if line:
                raise MalformedError("a chunk of the answer is longer than its size")
            self._state = "size"
        elif not line:  # the empty line behind the trailer
            self.ended = True
        else:
            self._trailer += len(line)
            if self._trailer > _LONGEST_TRAILER:
                raise MalformedError("the trailer of the answer is too long")

    def close(self) -> None:
        """It ends early, unless it has ended."""
