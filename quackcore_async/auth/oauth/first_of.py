"""Several ways to one answer, of which the first decides."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

__all__ = ["first_of"]

T = TypeVar("T")


async def first_of(*operations: Callable[[], Awaitable[T | None]]) -> T | None:
    """Await all at once and return the first outcome that is not None; the others are cancelled then.

    The first failure decides too, and is raised. None when all of them returned None.
    """
    outcomes: list[T | Exception] = []

    async def run(operation: Callable[[], Awaitable[T | None]]) -> None:
        try:
            outcome: T | Exception | None = await operation()
        except Exception as exc:  # noqa: BLE001 - raised below: a task group would wrap it
            outcome = exc
        if outcome is not None:
            outcomes.append(outcome)
            group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        for operation in operations:
            group.start_soon(run, operation)
    if not outcomes:
        return None
    if isinstance(outcomes[0], Exception):
        raise outcomes[0]
    return outcomes[0]
