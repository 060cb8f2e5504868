"""A call that is cancelled, at any point where it can be, leaves a client that works and a slot that is free."""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from typing import Any

import anyio
import pytest

from quackcore_async.clients import HttpClient
from tests.clients.http.providers import Foreign
from tests.servers.api import ApiRequest, ApiServer, Reply, json_reply, serving


class Cut:
    """Awaits something, and calls `cut` when it is suspended for the n-th time."""

    def __init__(self, awaitable: Awaitable[Any], at: int, cut: Callable[[], object]) -> None:
        self.awaitable = awaitable
        self.at = at
        self.cut = cut
        self.suspensions = 0

    def __await__(self) -> Generator[Any, Any, Any]:
        inner = self.awaitable.__await__()
        method: Callable[[Any], Any] = inner.send
        argument: Any = None
        while True:
            try:
                waited_for = method(argument)
            except StopIteration as stop:
                return stop.value
            self.suspensions += 1
            if self.suspensions == self.at:
                self.cut()
            try:
                method, argument = inner.send, (yield waited_for)
            except BaseException as exc:
                method, argument = inner.throw, exc


class Expiring:
    """A service that refuses what the test has spent."""

    def __init__(self) -> None:
        self.spent: set[str | None] = set()

    async def __call__(self, request: ApiRequest) -> Reply:
        if request.path == "/free":
            return json_reply({})
        if request.authorization in self.spent:
            return json_reply({}, 401)
        return json_reply({"padding": "x" * 300_000})


async def call(client: HttpClient, path: str, *, stream: bool) -> None:
    if not stream:
        await client.post(path, content=b"body")
        return
    async with client.stream("POST", path, content=b"body") as response:
        await response.aread()


async def cancelled_natively(awaitable: Awaitable[Any], at: int) -> bool:
    """Await, with `Task.cancel` at a suspension; tell whether that point was reached."""

    async def run() -> None:
        await cut

    task = asyncio.ensure_future(run())
    cut = Cut(awaitable, at, task.cancel)
    await asyncio.wait([task])
    assert task.cancelled() or task.exception() is None, task.exception()
    return cut.suspensions >= at


async def cancelled_by_a_scope(awaitable: Awaitable[Any], at: int) -> bool:
    with anyio.CancelScope() as scope:
        cut = Cut(awaitable, at, scope.cancel)
        await cut
    return cut.suspensions >= at


async def check_usable(client: HttpClient, server: ApiServer) -> None:
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(client.get, "/free")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("anyio_backend", "cancel"),
    [("asyncio", cancelled_natively), ("asyncio", cancelled_by_a_scope), ("trio", cancelled_by_a_scope)],
)
async def test_a_call_cancelled_at_any_suspension_leaves_a_client_that_works(cancel, stream: bool):
    provider = Foreign()
    service = Expiring()
    async with serving(service) as server, HttpClient(server.url, auth=provider, max_concurrency=1) as client:
        at = 0
        reached = True
        while reached:
            at += 1
            before = provider.refreshes
            service.spent.add(f"Bearer {provider.credentials['access_token']}")
            reached = await cancel(call(client, "/", stream=stream), at)
            await check_usable(client, server)
            assert provider.refreshes - before <= 1
        assert at >= 5
