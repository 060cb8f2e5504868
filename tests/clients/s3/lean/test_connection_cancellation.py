"""Requests that are cancelled at every point where they wait, in every way there is."""

import asyncio
import ssl

import anyio
import anyio.lowlevel
import pytest
import trustme

from quackcore_async.errors import QuackError
from tests.clients.s3.lean.wire import LOOPS, answer, filled, get, origin_of, pool_of, put, sockets, until
from tests.servers.talking import talking

MIB = 1024**2
STEPS = [*range(12), 15, 18, 22, 30, 45]  # turns of the loop until the cancellation


@pytest.fixture(params=LOOPS)
def anyio_backend(request):
    return request.param


@pytest.fixture(scope="module")
def contexts():
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client


async def echo(reader, writer):
    """Answer with the path of the request, in many small pieces, once its body is there."""
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        _, _, size = head.partition(b"content-length: ")
        left = int(size.split(b"\r\n")[0] or b"0")
        while left:
            left -= len(await reader.read(min(left, MIB)))
        for byte in answer(head.split(b" ")[1] * 3):
            writer.write(bytes([byte]))
            if byte % 3 == 0:
                await asyncio.sleep(0)


async def natively(task, scope):
    task.cancel()


async def twice(task, scope):
    task.cancel()
    await anyio.lowlevel.checkpoint()
    task.cancel()


async def by_scope(task, scope):
    scope.cancel()


@pytest.mark.parametrize("how", [natively, twice, by_scope])
@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize("verb", ["get", "put"])
async def test_a_cancelled_request_leaves_nothing_and_spoils_nothing(how, secure, verb, contexts):
    tls = {"ssl": contexts[0]} if secure else {}
    body = filled(MIB // 2)
    before = sockets()
    async with talking(echo, **tls) as server, pool_of(contexts[1]) as pool:
        origin = origin_of(server, secure=secure)
        cancelled = 0

        async def ask(path, scope=None):
            with scope or anyio.CancelScope():
                got = await (get(pool, origin, path) if verb == "get" else put(pool, origin, body, path))
                assert got == (200, path.encode() * 3)
                return True
            return False

        for new in (True, False):
            for step in STEPS:
                if new:
                    await pool_emptied(pool)
                scope = anyio.CancelScope()
                task = asyncio.ensure_future(ask(f"/{step}/cancelled", scope))
                for _ in range(step):
                    await anyio.lowlevel.checkpoint()
                await how(task, scope)
                try:
                    cancelled += not await task
                except asyncio.CancelledError:
                    cancelled += 1
                assert await ask(f"/{step}/after")
                assert len(pool._all) <= 2
        assert cancelled > 5
    await until(lambda: sockets() <= before)


async def pool_emptied(pool):
    """Have the next request make a connection of its own."""
    for connection in list(pool._all):
        connection.abort()
    await until(lambda: not pool._all)


@pytest.mark.parametrize("how", [natively, by_scope])
async def test_a_cancellation_while_the_answer_is_read(how):
    go = asyncio.Event()

    async def half(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        data = answer(head.split(b" ")[1] * 3)
        writer.write(data[:-3])
        await go.wait()
        writer.write(data[-3:])
        await reader.read()

    async with talking(half) as server, pool_of() as pool:
        scope = anyio.CancelScope()

        async def ask():
            with scope:
                await get(pool, origin_of(server), "/cancelled")

        task = asyncio.ensure_future(ask())
        await until(lambda: any(each._body is not None and each._waiter is not None for each in pool._all))
        await how(task, scope)
        await asyncio.wait([task])
        await until(lambda: not pool._all)
        go.set()
        assert await get(pool, origin_of(server), "/after") == (200, b"/after" * 3)


async def test_a_storm_of_cancellations_leaves_a_pool_that_works():
    async with talking(echo, backlog=512) as server, pool_of() as pool:
        for wave in range(10):
            tasks = [
                asyncio.ensure_future(get(pool, origin_of(server), f"/{wave}/{number}")) for number in range(40)
            ]
            for number, task in enumerate(tasks):
                if number % 3:
                    await anyio.lowlevel.checkpoint()
                    task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            for number, outcome in enumerate(outcomes):
                if not isinstance(outcome, asyncio.CancelledError):
                    assert outcome == (200, f"/{wave}/{number}".encode() * 3)
        async with anyio.create_task_group() as group:
            for number in range(30):
                group.start_soon(get, pool, origin_of(server), f"/{number}")


async def test_a_deadline_of_the_caller_is_no_failure_of_the_connection():
    async def silent(reader, writer):
        await reader.read()

    async with talking(silent) as server, pool_of() as pool:
        with anyio.move_on_after(0.02) as scope:
            await get(pool, origin_of(server))
        assert scope.cancelled_caught
        with pytest.raises(TimeoutError) as caught:
            await asyncio.wait_for(get(pool, origin_of(server)), 0.02)
        assert not isinstance(caught.value, QuackError)
        await until(lambda: not pool._all)
