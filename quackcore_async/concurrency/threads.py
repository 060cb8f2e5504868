"""Blocking work in worker threads, under a limiter of this package's own."""

import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import Any, Final, Generic, TypeVar

import anyio
import anyio.lowlevel
import anyio.to_thread

from quackcore_async.concurrency.shield import protected

__all__ = ["THREADS", "run_in_daemon", "run_in_thread"]

T = TypeVar("T")

THREADS: Final = 16
"""Worker threads for file work in each event loop, apart from anyio's own, which serve name look-ups too."""

_limiter: anyio.lowlevel.RunVar[anyio.CapacityLimiter] = anyio.lowlevel.RunVar("quackcore_async_threads")


class _Job(Generic[T]):
    """One call in a worker thread, which can be revoked until it has begun and waited for from then on."""

    __slots__ = ("_begun", "_ended", "_function", "_lock", "_revoked")

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._begun = False
        self._revoked = False

    def __call__(self) -> T:
        with self._lock:
            if self._revoked:
                raise RuntimeError("revoked before it began")  # nobody listens any more
            self._begun = True
        try:
            return self._function()
        finally:
            self._ended.set()

    def is_running(self) -> bool:
        """Tell whether it has begun and not ended; one that has not begun never will."""
        with self._lock:
            self._revoked = True
            return self._begun and not self._ended.is_set()

    def wait(self) -> None:
        """Block until it has ended."""
        self._ended.wait()


async def run_in_thread(function: Callable[..., T], *args: Any, abandon_on_cancel: bool = False) -> T:
    """Run a blocking function in a worker thread of this package.

    Args:
        function: What to run.
        *args: Its positional arguments.
        abandon_on_cancel: Leave it running when cancelled. Without it a cancellation waits for the end, so that
            nothing is written after the caller has cleaned up. What the function returned is lost then: let it
            hold what it opens in an object of the caller's.
    """
    limiter = _limiter.get(None)
    if limiter is None:
        limiter = anyio.CapacityLimiter(THREADS)
        _limiter.set(limiter)
    call = partial(function, *args)
    if abandon_on_cancel:
        return await anyio.to_thread.run_sync(call, abandon_on_cancel=True, limiter=limiter)
    job = _Job(call)
    try:
        return await anyio.to_thread.run_sync(job, limiter=limiter)
    except BaseException:
        # `asyncio.wait_for` and `Task.cancel` get through anyio's shield while the thread still works.
        if job.is_running():
            # And a second one gets through a shield around this wait.
            await protected(partial(anyio.to_thread.run_sync, job.wait))
        raise


async def run_in_daemon(function: Callable[[], T]) -> T:
    """Run foreign code that may never end in a thread of its own, left behind when the caller is cancelled.

    The process can end all the same: it waits for the worker threads of `run_in_thread`, and not for this one.
    """
    from anyio import from_thread

    ended = anyio.Event()
    token = anyio.lowlevel.current_token()
    outcome: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            outcome.append(function())
        except BaseException as exc:  # noqa: BLE001 - raised below, where somebody waits for it
            errors.append(exc)
        with suppress(RuntimeError):  # the event loop is over
            from_thread.run_sync(ended.set, token=token)

    threading.Thread(target=copy_context().run, args=(work,), daemon=True, name="quackcore-async-plugin").start()
    await ended.wait()
    if errors:
        raise errors[0]
    return outcome[0]
