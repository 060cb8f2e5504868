from collections.abc import AsyncIterator

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quackcore_async.concurrency import feed, first_error, for_each
from quackcore_async.errors import QuackError


async def numbers(count: int) -> AsyncIterator[int]:
    for number in range(count):
        await anyio.lowlevel.checkpoint()
        yield number


@pytest.mark.parametrize("make", [range, numbers])
@pytest.mark.parametrize("max_concurrency", [1, 3, 100])
async def test_every_item_is_worked_on_once_with_its_index(make, max_concurrency) -> None:
    seen: list[tuple[int, int]] = []

    async def work(index: int, item: int) -> None:
        await anyio.lowlevel.checkpoint()
        seen.append((index, item))

    await for_each(work, make(50), max_concurrency=max_concurrency)
    assert sorted(seen) == [(number, number) for number in range(50)]


async def test_no_more_than_the_bound_run_at_a_time() -> None:
    running = 0
    peak = 0

    async def work(_index: int, _item: int) -> None:
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        for _ in range(5):
            await anyio.lowlevel.checkpoint()
        running -= 1

    await for_each(work, range(100), max_concurrency=7)
    assert peak == 7


async def test_endless_input_is_drawn_only_as_fast_as_it_is_worked_on() -> None:
    drawn = 0

    async def endless() -> AsyncIterator[int]:
        nonlocal drawn
        while True:
            drawn += 1
            yield drawn
            await anyio.lowlevel.checkpoint()

    async def block(_index: int, _item: int) -> None:
        await anyio.sleep_forever()

    items = endless()
    async with anyio.create_task_group() as group:

        async def fan_out() -> None:
            await for_each(block, items, max_concurrency=4)

        group.start_soon(fan_out)
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    await items.aclose()
    assert drawn == 4


async def test_error_cancels_the_rest_and_comes_out_as_it_is() -> None:
    cause = KeyError("cause")
    error = ValueError("first")
    cancelled = []

    async def work(_index: int, item: int) -> None:
        if item == 3:
            raise error from cause
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.append(item)

    with pytest.raises(ValueError, match="first") as caught:
        await for_each(work, range(10), max_concurrency=4)
    assert caught.value is error
    assert caught.value.__cause__ is cause
    assert sorted(cancelled) == [0, 1, 2]


async def test_error_of_the_input_comes_out() -> None:
    async def broken() -> AsyncIterator[int]:
        yield 1
        raise OSError("the listing broke")

    async def work(_index: int, _item: int) -> None:
        await anyio.lowlevel.checkpoint()

    with pytest.raises(OSError, match="the listing broke"):
        await for_each(work, broken(), max_concurrency=3)


@pytest.mark.parametrize("max_concurrency", [0, -1])
async def test_bound_that_would_do_nothing_is_refused(max_concurrency) -> None:
    async def work(_index: int, _item: int) -> None:
        pytest.fail("nothing runs")

    with pytest.raises(ValueError, match="max_concurrency"):
        await for_each(work, [1], max_concurrency=max_concurrency)


@pytest.mark.parametrize("make", [range, numbers])
async def test_source_stays_at_its_end(make) -> None:
    source = feed(make(1))
    assert [await source.next_item() for _ in range(3)] == [(0, 0), None, None]


@given(
    st.recursive(
        st.builds(ValueError),
        lambda inner: st.builds(ExceptionGroup, st.just("group"), st.lists(inner, min_size=1, max_size=3)),
    )
)
def test_first_error_is_no_group(exc) -> None:
    assert not isinstance(first_error(ExceptionGroup("outer", [exc])), ExceptionGroup)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_an_item_whose_work_cancels_itself_is_an_error_and_not_left_out():
    """A future that somebody else cancelled raises that too, and a task group takes its task for done."""
    import asyncio

    done = []

    async def work(_index: int, item: int) -> None:
        if item == 1:
            raise asyncio.CancelledError
        done.append(item)

    with pytest.raises(QuackError, match="cancelled itself") as caught:
        await for_each(work, range(5), max_concurrency=1)
    assert caught.value.code == "cancelled"
    assert done == [0]
