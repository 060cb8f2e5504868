"""The inputs of a bulk transfer, drawn as they are needed and made into jobs."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable, Sized
from itertools import islice
from typing import Any, Final

import anyio
import anyio.lowlevel

from quackcore_async.errors import InvalidNameError
from quackcore_async.transfer.engine import Burst, Job
from quackcore_async.transfer.items import Inputs
from quackcore_async.transfer.progress import ProgressReporter
from quackcore_async.transfer.verbs import Verb

__all__ = ["LOOK_AHEAD", "open_inputs"]

LOOK_AHEAD: Final = 4096
"""Items of a collection of which the largest is started first."""

_STEP: Final = 128  # items that are looked at without a pause

_END: Final = object()


class _Inputs(ABC):
    """What the kinds of input have in common.

    Attributes:
        ended: Whether there is nothing more to come.
        error: What the input itself raised, which ends it.
    """

    def __init__(self, verb: Verb, reporter: ProgressReporter) -> None:
        self._verb = verb
        self._reporter = reporter
        self._index = 0
        self.ended = False
        self.error: Exception | None = None

    def _job(self, entry: object) -> Job:
        job = self._verb.job(self._index, entry)
        self._index += 1
        self._reporter.files_total += 1
        return job

    @abstractmethod
    async def next_job(self, burst: Burst) -> Job | None:
        """Return the next job; None at the end of the input and when the burst is over."""


class _PlainInputs(_Inputs):
    """Any iterable, in its order."""

    def __init__(self, entries: Iterable[Any], verb: Verb, reporter: ProgressReporter) -> None:
        super().__init__(verb, reporter)
        self._entries = iter(entries)

    async def next_job(self, burst: Burst) -> Job | None:
        """Return the next job; None at the end of the input and when the burst is over."""
        if self.ended or burst.is_over:
            return None
        try:
            entry = next(self._entries, _END)
        except Exception as exc:  # noqa: BLE001 - whatever the caller's iterator raises ends the input
            self.error, entry = exc, _END
        self.ended = entry is _END
        return None if self.ended else self._job(entry)


class _SizedInputs(_Inputs):
    """A collection: of those in the look-ahead window the largest first."""

    def __init__(self, entries: Iterable[Any], verb: Verb, reporter: ProgressReporter) -> None:
        super().__init__(verb, reporter)
        self._entries = iter(entries)
        self._window: list[Job] = []
        self._lock = anyio.Lock()

    async def next_job(self, burst: Burst) -> Job | None:
        """Return the next job; None at the end of the input and when the burst is over."""
        while not self._window and not self.ended:
            async with self._lock:
                if not self._window and not self.ended:
                    await self._look_ahead()
        return self._window.pop() if self._window and not burst.is_over else None

    async def _look_ahead(self) -> None:
        jobs: list[Job] = []
        try:
            for wanted in range(_STEP, LOOK_AHEAD + 1, _STEP):
                jobs.extend(map(self._job, islice(self._entries, _STEP)))
                if len(jobs) < wanted:
                    break
                await anyio.lowlevel.checkpoint()  # there may be thousands: others have their turn in between
        except Exception as exc:  # noqa: BLE001 - whatever the caller's iterator raises ends the input
            self.error = exc
        self.ended = len(jobs) < LOOK_AHEAD
        await self._verb.measure(jobs)
        jobs.reverse()
        jobs.sort(key=lambda job: job.size or 0)
        self._window = jobs


class _AsyncInputs(_Inputs):
    """Any async iterable, in its order.

    A wait for its next item ends with the burst, so that outcomes are not held back by a slow input. An async
    generator is different: it would not survive that, so a wait for one goes on, and nothing it yields is lost.
    """

    def __init__(self, entries: AsyncIterable[Any], verb: Verb, reporter: ProgressReporter) -> None:
        super().__init__(verb, reporter)
        self._entries: AsyncIterator[Any] = aiter(entries)
        self._can_wait_again = not isinstance(self._entries, AsyncGenerator)
        self._lock = anyio.Lock()
        self._held: list[Job] = []

    async def next_job(self, burst: Burst) -> Job | None:
        """Return the next job; None at the end of the input and when the burst is over."""
        async with self._lock:
            if burst.is_over:
                return None
            if not self._held and not self.ended:
                await self._wait(burst)
            return self._held.pop() if self._held and not burst.is_over else None

    async def _wait(self, burst: Burst) -> None:
        with burst.input_scope() if self._can_wait_again else anyio.CancelScope():
            try:
                entry = await anext(self._entries)
            except StopAsyncIteration:
                self.ended = True
            except Exception as exc:  # noqa: BLE001 - whatever the caller's iterator raises ends the input
                self.error, self.ended = exc, True
            else:
                self._held.append(self._job(entry))


def open_inputs(entries: Inputs, verb: Verb, reporter: ProgressReporter) -> _Inputs:
    """Return where the workers draw the jobs from that a verb makes of the entries.

    Raises:
        InvalidNameError: if the entries cannot be iterated over, or are one text.
    """
    if isinstance(entries, AsyncIterable):
        return _AsyncInputs(entries, verb, reporter)
    if isinstance(entries, str) or not isinstance(entries, Iterable):
        raise InvalidNameError(f"items must be an iterable of items, not {entries!r}", code="bad_argument")
    kind: Callable[..., _Inputs] = _SizedInputs if isinstance(entries, Sized) else _PlainInputs
    return kind(entries, verb, reporter)
