"""Faults of the network: slowness, silence, and connections that end too early."""

from dataclasses import dataclass
from typing import Literal

from quackcore_async.testing.faults.exchange import Answer, Exchange
from quackcore_async.testing.faults.wire import PIECE

__all__ = ["Bandwidth", "HangUp", "Latency", "LostAnswer", "Reset", "Slices", "Stall"]


@dataclass(frozen=True, slots=True)
class Latency:
    """The request waits before it goes on.

    Attributes:
        seconds: Shortest wait.
        jitter: Seconds that are added at most; how many is drawn from the seed.
    """

    seconds: float
    jitter: float = 0.0

    async def apply(self, exchange: Exchange) -> None:
        """Wait."""
        await exchange.sleep(self.seconds + exchange.random.uniform(0, self.jitter))


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """Bodies trickle, in both directions.

    Attributes:
        bytes_per_second: How many get through.
    """

    bytes_per_second: float

    async def apply(self, exchange: Exchange) -> None:
        """Slow the exchange down."""
        exchange.max_rate = self.bytes_per_second
        exchange.max_piece = exchange.max_piece or max(1, int(self.bytes_per_second / 10))


@dataclass(frozen=True, slots=True)
class Slices:
    """The body of the answer comes in small pieces, each in a packet of its own.

    Attributes:
        size: Bytes of a piece; with chunked coding, of a chunk.
        pause: Seconds between two of them.
    """

    size: int = 1
    pause: float = 0.0

    async def apply(self, exchange: Exchange) -> None:
        """Cut the answer."""
        exchange.max_piece, exchange.pause = self.size, self.pause


@dataclass(frozen=True, slots=True)
class Stall:
    """The answer stops in the middle, with the connection open, until the client gives up.

    The request has happened: it was forwarded.

    Attributes:
        after: Bytes of the answer's body that get through; None lets not even its head through.
    """

    after: int | None = None

    async def apply(self, exchange: Exchange) -> None:
        """Fall silent."""
        await _begin(exchange, self.after)
        await exchange.until_client_leaves()


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is reset (RST).

    Attributes:
        after: Bytes of the body that get through before; in an answer, None lets not even the head through, and
            where it has fewer the reset comes behind it, on a connection that promised to stay open.
        during: `answer` resets while answering, when the request has happened; `request` while the request is
            being sent, and nothing of it is forwarded.
    """

    after: int | None = None
    during: Literal["answer", "request"] = "answer"

    async def apply(self, exchange: Exchange) -> None:
        """Reset it."""
        await _pass(exchange, self.after, self.during)
        await exchange.reset()


@dataclass(frozen=True, slots=True)
class HangUp:
    """The connection is closed in order (FIN): as `Reset`, for a client that does not look twice."""

    after: int | None = None
    during: Literal["answer", "request"] = "answer"

    async def apply(self, exchange: Exchange) -> None:
        """Close it."""
        await _pass(exchange, self.after, self.during)
        await exchange.hang_up()


@dataclass(frozen=True, slots=True)
class LostAnswer:
    """The request is forwarded and happens; its answer is lost on the way back.

    Attributes:
        how: What the client sees of it: `reset`, `hang_up`, or `stall` until it gives up.
    """

    how: Literal["reset", "hang_up", "stall"] = "reset"

    async def apply(self, exchange: Exchange) -> None:
        """Lose it."""
        await _read(await exchange.forward())
        if self.how == "reset":
            await exchange.reset()
        elif self.how == "hang_up":
            await exchange.hang_up()
        else:
            await exchange.until_client_leaves()


async def _pass(exchange: Exchange, after: int | None, during: Literal["answer", "request"]) -> None:
    if during == "answer":
        await _begin(exchange, after)
        return
    left = after or 0
    while left > 0 and (piece := await exchange.read_body(min(left, PIECE))):
        left -= len(piece)


async def _begin(exchange: Exchange, after: int | None) -> None:
    """Forward the request and let so many bytes of its answer through."""
    answer = await exchange.forward()
    if after is None:
        return await _read(answer)
    await exchange.begin(answer.head)
    left = after
    while left > 0 and (piece := await answer.body.read(min(left, PIECE))):
        await exchange.send(piece, answer.body.framed)
        left -= len(piece)
    if left > 0:
        await exchange.client.send(answer.body.end)
    return None


async def _read(answer: Answer) -> None:
    await answer.body.skip()
