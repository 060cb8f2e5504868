"""One connection of the sink: HTTP/1.1, kept open, one request after the other."""

import asyncio
from collections.abc import Iterator
from typing import cast

from benchmarks.sink.http import Answer, Body, Request, body_of, finish, read_head
from benchmarks.sink.service import Service

__all__ = ["Connection"]

_WAITING = 1024**2


class Connection(asyncio.Protocol):
    """Reads requests, has the service answer them, and writes long answers as fast as they are taken."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._received = b""
        self._request: Request | None = None
        self._body: Body | None = None
        self._stream: Iterator[memoryview] | None = None
        self._paused = False
        self._closes = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own is none
        self._transport.set_write_buffer_limits(high=_WAITING)

    def data_received(self, data: bytes) -> None:
        self._received = self._received + data if self._received else data
        if self._stream is None:
            self._proceed()

    def _proceed(self) -> None:
        """Take as many requests as are there, up to one whose answer takes its time."""
        while self._received and self._stream is None:
            if self._request is None and not self._begin():
                return
            if self._body is not None:
                rest = self._body.feed(self._received)
                self._received = rest or b""
                if rest is None:
                    return
            self._end()

    def _begin(self) -> bool:
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return False
        self._request = request = read_head(self._received[:end])
        self._received = self._received[end + 4 :]
        self._body = body_of(request, self._service.keep_below)
        self._closes = request.headers.get("connection", "").lower() == "close"
        if self._body is not None and not self._received and "expect" in request.headers:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return True

    def _end(self) -> None:
        request, body = self._request, self._body
        assert request is not None
        if body is not None:
            finish(request, body, self._service.keep_below)
        self._request = self._body = None
        self._write(self._service.answer(request), bodiless=request.method == "HEAD")

    def _write(self, answer: Answer, *, bodiless: bool) -> None:
        length = len(answer.body) if answer.length is None else answer.length
        told = "" if answer.status.startswith("204") else f"Content-Length: {length}\r\n"
        head = f"HTTP/1.1 {answer.status}\r\nServer: sink\r\nx-amz-request-id: sink\r\n{answer.head}{told}\r\n"
        self._transport.write(head.encode("latin-1") if bodiless else head.encode("latin-1") + answer.body)
        if answer.stream is not None and not bodiless:
            self._stream = iter(answer.stream)
            self._go_on()
        elif self._closes:
            self._transport.close()

    def _go_on(self) -> None:
        assert self._stream is not None
        while not self._paused:
            piece = next(self._stream, None)
            if piece is None:
                self._stream = None
                if self._closes:
                    self._transport.close()
                return
            self._transport.write(piece)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._stream is not None:
            self._go_on()
            if self._stream is None:
                self._proceed()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio calls it so
        self._stream = None
