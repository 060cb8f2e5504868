"""An HTTP server that costs next to nothing, in a process of its own: `python -m benchmarks.http_server`.

It answers by path: `/json` at once, `/slow` after a second, `/broken` with 503, `/token` as a token endpoint, and
`/counts` with how often each was asked for.
"""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

__all__ = ["http_server"]

DOCUMENT = json.dumps(
    {"id": 1234, "name": "a resource of an ordinary size", "tags": ["one", "two"], "ok": True}
).encode()
SLOW_SECONDS = 1.0


class Connection(asyncio.Protocol):
    """One connection; requests come one after the other."""

    counts: ClassVar[Counter[str]] = Counter()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.received = b""

    def data_received(self, data: bytes) -> None:
        self.received += data
        while b"\r\n\r\n" in self.received:
            head, _, rest = self.received.partition(b"\r\n\r\n")
            length = body_length(head)
            if len(rest) < length:
                return
            self.received = rest[length:]
            self.answer(head.split(b" ", 2)[1].decode())

    def answer(self, path: str) -> None:
        self.counts[path] += 1
        if path == "/slow":
            asyncio.get_running_loop().call_later(SLOW_SECONDS, self.send, b"200 OK", DOCUMENT)
        elif path == "/broken":
            self.send(b"503 Service Unavailable", b"{}")
        elif path == "/token":
            token = {"access_token": f"token-{self.counts[path]}", "token_type": "Bearer", "expires_in": 3600}
            asyncio.get_running_loop().call_later(0.05, self.send, b"200 OK", json.dumps(token).encode())
        elif path == "/counts":
            self.send(b"200 OK", json.dumps(self.counts).encode())
        else:
            self.send(b"200 OK", DOCUMENT)

    def send(self, status: bytes, body: bytes) -> None:
        if not self.transport.is_closing():
            head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            self.transport.write(head % (status, len(body)) + body)


def body_length(head: bytes) -> int:
    """Return the length of a request's body."""
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def http_server() -> Iterator[str]:
    """Start the server and yield its address."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.http_server"], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        try:
            yield f"http://127.0.0.1:{child.stdout.readline().strip()}"
        finally:
            child.terminate()


if __name__ == "__main__":
    asyncio.run(serve())
