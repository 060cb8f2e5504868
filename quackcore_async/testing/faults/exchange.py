"""One request on its way through a fault proxy, and what a fault can do with it."""

import random
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, Protocol, runtime_checkable

import anyio

from quackcore_async.testing.faults.requests import ProxiedRequest
from quackcore_async.testing.faults.upstream import Upstream
from quackcore_async.testing.faults.wire import PIECE, Body, Gone, Head, Wire

__all__ = ["Answer", "Exchange", "Fault", "Handled"]

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_DELIVERY: Final = 0.02  # seconds: a reset may throw away what the other side has not read yet

Sleep = Callable[[float], Awaitable[None]]


@runtime_checkable
class Fault(Protocol):
    """Something that goes wrong with a request. Write your own as a small frozen dataclass.

    @dataclass(frozen=True)
    class Teapot:
        async def apply(self, exchange: Exchange) -> None:
            await exchange.answer(418, body=b"short and stout")
    """

    async def apply(self, exchange: "Exchange") -> None:
        """Do it. What neither answers nor ends the exchange leaves it to the next fault, and to a usual answer."""
        ...


@dataclass(slots=True)
class Handled:
    """What became of a request.

    Attributes:
        request: The request.
        faults: What was done to it; empty when it went through as it was.
        forwarded: Whether the upstream has answered it, so that it has happened there.
        status: Status that the client was sent; None when there was no answer, or not its head.
    """

    request: ProxiedRequest
    faults: tuple[Fault, ...] = ()
    forwarded: bool = False
    status: int | None = None


@dataclass(slots=True)
class Answer:
    """The upstream's answer: its head, and its body to be read piece by piece."""

    head: Head
    body: Body


@dataclass(slots=True)
class Exchange:
    """A request, and the ways to go on with it.

    Attributes:
        request: The request.
        record: What is kept of it.
        random: Random numbers that are the same whenever the same request is made with the same seed.
        kept: What faults keep from request to request, for the life of the proxy.
        sleep: Waits so many seconds.
        max_rate: Bytes per second in which bodies are passed on, in both directions; None for no limit.
        max_piece: Bytes that are sent to the client at a time; None for as they come.
        pause: Seconds between those pieces.
        done: Whether there is nothing more to do.
        keep_alive: Whether the connection serves another request.
    """

    request: ProxiedRequest
    record: Handled
    random: random.Random
    kept: MutableMapping[Any, Any]
    sleep: Sleep
    head: Head
    body: Body
    client: Wire
    upstream: Upstream
    max_rate: float | None = None
    max_piece: int | None = None
    pause: float = 0.0
    done: bool = False
    keep_alive: bool = True
    _continued: bool = field(default=False, init=False)

    async def read_body(self, limit: int = PIECE) -> bytes:
        """Return the next piece of the request's body; nothing at its end."""
        if not self._continued and (self.head.get("expect") or "").lower() == "100-continue":
            await self.client.send(_CONTINUE)
        self._continued = True
        return await self.body.read(limit)

    async def skip_body(self) -> None:
        """Read the request's body to its end and drop it."""
        while await self.read_body():
            pass

    async def forward(self) -> Answer:
        """Send the request to the upstream and return its answer."""
        wire = await self.upstream.wire()
        await wire.send(self.head.replaced("expect").raw)
        with suppress(_UpstreamGone):  # it may have answered already without reading it all
            while piece := await self.read_body():
                await self._keep_rate(len(piece))
                await self._send_upstream(wire, self.body.framed(piece))
            await self._send_upstream(wire, self.body.end)
        answer = Answer(*await self.upstream.read_answer(self.request.method))
        self.record.forwarded = True
        return answer

    async def relay(self) -> None:
        """Send the request to the upstream and its answer to the client."""
        await self.pass_on(await self.forward())

    async def pass_on(self, answer: Answer) -> None:
        """Send an answer of the upstream to the client."""
        await self.begin(answer.head)
        while piece := await answer.body.read():
            await self.send(piece, answer.body.framed)
        await self.client.send(answer.body.end)
        await self.end(keep_alive=answer.body.framing != "close" and answer.head.keeps_alive)

    async def answer(
        self, status: int, headers: Mapping[str, str] | Iterable[tuple[str, str]] = (), body: bytes = b""
    ) -> None:
        """Read the request whole and answer it in place of the upstream."""
        await self.skip_body()
        await self.begin(head_of(status, headers, len(body)))
        if self.request.method != "HEAD":
            await self.send(body)
        await self.end()

    async def begin(self, head: Head) -> None:
        """Send the head of the answer."""
        self.record.status = head.status
        await self.client.send(head.raw)

    async def send(self, data: bytes, framed: Callable[[bytes], bytes] = bytes) -> None:
        """Send bytes of the answer, at the pace of this exchange."""
        size = self.max_piece or len(data) or 1
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            await self._keep_rate(len(piece))
            await self.client.send(framed(piece))
            if self.pause:
                await self.sleep(self.pause)

    async def end(self, *, keep_alive: bool = True) -> None:
        """Say that the answer is complete."""
        self.done = True
        self.keep_alive = keep_alive and self.head.keeps_alive
        if not self.body.finished:
            self.keep_alive = False

    async def reset(self) -> None:
        """Reset the client's connection (RST)."""
        self.done, self.keep_alive = True, False
        if self.record.status is not None:
            await anyio.sleep(_DELIVERY)
        await self.client.reset()

    async def hang_up(self) -> None:
        """Close the client's connection in order (FIN)."""
        self.done, self.keep_alive = True, False
        await self.client.hang_up()

    async def until_client_leaves(self) -> None:
        """Keep the connection open and silent until the client gives up."""
        self.done, self.keep_alive = True, False
        with suppress(Gone):
            await self.client.drain()

    async def _keep_rate(self, count: int) -> None:
        if self.max_rate is not None:
            await self.sleep(count / self.max_rate)

    async def _send_upstream(self, wire: Wire, data: bytes) -> None:
        try:
            if data:
                await wire.send(data)
        except Gone:
            raise _UpstreamGone from None


class _UpstreamGone(Exception):  # noqa: N818 - it is an event, not a mistake
    """Raised to stop sending a body that nobody reads."""


def head_of(status: int, headers: Mapping[str, str] | Iterable[tuple[str, str]], length: int) -> Head:
    """Return the head of an answer with a body of that length, unless `headers` say something else of it."""
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    if not {"content-length", "transfer-encoding"} & {name.lower() for name, _ in pairs}:
        pairs.append(("Content-Length", str(length)))
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown"
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in pairs)]
    return Head.parse(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
