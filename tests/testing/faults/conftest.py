"""A server, a fault proxy before it, and a client on a plain socket that says what it saw."""

import contextlib
import re
import socket
from dataclasses import dataclass, field

import pytest

from quackcore_async.testing.faults import FaultProxy, InOrder, LostAnswer, Stall
from tests.servers.faulty import FaultyServer

SILENCE = 0.3  # seconds: what has not come by then, behind a whole answer or a stall, is taken not to come
PATIENCE = 10  # seconds for an answer on a machine that has other work


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

    def ask(self, request: bytes, patience: float = PATIENCE) -> Seen:
        self.sock.settimeout(patience)
        with contextlib.suppress(OSError):  # it was closed, which is seen below
            self.sock.sendall(request)
        raw = b""
        try:
            while data := self.sock.recv(65536):
                raw += data
                if is_whole(raw, method=request.partition(b" ")[0]):
                    self.sock.settimeout(SILENCE)
        except TimeoutError:
            return Seen(raw, "open")
        except ConnectionResetError:
            return Seen(raw, "reset")
        return Seen(raw, "closed")


def is_whole(raw: bytes, method: bytes) -> bool:
    """Tell whether an answer is there to its end, as far as it says where that is."""
    head, blank, body = raw.partition(b"\r\n\r\n")
    if not blank or method == b"HEAD" or head.split(b" ")[1] in {b"204", b"304"}:
        return bool(blank)
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    if length is not None:
        return len(body) >= int(length[1])
    return body.endswith(b"0\r\n\r\n")


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
        stalls = isinstance(fault, Stall) or (isinstance(fault, LostAnswer) and fault.how == "stall")
        return self.line().ask(request or get(), SILENCE if stalls else PATIENCE)


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
