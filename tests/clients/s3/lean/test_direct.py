"""Bodies that a thread reads from the socket itself: every byte once, and what breaks is told as ever."""

import os
import socket
import ssl

import anyio
import pytest
import trustme

from quackcore_async.clients.s3.lean.direct import DirectReader
from quackcore_async.clients.s3.lean.pool import Pool
from quackcore_async.concurrency import run_in_thread
from quackcore_async.errors import QuackError
from tests.clients.s3.lean.wire import LOOPS, answer, get, head_of, origin_of, pool_of, sockets, until
from tests.servers.faulty import FaultyServer, hang_up, overlong, reset, stall
from tests.servers.faulty import answer as answering
from tests.servers.talking import talking

MIB = 1024**2
CONTENT = os.urandom(4 * MIB)
HALF = answer(CONTENT)[: 2 * MIB]
IN_CHUNKS = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"


@pytest.fixture(params=LOOPS)
def anyio_backend(request):
    return request.param


@pytest.fixture
def pair():
    """Two sockets that are connected; the first one does not block."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


async def read_both_ways(response, memory):
    """Read a body to its end, by a thread wherever that can be; return it, and how many bytes a thread has read."""
    content, direct = bytearray(), 0
    while True:
        count = 0
        with response.direct() as reader:
            if reader is not None:
                count = await run_in_thread(reader.read, memory)
        content += memory[:count]
        direct += count
        if not count:
            piece = await response.read(1000)
            if not piece:
                return bytes(content), direct
            content += piece


async def begun(pool: Pool, origin):
    """Ask for a body, and read what came of it with its head."""
    response = await pool.request(origin, "GET", head_of(), b"")
    (connection,) = pool._all
    while connection._pieces:
        await response.read()
    return response


async def get_both_ways(pool: Pool, origin) -> tuple[bytes, int]:
    response = await pool.request(origin, "GET", head_of(), b"")
    try:
        return await read_both_ways(response, memoryview(bytearray(300_000)))
    finally:
        response.close()


async def test_every_byte_comes_once_and_the_connection_serves_again():
    with FaultyServer(answering(body=CONTENT)) as server:
        async with pool_of() as pool:
            for _ in range(3):
                content, direct = await get_both_ways(pool, origin_of(server))
                assert content == CONTENT
                assert direct > MIB
            assert await get(pool, origin_of(server)) == (200, CONTENT)
    assert [seen.connection for seen in server.requests] == [0] * 4


async def test_what_comes_behind_the_end_is_noticed_and_the_connection_goes():
    with FaultyServer(overlong(CONTENT, len(CONTENT) - 1)) as server:
        async with pool_of() as pool:
            assert (await get_both_ways(pool, origin_of(server)))[0] == CONTENT[:-1]
            await until(lambda: not pool._all)


@pytest.mark.parametrize("broken", [reset, hang_up])
async def test_a_connection_that_breaks_is_told_by_the_event_loop(broken):
    with FaultyServer(broken(HALF)) as server:
        async with pool_of() as pool:
            with pytest.raises(QuackError, match="broke") as caught:
                await get_both_ways(pool, origin_of(server))
            assert caught.value.retryable


async def test_a_service_that_stalls_is_given_up_by_the_event_loop():
    with FaultyServer(stall(HALF)) as server:
        async with pool_of(idle_timeout=0.2) as pool:
            with pytest.raises(QuackError) as caught:
                await get_both_ways(pool, origin_of(server))
            assert caught.value.code == "idle"


async def test_the_time_that_a_thread_takes_is_not_the_service_s():
    with FaultyServer(answering(body=CONTENT)) as server:
        async with pool_of(idle_timeout=0.05) as pool:
            response = await begun(pool, origin_of(server))
            (connection,) = pool._all
            with response.direct() as reader:
                assert reader is not None
                await anyio.sleep(0.15)  # longer than the idle time
            assert not connection.is_closing()
            response.close()


async def test_a_connection_that_is_closed_meanwhile_is_read_on_and_no_other_file_is():
    with FaultyServer(stall(HALF)) as server:
        async with pool_of() as pool:
            response = await begun(pool, origin_of(server))
            (connection,) = pool._all
            with response.direct() as reader:
                assert reader is not None
                connection.abort()
                await until(lambda: connection._transport is None)
                others = [socket.socketpair() for _ in range(4)]  # one of them gets the number that is free now
                for ours, theirs in others:
                    ours.setblocking(False)
                    theirs.sendall(b"not for us")
                memory = memoryview(bytearray(len(HALF)))
                filled = await run_in_thread(reader.read, memory)
                for both in others:
                    for each in both:
                        each.close()
            assert bytes(memory[:filled]) in HALF
            response.close()


async def test_over_tls_the_event_loop_reads():
    authority = trustme.CA()
    served, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(served)
    authority.configure_trust(trusting)
    with FaultyServer(answering(body=CONTENT), tls=served) as server:
        async with pool_of(trusting) as pool:
            origin = origin_of(server, secure=True)
            assert await get_both_ways(pool, origin) == (CONTENT, 0)


async def test_a_body_without_a_length_is_read_by_the_event_loop():
    async def talk(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(IN_CHUNKS)
        await reader.read()

    async with talking(talk) as server, pool_of() as pool:
        assert await get_both_ways(pool, origin_of(server)) == (b"hello", 0)


async def test_without_a_descriptor_more_the_event_loop_reads(monkeypatch):
    def refuse(_descriptor):
        raise OSError(24, "Too many open files")

    with FaultyServer(answering(body=CONTENT)) as server:
        async with pool_of() as pool:
            monkeypatch.setattr(os, "dup", refuse)
            assert await get_both_ways(pool, origin_of(server)) == (CONTENT, 0)


async def test_no_descriptor_is_left():
    before = sockets()
    with FaultyServer(answering(body=CONTENT)) as server:
        async with pool_of() as pool:
            await get_both_ways(pool, origin_of(server))
            response = await pool.request(origin_of(server), "GET", head_of(), b"")
            with pytest.raises(RuntimeError, match="on purpose"), response.direct():
                raise RuntimeError("on purpose")
            response.close()
    await until(lambda: sockets() <= before)


# The reader alone


def test_memory_is_filled_with_what_is_there_and_what_comes_at_once(pair):
    ours, theirs = pair
    theirs.sendall(b"abc")
    memory = memoryview(bytearray(8))
    with DirectReader(ours.fileno(), 100) as reader:
        assert reader.read(memory) == 3
        assert bytes(memory[:3]) == b"abc"
        assert reader.left == 97
        assert reader.read(memory) == 0
        theirs.sendall(b"0123456789")
        assert reader.read(memory) == 8
        assert reader.read(memory) == 2


@pytest.mark.parametrize(("sent", "surplus"), [(b"abc", False), (b"abcd", True)])
def test_nothing_is_taken_from_behind_the_end(pair, sent, surplus):
    ours, theirs = pair
    theirs.sendall(sent)
    with DirectReader(ours.fileno(), 3) as reader:
        assert reader.read(memoryview(bytearray(8))) == 3
        assert reader.surplus is surplus


def test_the_end_of_a_connection_is_no_error_and_no_bytes(pair):
    ours, theirs = pair
    theirs.sendall(b"ab")
    theirs.close()
    with DirectReader(ours.fileno(), 3) as reader:
        memory = memoryview(bytearray(8))
        assert [reader.read(memory), reader.read(memory)] == [2, 0]
        assert reader.left == 1
