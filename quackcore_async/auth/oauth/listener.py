"""The listener on this machine that a browser is sent back to at the end of a login (RFC 8252 section 7.3)."""

import contextlib
import errno
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import anyio
from anyio.abc import SocketAttribute, SocketListener, SocketStream
from anyio.streams.stapled import MultiListener

from quackcore_async.auth.oauth.addresses import is_loopback
from quackcore_async.errors import ConfigError, QuackError

__all__ = ["CallbackListener", "is_listened_to", "open_listener"]

T = TypeVar("T")

CONNECTION_SECONDS: Final = 5.0
"""How long one connection may take; a browser that connects in advance and says nothing is not waited for."""

MAX_REQUEST_BYTES: Final = 8 * 1024
MAX_CONNECTIONS: Final = 64
_MAX_FIELDS: Final = 32
_CHUNK_BYTES: Final = 64 * 1024
_DRAINED_CHUNKS: Final = 64
_DEFAULT_PORT: Final = 80

_PAGE: Final = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>'
    "<body><p>{text}</p></body></html>"
)
DONE: Final = _PAGE.format(title="Answer received", text="The answer was received. You can close this window.")
REFUSED: Final = _PAGE.format(title="Not accepted", text="This request was not accepted.")
"""Constant pages: nothing that came in a request is ever shown."""

_REASONS: Final = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    414: "URI Too Long",
    431: "Request Header Fields Too Large",
}
_HEADERS: Final = (
    "Content-Type: text/html; charset=utf-8\r\n"
    "Cache-Control: no-store\r\n"
    "Content-Security-Policy: default-src 'none'\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "X-Frame-Options: DENY\r\n"
    "Connection: close\r\n"
)

Pairs = list[tuple[str, str]]


class _RequestError(Exception):
    """Raised when a request is answered with an error status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(slots=True)
class CallbackListener:
    """Answers browsers until one brings the callback that is waited for.

    Attributes:
        redirect_uri: Where browsers come back to, with the port that is listened on.
    """

    redirect_uri: str
    _listener: MultiListener[SocketStream] | SocketListener

    async def receive(self, take: Callable[[Pairs], T]) -> T:
        """Wait for the callback.

        Args:
            take: Returns what the callback's parameters mean; raises a `QuackError` for those of a stranger, who
                gets an error page while the wait goes on. It is not called again after it has returned.
        """
        door = _Door(self.redirect_uri, take)
        async with anyio.create_task_group() as group:
            group.start_soon(self._listener.serve, door.serve)
            await door.closed.wait()
            group.cancel_scope.cancel()
        return door.taken[0]


@contextlib.asynccontextmanager
async def open_listener(redirect_uri: str) -> AsyncIterator[CallbackListener]:
    """Listen on the loopback address, at the port of `redirect_uri`; port 0 picks a free one.

    `localhost` stays in the address that browsers get, while 127.0.0.1 is listened on: what the name means is for
    the system to say.

    Raises:
        ConfigError: if the port is taken or may not be used.
    """
    parts = urlsplit(redirect_uri)
    port = _DEFAULT_PORT if parts.port is None else parts.port
    host = parts.hostname if parts.hostname and parts.hostname != "localhost" else "127.0.0.1"
    try:
        listener = await anyio.create_tcp_listener(local_host=host, local_port=port, backlog=MAX_CONNECTIONS)
    except OSError as exc:
        raise _cannot_listen(host, port, exc) from exc
    async with listener:
        if port == 0:
            shown = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
            port = listener.extra(SocketAttribute.local_port)  # noqa: S610 - not Django's
            redirect_uri = urlunsplit(parts._replace(netloc=f"{shown}:{port}"))
        yield CallbackListener(redirect_uri, listener)


def is_listened_to(redirect_uri: str) -> bool:
    """Tell whether an address is one that a listener on this machine answers."""
    parts = urlsplit(redirect_uri)
    return parts.scheme == "http" and is_loopback(parts.hostname)


def _cannot_listen(host: str, port: int, exc: OSError) -> ConfigError:
    if exc.errno == errno.EADDRINUSE:
        return ConfigError(
            f"port {port} of redirect_uri is in use on {host}: free it, or use port 0 for any free one",
            code="port_in_use",
        )
    return ConfigError(
        f"cannot listen on {host}, port {port} of redirect_uri: {exc.strerror or exc}", code="listener"
    )


class _Door(Generic[T]):
    """Serves the connections of one login: the first callback that is taken closes it."""

    def __init__(self, redirect_uri: str, take: Callable[[Pairs], T]) -> None:
        parts = urlsplit(redirect_uri)
        self._path = parts.path or "/"
        self._port = parts.port or _DEFAULT_PORT
        self._hosts = {"localhost", "127.0.0.1", _without_port(parts.netloc.lower())}
        self._take = take
        self._open = 0
        self.taken: list[T] = []
        self.closed = anyio.Event()

    async def serve(self, stream: SocketStream) -> None:
        async with stream:
            if self._open == MAX_CONNECTIONS:
                return
            self._open += 1
            try:
                with (
                    contextlib.suppress(OSError, anyio.EndOfStream, anyio.BrokenResourceError),
                    anyio.move_on_after(CONNECTION_SECONDS),
                ):
                    await self._answer(stream)
            finally:
                self._open -= 1

    async def _answer(self, stream: SocketStream) -> None:
        try:
            self._judge(await _read_head(stream))
        except _RequestError as error:
            await _send(stream, error.status)
            await _drain(stream)
            return
        try:
            await _send(stream, 200)
        finally:
            self.closed.set()

    def _judge(self, head: bytes) -> None:
        """Take the callback that a request brings.

        Raises:
            _RequestError: if it brings none that is accepted.
        """
        method, target, headers = _parsed(head)
        if method != "GET":
            raise _RequestError(405)
        if not self._is_own(headers.get("host")):
            raise _RequestError(400)  # another name for this machine: a page elsewhere sends it (DNS rebinding)
        path, _, query = target.partition("?")
        if path != self._path:
            raise _RequestError(404)
        if self.taken:
            raise _RequestError(400)
        try:
            pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=_MAX_FIELDS)
            self.taken.append(self._take(pairs))
        except (QuackError, ValueError):
            raise _RequestError(400) from None

    def _is_own(self, host: str | None) -> bool:
        if host is None:
            return False
        name, colon, port = host.rpartition(":")
        if not colon or port.endswith("]"):
            name, port = host, str(_DEFAULT_PORT)
        return name.lower() in self._hosts and port == str(self._port)


def _without_port(netloc: str) -> str:
    return netloc.rpartition(":")[0] if ":" in netloc.rpartition("]")[2] else netloc


async def _read_head(stream: SocketStream) -> bytes:
    head = bytearray()
    while b"\r\n\r\n" not in head:
        head += await stream.receive(MAX_REQUEST_BYTES)
        if len(head) > MAX_REQUEST_BYTES:
            raise _RequestError(431 if b"\r\n" in head[:MAX_REQUEST_BYTES] else 414)
    return bytes(head)


def _parsed(head: bytes) -> tuple[str, str, Mapping[str, str]]:
    """Take the head of a request apart (RFC 9112 section 3); a second `Host` makes it a bad one."""
    try:
        line, *lines = head.partition(b"\r\n\r\n")[0].decode("ascii").split("\r\n")
        method, target, version = line.split(" ")
    except ValueError:
        raise _RequestError(400) from None
    headers: dict[str, str] = {}
    for text in lines:
        name, colon, value = text.partition(":")
        if not colon or name != name.strip() or (name.lower() == "host" and "host" in headers):
            raise _RequestError(400)
        headers[name.lower()] = value.strip()
    if version not in ("HTTP/1.1", "HTTP/1.0") or not target.startswith("/"):
        raise _RequestError(400)
    return method, target, headers


async def _send(stream: SocketStream, status: int) -> None:
    page = (DONE if status == 200 else REFUSED).encode()  # noqa: PLR2004 - RFC 9110 section 15.3.1
    allow = "Allow: GET\r\n" if status == 405 else ""  # noqa: PLR2004 - RFC 9110 section 15.5.6
    head = f"HTTP/1.1 {status} {_REASONS[status]}\r\n{_HEADERS}{allow}Content-Length: {len(page)}\r\n\r\n"
    await stream.send(head.encode() + page)
    await stream.send_eof()


async def _drain(stream: SocketStream) -> None:
    """Read what still comes: closing on unread bytes resets the connection, and the answer with it."""
    for _ in range(_DRAINED_CHUNKS):
        await stream.receive(_CHUNK_BYTES)
