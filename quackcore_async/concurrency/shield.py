"""Clean-up that a cancellation from outside must not cut short."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import anyio

__all__ = ["CLEANUP_TIMEOUT", "shielded"]

T = TypeVar("T")

CLEANUP_TIMEOUT: Final = 10.0
"""Seconds that clean-up may take after a failure or a cancellation."""


async def shielded(operation: Callable[[], Awaitable[T]], *, timeout: float = CLEANUP_TIMEOUT) -> T | None:  # noqa: ASYNC109 - bounds the shield
    """Await a clean-up that a cancellation from outside must not cut short; None when `timeout` seconds pass."""
    with anyio.move_on_after(timeout, shield=True):
        return await operation()
    return None
