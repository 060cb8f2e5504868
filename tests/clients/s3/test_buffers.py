import anyio
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given
from hypothesis import strategies as st

from quackcore_async.clients.s3.buffers import BodyBuffer, BufferPool


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


async def test_buffers_are_used_again():
    pool = BufferPool(100)
    async with pool.buffer(40) as first:
        pass
    async with pool.buffer(40) as second:
        assert second is first


async def test_the_pool_never_lends_or_keeps_more_than_its_capacity():
    pool = BufferPool(100)
    peak = 0

    async def use(size: int) -> None:
        nonlocal peak
        async with pool.buffer(size):
            peak = max(peak, pool.lent)
            await checkpoint()

    async with anyio.create_task_group() as group:
        for size in (40, 30, 60, 10, 100, 50, 40, 40):
            group.start_soon(use, size)
    assert peak <= 100
    assert pool.lent == 0
    assert sum(buffer.capacity for buffer in pool._idle) <= 100


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
