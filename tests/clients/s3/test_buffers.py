import contextlib

import anyio
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given
from hypothesis import strategies as st

from quackcore_async.clients.s3.buffers import BodyBuffer, BufferPool
from quackcore_async.clients.s3.engines import Aioboto3Engine
from quackcore_async.clients.s3.memory import MemoryBudget
from quackcore_async.clients.s3.raw_client import RawClient


def filled(content: bytes, capacity: int | None = None) -> BodyBuffer:
    buffer = BodyBuffer(capacity or len(content) or 1)
    buffer.memory[: len(content)] = content
    buffer.size = len(content)
    return buffer


@given(st.binary(max_size=200), st.lists(st.integers(0, 60)))
def test_a_buffer_reads_like_a_file(content, sizes):
    buffer = filled(content, 256)
    pieces = [bytes(buffer.read(size)) for size in sizes]
    pieces.append(bytes(buffer.read()))
    assert b"".join(pieces) == content
    assert buffer.tell() == len(content)
    buffer.seek(0)
    assert bytes(buffer.read()) == content


def test_seeking_to_the_end_tells_the_length_of_the_body_not_of_the_memory():
    buffer = filled(b"12345", 100)
    assert buffer.seek(0, 2) == 5


async def test_a_buffer_is_sent_in_small_views_and_says_when_each_was_taken():
    content = bytes(range(256)) * 4096
    buffer = filled(content)
    taken = []
    buffer.touched = lambda: taken.append(1)
    chunks = [bytes(chunk) async for chunk in buffer]
    assert b"".join(chunks) == content
    assert max(map(len, chunks)) <= 256 * 1024
    assert len(taken) == len(chunks)


async def test_memory_is_used_again():
    pool = BufferPool(100, MemoryBudget(100))
    async with pool.buffer(40) as first:
        memory = first.memory
    async with pool.buffer(40) as second:
        assert second.memory is memory


async def test_who_keeps_a_buffer_after_its_time_cannot_write_into_that_of_the_next_one():
    pool = BufferPool(100, MemoryBudget(100))
    async with pool.buffer(40) as first:
        pass
    with pytest.raises(TypeError, match="read-only"):
        first.memory[:5] = b"stale"


async def test_the_pool_never_lends_or_keeps_more_than_its_capacity():
    budget = MemoryBudget(100)
    pool = BufferPool(100, budget)
    peak = 0

    async def use(size: int) -> None:
        nonlocal peak
        async with pool.buffer(size):
            peak = max(peak, pool.lent, budget.granted + budget.kept)
            await checkpoint()

    async with anyio.create_task_group() as group:
        for size in (40, 30, 60, 10, 100, 50, 40, 40):
            group.start_soon(use, size)
    assert peak <= 100
    assert pool.lent == 0
    assert budget.kept <= 100


async def test_a_buffer_larger_than_the_pool_is_lent_alone():
    pool = BufferPool(100)
    async with pool.buffer(500) as buffer:
        assert buffer.capacity == 500
        with anyio.move_on_after(0.01) as scope:
            await pool.acquire(10)
        assert scope.cancelled_caught
    assert pool.lent == 0


async def test_whoever_waits_first_is_served_first_even_behind_a_large_one():
    pool = BufferPool(100)
    order = []

    async def use(size: int) -> None:
        async with pool.buffer(size):
            order.append(size)

    held = await pool.acquire(60)
    async with anyio.create_task_group() as group:
        group.start_soon(use, 90)
        await anyio.wait_all_tasks_blocked()
        group.start_soon(use, 20)
        await anyio.wait_all_tasks_blocked()
        assert order == []
        pool.release(held)
    assert order == [90, 20]


@pytest.mark.parametrize("when", ["waiting", "admitted"])
async def test_a_cancelled_waiter_gives_its_room_to_the_next(when):
    pool = BufferPool(100)
    held = await pool.acquire(100)
    scope = anyio.CancelScope()

    async def give_up() -> None:
        with scope:
            async with pool.buffer(100):
                await anyio.sleep_forever()

    async with anyio.create_task_group() as group:
        group.start_soon(give_up)
        await anyio.wait_all_tasks_blocked()
        if when == "admitted":
            pool.release(held)
        scope.cancel()
        await anyio.wait_all_tasks_blocked()
        if when == "waiting":
            pool.release(held)
    assert pool.lent == 0
    with anyio.fail_after(1):
        async with pool.buffer(100):
            pass


async def test_pools_share_what_there_is():
    budget = MemoryBudget(100)
    one, other = BufferPool(100, budget), BufferPool(60, budget)
    async with one.buffer(80):
        assert other.try_acquire(40) is None
        assert (other.lent, budget.granted) == (0, 80)
        with anyio.move_on_after(0.01) as scope:
            await other.acquire(40)
        assert scope.cancelled_caught
        assert (other.lent, budget.granted) == (0, 80)
        async with other.buffer(20):
            assert budget.granted == 100


async def test_a_pool_that_has_its_share_does_not_hold_up_the_others():
    budget = MemoryBudget(100)
    small, large = BufferPool(20, budget), BufferPool(100, budget)
    held = await small.acquire(20)
    async with anyio.create_task_group() as group:
        group.start_soon(small.acquire, 20)
        await anyio.wait_all_tasks_blocked()
        with anyio.fail_after(1):
            async with large.buffer(80):
                pass
        small.release(held)


async def test_a_buffer_that_is_not_urgent_waits_for_nobody():
    pool = BufferPool(100, MemoryBudget(100))
    first = pool.try_acquire(60)
    assert first is not None
    assert pool.try_acquire(60) is None
    pool.release(first)
    assert pool.try_acquire(60) is not None


async def test_memory_that_nobody_may_ask_for_any_more_is_let_go():
    budget = MemoryBudget(100)
    one, other = BufferPool(100, budget), BufferPool(100, budget)
    async with one.buffer(50):
        pass
    one.close()
    assert budget.kept == 50
    async with other.buffer(50):
        other.close()
    assert budget.kept == 0


async def test_a_pool_without_memory_gives_its_room_back(monkeypatch):
    budget = MemoryBudget(100)
    pool = BufferPool(100, budget)

    def fail(self, size):
        raise MemoryError

    monkeypatch.setattr(MemoryBudget, "memory", fail)
    with pytest.raises(MemoryError):
        await pool.acquire(60)
    assert (pool.lent, budget.granted) == (0, 0)


async def test_memory_that_a_connection_may_still_send_from_is_not_used_again():
    budget = MemoryBudget(100)
    pool = BufferPool(100, budget)
    async with pool.buffer(40) as buffer:
        buffer.left_behind = True
    assert (pool.lent, budget.granted, budget.kept) == (0, 0, 0)


@pytest.mark.parametrize("fails", [False, True])
async def test_of_a_request_of_aioboto3_that_failed_the_memory_may_still_be_sent(fails):
    class Raw:
        async def put_object(self, **_):
            if fails:
                raise OSError
            return {}

    buffer = filled(b"content")
    with contextlib.suppress(OSError):
        await Aioboto3Engine(RawClient.given(Raw()), 5.0).send("put_object", {}, buffer)
    assert buffer.left_behind is fails
