import asyncio

import anyio
import anyio.lowlevel
import pytest
from trio.testing import MockClock

from quackcore_async.concurrency import CLEANUP_TIMEOUT, cleanup_timeout, cleanup_within, protected, shielded


async def test_result_is_passed_on() -> None:
    async def close() -> str:
        await anyio.lowlevel.checkpoint()
        return "closed"

    assert await shielded(close) == "closed"


async def test_clean_up_finishes_under_cancellation() -> None:
    closed = anyio.Event()

    async def close() -> None:
        for _ in range(10):
            await anyio.lowlevel.checkpoint()
        closed.set()

    with anyio.CancelScope() as scope:
        scope.cancel()
        await shielded(close)
    assert closed.is_set()


@pytest.mark.parametrize(
    "anyio_backend", [("trio", {"clock": MockClock(autojump_threshold=0)})], ids=["mock clock"]
)
async def test_clean_up_that_hangs_is_given_up_in_time() -> None:
    started = anyio.current_time()
    assert await shielded(anyio.sleep_forever, timeout=3.0) is None
    assert anyio.current_time() - started == pytest.approx(3.0)


async def test_error_of_the_clean_up_passes() -> None:
    async def close() -> None:
        raise OSError("already gone")

    with pytest.raises(OSError, match="already gone"):
        await shielded(close)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_native_cancellation_reaches_only_the_caller_who_waits() -> None:
    begun, closed = anyio.Event(), anyio.Event()

    async def close() -> None:
        begun.set()
        for _ in range(10):
            await anyio.lowlevel.checkpoint()
        closed.set()

    task = asyncio.ensure_future(shielded(close))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert closed.is_set()


async def test_an_exit_comes_out_where_it_is_awaited() -> None:
    async def leave() -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        await protected(leave)


def test_the_deadline_of_who_closes_many_shortens_clean_up_and_never_lengthens_it() -> None:
    with cleanup_within(0.5):
        assert cleanup_timeout() == 0.5
    with cleanup_within(1000):
        assert cleanup_timeout() == CLEANUP_TIMEOUT
