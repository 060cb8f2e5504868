"""Requests that are given up at every place where they wait: nothing is left, and nothing is used again half read."""

import asyncio
import os
import random

import anyio
import pytest

from quackcore_async.clients.s3 import S3Address, S3Client, upload_bytes
from quackcore_async.clients.s3.buffers import BodyBuffer
from quackcore_async.retry import RetryPolicy
from tests.clients.s3.lean.conftest import connections_of
from tests.servers.endpoint import S3Endpoint
from tests.servers.faulty import FaultyServer

ADDRESS = S3Address("bucket", "key")
ONCE = RetryPolicy(attempts=1)
CONTENT = os.urandom(300_000)


def serve(talk):
    """Answer each request with what it asked for, so that a mixed-up answer is seen, in pieces."""
    method, target, _ = talk.head.split(b" ", 2)
    name = target.split(b"?")[0].rpartition(b"/")[2]
    body = b""
    if method == b"GET" and name:
        body = name + CONTENT
    elif method == b"GET":
        rows = "<Contents><Key>k</Key></Contents>" * 3000
        body = f"<ListBucketResult><Name>{talk.number}</Name>{rows}</ListBucketResult>".encode()
    head = b'HTTP/1.1 200 OK\r\nETag: "%s"\r\nContent-Length: %d\r\n\r\n' % (name, len(body))
    talk.send(head[:20])
    talk.send(head[20:])
    for start in range(0, len(body), 100_000):
        talk.send(body[start : start + 100_000])


async def put_small(client):
    assert (await upload_bytes(client, b"x" * 100_000, ADDRESS)).etag == '"key"'


async def put_large(client):
    buffer = BodyBuffer(2 * 1024**2)
    buffer.size = buffer.capacity
    assert (await client.put(S3Address("bucket", "large"), buffer)).etag == '"large"'


async def get(client):
    async with client.stream(S3Address("bucket", "other")) as stream:
        assert b"".join([chunk async for chunk in stream]) == b"other" + CONTENT


async def listing(client):
    assert len((await client.list_page("bucket")).objects) == 3000


async def head(client):
    assert (await client.head(S3Address("bucket", "headed"))).etag == '"headed"'


REQUESTS = [put_small, put_large, get, listing, head]


class _Interrupted:
    """Awaits a coroutine and cancels the task when it waits for the nth time."""

    def __init__(self, coroutine, nth, cancel):
        self._coroutine = coroutine
        self._left = nth
        self._cancel = cancel
        self.happened = False

    def __await__(self):
        steps = self._coroutine.__await__()
        awaited = next_of(steps.send, None)
        while not isinstance(awaited, StopIteration):
            if self._left == 0:
                self.happened = True
                self._cancel()
            self._left -= 1
            try:
                value = yield awaited
            except BaseException as exc:  # noqa: BLE001 - it is the coroutine's
                awaited = next_of(steps.throw, exc)
            else:
                awaited = next_of(steps.send, value)
        return awaited.value


def next_of(step, argument):
    try:
        return step(argument)
    except StopIteration as end:
        return end


async def interrupt_natively(coroutine, nth):
    async def run():
        interrupted = _Interrupted(coroutine, nth, lambda: asyncio.current_task().cancel())
        await interrupted

    task = asyncio.create_task(run())
    await asyncio.wait([task])
    return task.cancelled()


async def interrupt_by_scope(coroutine, nth):
    with anyio.CancelScope() as scope:
        await _Interrupted(coroutine, nth, scope.cancel)
    return scope.cancelled_caught


def nothing_is_left(client, before):
    everything, idle = connections_of(client)
    assert everything == idle
    assert {task for task in asyncio.all_tasks() if not task.done()} == before


@pytest.mark.parametrize("interrupt", [interrupt_natively, interrupt_by_scope])
@pytest.mark.parametrize("request_", REQUESTS)
async def test_a_request_cancelled_at_any_await_leaves_nothing(request_, interrupt):
    cancelled = 0
    with FaultyServer(serve) as server:
        before = asyncio.all_tasks()
        for warm in (False, True):
            for nth in range(200):
                async with S3Client(S3Endpoint(server.url).settings(engine="lean"), retry=ONCE) as client:
                    if warm:
                        await get(client)
                    happened = await interrupt(request_(client), nth)
                    await asyncio.sleep(0)
                    await asyncio.sleep(0)
                    nothing_is_left(client, before)
                    if happened:
                        cancelled += 1
                        for check in (head, get, listing):
                            await check(client)
                if not happened:
                    break
            else:
                pytest.fail("it never came to an end")
    assert cancelled >= 4


async def test_thousands_of_cancelled_requests_leave_a_client_that_works():
    rng = random.Random(5)
    with FaultyServer(serve) as server:
        async with S3Client(
            S3Endpoint(server.url).settings(engine="lean", max_concurrency=8), retry=ONCE
        ) as client:
            await head(client)
            before = asyncio.all_tasks()
            for _ in range(14):
                tasks = [asyncio.create_task(rng.choice(REQUESTS)(client)) for _ in range(150)]
                await asyncio.sleep(rng.uniform(0, 0.05))
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
                errors = [task.exception() for task in tasks if not task.cancelled() and task.exception()]
                assert errors == []
            await asyncio.sleep(0)
            nothing_is_left(client, before)
            for check in REQUESTS * 3:
                await check(client)
