"""A server, a fault proxy before it, and a client on a plain socket that says what it saw."""

import contextlib
import socket
from dataclasses import dataclass, field

import pytest

from quackcore_async.testing.faults import FaultProxy, InOrder
from tests.servers.faulty import FaultyServer

SILENCE = 0.3  # seconds: what has not come by then is taken not to come


@dataclass
class Seen:
    """What came back: the bytes, and how they ended: `open`, `closed` or `reset`."""

    raw: bytes
    end: str

    @property
    def head(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[0]

    @property
    def status(self) -> int:
        return int(self.raw.split(b" ", 2)[1])

    @property
    def body(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[2]

    def header(self, name: str) -> str | None:
        for line in self.head.decode("latin-1").split("\r\n")[1:]:
            field_name, _, value = line.partition(":")
            if field_name.lower() == name.lower():
                return value.strip()
        return None


class Line:
    """One connection to the proxy."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.sock.settimeout(SILENCE)

    def ask(self, request: bytes) -> Seen:
        with contextlib.suppress(OSError):  # it was closed, which is seen below
            self.sock.sendall(request)
        raw = b""
        try:
            while data := self.sock.recv(65536):
                raw += data
        except TimeoutError:
            return Seen(raw, "open")
        except ConnectionResetError:
            return Seen(raw, "reset")
        return Seen(raw, "closed")


def get(path: str = "/", *fields: str, method: str = "GET") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: the.host.of.the.client", *fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def put(body: bytes, path: str = "/", *fields: str) -> bytes:
    return get(path, f"Content-Length: {len(body)}", *fields, method="PUT") + body


@dataclass
class Behind:
    """The proxy and what is behind it."""

    proxy: FaultProxy
    server: FaultyServer
    waits: list[float]
    lines: list[Line] = field(default_factory=list)

    def line(self) -> Line:
        self.lines.append(Line(self.proxy.port))
        return self.lines[-1]

    def ask(self, request: bytes = b"", fault: object = None) -> Seen:
        """Ask once on a connection of its own, with this fault."""
        if fault is not None:
            self.proxy.plan = InOrder(*[None] * self.proxy.total, fault)
        return self.line().ask(request or get())


@pytest.fixture(params=["asyncio", "trio"])
def proxy_backend(request):
    return request.param


@pytest.fixture
def behind(proxy_backend):
    """A proxy on either backend, in a thread of its own, whose waits are noted and not waited for."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    with FaultyServer() as server, FaultProxy(server.url, sleep=sleep, backend=proxy_backend) as proxy:
        behind = Behind(proxy, server, waits)
        yield behind
        for line in behind.lines:
            line.sock.close()
