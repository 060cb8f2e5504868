"""Renewing a token early: nobody waits for it, and its failure is nobody's."""

import math

import anyio
import pytest
from trio.testing import MockClock

from quackcore_async.auth import RefreshEvent
from quackcore_async.errors import LifecycleError, QuackError, TokenRefreshError, TransportError
from tests.auth.service import Clocks, Provider, Service

TRIO_AT_ONCE = [pytest.param(("trio", {"clock": MockClock(autojump_threshold=0)}), id="trio")]


async def stale(provider: Provider, clocks: Clocks) -> None:
    await provider.authenticate()
    clocks.advance(3600 - 200)


async def test_the_first_who_notices_renews_and_the_others_go_on(
    provider: Provider, service: Service, clocks: Clocks
):
    await stale(provider, clocks)
    service.gate = anyio.Event()
    tokens: list[str | None] = []

    async def ask() -> None:
        tokens.append(await provider.get_token())

    async with anyio.create_task_group() as group:
        for _ in range(100):
            group.start_soon(ask)
        while len(tokens) < 99:
            await anyio.lowlevel.checkpoint()
        assert tokens == ["access-1-0"] * 99
        service.gate.set()
    assert tokens[-1] == "access-1-1"
    assert service.refreshes == 1


async def test_an_entered_provider_renews_in_the_background(provider: Provider, service: Service, clocks: Clocks):
    await stale(provider, clocks)
    service.gate = anyio.Event()
    async with provider:
        for _ in range(100):
            with anyio.fail_after(1):
                assert await provider.get_token() == "access-1-0"
        service.gate.set()
        while service.refreshes == 0 or provider._login.in_background:
            await anyio.sleep(0.001)
        assert await provider.get_token() == "access-1-1"
    assert service.refreshes == 1


async def test_a_failed_early_renewal_is_invisible_and_not_repeated_at_once(
    provider: Provider, service: Service, clocks: Clocks, caplog: pytest.LogCaptureFixture
):
    caplog.set_level("INFO")
    await stale(provider, clocks)
    service.failure = TransportError("down", retryable=True)
    provider._login.bind_to_loop().refresh_failure.backoff._jitter = lambda ceiling: ceiling
    for _ in range(100):
        assert await provider.get_token() == "access-1-0"
    assert service.refreshes == 1
    assert provider.authenticated is True
    assert "the token is used on" in caplog.text
    clocks.advance(1.1)
    await provider.get_token()
    assert service.refreshes == 2
    service.failure = None
    clocks.advance(2.1)
    assert await provider.get_token() == "access-1-1"


async def test_a_login_called_off_early_is_used_until_it_expires(
    provider: Provider, service: Service, clocks: Clocks
):
    await stale(provider, clocks)
    service.valid = None
    for _ in range(10):
        assert await provider.get_token() == "access-1-0"
    clocks.advance(150)
    assert await provider.get_token() == "access-1-0"
    assert service.refreshes == 1
    clocks.advance(51)
    with pytest.raises(TokenRefreshError):
        await provider.get_token()
    assert service.refreshes == 1


@pytest.mark.parametrize("anyio_backend", TRIO_AT_ONCE)
async def test_leaving_ends_a_renewal_that_hangs(service: Service, clocks: Clocks):
    provider = Provider(service)  # in memory: this clock jumps while a thread works
    await stale(provider, clocks)
    service.gate = anyio.Event()
    begun = anyio.current_time()
    async with provider:
        assert await provider.get_token() == "access-1-0"
        assert anyio.current_time() == begun
        await anyio.sleep(1)
        assert service.refreshes == 1
    assert anyio.current_time() - begun <= 1 + 2.1
    assert provider._login.in_background is False
    service.gate = None
    clocks.advance(100)
    assert await provider.get_token() == "access-1-1"


@pytest.mark.parametrize("anyio_backend", TRIO_AT_ONCE)
async def test_leaving_lets_what_was_sent_be_answered(service: Service, clocks: Clocks):
    provider = Provider(service)  # in memory: this clock jumps while a thread works
    await stale(provider, clocks)
    service.gate = anyio.Event()
    async with anyio.create_task_group() as group, provider:
        await provider.get_token()
        await anyio.sleep(0.5)

        async def answer() -> None:
            await anyio.sleep(1)
            assert service.gate is not None
            service.gate.set()

        group.start_soon(answer)
    assert await provider.get_token() == "access-1-1"
    assert provider._login.shared.unsaved is None


async def test_an_early_renewal_that_exits_does_not_end_the_program(
    provider: Provider, service: Service, clocks: Clocks, caplog: pytest.LogCaptureFixture
):
    await stale(provider, clocks)
    service.failure = SystemExit(3)
    async with provider:
        assert await provider.get_token() == "access-1-0"
        with anyio.fail_after(5):
            while provider._login.in_background:
                await anyio.sleep(0.001)
    assert "sys.exit(3)" in caplog.text


async def test_an_exception_in_the_block_comes_out_as_it_is(provider: Provider):
    with pytest.raises(KeyError):
        async with provider:
            raise KeyError("mine")


async def test_a_cancellation_of_the_block_goes_on(provider: Provider, service: Service, clocks: Clocks):
    await stale(provider, clocks)
    with anyio.move_on_after(0.05) as scope:
        async with provider:
            await provider.get_token()
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert provider._login.in_background is False


async def test_entering_twice_and_leaving_in_turn_works(provider: Provider, service: Service, clocks: Clocks):
    async with provider:
        async with provider:
            await stale(provider, clocks)
        assert await provider.get_token() in ("access-1-0", "access-1-1")
    async with provider:
        assert await provider.get_token()


async def test_who_enters_second_goes_without_and_leaves_the_holder_its_group(
    provider: Provider, service: Service, clocks: Clocks
):
    async def visit() -> None:
        async with provider:
            assert await provider.get_token() == "access-1-0"

    await provider.authenticate()
    async with provider:
        async with anyio.create_task_group() as group:
            group.start_soon(visit)
            group.start_soon(visit)
        clocks.advance(3400)
        assert await provider.get_token() == "access-1-0"
    assert service.refreshes <= 1


async def test_who_enters_second_leaves_the_renewal_under_way_to_the_holder(
    provider: Provider, service: Service, clocks: Clocks
):
    await stale(provider, clocks)
    service.gate = anyio.Event()
    closed: list[str] = []
    original = provider.aclose

    async def aclose() -> None:
        closed.append("closed")
        await original()

    provider.aclose = aclose  # type: ignore[method-assign]

    async def visit() -> None:
        with anyio.fail_after(1):
            async with provider, provider:
                assert await provider.get_token() == "access-1-0"

    async with provider:
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(visit)
        async with provider:
            pass
        assert provider._login.in_background is True
        assert closed == []
        service.gate.set()
        while provider._login.in_background:
            await anyio.sleep(0.001)
        assert await provider.get_token() == "access-1-1"
    assert closed == ["closed"]
    assert service.refreshes == 1


async def test_leaving_in_another_task_is_an_error_that_says_so(provider: Provider):
    codes: list[str] = []

    async def leave() -> None:
        try:
            await provider.__aexit__(None, None, None)
        except LifecycleError as error:
            codes.append(error.code)

    async with provider, anyio.create_task_group() as group:
        group.start_soon(leave)
    assert codes == ["wrong_task"]


async def test_an_event_says_that_nobody_waited(service: Service, clocks: Clocks):
    events: list[RefreshEvent] = []
    provider = Provider(service, on_refresh=events.append)
    await stale(provider, clocks)
    async with provider:
        await provider.get_token()
        with anyio.fail_after(5):
            while provider._login.in_background:
                await anyio.sleep(0.001)
    assert [(event.kind, event.background) for event in events] == [("login", False), ("refresh", True)]
    assert "access" not in repr(events)


async def test_windows_shrink_at_random_and_by_a_tenth_at_most(service: Service, clocks: Clocks):
    ends = set()
    for _ in range(50):
        provider = Provider(service)
        await provider.authenticate()
        assert provider._login.grant is not None
        validity = provider._login.grant.validity
        ends.add(clocks.monotonic + 3600 - validity.advisory.monotonic)
        assert 54 <= clocks.monotonic + 3600 - validity.mandatory.monotonic <= 60
    assert 270 <= min(ends) < max(ends) <= 300
    assert len(ends) > 40
    assert not math.isinf(max(ends))


async def test_a_caller_who_must_wait_gets_the_error_of_the_renewal(
    provider: Provider, service: Service, clocks: Clocks
):
    await stale(provider, clocks)
    service.failure = TransportError("down", retryable=True)
    await provider.get_token()
    clocks.advance(201)
    with pytest.raises(QuackError, match="down"):
        await provider.get_token()
