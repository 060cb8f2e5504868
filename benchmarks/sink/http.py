"""Requests and answers as they stand on the wire."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

__all__ = ["Answer", "Body", "Request", "body_of", "read_head"]


@dataclass(slots=True)
class Request:
    """A request: names of headers in lower case, the path without escapes, the body once it is there."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    size: int = 0
    body: bytes | None = b""


@dataclass(slots=True)
class Answer:
    """An answer.

    Attributes:
        status: Number and reason.
        head: Header lines, each with its end.
        body: All of it.
        stream: In place of `body`, pieces of it.
        length: Bytes of the pieces, or those that an answer to HEAD tells of.
    """

    status: str = "200 OK"
    head: str = ""
    body: bytes = b""
    stream: Iterable[memoryview] | None = None
    length: int | None = None


def read_head(head: bytes) -> Request:
    """Read the head of a request."""
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    path, _, query = target.partition("?")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return Request(
        method,
        unquote(path) if "%" in path else path,
        dict(parse_qsl(query, keep_blank_values=True)) if query else {},
        headers,
    )


@dataclass(slots=True)
class Body:
    """Takes the bytes of a body as they come, and keeps them unless they are too many."""

    missing: int
    keep: bool
    chunks: list[bytes] = field(default_factory=list)

    def feed(self, data: bytes) -> bytes | None:
        """Take bytes; return those after the end, or None as long as there is more to come."""
        rest = None
        if len(data) >= self.missing:
            data, rest = data[: self.missing], data[self.missing :]
        self.missing -= len(data)
        if self.keep:
            self.chunks.append(data)
        return rest

    def bytes(self) -> bytes | None:
        return b"".join(self.chunks) if self.keep else None


class ChunkedBody(Body):
    """A body whose length nobody told: it comes in chunks, the last of which is empty."""

    def __init__(self) -> None:
        super().__init__(0, keep=True)
        self._raw = bytearray()

    def feed(self, data: bytes) -> bytes | None:
        self._raw += data
        while (end := self._raw.find(b"\r\n")) >= 0:
            size = int(self._raw[:end].partition(b";")[0], 16)
            stop = end + 2 + size
            if size == 0:
                trailers_end = self._raw.find(b"\r\n\r\n", end)
                if trailers_end < 0:
                    return None
                return bytes(self._raw[trailers_end + 4 :])
            if len(self._raw) < stop + 2:
                return None
            self.chunks.append(bytes(self._raw[end + 2 : stop]))
            del self._raw[: stop + 2]
        return None


def body_of(request: Request, keep_below: int) -> Body | None:
    """Return what takes the body of a request; None when it has none."""
    if "chunked" in request.headers.get("transfer-encoding", ""):
        return ChunkedBody()
    length = int(request.headers.get("content-length", 0))
    return Body(length, keep=length <= keep_below or request.method == "POST") if length else None


def finish(request: Request, body: Body, keep_below: int) -> None:
    """Give a request its body, without the chunks in which S3's clients sign it or add checksums."""
    content = body.bytes()
    headers = request.headers
    signed_in_chunks = headers.get("x-amz-content-sha256", "").startswith("STREAMING-")
    if content is None:
        told = headers.get("x-amz-decoded-content-length") if signed_in_chunks else None
        request.size, request.body = int(told or headers["content-length"]), None
        return
    if signed_in_chunks:
        inner = ChunkedBody()
        inner.feed(content)
        content = b"".join(inner.chunks)
    request.size = len(content)
    request.body = content if len(content) <= keep_below or request.method == "POST" else None
