"""One connection of HTTP/1.1, and the answer that comes over it.

Nothing here knows S3. It speaks RFC 9112 over asyncio's transports, refuses what it does not understand, and never
sends on a connection whose last answer was not read to its end.
"""

import asyncio  # noqa: TID251 - the engine runs on asyncio, as aioboto3 does
import ssl
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final, NamedTuple, Protocol, cast

from quackcore_async.clients.s3 import meanings
from quackcore_async.clients.s3.buffers import BodyBuffer
from quackcore_async.clients.s3.failures import error_of_meaning
from quackcore_async.clients.s3.lean.direct import DirectReader
from quackcore_async.clients.s3.lean.framing import Body, CountedBody, Head, MalformedError, body_for, take_head
from quackcore_async.errors import QuackError

__all__ = ["Connection", "Keeper", "Origin", "Response"]

_HIGH: Final = 1024**2  # bytes that wait to be read before the socket is left alone
_LOW: Final = _HIGH // 4
_REFUSED: Final = 300  # statuses from here on tell that the body of the request is of no use: RFC 9112 section 9.3


class Origin(NamedTuple):
    """Where connections go."""

    host: str
    port: int
    secure: bool


class Keeper(Protocol):
    """Who has the connections that serve nobody."""

    def keep(self, connection: "Connection") -> None:
        """Keep a connection for the next request."""
        ...

    def forget(self, connection: "Connection") -> None:
        """Forget a connection that is lost."""
        ...


class Response:
    """The answer to a request, its body still to be read.

    Attributes:
        status: HTTP status.
        headers: Values by lower-case name; of those that came several times, joined.
    """

    __slots__ = ("_connection", "headers", "status")

    def __init__(self, head: Head, connection: "Connection | None") -> None:
        self.status = head.status
        self.headers: Mapping[str, str] = head.headers
        self._connection = connection  # None once the body is read: the connection serves others then

    async def read(self, amount: int = _HIGH) -> bytes:
        """Return what came next, at most `amount` bytes; nothing at the end.

        Raises:
            QuackError: if the connection breaks, or the body ends early.
        """
        connection = self._connection
        if connection is None:
            return b""
        data = await connection.read(amount)
        if connection.is_read():
            self._connection = None
            connection.finish()
        return data

    @contextmanager
    def direct(self) -> Iterator[DirectReader | None]:
        """Give what reads on in a thread for the time of the block; None where that cannot be."""
        connection = self._connection
        if connection is None:
            yield None
            return
        with connection.direct() as reader:
            yield reader

    def close(self) -> None:
        """Let go of the connection; one whose answer was not read to its end is not used again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()


class Connection(asyncio.Protocol):
    """One connection, which carries one request at a time.

    Attributes:
        origin: Where it goes.
        loop: Its event loop.
        idle_since: When its last answer was read, by the clock of the loop.
    """

    def __init__(
        self, keeper: Keeper, origin: Origin, loop: asyncio.AbstractEventLoop, idle_timeout: float
    ) -> None:
        self.origin = origin
        self.loop = loop
        self.idle_since = 0.0
        self._keeper = keeper
        self._idle_timeout = idle_timeout
        self._transport: asyncio.Transport | None = None
        self._method = ""  # of the request under way
        self._beginning = b""  # of a head that is not complete
        self._head: Head | None = None
        self._body: Body | None = None
        self._pieces: deque[bytes] = deque()
        self._taken = 0  # bytes of the first piece that were read
        self._buffered = 0
        self._paused = False
        self._reader: DirectReader | None = None  # what has the socket, while the transport leaves it alone
        self._whole = False  # whether the request was sent to its end
        self._lent: BodyBuffer | None = None  # what the transport may hold views of
        self._error: QuackError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None

    # What the pool and the response ask for

    async def exchange(self, method: str, head: bytes, body: bytes | BodyBuffer) -> Response:
        """Send a request and wait for the head of its answer."""
        self._method, self._head, self._body = method, None, None
        self._whole = False
        self._lent = body if isinstance(body, BodyBuffer) else None
        try:
            self._touch()
            await self._send(head, body)
            while self._head is None:
                await self._wait()
        except BaseException:
            self.abort()
            raise
        response = Response(self._head, self)
        if self.is_read():
            response = Response(self._head, None)
            self.finish()
        return response

    async def read(self, amount: int) -> bytes:
        """Return what came next of the body, at most `amount` bytes; nothing at its end."""
        while not self._pieces:
            if self.is_read():
                return b""
            self._resume_reading()
            await self._wait()
        piece, begin = self._pieces[0], self._taken
        if len(piece) - begin > amount:
            self._taken = begin + amount
            piece = piece[begin : self._taken]
        else:
            self._pieces.popleft()
            self._taken = 0
            piece = piece[begin:] if begin else piece
        self._buffered -= len(piece)
        if self._buffered <= _LOW:
            self._resume_reading()
        return piece

    @contextmanager
    def direct(self) -> Iterator[DirectReader | None]:
        """Give what reads on in a thread, while the transport leaves the socket alone.

        None where it cannot be: over TLS, without a length, without a descriptor more, or while there is something
        that came before.
        """
        body = self._body
        if not isinstance(body, CountedBody) or (reader := self._direct_reader(body)) is None:
            yield None
            return
        with reader:
            self._reader = reader
            try:
                yield reader
            finally:
                self._reader = None
                body.pass_over(body.left - reader.left)
                body.surplus = body.surplus or reader.surplus
                self._touch()

    def _direct_reader(self, body: CountedBody) -> DirectReader | None:
        transport = self._transport
        if transport is None or transport.is_closing() or self.origin.secure:
            return None
        if not self._whole or self._pieces or body.ended:
            return None
        self._pause_reading(transport)
        with suppress(OSError):
            return DirectReader(transport.get_extra_info("socket").fileno(), body.left)
        return None

    def is_read(self) -> bool:
        """Tell whether the answer was read to its end."""
        return self._body is not None and self._body.ended and not self._pieces

    def finish(self) -> None:
        """Be free for the next request, if this one left everything in order."""
        self._method = ""
        orderly = self._head is not None and self._head.persists and self._whole and self._error is None
        transport, body = self._transport, self._body
        if transport is None or body is None:
            return
        if orderly and not body.surplus and not transport.is_closing() and not transport.get_write_buffer_size():
            self._lent = None
            self._resume_reading()
            self.idle_since = self.loop.time()
            self._keeper.keep(self)
        else:
            self.abort()

    def is_closing(self) -> bool:
        """Tell whether it is of no use any more."""
        return self._transport is None or self._transport.is_closing()

    def abort(self) -> None:
        """Close it at once: what is unsent is dropped, so that nobody waits for a peer that reads nothing."""
        if self._transport is None:
            return
        if self._lent is not None and self._transport.get_write_buffer_size():
            self._lent.left_behind = True
        self._transport.abort()

    # Sending

    async def _send(self, head: bytes, body: bytes | BodyBuffer) -> None:
        if not isinstance(body, BodyBuffer):
            self._usable().write(head + body if body else head)
            self._whole = True
            return
        self._usable().write(head)
        for chunk in body.chunks():
            if body.bandwidth is not None:
                await body.bandwidth.take(len(chunk), self._touch)
            if self._is_refused():
                return
            self._usable().write(chunk)
            if self._writable is not None:
                await self._writable
            self._touch()
        if not self._is_refused():
            self._usable()
            self._whole = True

    def _usable(self) -> asyncio.Transport:
        """Return what can be written to.

        Raises:
            QuackError: if nothing can be: a service that goes away before it has all has not done what it says.
        """
        if self._error is not None:
            raise self._error
        if self._transport is None or self._transport.is_closing():
            raise _reset()
        return self._transport

    def _is_refused(self) -> bool:
        """Tell whether the service has made up its mind to do without the rest of the body."""
        return self._head is not None and self._head.status >= _REFUSED

    def pause_writing(self) -> None:
        """Called when the peer takes too little."""
        self._writable = self.loop.create_future()

    def resume_writing(self) -> None:
        """Called when the peer has taken enough."""
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)

    # Receiving

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called when it is connected."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Called with what came."""
        if not self._method:
            self._fail(error_of_meaning(meanings.PROTOCOL, "the service answers without being asked"))
            return
        self._touch()
        try:
            if self._body is None:
                data = self._take_head(data)
            if data and self._body is not None:
                self._take_body(self._body, data)
        except MalformedError as exc:
            self._fail(error_of_meaning(meanings.PROTOCOL, str(exc)))
        self._wake()

    def _take_head(self, data: bytes) -> bytes:
        """Take the head of the answer, and return what follows it."""
        head, data = take_head(self._beginning + data if self._beginning else data)
        if head is None:
            self._beginning = data
            return b""
        self._beginning = b""
        self._head, self._body = head, body_for(self._method, head)
        if head.status >= _REFUSED:
            self.resume_writing()
        return data

    def _take_body(self, body: Body, data: bytes) -> None:
        piece = body.feed(data)
        if piece:
            self._pieces.append(piece)
            self._buffered += len(piece)
        if self._buffered > _HIGH and self._transport is not None:
            self._pause_reading(self._transport)

    def _pause_reading(self, transport: asyncio.Transport) -> None:
        if not self._paused:
            self._paused = True
            transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._paused and self._transport is not None and not self._transport.is_closing():
            self._paused = False
            self._touch()
            self._transport.resume_reading()

    def eof_received(self) -> None:
        """Called when the service sends nothing more."""
        if self._body is not None and self._transport is not None and _ends_in_order(self._transport):
            self._body.close()
        self._end(None)
        self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called when it is closed, by whomever."""
        self._transport = None
        self._keeper.forget(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._end(exc)

    def _end(self, exc: Exception | None) -> None:
        """Take note that nothing more comes."""
        if self._body is None:
            self._error = self._error or _reset(exc)
        elif not self._body.ended:
            self._error = self._error or error_of_meaning(
                meanings.TRUNCATED, f"the connection broke in the answer{_told(exc)}"
            )
        self._wake()
        self.resume_writing()

    # Waiting

    async def _wait(self) -> None:
        """Wait until something happens.

        Raises:
            QuackError: if the connection is of no use any more.
        """
        if self._error is not None:
            raise self._error
        self._waiter = self.loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, error: QuackError) -> None:
        self._error = self._error or error
        self.abort()
        self._wake()
        self.resume_writing()

    def _touch(self) -> None:
        """Let the idle time begin anew; one timer serves many requests."""
        if self._transport is None:
            return
        self._deadline = self.loop.time() + self._idle_timeout
        if self._timer is None:
            self._timer = self.loop.call_later(self._idle_timeout, self._look_at_the_clock)

    def _look_at_the_clock(self) -> None:
        self._timer = None
        if not self._method:
            return
        left = self._deadline - self.loop.time()
        if left <= 0 and not self._waits_for_reader():
            self._fail(
                error_of_meaning(
                    meanings.IDLE,
                    f"no byte went through for {self._idle_timeout:g} seconds; check the network",
                )
            )
            return
        self._timer = self.loop.call_later(left if left > 0 else self._idle_timeout, self._look_at_the_clock)

    def _waits_for_reader(self) -> bool:
        """Tell whether what came is not read yet, which is not the service's time."""
        return self._reader is not None or (bool(self._pieces) and (self._whole or self._is_refused()))


def _ends_in_order(transport: asyncio.Transport) -> bool:
    """Tell whether TLS, if it is spoken, says that this is the end: RFC 9112 section 9.8."""
    secure: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
    try:
        return secure is None or not secure.read(1)
    except ssl.SSLError:  # it wants to read on: somebody on the way has cut the connection
        return False


def _reset(exc: Exception | None = None) -> QuackError:
    error = error_of_meaning(meanings.RESET, f"the connection broke before the answer came{_told(exc)}")
    error.__cause__ = exc
    return error


def _told(exc: Exception | None) -> str:
    return f": {exc}" if exc is not None else ""
