"""So many bytes a second go through, in turn, by a clock that jumps."""

import anyio
import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from quackcore_async.clients.s3.bandwidth import BandwidthLimit
from quackcore_async.clients.s3.buffers import BufferPool
from quackcore_async.clients.s3.memory import MemoryBudget

KIB = 1024


@pytest.fixture
def anyio_backend():
    return "trio", {"clock": trio.testing.MockClock(autojump_threshold=0)}


async def test_what_was_saved_up_goes_at_once():
    limit = BandwidthLimit(100 * KIB)
    start = anyio.current_time()
    await limit.take(5 * KIB)
    assert limit.try_take(4 * KIB)
    assert anyio.current_time() == start


async def test_a_chunk_that_is_larger_than_what_goes_in_a_second_is_made_up_for():
    limit = BandwidthLimit(KIB)
    start = anyio.current_time()
    await limit.take(10 * KIB)
    assert not limit.try_take(1)
    await limit.take(KIB)
    assert anyio.current_time() - start == pytest.approx(9.9)


@given(st.lists(st.integers(1, 300_000), min_size=1, max_size=30), st.integers(50_000, 10**6), st.integers(1, 5))
def test_the_rate_holds_over_all_transfers_together(sizes, rate, transfers):
    async def scenario() -> None:
        limit = BandwidthLimit(rate)
        start = anyio.current_time()

        async def transfer(index: int) -> None:
            for size in sizes[index::transfers]:
                await limit.take(size)

        async with anyio.create_task_group() as group:
            for index in range(transfers):
                group.start_soon(transfer, index)
        elapsed = anyio.current_time() - start
        total = sum(sizes)
        assert elapsed >= (total - max(sizes)) / rate - 0.1 - 1e-6
        assert elapsed <= total / rate + 1e-6

    trio.run(scenario, clock=trio.testing.MockClock(autojump_threshold=0))


async def test_transfers_get_the_same_whatever_the_size_of_their_chunks():
    limit = BandwidthLimit(1000 * KIB)
    done = {256 * KIB: 0, 16 * KIB: 0, 1024 * KIB: 0}

    async def transfer(chunk: int) -> None:
        while True:
            await limit.take(chunk)
            done[chunk] += chunk

    async with anyio.create_task_group() as group:
        for chunk in done:
            group.start_soon(transfer, chunk)
        await anyio.sleep(60)
        group.cancel_scope.cancel()
    assert sum(done.values()) == pytest.approx(60 * 1000 * KIB, rel=0.05)
    assert max(done.values()) <= 1.1 * min(done.values())


async def test_nobody_overtakes_who_waits():
    limit = BandwidthLimit(KIB)
    await limit.take(10 * KIB)
    order = []

    async def take(name: str) -> None:
        await limit.take(KIB)
        order.append(name)

    async with anyio.create_task_group() as group:
        group.start_soon(take, "first")
        await anyio.wait_all_tasks_blocked()
        limit._due = 0  # his time has come, and he has not run yet
        assert not limit.try_take(1)
        group.start_soon(take, "second")
    assert order == ["first", "second"]


async def test_who_is_cancelled_while_waiting_leaves_at_once_and_holds_up_nobody():
    limit = BandwidthLimit(KIB)
    await limit.take(100 * KIB)
    start = anyio.current_time()
    async with anyio.create_task_group() as group:
        scopes = [anyio.CancelScope() for _ in range(3)]

        async def give_up(scope: anyio.CancelScope) -> None:
            with scope:
                await limit.take(1000 * KIB)

        for scope in scopes:
            group.start_soon(give_up, scope)
        await anyio.sleep(1)
        for scope in scopes[:2]:
            scope.cancel()
        await anyio.sleep(0)
        group.start_soon(limit.take, KIB)
        await anyio.sleep(1)
        scopes[2].cancel()
    assert anyio.current_time() - start == pytest.approx(99.9)


async def test_an_idle_time_out_does_not_count_what_waits_in_whatever_place():
    limit = BandwidthLimit(KIB)
    await limit.take(100 * KIB)

    async def send() -> None:
        with anyio.CancelScope(deadline=anyio.current_time() + 1) as idle:
            await limit.take(10 * KIB, lambda: setattr(idle, "deadline", anyio.current_time() + 1))
            return
        raise AssertionError("waiting counted as idleness")

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(send)
    assert not limit._waiting


async def test_the_chunks_of_a_buffer_wait_before_they_are_sent():
    limit = BandwidthLimit(100 * KIB)
    pool = BufferPool(1024 * KIB, MemoryBudget(1), bandwidth=limit)
    touched = []
    start = anyio.current_time()
    async with pool.buffer(1024 * KIB) as buffer:
        buffer.size = 1024 * KIB
        buffer.touched = lambda: touched.append(anyio.current_time())
        sent = [len(chunk) async for chunk in buffer]
    assert sum(sent) == 1024 * KIB
    assert anyio.current_time() - start == pytest.approx(768 / 100 - 0.1)
    gaps = [later - earlier for earlier, later in zip(touched, touched[1:], strict=False)]
    assert max(gaps) <= 0.26


@pytest.mark.parametrize("rate", [0, -1, float("inf"), float("nan")])
def test_a_rate_is_above_nothing(rate):
    with pytest.raises(ValueError, match="rate"):
        BandwidthLimit(rate)
