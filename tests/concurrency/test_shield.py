import anyio
import pytest
from trio.testing import MockClock

from quackcore_async.concurrency import shielded


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
