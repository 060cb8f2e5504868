"""Faults of an answer's body: too short, too long, said to be of another length, torn or repeated chunks.

An answer without a body passes through as it is.
"""

from dataclasses import dataclass

from quackcore_async.testing.faults.exchange import Exchange
from quackcore_async.testing.faults.wire import LAST_CHUNK, Head, chunk

__all__ = ["BrokenChunk", "CorruptByte", "CutChunk", "Overlong", "RepeatedChunk", "Truncated", "WrongLength"]

_HALVES = 2


@dataclass(frozen=True, slots=True)
class Truncated:
    """The body ends before its Content-Length says, and the connection with it, in order.

    Attributes:
        missing: Bytes that are cut off; a shorter body loses all of it.
    """

    missing: int = 1

    async def apply(self, exchange: Exchange) -> None:
        """Cut it."""
        if (whole := await _whole(exchange)) is not None:
            head, body = whole
            await exchange.begin(_with_length(head, len(body)))
            await exchange.send(body[: max(0, len(body) - self.missing)])
            await exchange.hang_up()


@dataclass(frozen=True, slots=True)
class Overlong:
    """The body goes on behind its Content-Length, on a connection that stays open.

    Attributes:
        extra: What comes behind its end.
    """

    extra: bytes = b"extra bytes"

    async def apply(self, exchange: Exchange) -> None:
        """Lengthen it."""
        if (whole := await _whole(exchange)) is not None:
            head, body = whole
            await exchange.begin(_with_length(head, len(body)))
            await exchange.send(body + self.extra)
            await exchange.end()


@dataclass(frozen=True, slots=True)
class WrongLength:
    """The Content-Length is not that of the body, which is whole.

    Attributes:
        change: Bytes that are added to it. Above 0, the connection closes where more would have to come; below,
            the rest of the body comes behind the end that was announced.
    """

    change: int = 1

    async def apply(self, exchange: Exchange) -> None:
        """Say another length."""
        if (whole := await _whole(exchange)) is None:
            return
        head, body = whole
        await exchange.begin(_with_length(head, max(0, len(body) + self.change)))
        await exchange.send(body)
        if self.change > 0:
            await exchange.hang_up()
        else:
            await exchange.end()


@dataclass(frozen=True, slots=True)
class CorruptByte:
    """One bit of the body is turned over; which one is drawn from the seed.

    Only a checksum finds it: it is for answers that come with one.
    """

    async def apply(self, exchange: Exchange) -> None:
        """Turn it over."""
        if (whole := await _whole(exchange)) is None:
            return
        head, body = whole
        place = exchange.random.randrange(len(body)) if body else 0
        damaged = body[:place] + bytes(byte ^ 1 for byte in body[place : place + 1]) + body[place + 1 :]
        await exchange.begin(_with_length(head, len(damaged)))
        await exchange.send(damaged)
        await exchange.end(keep_alive=head.keeps_alive)


@dataclass(frozen=True, slots=True)
class RepeatedChunk:
    """The body comes in chunked coding, and one of its chunks comes twice.

    Attributes:
        size: Bytes of a chunk.
        nth: Which one comes twice, from 0; the last where there are fewer.
    """

    size: int = 1024
    nth: int = 0

    async def apply(self, exchange: Exchange) -> None:
        """Repeat it."""
        if not (chunks := await _begin_chunked(exchange, self.size)):
            return
        nth = min(self.nth, len(chunks) - 1)
        for data in chunks[: nth + 1] + chunks[nth:]:
            await exchange.send(data, chunk)
        await exchange.client.send(LAST_CHUNK)
        await exchange.end()


@dataclass(frozen=True, slots=True)
class BrokenChunk:
    """The body comes in chunked coding; the size of the chunk in its middle is no number."""

    async def apply(self, exchange: Exchange) -> None:
        """Break it."""
        if not (chunks := await _begin_chunked(exchange)):
            return
        await exchange.send(chunks[0], chunk)
        await exchange.client.send(b"zz\r\n" + b"".join(chunks[1:]) + b"\r\n" + LAST_CHUNK)
        await exchange.hang_up()


@dataclass(frozen=True, slots=True)
class CutChunk:
    """The body comes in chunked coding, whole, but the connection ends before the last chunk says so."""

    async def apply(self, exchange: Exchange) -> None:
        """Leave the last chunk out."""
        if not (chunks := await _begin_chunked(exchange)):
            return
        for data in chunks:
            await exchange.send(data, chunk)
        await exchange.hang_up()


async def _begin_chunked(exchange: Exchange, size: int | None = None) -> list[bytes]:
    """Begin the upstream's answer in chunked coding and return its chunks; none when it was passed on as it is."""
    if (whole := await _whole(exchange)) is None:
        return []
    head, body = whole
    await exchange.begin(
        head.replaced("content-length").replaced("transfer-encoding", "Transfer-Encoding: chunked")
    )
    size = size or max(1, -(-len(body) // _HALVES))
    return [body[start : start + size] for start in range(0, len(body), size)]


async def _whole(exchange: Exchange) -> tuple[Head, bytes] | None:
    """Forward the request and return its answer; one without a byte of body is passed on, and gives None."""
    answer = await exchange.forward()
    if answer.body.finished:
        await exchange.pass_on(answer)
        return None
    return answer.head, await answer.body.read_all()


def _with_length(head: Head, length: int) -> Head:
    return head.replaced("transfer-encoding").replaced("content-length", f"Content-Length: {length}")
