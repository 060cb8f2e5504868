"""How far a bulk transfer is, told in events that never go backwards."""

import inspect
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import anyio

from quackcore_async.logging import get_logger

__all__ = ["ItemMeter", "OnProgress", "ProgressReporter", "TransferPhase", "TransferProgress"]

_LISTED: Final = 1000  # files of a listing between two events

TransferPhase = Literal["listing", "transfer", "done"]


@dataclass(frozen=True, slots=True)
class TransferProgress:
    """How far a bulk transfer is.

    Attributes:
        phase: `listing` when more of a tree is read, `transfer` when an item has come further, both by turns while
            a tree is read; `done` once, at the end.
        item: What the event is about; empty when it is about the whole.
        item_bytes: Bytes of the item that are done; they never go backwards, also when a part is tried again.
        item_size: Bytes of the item; None when nobody knows.
        files_done: Items that are finished, whatever became of them.
        files_total: Items that are known so far; it grows while inputs are read.
        bytes_done: Bytes of all items that are done.
    """

    phase: TransferPhase
    item: str
    item_bytes: int
    item_size: int | None
    files_done: int
    files_total: int
    bytes_done: int


OnProgress = Callable[[TransferProgress], Awaitable[None] | None]
"""A callback for progress, plain or a coroutine function. What it raises is logged once and goes no further."""


class ItemMeter:
    """Counts the bytes of one item, forwards only.

    Args:
        reporter: Gets what it counts.
        item: Name for the events.
        size: Bytes of the item; None when nobody knows.
    """

    __slots__ = ("_reporter", "done", "item", "size")

    def __init__(self, reporter: "ProgressReporter", item: str, size: int | None) -> None:
        self._reporter = reporter
        self.item = item
        self.size = size
        self.done = 0

    def __call__(self, done: int) -> None:
        """Take the number of bytes that are done, and tell."""
        if self.advance(done):
            self._reporter.tell("transfer", self)

    def advance(self, done: int) -> bool:
        """Take the number of bytes that are done; False when it is nothing new."""
        if done <= self.done:
            return False
        self._reporter.bytes_done += done - self.done
        self.done = done
        return True


class ProgressReporter:
    """Adds up what the items of one call tell, and calls the callback.

    A coroutine callback runs in a task beside the transfers, one event after the other; events of one item that
    come while it is busy are told as the latest of them.

    Args:
        callback: Gets the events; None when nobody wants them.

    Attributes:
        needs_task: Whether `deliver_until_closed` must run beside the transfers.
        files_done: Items that are finished.
        files_total: Items that are known so far.
        bytes_done: Bytes of all items that are done.
    """

    def __init__(self, callback: OnProgress | None) -> None:
        self._callback = callback
        self._logger: logging.Logger | None = None
        self._pending: dict[str, TransferProgress] = {}
        self._wakeup: anyio.Event | None = None
        self._closed = False
        self.needs_task = _is_coroutine_callback(callback)
        self.files_done = 0
        self.files_total = 0
        self.bytes_done = 0

    def meter(self, item: str, size: int | None) -> ItemMeter:
        """Return what counts the bytes of an item."""
        return ItemMeter(self, item, size)

    def find(self, count: int) -> None:
        """Count files that a listing found, and tell now and then."""
        told = self.files_total // _LISTED
        self.files_total += count
        if self.files_total // _LISTED > told:
            self.tell("listing")

    def finish(self, meter: ItemMeter) -> None:
        """Count an item as finished, and tell."""
        self.files_done += 1
        self.tell("transfer", meter)

    def tell(self, phase: TransferPhase, meter: ItemMeter | None = None) -> None:
        """Call the callback with where things stand."""
        if self._callback is None:
            return
        event = TransferProgress(
            phase,
            meter.item if meter is not None else "",
            meter.done if meter is not None else 0,
            meter.size if meter is not None else None,
            self.files_done,
            self.files_total,
            self.bytes_done,
        )
        if not self.needs_task:
            self._call(event)
            return
        self._pending.pop(event.item, None)
        self._pending[event.item] = event
        if self._wakeup is not None:
            self._wakeup.set()

    async def deliver(self) -> None:
        """Tell a coroutine callback what has come up, one event after the other."""
        while self._pending and self._callback is not None:
            event = self._pending.pop(next(iter(self._pending)))
            try:
                outcome: Any = self._callback(event)
                if inspect.isawaitable(outcome):
                    await outcome
            except Exception as exc:  # noqa: BLE001 - a broken callback must not break the transfer
                self._log_once(exc)

    def open(self) -> None:
        """Get ready for `deliver_until_closed`, which may run again and again, one at a time."""
        self._closed = False
        self._wakeup = anyio.Event()

    async def deliver_until_closed(self) -> None:
        """Tell a coroutine callback what comes up, from `open` until `close`."""
        while not self._closed and self._wakeup is not None:
            await self._wakeup.wait()
            self._wakeup = anyio.Event()
            await self.deliver()

    def close(self) -> None:
        """Let `deliver_until_closed` end once all is told."""
        self._closed = True
        if self._wakeup is not None:
            self._wakeup.set()

    def _call(self, event: TransferProgress) -> None:
        if self._callback is None:
            return
        try:
            self._callback(event)
        except Exception as exc:  # noqa: BLE001 - a broken callback must not break the transfer
            self._log_once(exc)

    def _log_once(self, exc: Exception) -> None:
        if self._logger is None:
            self._logger = get_logger(__name__)
            self._logger.warning("a progress callback failed; its further failures are not logged", exc_info=exc)


def _is_coroutine_callback(callback: OnProgress | None) -> bool:
    method = getattr(callback, "__call__", None)  # noqa: B004 - an object with a coroutine `__call__` is meant
    return inspect.iscoroutinefunction(callback) or inspect.iscoroutinefunction(method)
