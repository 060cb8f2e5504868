"""HTTP/1.1 as bulk transfer needs it: a pool of connections, with one request at a time on each."""

import asyncio  # noqa: TID251 - the engine runs on asyncio, as aioboto3 does
import errno
import socket
import ssl
from collections import deque
from contextlib import suppress
from typing import Final

import anyio
import anyio.lowlevel
from aiohappyeyeballs import start_connection

from quackcore_async.clients.s3 import meanings
from quackcore_async.clients.s3.buffers import BodyBuffer
from quackcore_async.clients.s3.failures import error_of_meaning
from quackcore_async.clients.s3.lean.connection import Connection, Origin, Response
from quackcore_async.errors import QuackError
from quackcore_async.results import to_quack_error

__all__ = ["Pool"]

_TURNS: Final = 8  # of the loop, until the end of a connection has been told through all layers
_KEEPALIVE: Final = 15.0  # seconds that an idle connection is kept: S3 closes them after 20 or so
_HAPPY_EYEBALLS: Final = 0.25  # seconds: RFC 8305 section 5
_OUT_OF_FILES: Final = frozenset({errno.EMFILE, errno.ENFILE})


class Pool:
    """The connections of one client in one event loop; as many as there are requests at a time.

    Args:
        context: For TLS.
        connect_timeout: Seconds for a connection, the look-up of its name and TLS included.
        idle_timeout: Seconds without a byte after which a request has failed.
    """

    def __init__(self, context: ssl.SSLContext, *, connect_timeout: float, idle_timeout: float) -> None:
        self._context = context
        self._connect_timeout = connect_timeout
        self._idle_timeout = idle_timeout
        self._idle: dict[Origin, deque[Connection]] = {}
        self._all: set[Connection] = set()
        self._closed = False

    async def request(self, origin: Origin, method: str, head: bytes, body: bytes | BodyBuffer) -> "Response":
        """Send a request and return its answer with the body unread.

        It is sent once: a connection that breaks may have brought it to the service all the same.

        Args:
            origin: Where to.
            method: HTTP method, which `head` begins with.
            head: Request line and headers, with the empty line at the end.
            body: What follows.

        Raises:
            ConnectFailedError: if there is no connection: nothing was sent.
            QuackError: if there is no answer, or the service did not take all of what it says it has done.
        """
        if self._closed:
            raise _closed()
        connection = self._take(origin) or await self._connect(origin)
        return await connection.exchange(method, head, body)

    async def aclose(self) -> None:
        """Close all connections, those in use too."""
        self._closed = True
        self._idle.clear()
        for connection in list(self._all):
            connection.abort()
        for _ in range(_TURNS):
            await anyio.lowlevel.checkpoint()
            if not self._all:
                break

    def keep(self, connection: "Connection") -> None:
        """Keep a connection for the next request, and part with one that nobody has needed for long."""
        idle = self._idle.setdefault(connection.origin, deque())
        idle.append(connection)
        if connection.idle_since - idle[0].idle_since > _KEEPALIVE:
            idle.popleft().abort()

    def forget(self, connection: "Connection") -> None:
        """Forget a connection that is lost."""
        self._all.discard(connection)
        idle = self._idle.get(connection.origin)
        if idle and connection in idle:
            idle.remove(connection)

    def _take(self, origin: Origin) -> "Connection | None":
        idle = self._idle.get(origin)
        if not idle:
            return None
        loop = asyncio.get_running_loop()
        while idle:
            connection = idle.pop()
            if connection.loop is not loop:  # a loop that has ended took its connections with it
                self.forget(connection)
                continue
            if loop.time() - connection.idle_since < _KEEPALIVE and not connection.is_closing():
                return connection
            connection.abort()
        return None

    async def _connect(self, origin: Origin) -> "Connection":
        loop = asyncio.get_running_loop()
        made: list[Connection] = []

        def make() -> Connection:
            made.append(Connection(self, origin, loop, self._idle_timeout))
            self._all.add(made[-1])
            return made[-1]

        try:
            with anyio.fail_after(self._connect_timeout):
                found = await loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
                sock = await start_connection(found, happy_eyeballs_delay=_HAPPY_EYEBALLS, loop=loop)
                try:
                    await loop.create_connection(
                        make,
                        sock=sock,
                        ssl=self._context if origin.secure else None,
                        server_hostname=origin.host if origin.secure else None,
                    )
                except BaseException:
                    with suppress(OSError):  # the transport has closed it already
                        sock.close()
                    raise
        except UnicodeError as exc:
            raise error_of_meaning(meanings.NO_SUCH_HOST, f"{origin.host!r} is no host name: {exc}") from exc
        except OSError as exc:  # TimeoutError and SSLError are such
            _drop(made)
            raise _not_connected(exc, origin, self._connect_timeout) from exc
        except BaseException:
            _drop(made)
            raise
        if self._closed:
            _drop(made)
            raise _closed()
        return made[-1]


def _drop(connections: list[Connection]) -> None:
    for connection in connections:
        connection.abort()
        connection.connection_lost(None)  # the loop does not tell one that was never quite connected


def _closed() -> QuackError:
    return error_of_meaning(meanings.RESET, "the client was closed")


def _not_connected(exc: OSError, origin: Origin, seconds: float) -> QuackError:
    if exc.errno in _OUT_OF_FILES:
        return to_quack_error(exc)
    place = f"{origin.host}:{origin.port}"
    if isinstance(exc, ssl.SSLError):
        return error_of_meaning(meanings.TLS, f"no TLS with {place}: {exc}")
    if isinstance(exc, socket.gaierror):
        meaning = meanings.DNS if exc.errno == socket.EAI_AGAIN else meanings.NO_SUCH_HOST
        return error_of_meaning(meaning, f"the host {origin.host} cannot be found: {exc}")
    if isinstance(exc, TimeoutError):
        return error_of_meaning(meanings.CONNECT_TIMEOUT, f"no connection to {place} within {seconds:g} seconds")
    return error_of_meaning(meanings.CONNECT, f"no connection to {place}: {exc}")
