"""Work that a cancellation from outside must not cut short."""

import math
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, TypeVar

import anyio

__all__ = ["CLEANUP_TIMEOUT", "cleanup_timeout", "cleanup_within", "protected", "shielded"]

T = TypeVar("T")

CLEANUP_TIMEOUT: Final = 10.0
"""Seconds that clean-up may take after a failure or a cancellation."""

_allowed: ContextVar[float] = ContextVar("quackcore_async_cleanup", default=CLEANUP_TIMEOUT)


@contextmanager
def cleanup_within(seconds: float) -> Iterator[None]:
    """Let clean-up take at most that long while the context lasts: the deadline of who closes many."""
    token = _allowed.set(min(seconds, CLEANUP_TIMEOUT))
    try:
        yield
    finally:
        _allowed.reset(token)


def cleanup_timeout() -> float:
    """Return the seconds that clean-up may take here; a caller's deadline is a cancellation like any other."""
    return _allowed.get()


async def shielded(operation: Callable[[], Awaitable[T]], *, timeout: float = CLEANUP_TIMEOUT) -> T | None:  # noqa: ASYNC109 - bounds the shield
    """Await a clean-up that a cancellation from outside must not cut short; None when `timeout` seconds pass."""
    return await protected(operation, limit=timeout)


async def protected(
    operation: Callable[[], Awaitable[T]], *, limit: float = math.inf, grace: float = math.inf
) -> T | None:
    """Await `operation` so that a cancellation of the caller leaves it time to finish.

    It runs in a task of its own: a native `Task.cancel` gets through every scope, but reaches only the caller,
    which then waits for the end. What it raises comes out here.

    Args:
        operation: What is not to be torn in the middle.
        limit: Seconds that it may take in all.
        grace: Seconds that it may go on after a cancellation; 0 leaves it none.

    Returns:
        What it returned; None when the time was over, or when it cancelled itself.
    """
    outcomes: list[T] = []
    errors: list[BaseException] = []
    scope = anyio.CancelScope(shield=grace > 0, deadline=anyio.current_time() + limit)

    async def run() -> None:
        try:
            with scope:
                outcomes.append(await operation())
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException as exc:  # noqa: BLE001 - raised below: out of a task, `SystemExit` ends asyncio's loop
            errors.append(exc)
        finally:
            watching.cancel()

    async def watch() -> None:
        with watching:
            try:
                await anyio.sleep_forever()
            finally:
                if not watching.cancel_called:
                    scope.deadline = min(scope.deadline, anyio.current_time() + grace)

    watching = anyio.CancelScope()
    with anyio.CancelScope(shield=grace == math.inf):
        async with anyio.create_task_group() as group:
            if grace < math.inf:
                group.start_soon(watch)
            group.start_soon(run)
    if errors:
        raise errors[0]
    return outcomes[0] if outcomes else None
