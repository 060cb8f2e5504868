"""Runs the items of a bulk transfer: a few workers over one source, each failure by itself."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, Protocol

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

from quackcore_async.concurrency import comes_from_outside, own_error
from quackcore_async.errors import QuackError
from quackcore_async.protocols import Verification
from quackcore_async.redaction import scrub
from quackcore_async.results import ErrorInfo, to_quack_error
from quackcore_async.transfer.progress import ItemMeter, ProgressReporter
from quackcore_async.transfer.report import TransferAction, TransferOutcome, TransferStatus

__all__ = ["DEFAULT_CONCURRENCY", "Burst", "Done", "Job", "JobSource", "OnError", "Runner"]

DEFAULT_CONCURRENCY: Final = 32
"""Items under way at a time. What a storage does at once for them, requests and parts, it limits itself."""

_AT_FIRST: Final = DEFAULT_CONCURRENCY
"""Workers that start at once. Further ones start where there is work: a few deletions need no thousand tasks."""

_TURN: Final = 0.01  # seconds after which the other tasks of the loop get their turn, come what may

_UNFINISHED: Final = frozenset({TransferStatus.FAILED, TransferStatus.CANCELLED})

OnError = Literal["collect", "fail_fast"]
"""What a failed item means for the others: nothing, or that they are given up."""


class Done(NamedTuple):
    """What performing a job came to, when it did not fail."""

    status: TransferStatus = TransferStatus.OK
    message: str | None = None
    verified: Verification | None = None


@dataclass(slots=True)
class Job:
    """One item, ready to be performed.

    Attributes:
        index: Position in the input.
        action: What is to be done.
        source: Where it comes from, for the outcome.
        target: Where it goes, for the outcome.
        perform: Does it, telling its bytes to the meter; None when it is refused.
        size: Bytes, where they are known.
        refusal: Why it cannot be done.
        entry: The input that it was made of.
        finish: Called when nothing is done for it any more.
    """

    index: int
    action: TransferAction
    source: str = ""
    target: str = ""
    perform: Callable[[ItemMeter], Awaitable[Done]] | None = None
    size: int | None = None
    refusal: QuackError | None = None
    entry: Any = None
    finish: Callable[[], None] | None = None


class Burst:
    """What the workers have finished, and when they are to take no more items.

    Args:
        max_outcomes: Stop once so many outcomes are ready; None never does.
        window: Stop so many seconds after the first outcome is ready.

    Attributes:
        outcomes: What is ready, in the order in which it was finished.
        unfinished: The inputs of what failed or was cancelled, by index.
    """

    def __init__(self, *, max_outcomes: int | None = None, window: float = 0.0) -> None:
        self.outcomes: list[TransferOutcome] = []
        self.unfinished: dict[int, Any] = {}
        self.deadline = float("inf")
        self._max_outcomes = max_outcomes
        self._window = window
        self._wait: anyio.CancelScope | None = None

    @property
    def is_over(self) -> bool:
        """Whether no more items are to be taken."""
        if self._max_outcomes is None or not self.outcomes:
            return False
        return len(self.outcomes) >= self._max_outcomes or anyio.current_time() >= self.deadline

    def add(self, job: Job, outcome: TransferOutcome) -> None:
        """Take an outcome; the first one starts the clock, also for a wait for input that is under way."""
        self.outcomes.append(outcome)
        if outcome.status in _UNFINISHED:
            self.unfinished[job.index] = job.entry
        if self._max_outcomes is not None and len(self.outcomes) == 1:
            self.deadline = anyio.current_time() + self._window
            if self._wait is not None:
                self._wait.deadline = self.deadline

    def input_scope(self) -> anyio.CancelScope:
        """Return the scope for one wait for input, which ends with the burst."""
        self._wait = anyio.CancelScope(deadline=self.deadline)
        return self._wait


class JobSource(Protocol):
    """Where the workers get their jobs."""

    async def next_job(self, burst: Burst) -> Job | None:
        """Return the next job; None at the end of the input and when the burst is over."""
        ...


class Runner:
    """Performs jobs, as many at a time as it has workers.

    Args:
        reporter: Is told how far things are.
        concurrency: Workers; None takes 32.
        on_error: `fail_fast` gives up all other items after a failure; theirs is the status `cancelled`.
        operation: Name of the call, for the errors.
        service: Name of the storage, for the errors.
        drain: Draw the rest of the input after a failure has ended the call, to give each item its outcome.

    Attributes:
        stopped: Whether a failure has ended the call.
    """

    def __init__(
        self,
        reporter: ProgressReporter,
        *,
        concurrency: int | None = None,
        on_error: OnError = "collect",
        operation: str = "transfer",
        service: str | None = None,
        drain: bool = True,
    ) -> None:
        self.reporter = reporter
        self.concurrency = DEFAULT_CONCURRENCY if concurrency is None else concurrency
        self.stopped = False
        self._fail_fast = on_error == "fail_fast"
        self._drain = drain
        self._operation = operation
        self._service = service
        self._running: set[anyio.CancelScope] = set()
        self._turn_ends = 0.0
        self._vacant = 0

    async def run(self, source: JobSource, burst: Burst) -> None:
        """Perform the jobs of a source until it ends or the burst is over; all are finished on return."""
        async with anyio.create_task_group() as beside:
            if self.reporter.needs_task:
                self.reporter.open()
                beside.start_soon(self.reporter.deliver_until_closed)
            async with anyio.create_task_group() as workers:
                self._vacant = self.concurrency
                self._start(_AT_FIRST, workers, source, burst)
            self.reporter.close()

    def _start(self, count: int, workers: TaskGroup, source: JobSource, burst: Burst) -> None:
        for _ in range(min(count, self._vacant)):
            self._vacant -= 1
            workers.start_soon(self._work, workers, source, burst)

    async def _work(self, workers: TaskGroup, source: JobSource, burst: Burst) -> None:
        while (self._drain or not self.stopped) and (job := await source.next_job(burst)) is not None:
            self._start(2, workers, source, burst)
            outcome: TransferOutcome | None = None
            meter = self.reporter.meter(job.target or job.source, job.size)
            try:
                outcome = await self._attempt(job, meter)
            finally:
                if job.finish is not None:
                    job.finish()
                burst.add(job, outcome or _cancelled(job))
                self.reporter.finish(meter)
            if outcome is not None and outcome.status is TransferStatus.FAILED and self._fail_fast:
                self._stop()
            await self._give_turn()

    async def _attempt(self, job: Job, meter: ItemMeter) -> TransferOutcome | None:
        """Perform a job; None when it was given up."""
        if self.stopped:
            return None
        if not self._fail_fast:
            return await self._perform(job, meter)
        with anyio.CancelScope() as scope:
            self._running.add(scope)
            try:
                return await self._perform(job, meter)
            finally:
                self._running.discard(scope)
        return None

    async def _perform(self, job: Job, meter: ItemMeter) -> TransferOutcome:
        started = time.monotonic()
        try:
            if job.perform is None:
                return _failed(job, job.refusal or QuackError("there is nothing to do"), 0.0, self._info)
            done = await job.perform(meter)
        except Exception as exc:  # noqa: BLE001 - the one place where the failure of an item becomes its outcome
            return _failed(job, to_quack_error(exc), time.monotonic() - started, self._info)
        except anyio.get_cancelled_exc_class() as exc:
            if comes_from_outside(exc):
                raise
            # A worker that let it out would vanish, and its items with it.
            error = to_quack_error(own_error(self._service or "the storage", exc))
            return _failed(job, error, time.monotonic() - started, self._info)
        moved = done.status is TransferStatus.OK
        if moved and job.size is not None:
            meter.advance(job.size)
        return TransferOutcome(
            index=job.index,
            action=job.action,
            status=done.status,
            source=job.source,
            target=job.target,
            bytes=meter.done if moved else 0,
            attempts=1,
            elapsed=time.monotonic() - started,
            message=done.message,
            verified=done.verified,
        )

    def _info(self, error: QuackError) -> ErrorInfo:
        return ErrorInfo.from_error(error, service=self._service, operation=self._operation)

    def _stop(self) -> None:
        self.stopped = True
        for scope in self._running:
            scope.cancel()

    async def _give_turn(self) -> None:
        now = time.monotonic()
        if now >= self._turn_ends:
            await anyio.lowlevel.checkpoint()
            self._turn_ends = time.monotonic() + _TURN


def _failed(
    job: Job, error: QuackError, elapsed: float, make_info: Callable[[QuackError], ErrorInfo]
) -> TransferOutcome:
    return TransferOutcome(
        index=job.index,
        action=job.action,
        status=TransferStatus.FAILED,
        source=job.source,
        target=job.target,
        attempts=(error.attempts or 1) if job.perform is not None else 0,
        elapsed=elapsed,
        error=scrub(str(error)),
        error_info=make_info(error),
    )


def _cancelled(job: Job) -> TransferOutcome:
    return TransferOutcome(
        index=job.index,
        action=job.action,
        status=TransferStatus.CANCELLED,
        source=job.source,
        target=job.target,
        message="given up because another item failed",
    )
