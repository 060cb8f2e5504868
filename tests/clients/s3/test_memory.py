"""All transfers of the process share one budget of memory, in turn, whatever is cancelled."""

import asyncio
import gc
import os
import threading

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quackcore_async.clients.s3.buffers import BufferPool
from quackcore_async.clients.s3.memory import DEFAULT_MAX_MEMORY, MemoryBudget, _Waiter, process_budget


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param


async def test_room_that_is_free_is_taken_at_once():
    budget = MemoryBudget(100)
    with pytest.raises(StopIteration):
        budget.acquire(60).send(None)
    assert budget.granted == 60
    assert not budget.try_acquire(60)


async def test_small_requests_do_not_starve_a_large_one():
    budget = MemoryBudget(100)
    await budget.acquire(60)
    async with anyio.create_task_group() as group:
        group.start_soon(budget.acquire, 90)
        await anyio.wait_all_tasks_blocked()
        assert not budget.try_acquire(10)
        budget.release(60)
        assert budget.granted == 90


async def test_more_than_everything_is_granted_alone():
    budget = MemoryBudget(100)
    await budget.acquire(500)
    assert not budget.try_acquire(1)
    budget.release(500)
    assert budget.try_acquire(1)


@pytest.mark.parametrize("when", ["waiting", "granted"])
async def test_who_is_cancelled_takes_no_room_with_him(when):
    budget = MemoryBudget(100)
    await budget.acquire(100)
    async with anyio.create_task_group() as group:
        scope = anyio.CancelScope()

        async def give_up() -> None:
            with scope:
                await budget.acquire(100)
                budget.release(100)  # he may have run before he was cancelled

        group.start_soon(give_up)
        await anyio.wait_all_tasks_blocked()
        if when == "granted":
            budget.release(100)
        scope.cancel()
        await anyio.wait_all_tasks_blocked()
        if when == "waiting":
            budget.release(100)
    assert (budget.granted, budget.waiting) == (0, 0)


async def test_room_that_comes_back_in_a_thread_wakes_who_waits_here():
    budget = MemoryBudget(100)
    await budget.acquire(100)
    async with anyio.create_task_group() as group:
        group.start_soon(budget.acquire, 70)
        await anyio.wait_all_tasks_blocked()
        await anyio.to_thread.run_sync(budget.release, 100)
    assert budget.granted == 70


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_event_loops_in_many_threads_share_one_budget(backend):
    budget = MemoryBudget(100)
    used, most = 0, 0
    count = threading.Lock()

    async def transfers() -> None:
        async def transfer(size: int) -> None:
            nonlocal used, most
            for _ in range(20):
                await budget.acquire(size)
                with count:
                    used += size
                    most = max(most, used)
                await anyio.lowlevel.checkpoint()
                with count:
                    used -= size
                budget.release(size)

        with anyio.fail_after(60):
            async with anyio.create_task_group() as group:
                for size in (10, 40, 60, 100):
                    group.start_soon(transfer, size)

    failures: list[BaseException] = []

    def run() -> None:
        try:
            anyio.run(transfers, backend=backend)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert most <= 100
    assert (budget.granted, budget.waiting) == (0, 0)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_waiter_whose_event_loop_has_ended_holds_up_nobody(backend):
    budget = MemoryBudget(100)
    assert budget.try_acquire(100)

    async def leave_behind() -> None:
        budget._waiting[_Waiter(50)] = None  # as of a task that was never run to its end

    anyio.run(leave_behind, backend=backend)
    budget.release(100)
    assert budget.granted == 0
    assert budget.try_acquire(100)


async def test_room_that_comes_back_while_somebody_begins_to_wait_is_his():
    class Late(MemoryBudget):
        def try_acquire(self, size: int) -> bool:
            taken = super().try_acquire(size)
            if not taken:
                self.release(100)  # as by another thread
            return taken

    budget = Late(100)
    assert budget.try_acquire(100)
    with anyio.fail_after(1):
        await budget.acquire(100)
    assert budget.granted == 100


@pytest.mark.parametrize(("waiting", "granted"), [((50, 100), 50), ((100,), 100)])
async def test_room_that_comes_back_in_the_midst_of_an_admission_is_granted_once(waiting, granted):
    class Interrupted(MemoryBudget):
        interruptions = 0

        def _fits(self, size: int) -> bool:
            fits = super()._fits(size)
            if self.interruptions:
                self.interruptions -= 1
                self.release(50)  # as by the collection of a buffer
            return fits

    budget = Interrupted(100)
    assert budget.try_acquire(50)
    assert budget.try_acquire(50)
    async with anyio.create_task_group() as group:
        for size in waiting:
            group.start_soon(budget.acquire, size)
            await anyio.wait_all_tasks_blocked()
        budget.interruptions = 1
        budget.release(50)
        assert budget.granted == granted
        budget.release(granted)


async def test_the_budget_is_as_large_as_the_user_wants_it_who_wants_most():
    budget = MemoryBudget(100)
    one, other = BufferPool(500, budget), BufferPool(50, budget)
    assert budget.capacity == 500
    del one
    gc.collect()
    assert budget.capacity == 50
    other.close()
    assert budget.capacity == 100


async def test_a_new_user_lets_those_in_who_wait():
    budget = MemoryBudget(100)
    await budget.acquire(80)
    async with anyio.create_task_group() as group:
        group.start_soon(budget.acquire, 80)
        await anyio.wait_all_tasks_blocked()
        pool = BufferPool(200, budget)
    assert budget.granted == 160
    pool.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_process_begins_anew():
    before = process_budget.granted
    assert process_budget.try_acquire(DEFAULT_MAX_MEMORY) or before
    try:
        pid = os.fork()
        if pid == 0:
            os._exit(0 if process_budget.granted == 0 else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    finally:
        if not before:
            process_budget.release(DEFAULT_MAX_MEMORY)


def test_nothing_is_no_budget():
    with pytest.raises(ValueError, match="capacity"):
        MemoryBudget(0)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["start", "start", "stream", "run", "run", "run", "cancel", "scope", "finish"]),
        st.integers(0, 9),
        st.integers(1, 130),
    ),
    min_size=10,
    max_size=60,
)


@settings(max_examples=200)
@given(STEPS, st.lists(st.integers(20, 120), min_size=1, max_size=4))
def test_many_clients_neither_exceed_the_budget_nor_wait_for_each_other_for_ever(steps, capacities):
    """Files that hold one buffer, and streams that ask for the next one while theirs is being sent."""

    async def scenario() -> None:
        budget = MemoryBudget(1)
        pools = [BufferPool(capacity, budget) for capacity in capacities]
        tasks: list[asyncio.Task] = []
        scopes: list[anyio.CancelScope] = []
        finish: list[asyncio.Event] = []
        out: dict[int, int] = {}

        async def send(pool, buffer, done):
            try:
                await done.wait()
            finally:
                del out[id(buffer)]
                pool.release(buffer)

        async def lend(pool, size):
            buffer = await pool.acquire(size)
            out[id(buffer)] = size
            assert sum(out.values()) <= max(capacities) or len(out) == 1
            assert buffer.capacity == size
            return buffer

        async def file(pool, size, scope, done):
            with scope:
                await send(pool, await lend(pool, size), done)

        async def stream(pool, size, scope, done):
            with scope:
                async with anyio.create_task_group() as group:
                    for _ in range(3):
                        group.start_soon(send, pool, await lend(pool, size), done)

        for step, index, size in steps:
            if step in {"start", "stream"}:
                scopes.append(anyio.CancelScope())
                finish.append(asyncio.Event())
                transfer = file if step == "start" else stream
                pool = pools[index % len(pools)]
                tasks.append(asyncio.create_task(transfer(pool, size, scopes[-1], finish[-1])))
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
        results = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)
        assert [result for result in results if isinstance(result, Exception)] == []
        assert (budget.granted, budget.waiting) == (0, 0)
        assert [pool.lent for pool in pools] == [0] * len(pools)
        assert budget.kept <= max(capacities)

    asyncio.run(scenario())
