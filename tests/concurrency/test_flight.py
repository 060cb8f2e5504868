"""One run for all who ask at the same time."""

import asyncio

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from quackcore_async.concurrency import Flight, SingleFlight
from quackcore_async.errors import LifecycleError


async def test_all_who_ask_share_one_run():
    flights: SingleFlight[int] = SingleFlight("counting")
    runs = 0
    outcomes: list[int] = []

    async def count(_flight: Flight[int]) -> int:
        nonlocal runs
        runs += 1
        await anyio.lowlevel.checkpoint()
        return runs

    async def ask() -> None:
        outcomes.append(await flights.run(count))

    async with anyio.create_task_group() as group:
        for _ in range(100):
            group.start_soon(ask)
    assert outcomes == [1] * 100
    assert await flights.run(count) == 2


async def test_after_a_cancelled_leader_one_of_the_others_leads():
    flights: SingleFlight[str] = SingleFlight("waiting")
    outcomes: list[str] = []

    async def hang(_flight: Flight[str]) -> str:
        await anyio.sleep_forever()
        raise AssertionError("never reached")

    async def answer(_flight: Flight[str]) -> str:
        await anyio.lowlevel.checkpoint()
        return "answered"

    async def follow() -> None:
        outcomes.append(await flights.run(answer))

    async with anyio.create_task_group() as group, anyio.create_task_group() as leading:
        leading.start_soon(flights.run, hang)
        await anyio.wait_all_tasks_blocked()
        for _ in range(5):
            group.start_soon(follow)
        await anyio.wait_all_tasks_blocked()
        leading.cancel_scope.cancel()
    assert outcomes == ["answered"] * 5
    assert flights.current is None


async def test_a_failure_of_the_leader_is_its_own():
    flights: SingleFlight[str] = SingleFlight("failing")

    async def fail(_flight: Flight[str]) -> str:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await flights.run(fail)
    assert flights.current is None


async def test_its_own_tasks_are_inside_only_while_it_runs():
    flights: SingleFlight[None] = SingleFlight("nesting")
    seen: list[bool] = []
    over = anyio.Event()

    async def background() -> None:
        seen.append(flights.inside is not None)
        await over.wait()
        seen.append(flights.inside is not None)

    async with anyio.create_task_group() as group:

        async def start(_flight: Flight[None]) -> None:
            group.start_soon(background)
            await anyio.wait_all_tasks_blocked()

        await flights.run(start)
        over.set()
    assert seen == [True, False]
    assert flights.inside is None


async def test_a_flight_in_another_loop_is_an_error_not_a_hang():
    flights: SingleFlight[None] = SingleFlight("this start")
    release = anyio.Event()

    async def wait(_flight: Flight[None]) -> None:
        await release.wait()

    async with anyio.create_task_group() as group:
        group.start_soon(flights.run, wait)
        await anyio.wait_all_tasks_blocked()
        with anyio.fail_after(10), pytest.raises(LifecycleError, match="this start is busy in another running"):
            await anyio.to_thread.run_sync(lambda: asyncio.run(flights.run(wait)))
        release.set()


def test_a_flight_whose_loop_is_gone_is_forgotten():
    flights: SingleFlight[str] = SingleFlight("left behind")

    async def leave() -> None:
        flights._flight = Flight()

    async def answer(_flight: Flight[str]) -> str:
        return "anew"

    asyncio.run(leave())
    assert asyncio.run(flights.run(answer)) == "anew"
    asyncio.run(leave())
    assert anyio.run(flights.run, answer, backend="trio") == "anew"


async def test_two_flights_that_need_each_other_are_an_error_not_a_hang():
    one: SingleFlight[str] = SingleFlight("one")
    two: SingleFlight[str] = SingleFlight("two")
    errors: list[str] = []

    async def lead(own: SingleFlight[str], other: SingleFlight[str]) -> None:
        async def operation(_flight: Flight[str]) -> str:
            await anyio.lowlevel.checkpoint()
            try:
                return await other.run(operation)
            except LifecycleError as error:
                errors.append(error.code)
                return "given up"

        await own.run(operation)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(lead, one, two)
            group.start_soon(lead, two, one)
    assert errors == ["cycle"]


async def test_a_flight_that_waits_for_itself_is_an_error_not_a_hang():
    flight: SingleFlight[None] = SingleFlight("it")
    with anyio.fail_after(5), pytest.raises(LifecycleError):
        await flight.run(lambda _flight: flight.wait())
