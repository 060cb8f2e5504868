"""Short pieces of blocking work that share a hop."""

import asyncio
import contextlib
import gc
import threading
import time
import weakref
from functools import partial

import anyio
import anyio.lowlevel
import pytest

from quackcore_async.concurrency import batches, run_briefly
from quackcore_async.concurrency.threads import THREADS


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
    monkeypatch.setattr(batches, "_ENOUGH", 1000.0)


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
    monkeypatch.setattr(batches, "thread_time", lambda: 0.0)
    gate = Gate()
    async with anyio.create_task_group() as group:
        group.start_soon(run_briefly, gate.wait)
        await until(gate.entered.is_set)
        assert await run_briefly(lambda: "beside") == "beside"
        gate.opened.set()


async def test_a_hop_is_not_slow_when_the_event_loop_computes_meanwhile(monkeypatch):
    monkeypatch.setattr(batches, "_SLOW", -1.0)
    monkeypatch.setattr(batches, "thread_time", batches.monotonic)
    gate, ran = Gate(), []
    async with anyio.create_task_group() as group:
        group.start_soon(run_briefly, gate.wait)
        await until(gate.entered.is_set)
        group.start_soon(run_briefly, lambda: ran.append("beside"))
        await anyio.wait_all_tasks_blocked()
        assert batches._hops_of_loop().leaders == 1
        assert ran == []
        gate.opened.set()
    assert ran == ["beside"]


async def test_on_a_slow_disk_the_pieces_spread_over_the_threads(monkeypatch):
    monkeypatch.setattr(batches, "_ENOUGH", 0.002)
    together, most, lock = 0, 0, threading.Lock()

    def work() -> None:
        nonlocal together, most
        with lock:
            together += 1
            most = max(most, together)
        time.sleep(0.01)
        with lock:
            together -= 1

    async with anyio.create_task_group() as group:
        for _ in range(120):
            group.start_soon(run_briefly, work)
    assert 4 <= most <= THREADS
    assert batches._hops_of_loop().leaders == 0


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


# Native cancellation, which gets through every scope


def counting(gate: Gate, ran: list[int], number: int):
    def work() -> None:
        ran.append(number)
        if number == 0:
            gate.wait()

    return work


async def native_rest(tasks) -> list[object]:
    return await asyncio.gather(*tasks, return_exceptions=True)


async def turns(count: int) -> None:
    for _ in range(count):
        await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("times", [1, 2, 3])
@pytest.mark.parametrize("victim", ["leader", "follower", "both"])
async def test_whoever_is_cancelled_natively_on_the_way_waits_and_nothing_runs_twice(times, victim):
    first, second, ran = Gate(), Gate(), []
    opening = asyncio.ensure_future(run_briefly(first.wait))
    await until(first.entered.is_set)
    tasks = [asyncio.ensure_future(run_briefly(counting(second, ran, number))) for number in range(4)]
    await turns(5)
    first.opened.set()
    await until(second.entered.is_set)  # the first of them leads, and the others travel with it
    victims = {"leader": tasks[:1], "follower": tasks[1:2], "both": tasks[:2]}[victim]
    for _ in range(times):
        for task in victims:
            task.cancel()
        await turns(5)
    assert not any(task.done() for task in tasks)
    late = asyncio.ensure_future(run_briefly(lambda: ran.append(9)))
    await turns(5)
    second.opened.set()
    outcomes = await native_rest(tasks)
    await late
    await opening
    assert sorted(ran) == [0, 1, 2, 3, 9]
    assert [isinstance(each, asyncio.CancelledError) for each in outcomes] == [task in victims for task in tasks]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("enough", [0.05, -1.0], ids=["quick", "slow"])
@pytest.mark.parametrize("victims", [[0], [1], [0, 1], [0, 2, 4]])
async def test_cancelled_at_any_turn_the_others_are_done_once(victims, enough, monkeypatch):
    monkeypatch.setattr(batches, "_ENOUGH", enough)
    for step in range(12):
        ran: list[int] = []
        tasks = [asyncio.ensure_future(run_briefly(partial(ran.append, number))) for number in range(6)]
        await turns(step)
        for _ in range(2):
            for victim in victims:
                tasks[victim].cancel()
            await turns(1)
        with anyio.fail_after(5):
            await native_rest(tasks)
            assert await run_briefly(lambda: "still works") == "still works"
        assert len(ran) == len(set(ran))
        assert set(ran) >= set(range(6)) - set(victims)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_deadline_of_asyncio_waits_for_the_end():
    gate = Gate()

    async def let_it_pass(deadline: asyncio.Timeout) -> None:
        await until(gate.entered.is_set)
        deadline.reschedule(asyncio.get_running_loop().time())
        await anyio.wait_all_tasks_blocked()
        gate.opened.set()

    async with anyio.create_task_group() as group:
        with pytest.raises(TimeoutError):  # noqa: PT012
            async with asyncio.timeout(None) as deadline:
                group.start_soon(let_it_pass, deadline)
                await run_briefly(gate.wait)
        assert gate.opened.is_set()


async def test_many_that_wait_are_cancelled_in_no_time():
    gate = Gate()
    async with anyio.create_task_group() as group:
        group.start_soon(run_briefly, gate.wait)
        await until(gate.entered.is_set)
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as waiting:
                for _ in range(4000):
                    waiting.start_soon(run_briefly, int)
                await anyio.wait_all_tasks_blocked()
                began = time.thread_time()
                scope.cancel()
        assert time.thread_time() - began < 1
        group.start_soon(run_briefly, int)
        await anyio.wait_all_tasks_blocked()
        gate.opened.set()


async def test_who_gives_up_behind_a_disk_that_hangs_is_forgotten():
    gate = Gate()
    async with anyio.create_task_group() as group:
        group.start_soon(run_briefly, gate.wait)
        await until(gate.entered.is_set)
        for _ in range(3):
            with anyio.CancelScope() as scope:
                async with anyio.create_task_group() as waiting:
                    for _ in range(5):
                        waiting.start_soon(run_briefly, int)
                    await anyio.wait_all_tasks_blocked()
                    scope.cancel()
        assert not batches._hops_of_loop().waiting
        gate.opened.set()


async def test_five_thousand_pieces():
    total = 0

    async def ask(number: int) -> None:
        nonlocal total
        value = await run_briefly(lambda: number)
        total += value

    async with anyio.create_task_group() as group:
        for number in range(5_000):
            group.start_soon(ask, number)
    assert total == sum(range(5_000))


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit, MemoryError])
async def test_an_exception_of_any_kind_reaches_only_the_one_who_asked(kind):
    def fail() -> None:
        raise kind("mine")

    caught: list[type] = []

    async def failing() -> None:
        try:
            await run_briefly(fail)
        except kind as exc:
            caught.append(type(exc))

    fine: list[int] = []

    async def working() -> None:
        fine.append(await run_briefly(lambda: 1))

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(working)
            group.start_soon(failing)
    assert caught == [kind] * 3
    assert fine == [1] * 3


async def test_an_error_is_not_kept_after_it_was_raised():
    class Big:
        pass

    def fail() -> None:
        held = Big()
        references.append(weakref.ref(held))
        raise ValueError("mine")

    references: list[weakref.ref[Big]] = []
    gc.disable()
    try:
        with contextlib.suppress(ValueError):
            await run_briefly(fail)
        assert references[0]() is None
    finally:
        gc.enable()


def test_a_loop_that_ends_while_pieces_wait_leaves_the_next_one_alone():
    gate, ran = Gate(), []

    async def leave() -> None:
        tasks = [asyncio.ensure_future(run_briefly(gate.wait))]
        await until(gate.entered.is_set)
        tasks += [asyncio.ensure_future(run_briefly(lambda: ran.append("left"))) for _ in range(5)]
        await turns(5)
        threading.Timer(0.05, gate.opened.set).start()

    async def come() -> str:
        return await run_briefly(lambda: "next")

    asyncio.run(leave())  # cancels what is left
    assert ran == []
    assert asyncio.run(come()) == "next"


@pytest.mark.parametrize("backends", [("asyncio", "asyncio"), ("asyncio", "trio"), ("trio", "trio")])
def test_loops_in_two_threads_do_not_mix(backends):
    def work(backend: str) -> None:
        async def main() -> None:
            mine = anyio.lowlevel.current_token()
            async with anyio.create_task_group() as group:
                for number in range(500):
                    group.start_soon(ask, number)
            assert anyio.lowlevel.current_token() == mine

        async def ask(number: int) -> None:
            assert await run_briefly(lambda: (backend, number)) == (backend, number)
            done.append(backend)

        anyio.run(main, backend=backend)

    done: list[str] = []
    threads = [threading.Thread(target=work, args=(backend,)) for backend in backends]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(done) == 1000


async def ride_together(*functions):
    """Run functions in one hop, behind one that waits until all have gathered; return their outcomes."""
    gate, outcomes = Gate(), {}

    async def ask(number, function):
        try:
            outcomes[number] = await run_briefly(function)
        except OSError as exc:
            outcomes[number] = exc

    async with anyio.create_task_group() as group:
        group.start_soon(run_briefly, gate.wait)
        await until(gate.entered.is_set)
        for number, function in enumerate(functions):
            group.start_soon(ask, number, function)
        for _ in range(3):
            await anyio.lowlevel.checkpoint()
        gate.opened.set()
    return [outcomes[number] for number in range(len(functions))]


class Kept:
    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


async def test_pieces_of_one_hop_share_what_is_kept_until_its_end():
    made: list[Kept] = []

    def make() -> Kept:
        made.append(Kept())
        return made[-1]

    def use() -> tuple[Kept, int]:
        kept = batches.current_hop().keep("key", make)
        return kept, kept.closed

    outcomes = await ride_together(use, use, use)
    assert outcomes == [(made[0], 0)] * 3
    assert made[0].closed == 1
    await run_briefly(use)
    assert len(made) == 2


async def test_what_is_put_off_is_done_once_before_anybody_has_an_outcome():
    done: list[str] = []

    class Action:
        def run(self) -> None:
            done.append("end")

    action = Action()

    def ask() -> int:
        batches.current_hop().at_end(action.run)
        return len(done)

    assert await ride_together(ask, ask, ask) == [0, 0, 0]
    assert done == ["end"]


async def test_what_is_put_off_and_fails_is_the_failure_of_those_who_asked():
    def fail() -> None:
        raise OSError("no space")

    def ask() -> str:
        batches.current_hop().at_end(fail)
        return "asked"

    first, other, last = await ride_together(ask, lambda: "other", ask)
    assert other == "other"
    assert str(first) == str(last) == "no space"


async def test_nothing_is_shared_outside_of_a_hop():
    assert batches.current_hop() is None
    await run_briefly(lambda: None)
    assert await anyio.to_thread.run_sync(batches.current_hop) is None
