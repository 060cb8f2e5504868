"""Running one command: its event loop, its deadline, and the signals that end it early."""

import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import anyio
import anyio.abc

from quackcore_async.errors import TimedOutError

__all__ = ["Interruption", "run_supervised"]

T = TypeVar("T")
_SHOW_CURSOR = "\x1b[?25h"  # a progress bar hides it: ECMA-48, DECTCEM


class Interruption(Exception):  # noqa: N818 - it is asked for
    """Raised when a signal ended the command, after everything was cleaned up.

    Attributes:
        signum: Number of the signal.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.signum = signum


class _Supervisor(Generic[T]):
    def __init__(
        self, operation: Callable[[], Awaitable[T]], seconds: float | None, say: Callable[[str], None]
    ) -> None:
        self._operation = operation
        self._seconds = seconds
        self._say = say
        self._signum: int | None = None
        self._outcomes: list[T] = []
        self._error: Exception | None = None

    async def run(self) -> T:
        self._scope = anyio.CancelScope()
        async with anyio.create_task_group() as group:
            await group.start(self._watch)
            await self._attempt()
            group.cancel_scope.cancel()
        if self._outcomes:
            return self._outcomes[0]
        if self._signum is not None:
            raise Interruption(self._signum)
        if self._error is not None:
            raise self._error
        raise TimedOutError(f"not done within {self._seconds:g} seconds: cancelled and cleaned up", retryable=True)

    async def _attempt(self) -> None:
        if self._seconds is not None:
            self._scope.deadline = anyio.current_time() + self._seconds
        with self._scope:
            try:
                self._outcomes.append(await self._operation())
            except Exception as exc:  # noqa: BLE001 - raised again once the watch has ended
                self._error = exc

    async def _watch(self, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        """Cancel the command at the first signal, and the process at the second."""
        if sys.platform == "win32":  # Ctrl-C arrives as KeyboardInterrupt there
            task_status.started()
            return
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            task_status.started()
            async for signum in signals:
                if self._signum is not None:
                    _leave(signum)
                self._signum = signum
                self._say("cleaning up; once more to quit at once")
                self._scope.cancel()


def run_supervised(
    operation: Callable[[], Awaitable[T]], *, timeout: float | None, say: Callable[[str], None]
) -> T:
    """Run an operation in an event loop of its own.

    Args:
        operation: What to do.
        timeout: Seconds after which it is cancelled; None waits.
        say: Tells the person in front that cleaning up has begun.

    Raises:
        Interruption: if SIGINT or SIGTERM came; the operation was cancelled and has cleaned up. A second signal
            ends the process at once.
        TimedOutError: if the time was over.
        Exception: whatever the operation raised.
    """
    return anyio.run(_Supervisor(operation, timeout, say).run)


def _leave(signum: int) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(_SHOW_CURSOR)
        sys.stderr.flush()
    os._exit(128 + signum)
