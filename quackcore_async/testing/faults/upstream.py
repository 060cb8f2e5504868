"""The connection of a fault proxy to the server behind it."""

import select
import socket
from typing import Final
from urllib.parse import urlsplit

import anyio
import anyio.abc

from quackcore_async.testing.faults.wire import Body, Gone, Head, Wire, body_of_answer

__all__ = ["Upstream", "address_of"]

_LAST_INFORMATIONAL: Final = 199


def address_of(upstream: str) -> tuple[str, int]:
    """Return host and port of `http://host:port` or `host:port`.

    Raises:
        ValueError: if it is https, or has no host.
    """
    parts = urlsplit(upstream if "//" in upstream else f"//{upstream}", scheme="http")
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError(f"{upstream!r} cannot be forwarded to: give http://host:port, without TLS")
    return parts.hostname, parts.port or 80


class Upstream:
    """One connection to the server, opened when it is needed, and again when it cannot be used any more.

    Args:
        host: Where the server is.
        port: Its port.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._wire: Wire | None = None
        self._socket: socket.socket | None = None
        self._body: Body | None = None
        self._reusable = True

    async def wire(self) -> Wire:
        """Return a connection that takes a request.

        Raises:
            OSError: if there is none to be had.
        """
        if self._wire is not None and not self._is_idle():
            await self.aclose()
        if self._wire is None:
            stream = await anyio.connect_tcp(self._host, self._port)
            self._socket = stream.extra(anyio.abc.SocketAttribute.raw_socket)  # noqa: S610 - no SQL
            self._wire = Wire(stream, "upstream")
        self._body, self._reusable = None, False
        return self._wire

    async def read_answer(self, method: str) -> tuple[Head, Body]:
        """Read the head of the answer, past informational ones, and return it with its body to be read."""
        wire = self._wire
        assert wire is not None, "an answer without a request"  # noqa: S101 - a slip of this package
        while True:
            head = await wire.read_head()
            if head is None:
                raise Gone(wire)
            if head.status > _LAST_INFORMATIONAL:
                break
        self._body = body_of_answer(wire, head, method)
        self._reusable = head.keeps_alive and self._body.framing != "close"
        return head, self._body

    async def aclose(self) -> None:
        """Close the connection."""
        wire, self._wire = self._wire, None
        if wire is not None:
            await wire.aclose()

    def _is_idle(self) -> bool:
        """Tell whether the last answer was read whole and the server has not closed meanwhile."""
        read_whole = self._body is not None and self._body.finished
        if not (self._reusable and read_whole) or self._socket is None:
            return False
        return not _is_readable(self._socket)


def _is_readable(sock: socket.socket) -> bool:
    if not hasattr(select, "poll"):
        return bool(select.select([sock.fileno()], [], [], 0)[0])
    poll = select.poll()
    poll.register(sock.fileno(), select.POLLIN)
    return bool(poll.poll(0))
