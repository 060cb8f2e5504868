"""An HTTP server in the test's own event loop, which does what a script says: on asyncio and on trio.

A script is a coroutine function from a request to a reply. It may wait for whatever the test decides, so that nothing
has to be timed.
"""

import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import anyio
import anyio.abc
from anyio.streams.buffered import BufferedByteReceiveStream
from anyio.streams.tls import TLSListener

MAX_LINE = 256 * 1024


@dataclass(frozen=True)
class ApiRequest:
    """What came in."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """Its path, as it was sent."""
        return self.target.partition("?")[0]

    @cached_property
    def query(self) -> dict[str, str]:
        """Its parameters."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def json(self) -> Any:
        """Its body."""
        return json.loads(self.body)

    @property
    def authorization(self) -> str | None:
        """The credentials in its header."""
        return self.headers.get("authorization")


@dataclass(frozen=True)
class Reply:
    """What goes back.

    `chunks` are sent one by one after the body, without a length. `declared` is the length that is said in place of the
    true one, and after a body that is shorter the connection is closed. `hang_up` closes without any answer.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    chunks: AsyncGenerator[bytes, None] | None = None
    declared: int | None = None
    hang_up: bool = False


def json_reply(content: object, status: int = 200, **headers: str) -> Reply:
    """Make a reply of JSON; underscores in the names of headers stand for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, json.dumps(content).encode(), {"content-type": "application/json", **named})


Script = Callable[[ApiRequest], Awaitable[Reply]]


class ApiServer:
    """The server and what it has seen."""

    def __init__(self, script: Script, port: int, scheme: str) -> None:
        self.script = script
        self.port = port
        self.url = f"{scheme}://127.0.0.1:{port}"
        self.requests: list[ApiRequest] = []
        self.connections = 0
        self.open_connections = 0

    def seen(self, *parts: str) -> list[Any]:
        """Return some attributes of all requests, in the order in which they came."""
        return [tuple(getattr(request, part) for part in parts) for request in self.requests]

    async def serve(self, stream: anyio.abc.ByteStream) -> None:
        """Answer the requests of one connection."""
        self.connections += 1
        self.open_connections += 1
        reader = BufferedByteReceiveStream(stream)
        with suppress(
            anyio.EndOfStream, anyio.IncompleteRead, anyio.BrokenResourceError, anyio.ClosedResourceError
        ):
            try:
                while await self._answer(stream, reader):
                    pass
            finally:
                self.open_connections -= 1
                with anyio.CancelScope(shield=True), anyio.move_on_after(1):
                    await stream.aclose()

    async def _answer(self, stream: anyio.abc.ByteStream, reader: BufferedByteReceiveStream) -> bool:
        request = await _read_request(reader)
        self.requests.append(request)
        reply = await self.script(request)
        if reply.hang_up:
            return False
        length = len(reply.body) if reply.declared is None else reply.declared
        framing = {"transfer-encoding": "chunked"} if reply.chunks else {"content-length": str(length)}
        head = "".join(f"{name}: {value}\r\n" for name, value in {**framing, **reply.headers}.items())
        body = b"" if request.method == "HEAD" else reply.body
        await stream.send(f"HTTP/1.1 {reply.status} scripted\r\n{head}\r\n".encode("latin-1"))
        if reply.chunks is None:
            if body:
                await stream.send(body)
            return length == len(reply.body) or request.method == "HEAD"
        async with aclosing(reply.chunks) as chunks:
            async for chunk in chunks:
                await stream.send(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        await stream.send(b"0\r\n\r\n")
        return True


@asynccontextmanager
async def serving(script: Script, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[ApiServer]:
    """Serve while the context lasts: enter it in the test itself, since it holds a task group."""
    listener: Any = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0, backlog=1024)
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    if tls is not None:
        listener = TLSListener(listener, tls, standard_compatible=False)
    server = ApiServer(script, port, "http" if tls is None else "https")
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(listener.serve, server.serve)
            try:
                yield server
            finally:
                group.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            await listener.aclose()


async def _read_request(reader: BufferedByteReceiveStream) -> ApiRequest:
    head = await reader.receive_until(b"\r\n\r\n", MAX_LINE)
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    if headers.get("transfer-encoding") == "chunked":
        body = await _read_chunks(reader)
    else:
        body = await reader.receive_exactly(int(headers.get("content-length", "0") or 0))
    return ApiRequest(method, target, headers, body)


async def _read_chunks(reader: BufferedByteReceiveStream) -> bytes:
    body = b""
    while size := int(await reader.receive_until(b"\r\n", 64), 16):
        body += await reader.receive_exactly(size)
        await reader.receive_until(b"\r\n", 2)
    await reader.receive_until(b"\r\n", 2)
    return body
