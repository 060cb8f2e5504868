"""A leader that is cancelled at any of its suspension points: the others never notice, and no token is lost.

The points are counted first by running the work once undisturbed; then it is run again for each of them.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Generator
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import trio

from quackcore_async.auth import MemoryStore
from quackcore_async.auth.renewal import _ask_and_keep
from tests.auth.service import Clocks, Provider, Service


class Points:
    """Counts the suspension points of a refresh, those of its own tasks too; calls a function at the chosen one."""

    def __init__(self, at: int = -1) -> None:
        self.count = 0
        self.at = at
        self.then: Callable[[], object] = lambda: None

    def note(self) -> None:
        if self.count == self.at:
            self.then()
        self.count += 1


class Steps:
    """Awaits something and notes each suspension."""

    def __init__(self, awaitable: Awaitable[Any], points: Points) -> None:
        self._coroutine = awaitable.__await__()
        self._points = points

    def __await__(self) -> Generator[Any, Any, Any]:
        sent: Any = None
        failure: BaseException | None = None
        while True:
            try:
                if failure is not None:
                    thrown, failure = failure, None
                    waits_for = self._coroutine.throw(thrown)
                else:
                    waits_for = self._coroutine.send(sent)
            except StopIteration as stop:
                return stop.value
            self._points.note()
            try:
                sent = yield waits_for
            except BaseException as exc:
                failure, sent = exc, None

    async def as_coroutine(self) -> Any:
        return await self


@pytest.fixture
def points(monkeypatch: pytest.MonkeyPatch) -> Points:
    """Count what happens in the task that sends and stores, too."""
    points = Points()

    async def counted(*args: Any) -> None:
        await Steps(_ask_and_keep(*args), points)

    monkeypatch.setattr("quackcore_async.auth.renewal._ask_and_keep", counted)
    return points


def counts_of(provider: Provider) -> tuple[int, int]:
    return provider.service.refreshes, provider.service.reuses


async def expired(clocks: Clocks, stored: bool, points: Points, point: int = -1) -> Provider:
    options: dict[str, Any] = {"credentials_file": f"login{point}.json"} if stored else {"store": MemoryStore()}
    provider = Provider(Service(clocks), **options)
    await provider.authenticate()
    clocks.advance(3600)
    points.count, points.at = 0, point
    return provider


async def followed(provider: Provider, lead: Callable[[], Awaitable[None]], points: Points) -> list[str | None]:
    """Run a leader that is cancelled, and five others that begin once it is under way."""
    tokens: list[str | None] = []

    async def follow() -> None:
        tokens.append(await provider.get_token())

    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            group.start_soon(lead)
            while points.count == 0:
                await anyio.lowlevel.checkpoint()
            for _ in range(5):
                group.start_soon(follow)
        tokens.append(await provider.get_token())
    return tokens


def check(provider: Provider, tokens: list[str | None], point: int) -> None:
    refreshes, reuses = counts_of(provider)
    assert reuses == 0, f"point {point}: a refresh token was used twice"
    assert refreshes == 1, f"point {point}: {refreshes} requests"
    assert tokens == ["access-1-1"] * 6, f"point {point}: {tokens}"
    if provider.credentials_file:
        path = Path(provider.credentials_file)
        assert json.loads(path.read_text())["refresh_token"] == "renewal-1-1"
        assert list(path.parent.glob("*.tmp")) == []


async def number_of_points(clocks: Clocks, stored: bool, points: Points) -> int:
    provider = await expired(clocks, stored, points)
    assert await Steps(provider.get_token(), points) == "access-1-1"
    assert points.count >= (6 if stored else 2)
    return points.count


@pytest.mark.parametrize("stored", [False, True], ids=["memory", "file"])
async def test_a_scope_cancelled_at_every_point(clocks: Clocks, points: Points, stored: bool):
    for point in range(await number_of_points(clocks, stored, points)):
        provider = await expired(clocks, stored, points, point)

        async def lead(provider: Provider = provider) -> None:
            with anyio.CancelScope() as scope:
                points.then = scope.cancel
                await Steps(provider.get_token(), points)

        check(provider, await followed(provider, lead, points), point)
        assert points.count > point


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("stored", [False, True], ids=["memory", "file"])
@pytest.mark.parametrize("times", [1, 3])
async def test_a_task_cancelled_natively_at_every_point(clocks: Clocks, points: Points, stored: bool, times: int):
    for point in range(await number_of_points(clocks, stored, points)):
        provider = await expired(clocks, stored, points, point)

        async def lead(provider: Provider = provider) -> None:
            loop = asyncio.get_running_loop()
            task = loop.create_task(Steps(provider.get_token(), points).as_coroutine())

            def cancel() -> None:
                for _ in range(times):
                    loop.call_soon(task.cancel)

            points.then = cancel
            await asyncio.wait([task])

        check(provider, await followed(provider, lead, points), point)
        assert points.count > point


@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_a_trio_scope_cancelled_at_every_point(clocks: Clocks, points: Points):
    for point in range(await number_of_points(clocks, True, points)):
        provider = await expired(clocks, True, points, point)

        async def lead(provider: Provider = provider) -> None:
            with trio.CancelScope() as scope:
                points.then = scope.cancel
                await Steps(provider.get_token(), points)

        check(provider, await followed(provider, lead, points), point)


async def test_the_leader_and_all_who_follow_are_cancelled(clocks: Clocks, points: Points):
    for point in range(await number_of_points(clocks, True, points)):
        provider = await expired(clocks, True, points, point)
        async with anyio.create_task_group() as group:
            points.then = group.cancel_scope.cancel

            async def lead(provider: Provider = provider) -> None:
                await Steps(provider.get_token(), points)

            group.start_soon(lead)
            for _ in range(5):
                group.start_soon(provider.get_token)
        with anyio.fail_after(5):
            assert await provider.get_token() == "access-1-1"
        assert counts_of(provider) == (1, 0)


async def test_cancelled_followers_do_not_disturb_the_leader(provider: Provider, service: Service, clocks: Clocks):
    await provider.authenticate()
    clocks.advance(3600)
    service.gate = anyio.Event()
    tokens: list[str | None] = []

    async def lead() -> None:
        tokens.append(await provider.get_token())

    async with anyio.create_task_group() as group:
        group.start_soon(lead)
        while service.refreshes == 0:
            await anyio.sleep(0.001)
        async with anyio.create_task_group() as followers:
            for _ in range(10):
                followers.start_soon(provider.get_token)
            await anyio.wait_all_tasks_blocked()
            followers.cancel_scope.cancel()
        service.gate.set()
    assert tokens == ["access-1-1"]


async def test_a_leader_that_exits_leaves_the_login_usable(provider: Provider, service: Service, clocks: Clocks):
    await provider.authenticate()
    clocks.advance(3600)
    service.failure = SystemExit(3)
    with pytest.raises(SystemExit):
        await provider.get_token()
    service.failure = None
    with anyio.fail_after(5):
        assert await provider.get_token() == "access-1-1"


async def test_a_cancelled_login_is_stored_all_the_same(provider: Provider, service: Service):
    service.gate = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(provider.authenticate)
        while service.logins == 0:
            await anyio.sleep(0.001)
        group.cancel_scope.cancel()
        service.gate.set()
    assert json.loads((Path.home() / ".quack" / "login.json").read_text())["access_token"] == "access-1-0"
    assert await provider.get_token() == "access-1-0"
