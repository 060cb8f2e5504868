import threading

import anyio
import anyio.to_thread
import pytest

from quackcore_async.concurrency import THREADS, run_in_daemon, run_in_thread


async def test_function_runs_in_another_thread_with_its_arguments() -> None:
    assert await run_in_thread(lambda *args: (args, threading.get_ident()), 1, 2) != (
        (1, 2),
        threading.get_ident(),
    )


async def test_exception_comes_back() -> None:
    with pytest.raises(ZeroDivisionError):
        await run_in_thread(lambda: 1 / 0)


async def test_no_more_threads_than_the_limit_work_at_a_time() -> None:
    lock = threading.Lock()
    release = threading.Event()
    running = 0

    def work() -> None:
        nonlocal running
        with lock:
            running += 1
        assert release.wait(30)

    async with anyio.create_task_group() as group:
        for _ in range(THREADS + 5):
            group.start_soon(run_in_thread, work)
        while running < THREADS:
            await anyio.lowlevel.checkpoint()
        await anyio.wait_all_tasks_blocked()
        assert running == THREADS
        assert anyio.to_thread.current_default_thread_limiter().borrowed_tokens == 0
        release.set()
    assert running == THREADS + 5


async def test_cancellation_waits_for_the_end_of_the_work() -> None:
    started = anyio.Event()
    release = threading.Event()
    finished = []

    def work() -> None:
        anyio.from_thread.run_sync(started.set)
        assert release.wait(30)
        finished.append(True)

    async with anyio.create_task_group() as group:
        group.start_soon(run_in_thread, work)
        await started.wait()
        group.cancel_scope.cancel()
        release.set()
    assert finished == [True]


def test_a_task_cancelled_the_asyncio_way_waits_for_the_end_of_the_work_too() -> None:
    import asyncio

    started = threading.Event()
    release = threading.Event()
    finished = []

    def work() -> None:
        started.set()
        assert release.wait(30)
        finished.append(1)

    async def main() -> None:
        task = asyncio.ensure_future(run_in_thread(work))
        while not started.is_set():
            await asyncio.sleep(0)
        for _ in range(3):
            task.cancel()
            for _ in range(10):
                await asyncio.sleep(0)
            assert not task.done()
        release.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert finished == [1]

    asyncio.run(main())


def test_work_that_has_not_begun_when_its_task_is_cancelled_never_begins() -> None:
    import asyncio

    begun = []

    async def main() -> None:
        task = asyncio.ensure_future(run_in_thread(begun.append, 1))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        left = len(begun)
        await run_in_thread(int)
        assert len(begun) == left

    asyncio.run(main())


async def test_a_daemon_thread_returns_and_raises_what_its_function_did() -> None:
    assert await run_in_daemon(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await run_in_daemon(lambda: 1 / 0)


async def test_a_daemon_thread_that_never_ends_is_left_behind() -> None:
    release = threading.Event()
    with anyio.move_on_after(0.01) as scope:
        await run_in_daemon(release.wait)
    assert scope.cancelled_caught
    assert all(thread.daemon for thread in threading.enumerate() if thread.name == "quackcore-async-plugin")
    release.set()
