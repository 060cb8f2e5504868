"""Reading HTTP/1.1 messages from a connection: heads, and bodies piece by piece, with nothing held in memory."""

import socket
import struct
from dataclasses import dataclass
from typing import Final

import anyio
import anyio.abc

__all__ = ["Body", "Gone", "Head", "NotHttp", "Wire", "body_of_answer", "body_of_request", "chunk"]

PIECE: Final = 65536  # bytes that are read and passed on at a time
_MAX_HEAD: Final = 1024**2  # bytes: far above what any server takes
_MAX_LINE: Final = 8192  # bytes of a chunk's size line
_NO_CONTENT: Final = frozenset({204, 304})  # RFC 9110 section 6.4.1
_LAST_INFORMATIONAL: Final = 199
LAST_CHUNK: Final = b"0\r\n\r\n"


class Gone(Exception):  # noqa: N818 - it is an event, not a mistake
    """Raised when one side of an exchange has closed or reset its connection.

    Attributes:
        wire: The connection.
    """

    def __init__(self, wire: "Wire") -> None:
        super().__init__(f"the {wire.name} went away")
        self.wire = wire


class NotHttp(Exception):  # noqa: N818 - as above
    """Raised when what comes in is no HTTP/1.1."""


@dataclass(frozen=True, slots=True)
class Head:
    """The first line and the fields of a message.

    Attributes:
        raw: Its bytes, up to and with the empty line.
        start: The request line or the status line.
        fields: Names in lower case, and values, in order.
    """

    raw: bytes
    start: str
    fields: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, raw: bytes) -> "Head":
        """Read a head from its bytes."""
        start, *lines = raw[:-4].decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines)
        return cls(raw, start, tuple((name.strip().lower(), value.strip()) for name, _, value in pairs))

    def get(self, name: str) -> str | None:
        """Return the value of a field by its lower-case name."""
        return next((value for field, value in self.fields if field == name), None)

    @property
    def status(self) -> int:
        """Status of an answer."""
        try:
            return int(self.start.split(" ", 2)[1])
        except (IndexError, ValueError):
            raise NotHttp(f"no status line: {self.start[:80]!r}") from None

    @property
    def keeps_alive(self) -> bool:
        """Whether the connection stays open after the message (RFC 9112 section 9.3)."""
        options = (self.get("connection") or "").lower()
        return "close" not in options and ("HTTP/1.1" in self.start or "keep-alive" in options)

    def replaced(self, name: str, *lines: str) -> "Head":
        """Return a head without the fields of a name, and with these lines at its end."""
        start, *others = self.raw[:-4].decode("latin-1").split("\r\n")
        kept = [line for line in others if line.partition(":")[0].strip().lower() != name]
        return Head.parse(("\r\n".join([start, *kept, *lines]) + "\r\n\r\n").encode("latin-1"))


class Wire:
    """One connection, read through a buffer.

    Args:
        stream: The connection.
        name: `client` or `upstream`.
    """

    def __init__(self, stream: anyio.abc.SocketStream, name: str) -> None:
        self.name = name
        self._stream = stream
        self._buffer = bytearray()
        self._socket: socket.socket = stream.extra(anyio.abc.SocketAttribute.raw_socket)  # noqa: S610
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    async def send(self, data: bytes) -> None:
        """Send bytes.

        Raises:
            Gone: if the other side takes no more.
        """
        try:
            await self._stream.send(data)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
            raise Gone(self) from None

    async def read_head(self) -> Head | None:
        """Read the head of the next message; None when the connection ended in order before it."""
        seen = 0
        while (end := self._buffer.find(b"\r\n\r\n", max(0, seen - 3))) < 0:
            seen = len(self._buffer)
            if seen > _MAX_HEAD:
                raise NotHttp("a head without end")
            if not await self._fill():
                if seen:
                    raise Gone(self)
                return None
        return Head.parse(self._take(end + 4))

    async def read_some(self, limit: int) -> bytes:
        """Return some bytes, at most `limit`; none at the end of the connection."""
        if not self._buffer and not await self._fill():
            return b""
        return self._take(limit)

    async def read_line(self) -> bytes:
        """Return a line without its end."""
        while (end := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > _MAX_LINE:
                raise NotHttp("a chunk size without end")
            if not await self._fill():
                raise Gone(self)
        return self._take(end + 2)[:-2]

    async def drain(self) -> None:
        """Read and drop what comes, until the other side is gone."""
        while await self.read_some(PIECE):
            pass

    async def aclose(self) -> None:
        """Close in order (FIN)."""
        with anyio.CancelScope(shield=True):
            await self._stream.aclose()

    async def hang_up(self) -> None:
        """Close in order, also while the other side still sends: unread bytes would make it a reset."""
        try:
            await self._stream.send_eof()
            await self.drain()
        except (Gone, anyio.BrokenResourceError, OSError):
            pass
        await self.aclose()

    async def reset(self) -> None:
        """Close with RST: with a linger time of 0 the system sends it in place of FIN (socket(7), SO_LINGER)."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport = getattr(self._stream, "_transport", None)
        if transport is not None:  # anyio before 4.15.1 shuts an asyncio transport down first, which sends FIN
            transport.abort()
        await self.aclose()

    async def _fill(self) -> bool:
        try:
            self._buffer += await self._stream.receive(PIECE)
        except anyio.EndOfStream:
            return False
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
            raise Gone(self) from None
        return True

    def _take(self, count: int) -> bytes:
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data


class Body:
    """The payload of a message, without its framing.

    Attributes:
        framing: How its end is told: `length`, `chunked`, or `close`, the end of the connection.
        finished: Whether it was read to its end.
    """

    def __init__(self, wire: Wire, framing: str, length: int = 0) -> None:
        self.framing = framing
        self.length = length if framing == "length" else None
        self.finished = framing == "length" and length == 0
        self._wire = wire
        self._left = length
        self._between_chunks = False

    async def read(self, limit: int = PIECE) -> bytes:
        """Return the next piece of it; nothing at its end.

        Raises:
            Gone: if the connection ended before.
        """
        if self.finished:
            return b""
        if self.framing == "chunked" and not self._left:
            await self._begin_chunk()
            if self.finished:
                return b""
        data = await self._wire.read_some(limit if self.framing == "close" else min(limit, self._left))
        if self.framing == "close":
            self.finished = not data
            return data
        if not data:
            raise Gone(self._wire)
        self._left -= len(data)
        self.finished = self.framing == "length" and not self._left
        return data

    async def read_all(self) -> bytes:
        """Return what is left of it."""
        data = bytearray()
        while piece := await self.read():
            data += piece
        return bytes(data)

    async def skip(self) -> None:
        """Read it to its end and drop it."""
        while await self.read():
            pass

    def framed(self, data: bytes) -> bytes:
        """Return a piece as it goes over the wire in this framing."""
        return chunk(data) if self.framing == "chunked" else data

    @property
    def end(self) -> bytes:
        """What goes over the wire behind the last piece."""
        return LAST_CHUNK if self.framing == "chunked" else b""

    async def _begin_chunk(self) -> None:
        if self._between_chunks:
            await self._wire.read_line()
        self._between_chunks = True
        line = await self._wire.read_line()
        try:
            self._left = int(line.partition(b";")[0], 16)
        except ValueError:
            raise NotHttp(f"no chunk size: {line[:40]!r}") from None
        if not self._left:
            while await self._wire.read_line():
                pass  # trailers
            self.finished = True


def chunk(data: bytes) -> bytes:
    """Return bytes as one chunk (RFC 9112 section 7.1)."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def body_of_request(wire: Wire, head: Head) -> Body:
    """Return the body that follows the head of a request (RFC 9112 section 6.3)."""
    if "chunked" in (head.get("transfer-encoding") or "").lower():
        return Body(wire, "chunked")
    return Body(wire, "length", _length(head) or 0)


def body_of_answer(wire: Wire, head: Head, method: str) -> Body:
    """Return the body that follows the head of an answer."""
    if method == "HEAD" or head.status in _NO_CONTENT or head.status <= _LAST_INFORMATIONAL:
        return Body(wire, "length", 0)
    if "chunked" in (head.get("transfer-encoding") or "").lower():
        return Body(wire, "chunked")
    length = _length(head)
    return Body(wire, "close") if length is None else Body(wire, "length", length)


def _length(head: Head) -> int | None:
    text = head.get("content-length")
    if text is None:
        return None
    if not text.isdecimal():
        raise NotHttp(f"no length: {text[:40]!r}")
    return int(text)
