"""The buffer of a part is nobody else's while a transport may still send from it."""

import asyncio
import socket
import ssl
import threading

import anyio
import pytest
import trustme

from quackcore_async.clients.s3.buffers import BufferPool
from quackcore_async.clients.s3.lean import connection as connections
from quackcore_async.clients.s3.lean.connection import Origin
from quackcore_async.clients.s3.memory import MemoryBudget
from quackcore_async.errors import QuackError
from tests.clients.s3.lean.wire import LOOPS, answer, head_of, origin_of, pool_of, put, until
from tests.servers.talking import talking

MIB = 1024**2
SIZE = 8 * MIB


@pytest.fixture(params=LOOPS)
def anyio_backend(request):
    return request.param


@pytest.fixture
def lending():
    return BufferPool(SIZE, MemoryBudget(SIZE))


class KeepingTransport(asyncio.Transport):
    """Keeps what is written until it is told to send, as asyncio does from Python 3.12 on."""

    def __init__(self, sends=0):
        super().__init__()
        self.kept = []
        self.sends = sends
        self.closed = False
        self.written = 0

    def write(self, data):
        self.written += len(data)
        self.kept.append(data)
        if self.sends:
            self.sends -= 1
            self.kept.clear()

    def get_write_buffer_size(self):
        return sum(map(len, self.kept))

    def is_closing(self):
        return self.closed

    def abort(self):
        self.closed = True

    def get_extra_info(self, name, default=None):
        return default


def connection_over(pool, transport):
    connection = connections.Connection(pool, Origin("test", 80, secure=False), asyncio.get_running_loop(), 5.0)
    connection.connection_made(transport)
    return connection


async def exchange(pool, lending, transport, said, size=SIZE):
    """Send a lent buffer over a transport, have this said in the middle of it, and lend the memory again."""
    connection = connection_over(pool, transport)
    async with lending.buffer(size) as buffer:
        buffer.size = size
        first = buffer.memory
        task = asyncio.ensure_future(connection.exchange("PUT", head_of("PUT", "/", size), buffer))
        await until(lambda: transport.written > size)
        said(connection, task)
        await asyncio.wait([task])
        if not task.cancelled() and task.exception() is None:
            task.result().close()
    async with lending.buffer(size) as buffer:
        again = buffer.memory
    connection.connection_lost(None)
    return again is first


WAYS = {
    "answered early": lambda connection, task: connection.data_received(answer(b"no", status="403 Forbidden")),
    "answered early, half": lambda connection, task: connection.data_received(answer(b"no", status="403 F")[:-1]),
    "answered well too early": lambda connection, task: connection.data_received(answer()),
    "no HTTP": lambda connection, task: connection.data_received(b"junk\r\n\r\n"),
    "cancelled": lambda connection, task: task.cancel(),
    "stalled": lambda connection, task: connection._fail(QuackError("idle")),
    "half closed": lambda connection, task: connection.eof_received(),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
async def test_memory_that_a_transport_may_still_send_from_is_not_lent_again(way, lending):
    async with pool_of() as pool:
        assert not await exchange(pool, lending, KeepingTransport(), way)
        assert pool._idle == {}
    assert lending.lent == 0


async def test_memory_that_was_sent_is_lent_again(lending):
    async with pool_of() as pool:
        assert await exchange(pool, lending, KeepingTransport(sends=1000), WAYS["answered well too early"])
        assert await exchange(pool, lending, KeepingTransport(sends=1000), WAYS["answered early"])
        assert await exchange(pool, lending, KeepingTransport(sends=1000), WAYS["half closed"])


async def test_memory_is_lent_again_after_an_ordinary_request(lending):
    async def talk(reader, writer):
        while True:
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(SIZE)
            writer.write(answer())

    async with talking(talk) as server, pool_of() as pool:
        memories = set()
        for _ in range(3):
            async with lending.buffer(SIZE) as buffer:
                buffer.size = SIZE
                memories.add(id(buffer.memory))
                assert await put(pool, origin_of(server), buffer) == (200, b"ok")
        assert len(memories) == 1
        assert server.connections == 1


OUTCOMES = {"cancelled": asyncio.CancelledError, "refused": AssertionError, "closed": QuackError}


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize("ending", OUTCOMES)
async def test_no_byte_of_the_next_content_goes_out_on_a_connection_that_was_given_up(secure, ending, lending):
    """uvloop sends once more in the turn in which a connection is aborted, if there is room in the socket."""
    contexts = tls() if secure else (None, None)
    refuse, go, taken = threading.Event(), threading.Event(), threading.Event()
    got = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=receive, args=(listener, contexts[0], refuse, go, taken, got))
        server.start()
        async with pool_of(contexts[1]) as pool:
            origin = Origin("127.0.0.1", listener.getsockname()[1], secure)

            async def give_up():
                async with lending.buffer(SIZE) as buffer:
                    buffer.memory[:] = b"c" * SIZE
                    buffer.size = SIZE
                    with pytest.raises(OUTCOMES[ending]):
                        assert await put(pool, origin, buffer) != (403, b"no"), "refused"
                lent = lending.try_acquire(SIZE)
                lent.memory[:] = b"X" * SIZE
                go.set()
                taken.wait(5)  # in the same turn of the loop the peer makes room in the socket

            task = asyncio.ensure_future(give_up())
            await until(lambda: any(each._writable is not None for each in pool._all) or task.done())
            if ending == "cancelled":
                task.cancel()
            if ending == "closed":
                await pool.aclose()
            if ending == "refused":
                refuse.set()
            await task
            await anyio.sleep(0.02)
            await pool.aclose()
        server.join(5)
    assert b"X" not in b"".join(got)
    assert len(b"".join(got)) > 100


def receive(listener, context, refuse, go, taken, got):
    sock = listener.accept()[0]
    try:
        if context is not None:
            sock = context.wrap_socket(sock, server_side=True)
        got.append(sock.recv(200))
        while not go.wait(0.001):
            if refuse.is_set():
                sock.sendall(answer(b"no", status="403 Forbidden"))
                refuse.clear()
        while data := sock.recv(MIB):
            got.append(data)
            if len(got) > 2:
                taken.set()
    except OSError:
        pass
    finally:
        taken.set()
        sock.close()


def tls():
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client
