"""Deletions that are asked for one by one and sent together."""

from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import Any, Final

import anyio
import anyio.lowlevel

from quackcore_async.errors import ContractError, TransportError
from quackcore_async.results import IntegrationResult

__all__ = ["BATCH", "DeleteBatcher"]

BATCH: Final = 1000
"""Most deletions that are sent together, and how many workers a bulk deletion has to bring them together."""

_QUIET_TURNS: Final = 3  # turns of the event loop without a newcomer, after which nobody else is waited for

DeleteFiles = Callable[[Sequence[str]], Awaitable[IntegrationResult[Any]]]


class _Ticket:
    """One file that waits to be deleted.

    Attributes:
        remote: The file.
        called: Set when it was sent, or when its owner is to send the next batch.
        outcome: The storage's result for it.
    """

    __slots__ = ("called", "outcome", "remote")

    def __init__(self, remote: str) -> None:
        self.remote = remote
        self.called = anyio.Event()
        self.outcome: IntegrationResult[Any] | None = None


class DeleteBatcher:
    """Sends the deletions of many tasks together.

    One of the tasks that wait sends for all of them: no task of its own runs beside them, so a cancellation has
    nothing to leave behind.

    Args:
        delete_files: Deletes files and returns one result for each, in their order.
    """

    def __init__(self, delete_files: DeleteFiles) -> None:
        self._delete_files = delete_files
        self._waiting: dict[_Ticket, None] = {}
        self._is_sending = False

    async def delete(self, remote: str) -> IntegrationResult[Any]:
        """Delete a file, with those that other tasks delete at the same time."""
        ticket = _Ticket(remote)
        self._waiting[ticket] = None
        try:
            if self._is_sending:
                await ticket.called.wait()
            if ticket in self._waiting:
                await self._send_next()
        finally:
            if ticket in self._waiting:
                del self._waiting[ticket]
                if ticket.called.is_set():
                    self._call_next()
        if ticket.outcome is None:
            message = f"the deletion of {remote} was cut short: see if it is still there"
            raise TransportError(message, code="cut_short", retryable=True, indeterminate=True)
        return ticket.outcome

    async def _send_next(self) -> None:
        self._is_sending = True
        batch: list[_Ticket] = []
        try:
            await self._wait_for_others()
            batch = list(islice(self._waiting, BATCH))
            for ticket in batch:
                del self._waiting[ticket]
            await self._send(batch)
        finally:
            for ticket in batch:
                ticket.called.set()
            self._call_next()

    def _call_next(self) -> None:
        """Let one of those that still wait send the next batch."""
        successor = next(iter(self._waiting), None)
        self._is_sending = successor is not None
        if successor is not None:
            successor.called.set()

    async def _wait_for_others(self) -> None:
        quiet = 0
        while len(self._waiting) < BATCH and quiet < _QUIET_TURNS:
            count = len(self._waiting)
            await anyio.lowlevel.checkpoint()
            quiet = 0 if len(self._waiting) > count else quiet + 1

    async def _send(self, batch: list[_Ticket]) -> None:
        try:
            outcomes = _outcomes(await self._delete_files([ticket.remote for ticket in batch]), len(batch))
        except Exception as exc:  # noqa: BLE001 - a broken storage fails each file that it was to delete
            outcomes = [IntegrationResult[bool].from_exception(exc, operation="delete_files")] * len(batch)
        for ticket, outcome in zip(batch, outcomes, strict=True):
            ticket.outcome = outcome


def _outcomes(result: object, count: int) -> Sequence[IntegrationResult[Any]]:
    if not isinstance(result, IntegrationResult):
        raise ContractError(f"delete_files returned {type(result).__name__}: a storage returns IntegrationResult")
    outcomes = result.unwrap()
    if not isinstance(outcomes, Sequence) or len(outcomes) != count:
        raise ContractError(f"delete_files returned no list of {count} results, one for each file")
    return outcomes
