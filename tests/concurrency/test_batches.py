"""Short pieces of blocking work that share a hop."""

import threading

import anyio
import anyio.lowlevel
import pytest

from quackcore_async.concurrency import batches, run_briefly


class Gate:
    """Holds up the thread that runs `wait`, so that others gather behind it."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.opened = threading.Event()

    def wait(self) -> str:
        self.entered.set()
        assert self.opened.wait(10)
        return "gate"


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """No hop counts as slow."""
    monkeypatch.setattr(batches, "_SLOW", 1000.0)


async def until(condition) -> None:
    with anyio.fail_after(10):
        while not condition():
            await anyio.lowlevel.checkpoint()


async def test_each_gets_its_own_outcome():
    outcomes: dict[int, int] = {}

    async def ask(number: int) -> None:
        outcomes[number] = await run_briefly(lambda: number * 2)

    async with anyio.create_task_group() as group:
        for number in range(100):
            group.start_soon(ask, number)
    assert outcomes == {number: number * 2 for number in range(100)}


async def test_an_error_reaches_only_the_one_who_asked():
    def fail() -> None:
        raise ValueError("mine")

    caught: list[str] = []

    async def failing() -> None:
        try:
            await run_briefly(fail)
        except ValueError as exc:
            caught.append(str(exc))

    fine: list[int] = []

    async def working() -> None:
        fine.append(await run_briefly(lambda: 1))

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(working)
            group.start_soon(failing)
    assert caught == ["mine"] * 5
    assert fine == [1] * 5


async def test_what_comes_while_a_hop_is_under_way_shares_the_next_one():
    gate, threads = Gate(), set()

    def note() -> None:
        threads.add(threading.get_ident())

    async with anyio.create_task_group() as group:
        group.start_soon(run_briefly, gate.wait)
        await until(gate.entered.is_set)
        for _ in range(20):
            group.start_soon(run_briefly, note)
        await anyio.wait_all_tasks_blocked()
        assert threads == set()
        gate.opened.set()
    assert len(threads) == 1


async def test_behind_a_slow_hop_the_next_one_goes_beside_it(monkeypatch):
    monkeypatch.setattr(batches, "_SLOW", -1.0)
    gate = Gate()
    async with anyio.create_task_group() as group:
        group.start_soon(run_briefly, gate.wait)
        await until(gate.entered.is_set)
        assert await run_briefly(lambda: "beside") == "beside"
        gate.opened.set()


async def test_one_that_waits_can_be_cancelled_and_never_runs():
    gate, ran = Gate(), []
    async with anyio.create_task_group() as group:
        group.start_soon(run_briefly, gate.wait)
        await until(gate.entered.is_set)
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as waiting:
                waiting.start_soon(run_briefly, lambda: ran.append("cancelled"))
                await anyio.wait_all_tasks_blocked()
                scope.cancel()
        group.start_soon(run_briefly, lambda: ran.append("other"))
        await anyio.wait_all_tasks_blocked()
        gate.opened.set()
    assert ran == ["other"]


async def test_a_cancelled_leader_waits_for_the_end_and_the_others_go_on():
    gate, ran, ended = Gate(), [], []

    async def lead() -> None:
        try:
            await run_briefly(gate.wait)
        finally:
            ended.append(gate.opened.is_set())

    async with anyio.create_task_group() as group:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as leading:
                leading.start_soon(lead)
                await until(gate.entered.is_set)
                group.start_soon(run_briefly, lambda: ran.append("other"))
                await anyio.wait_all_tasks_blocked()
                scope.cancel()
                threading.Timer(0.05, gate.opened.set).start()
    assert ended == [True]
    assert ran == ["other"]


async def test_one_that_is_cancelled_on_the_way_waits_for_the_end():
    first, second, ended = Gate(), Gate(), []

    async def ride() -> None:
        try:
            await run_briefly(second.wait)
        finally:
            ended.append(second.opened.is_set())

    async with anyio.create_task_group() as group:
        group.start_soon(run_briefly, first.wait)
        await until(first.entered.is_set)
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as riding:
                riding.start_soon(run_briefly, lambda: None)  # leads the next hop
                await anyio.wait_all_tasks_blocked()
                riding.start_soon(ride)
                await anyio.wait_all_tasks_blocked()
                first.opened.set()
                await until(second.entered.is_set)
                scope.cancel()
                threading.Timer(0.05, second.opened.set).start()
    assert ended == [True]


@pytest.mark.parametrize("victims", [{0}, {1}, {2}, {0, 1}, {1, 2}, {0, 1, 2}])
async def test_whoever_is_cancelled_the_rest_is_done(victims: set[int]):
    gate, ran = Gate(), set()
    scopes = [anyio.CancelScope() for _ in range(6)]

    async def ask(number: int) -> None:
        with scopes[number]:
            await run_briefly(lambda: ran.add(number))

    async with anyio.create_task_group() as group:
        group.start_soon(run_briefly, gate.wait)
        await until(gate.entered.is_set)
        for number in range(6):
            group.start_soon(ask, number)
        await anyio.wait_all_tasks_blocked()
        gate.opened.set()
        for number in victims:
            scopes[number].cancel()
    assert ran >= set(range(6)) - victims
    assert await run_briefly(lambda: "still works") == "still works"
