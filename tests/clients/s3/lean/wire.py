"""What the tests of the connections share: a pool that is looked over at its end, and requests for it."""

import asyncio
import contextlib
import importlib.util
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from quackcore_async.clients.s3.buffers import BodyBuffer
from quackcore_async.clients.s3.lean import connection as connections
from quackcore_async.clients.s3.lean import pool as pools
from quackcore_async.clients.s3.lean.connection import Origin, Response
from quackcore_async.clients.s3.lean.pool import Pool

HAS_UVLOOP = importlib.util.find_spec("uvloop") is not None
LOOPS = [
    pytest.param(("asyncio", {"use_uvloop": False}), id="asyncio"),
    pytest.param(
        ("asyncio", {"use_uvloop": True}),
        id="uvloop",
        marks=pytest.mark.skipif(not HAS_UVLOOP, reason="uvloop is not installed"),
    ),
]


async def until(condition: Callable[[], object]) -> None:
    """Wait until something holds."""
    with anyio.fail_after(5):
        while not condition():
            await anyio.lowlevel.checkpoint()


def head_of(method: str = "GET", path: str = "/", length: int | None = None) -> bytes:
    size = f"content-length: {length}\r\n" if length is not None else ""
    return f"{method} {path} HTTP/1.1\r\nhost: test\r\n{size}\r\n".encode()


def answer(content: bytes = b"ok", *lines: str, status: str = "200 OK", version: str = "1.1") -> bytes:
    extra = "".join(f"{line}\r\n" for line in lines)
    return f"HTTP/{version} {status}\r\ncontent-length: {len(content)}\r\n{extra}\r\n".encode() + content


def filled(size: int, content: bytes = b"c") -> BodyBuffer:
    buffer = BodyBuffer(size)
    buffer.memory[:] = content * size
    buffer.size = size
    return buffer


def origin_of(server, *, secure: bool = False) -> Origin:
    return Origin(server.host, server.port, secure)


async def read_all(response: Response) -> bytes:
    """Read a body to its end, and let go of the connection whatever happens."""
    content = b""
    try:
        while piece := await response.read():
            content += piece
    finally:
        response.close()
    return content


async def get(pool: Pool, origin: Origin, path: str = "/", method: str = "GET") -> tuple[int, bytes]:
    response = await pool.request(origin, method, head_of(method, path), b"")
    return response.status, await read_all(response)


async def put(pool: Pool, origin: Origin, body: bytes | BodyBuffer, path: str = "/") -> tuple[int, bytes]:
    size = body.size if isinstance(body, BodyBuffer) else len(body)
    response = await pool.request(origin, "PUT", head_of("PUT", path, size), body)
    return response.status, await read_all(response)


def sockets() -> int:
    """Return how many are open, where that can be seen."""
    folder = Path("/proc/self/fd")
    found = [path for path in folder.iterdir() if path.is_symlink()] if folder.is_dir() else []
    return sum(_target(path).startswith("socket:") for path in found)


def _target(path: Path) -> str:
    try:
        return str(path.readlink())
    except FileNotFoundError:  # that of the listing itself
        return ""


@contextlib.asynccontextmanager
async def pool_of(
    context: ssl.SSLContext | None = None, *, connect_timeout: float = 5.0, idle_timeout: float = 5.0
) -> AsyncIterator[Pool]:
    """Give a pool, close it at the end, and see that it left nothing: no socket, no task, no timer, no future."""
    made: list[connections.Connection] = []

    class Recorded(connections.Connection):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            made.append(self)

    tasks = asyncio.all_tasks()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pools, "Connection", Recorded)
        pool = Pool(
            context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            connect_timeout=connect_timeout,
            idle_timeout=idle_timeout,
        )
        try:
            yield pool
        finally:
            await pool.aclose()
    assert pool._all == set()
    await until(lambda: all(connection._transport is None for connection in made))
    for connection in made:
        assert connection._timer is None
        assert connection._waiter is None
        assert connection._writable is None or connection._writable.done()
    await until(lambda: all("talking" in repr(task) for task in asyncio.all_tasks() - tasks))
