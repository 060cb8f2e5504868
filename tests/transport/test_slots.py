"""Slots are held by so many at a time, in order, and survive any cancellation."""

import asyncio

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quackcore_async.transport.slots import Slots


async def test_a_free_slot_is_taken_at_once() -> None:
    slots = Slots(2)
    coroutine = slots.acquire()
    with pytest.raises(StopIteration):
        coroutine.send(None)  # without a checkpoint
    assert slots.held == 1


async def test_who_comes_first_is_served_first() -> None:
    slots = Slots(1)
    assert slots.try_acquire()
    order = []

    async def hold(name: str, *, first: bool = False) -> None:
        await slots.acquire(first=first)
        order.append(name)
        slots.release()

    async with anyio.create_task_group() as group:
        for name in ("a", "b", "c"):
            group.start_soon(hold, name)
            await anyio.wait_all_tasks_blocked()
        group.start_soon(lambda: hold("again", first=True))
        await anyio.wait_all_tasks_blocked()
        assert slots.waiting == 4
        slots.release()
    assert order == ["again", "a", "b", "c"]
    assert (slots.held, slots.waiting) == (0, 0)


async def test_nobody_overtakes_who_waits() -> None:
    slots = Slots(1)
    assert slots.try_acquire()
    async with anyio.create_task_group() as group:
        group.start_soon(slots.acquire)
        await anyio.wait_all_tasks_blocked()
        slots.release()
        assert not slots.try_acquire()


async def test_who_is_cancelled_takes_nobody_s_turn_and_gives_none_away() -> None:
    slots = Slots(1)
    assert slots.try_acquire()
    scope = anyio.CancelScope()

    async def impatient() -> None:
        with scope:
            await slots.acquire()

    async with anyio.create_task_group() as group:
        group.start_soon(slots.acquire)
        await anyio.wait_all_tasks_blocked()
        group.start_soon(impatient)
        await anyio.wait_all_tasks_blocked()
        scope.cancel()
        await anyio.wait_all_tasks_blocked()
        assert slots.waiting == 1
        slots.release()
    assert slots.held == 1


async def test_who_is_cancelled_leaves_the_queue() -> None:
    slots = Slots(1)
    assert slots.try_acquire()
    async with anyio.create_task_group() as group:
        group.start_soon(slots.acquire)
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    assert slots.waiting == 0
    slots.release()
    assert slots.held == 0


async def test_a_slot_given_to_somebody_who_is_cancelled_before_he_runs_goes_on() -> None:
    slots = Slots(1)
    assert slots.try_acquire()
    got = anyio.Event()

    async def unlucky(scope: anyio.CancelScope) -> None:
        with scope:
            await slots.acquire()
            raise AssertionError("was cancelled")

    async def next_one() -> None:
        await slots.acquire()
        got.set()

    scope = anyio.CancelScope()
    async with anyio.create_task_group() as group:
        group.start_soon(unlucky, scope)
        await anyio.wait_all_tasks_blocked()
        group.start_soon(next_one)
        await anyio.wait_all_tasks_blocked()
        scope.cancel()
        slots.release()
        with anyio.fail_after(5):
            await got.wait()


@pytest.mark.parametrize("limit", [0, -1])
def test_without_a_slot_nothing_would_ever_be_sent(limit: int) -> None:
    with pytest.raises(ValueError, match="limit"):
        Slots(limit)


STEPS = st.lists(
    st.tuples(st.sampled_from(["start", "start", "run", "run", "cancel", "scope", "release"]), st.integers(0, 9)),
    min_size=10,
    max_size=60,
)


@settings(max_examples=200, deadline=None)
@given(STEPS, st.integers(1, 3))
def test_no_slot_is_lost_or_there_twice_whatever_is_cancelled(steps: list[tuple[str, int]], limit: int) -> None:
    """Native cancellation, scopes and releases in any order, also several in the same turn of the loop."""

    async def scenario() -> None:
        slots = Slots(limit)
        holding = most = 0
        tasks: list[asyncio.Task[None]] = []
        scopes: list[anyio.CancelScope] = []
        finish: list[asyncio.Event] = []

        async def hold(scope: anyio.CancelScope, done: asyncio.Event) -> None:
            nonlocal holding, most
            with scope:
                await slots.acquire()
                try:
                    holding += 1
                    most = max(most, holding)
                    await done.wait()
                finally:
                    holding -= 1
                    slots.release()

        for step, index in steps:
            if step == "start":
                scopes.append(anyio.CancelScope())
                finish.append(asyncio.Event())
                tasks.append(asyncio.create_task(hold(scopes[-1], finish[-1])))
            elif step == "run":
                await asyncio.sleep(0)
            elif tasks:
                chosen = index % len(tasks)
                if step == "cancel":
                    tasks[chosen].cancel()
                elif step == "scope":
                    scopes[chosen].cancel()
                else:
                    finish[chosen].set()
        for done in finish:
            done.set()
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)
        assert most <= limit
        assert (slots.held, slots.waiting) == (0, 0)

    asyncio.run(scenario())
