"""Event loops, threads and clocks: one after the other works, two at a time get an error, and no clock is trusted."""

import asyncio
import sys
import threading
from typing import Any

import anyio
import pytest

from quackcore_async.errors import LifecycleError
from tests.auth.service import Clocks, Provider, Service


@pytest.mark.parametrize("path", [None, "login.json"])
def test_a_login_outlives_its_loop(service: Service, clocks: Clocks, path: str | None):
    provider = Provider(service, credentials_file=path)
    asyncio.run(provider.authenticate())
    assert anyio.run(provider.get_token, backend="trio") == "access-1-0"
    clocks.advance(3600)
    assert anyio.run(provider.get_token, backend="trio") == "access-1-1"
    clocks.advance(3600)
    assert asyncio.run(provider.get_token()) == "access-1-2"
    assert (service.logins, service.reuses) == (1, 0)


def test_a_back_off_outlives_its_loop(service: Service, clocks: Clocks):
    provider = Provider(service)
    asyncio.run(provider.authenticate())
    service.failure = ConnectionError("down")
    assert not asyncio.run(provider.refresh_credentials()).success
    assert not anyio.run(provider.refresh_credentials, backend="trio").success
    assert service.refreshes == 1


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
async def test_a_second_loop_at_the_same_time_gets_an_error_at_once(
    provider: Provider, service: Service, clocks: Clocks, backend: str
):
    await provider.authenticate()
    outcomes: list[Any] = []

    async def elsewhere() -> None:
        with anyio.fail_after(5):
            outcomes.append(await provider.refresh_credentials())
            outcomes.append(await provider.authenticate())
            outcomes.append(await provider.logout())
            assert await provider.save_credentials() is False
            try:
                await provider.get_credentials()
            except LifecycleError as error:
                outcomes.append(error)

    thread = threading.Thread(target=anyio.run, args=(elsewhere,), kwargs={"backend": backend})
    thread.start()
    await anyio.to_thread.run_sync(thread.join)
    assert [result.error_info.code for result in outcomes[:3]] == ["wrong_loop"] * 3
    assert outcomes[3].code == "wrong_loop"
    assert await provider.get_token() == "access-1-0"


async def test_providers_of_two_loops_share_a_file(service: Service, clocks: Clocks):
    ours = Provider(service, credentials_file="login.json")
    theirs = Provider(service, credentials_file="login.json")
    await ours.authenticate()
    clocks.advance(3600)
    tokens: list[str | None] = []

    async def elsewhere() -> None:
        tokens.append(await theirs.get_token())

    thread = threading.Thread(target=anyio.run, args=(elsewhere,))
    thread.start()
    tokens.append(await ours.get_token())
    await anyio.to_thread.run_sync(thread.join)
    assert tokens == ["access-1-1"] * 2
    assert (service.refreshes, service.reuses) == (1, 0)


DAY = 86400


async def test_a_wall_clock_set_forward_causes_one_refresh(provider: Provider, service: Service, clocks: Clocks):
    await provider.authenticate()
    clocks.wall += DAY
    for _ in range(100):
        assert await provider.get_token()
        clocks.advance(1)
    assert service.refreshes == 1


@pytest.mark.parametrize(("clock", "moment"), [("wall", "fresh_until_wall"), ("monotonic", "fresh_until")])
async def test_either_clock_ends_the_time_in_which_nothing_is_thought_of(
    provider: Provider, service: Service, clocks: Clocks, clock: str, moment: str
):
    await provider.authenticate()
    setattr(clocks, clock, getattr(provider._login, moment))
    assert await provider.get_token()
    assert service.refreshes == 1


async def test_a_wall_clock_set_back_makes_no_token_eternal(provider: Provider, service: Service, clocks: Clocks):
    await provider.authenticate()
    clocks.wall -= DAY
    for _ in range(100):
        assert await provider.get_token() == "access-1-0"
    clocks.advance(3600)
    assert await provider.get_token() == "access-1-1"
    assert service.refreshes == 1


async def test_a_stored_login_from_the_future_lasts_for_its_own_life_at_most(service: Service, clocks: Clocks):
    provider = Provider(service, credentials_file="login.json")
    await provider.authenticate()
    clocks.wall -= DAY
    provider._shares_login = False  # type: ignore[misc]
    later = Provider(service, credentials_file="login.json")
    later._shares_login = False  # type: ignore[misc]
    assert await later.get_token() == "access-1-0"
    clocks.advance(3600)
    assert await later.get_token() == "access-1-1"


async def test_a_machine_that_slept_renews_an_expired_token(provider: Provider, service: Service, clocks: Clocks):
    await provider.authenticate()
    clocks.wall += 7200  # the monotonic clock of Linux stands still meanwhile
    assert await provider.get_token() == "access-1-1"


async def test_a_logout_is_not_disturbed_by_providers_that_another_thread_makes(clocks: Clocks):
    over = threading.Event()
    there = [Provider(Service(clocks)) for _ in range(1000)]

    def make() -> None:
        while not over.is_set():
            Provider(Service(clocks))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    thread = threading.Thread(target=make)
    thread.start()
    try:
        for provider in there[:30]:
            await provider.authenticate()
            assert (await provider.logout()).success
    finally:
        over.set()
        thread.join()
        sys.setswitchinterval(interval)
