"""The bulk verbs: many files up, down or away at once, as a report or as a stream of outcomes."""

import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

from quackcore_async.errors import InvalidNameError, QuackError
from quackcore_async.results import IntegrationResult, to_quack_error
from quackcore_async.transfer.claims import REMEMBERED_TARGETS
from quackcore_async.transfer.engine import Burst, OnError, Runner
from quackcore_async.transfer.gateways import gateway
from quackcore_async.transfer.inputs import open_inputs
from quackcore_async.transfer.items import Inputs, LocalPath, Overwrite
from quackcore_async.transfer.progress import OnProgress, ProgressReporter
from quackcore_async.transfer.report import BulkReport, TransferOutcome, report_result
from quackcore_async.transfer.verbs import Deletions, Downloads, Uploads, Verb

__all__ = [
    "STREAM_WINDOW",
    "delete_many",
    "download_many",
    "stream_delete_many",
    "stream_download_many",
    "stream_upload_many",
    "upload_many",
]

STREAM_WINDOW: Final = 0.5
"""Seconds that an outcome of a stream waits at most for new items to be started beside it."""

_BURST_ROUNDS: Final = 16  # outcomes for each worker after which a stream hands them out


async def upload_many(
    storage: object,
    items: Inputs,
    *,
    concurrency: int | None = None,
    on_error: OnError = "collect",
    overwrite: Overwrite = True,
    dry_run: bool = False,
    resume: bool = False,
    progress: OnProgress | None = None,
) -> IntegrationResult[BulkReport]:
    """Upload many local files at once; one that fails, fails alone.

    Of a collection the largest within 4096 items start first; any other iterable is consumed as workers come
    free.
    Cancellation propagates once what was under way has cleaned up; `overwrite="if_changed"` continues.

    Args:
        storage: Any storage; one with only the guide's four methods will do.
        items: Paths, (path, remote name) pairs or `UploadItem`s; an iterable or an async iterable that ends.
        concurrency: Items under way at a time; None is 32.
        on_error: `collect` goes on after a failure; `fail_fast` gives up the other items, those under way after
            their clean-up, and reports them as cancelled.
        overwrite: Whether an existing file is replaced: always, never (it is skipped), or `if_changed`, judged as
            `sync` does.
        dry_run: Change nothing; report what would be done.
        resume: Let a large file go on where an interrupted transfer has stopped, and keep what is sent or received
            of it when this one is interrupted, as `upload_file` and `download_file` of a storage with the
            capability `resume` do; by default nothing unfinished is kept.
        progress: Called with `TransferProgress` events; may be a coroutine function.

    Returns:
        A report with an outcome for each input, in input order. It is a failure when an item failed or was
        cancelled, or when `items` itself raised; the report is its content all the same.
    """
    return await _run_many(
        "upload_many",
        lambda: Uploads(gateway(storage, resume=resume), overwrite=overwrite, dry_run=dry_run),
        items,
        concurrency=concurrency,
        on_error=on_error,
        dry_run=dry_run,
        progress=progress,
    )


async def download_many(
    storage: object,
    items: Inputs,
    *,
    target: LocalPath | None = None,
    concurrency: int | None = None,
    on_error: OnError = "collect",
    overwrite: Overwrite = True,
    dry_run: bool = False,
    resume: bool = False,
    progress: OnProgress | None = None,
) -> IntegrationResult[BulkReport]:
    """Download many files at once; one that fails, fails alone.

    Remote names are data. One that would lead out of `target`, that goes through a symbolic link there, that needs
    a file as a folder, or that another item has already (also where the file system takes both for the same) is
    refused by itself, before anything of it starts.

    Args:
        storage: Any storage.
        items: Remote names, (remote name, local path) pairs, listed files or `DownloadItem`s. A local path is the
            caller's own: relative to `target`, or absolute.
        target: Folder below which names go; None is the working directory.
        concurrency: Items under way at a time; None is 32.
        on_error: As in `upload_many`.
        overwrite: Whether an existing local file is replaced, as in `upload_many`.
        dry_run: Change nothing; report what would be done.
        resume: As in `upload_many`.
        progress: As in `upload_many`.

    Returns:
        A report, as `upload_many` does. Each outcome says in `verified` how far its bytes were checked.
    """
    return await _run_many(
        "download_many",
        lambda: Downloads(gateway(storage, resume=resume), target or Path(), overwrite=overwrite, dry_run=dry_run),
        items,
        concurrency=concurrency,
        on_error=on_error,
        dry_run=dry_run,
        progress=progress,
    )


async def delete_many(
    storage: object,
    items: Inputs,
    *,
    concurrency: int | None = None,
    on_error: OnError = "collect",
    dry_run: bool = False,
    progress: OnProgress | None = None,
) -> IntegrationResult[BulkReport]:
    """Delete many files at once; one that is not there is skipped where the service tells.

    Args:
        storage: A storage that can delete; of any other each item fails with kind `unsupported`.
        items: Remote names, listed files or `DeleteItem`s.
        concurrency: Items under way at a time; None is 32.
        on_error: As in `upload_many`.
        dry_run: Change nothing; report what would be done.
        progress: As in `upload_many`.

    Returns:
        A report, as `upload_many` does.
    """
    return await _run_many(
        "delete_many",
        lambda: Deletions(gateway(storage), dry_run=dry_run),
        items,
        concurrency=concurrency,
        on_error=on_error,
        dry_run=dry_run,
        progress=progress,
    )


def stream_upload_many(
    storage: object,
    items: Inputs,
    *,
    concurrency: int | None = None,
    on_error: OnError = "collect",
    overwrite: Overwrite = True,
    dry_run: bool = False,
    resume: bool = False,
    progress: OnProgress | None = None,
) -> AsyncIterator[TransferOutcome]:
    """Upload files without end, and yield their outcomes as they come in, in flat memory.

    Items are started continuously until outcomes are ready; half a second after the first, or at 16 for each
    worker, no more are started, those under way are finished, and the outcomes are yielded. So nothing runs while
    the caller has them: to `break`, to raise or to drop the iterator leaves nothing behind.

    An input that is slow must not hold outcomes back: a wait for it is interrupted, which an async iterator such
    as a memory object stream of anyio survives. An async generator would not, so it is waited for: put a stream in
    between when its next item can take long. Of the finished targets the last 65 536 are remembered, to tell
    duplicates.

    Args:
        storage: Any storage.
        items: As in `upload_many`; it may never end.
        concurrency: Items under way at a time; None is 32.
        on_error: `fail_fast` ends the stream after a failure, and after the outcomes of what was under way.
        overwrite: As in `upload_many`.
        dry_run: Change nothing; yield what would be done.
        resume: As in `upload_many`.
        progress: As in `upload_many`.

    Raises:
        QuackError: if `storage` is no storage.
        Exception: what `items` raises, after the outcomes of what had been started.
    """
    verb = Uploads(
        gateway(storage, resume=resume), overwrite=overwrite, dry_run=dry_run, remember=REMEMBERED_TARGETS
    )
    return _OutcomeStream(
        "stream_upload_many", verb, items, concurrency=concurrency, on_error=on_error, progress=progress
    )


def stream_download_many(
    storage: object,
    items: Inputs,
    *,
    target: LocalPath | None = None,
    concurrency: int | None = None,
    on_error: OnError = "collect",
    overwrite: Overwrite = True,
    dry_run: bool = False,
    resume: bool = False,
    progress: OnProgress | None = None,
) -> AsyncIterator[TransferOutcome]:
    """Download files without end, and yield their outcomes as they come in; see `stream_upload_many`.

    Args and what is raised are those of `download_many` and `stream_upload_many`.
    """
    verb = Downloads(
        gateway(storage, resume=resume),
        target or Path(),
        overwrite=overwrite,
        dry_run=dry_run,
        remember=REMEMBERED_TARGETS,
    )
    return _OutcomeStream(
        "stream_download_many", verb, items, concurrency=concurrency, on_error=on_error, progress=progress
    )


def stream_delete_many(
    storage: object,
    items: Inputs,
    *,
    concurrency: int | None = None,
    on_error: OnError = "collect",
    dry_run: bool = False,
    progress: OnProgress | None = None,
) -> AsyncIterator[TransferOutcome]:
    """Delete files without end, and yield their outcomes as they come in; see `stream_upload_many`.

    Args and what is raised are those of `delete_many` and `stream_upload_many`.
    """
    verb = Deletions(gateway(storage), dry_run=dry_run, remember=REMEMBERED_TARGETS)
    return _OutcomeStream(
        "stream_delete_many", verb, items, concurrency=concurrency, on_error=on_error, progress=progress
    )


async def _run_many(
    operation: str,
    make_verb: Callable[[], Verb],
    items: Inputs,
    *,
    concurrency: int | None,
    on_error: OnError,
    dry_run: bool,
    progress: OnProgress | None,
) -> IntegrationResult[BulkReport]:
    started = time.monotonic()
    reporter, burst = ProgressReporter(progress), Burst()
    failures: list[QuackError] = []
    try:
        verb = make_verb()
        runner = make_runner(reporter, operation, verb.service, concurrency=concurrency, on_error=on_error)
        runner.concurrency = verb.workers(runner.concurrency)
        inputs = open_inputs(items, verb, reporter)
    except Exception as exc:  # noqa: BLE001 - a public function: the one place where it becomes a result
        return IntegrationResult[BulkReport].from_exception(exc, operation=operation)
    await runner.run(inputs, burst)
    if inputs.error is not None:
        failures.append(to_quack_error(inputs.error))
    report = BulkReport.of(burst.outcomes, burst.unfinished, dry_run=dry_run)
    report.elapsed = time.monotonic() - started
    reporter.tell("done")
    await reporter.deliver()
    return report_result(report, failures)


class _OutcomeStream(AsyncIterator[TransferOutcome]):
    """The outcomes of a transfer without end. It holds nothing open between two of them, and needs no closing."""

    def __init__(
        self,
        operation: str,
        verb: Verb,
        items: Inputs,
        *,
        concurrency: int | None,
        on_error: OnError,
        progress: OnProgress | None,
    ) -> None:
        self._reporter = ProgressReporter(progress)
        self._runner = make_runner(
            self._reporter, operation, verb.service, concurrency=concurrency, on_error=on_error, drain=False
        )
        self._runner.concurrency = verb.workers(self._runner.concurrency)
        self._inputs = open_inputs(items, verb, self._reporter)
        self._ready: deque[TransferOutcome] = deque()
        self._ended = False

    async def __anext__(self) -> TransferOutcome:
        while not self._ready:
            if self._ended:
                await self._end()
            await self._run_burst()
        return self._ready.popleft()

    async def _run_burst(self) -> None:
        burst = Burst(max_outcomes=_BURST_ROUNDS * self._runner.concurrency, window=STREAM_WINDOW)
        await self._runner.run(self._inputs, burst)
        self._ready.extend(burst.outcomes)
        self._ended = self._runner.stopped or not burst.outcomes

    async def _end(self) -> None:
        error, self._inputs.error = self._inputs.error, None
        if error is not None:
            raise error
        self._reporter.tell("done")
        await self._reporter.deliver()
        raise StopAsyncIteration


def make_runner(
    reporter: ProgressReporter,
    operation: str,
    service: str,
    *,
    concurrency: int | None,
    on_error: OnError,
    drain: bool = True,
) -> Runner:
    """Make a runner of the arguments of a public function.

    Raises:
        InvalidNameError: if one of them cannot be used.
    """
    if concurrency is not None and (isinstance(concurrency, bool) or concurrency < 1):
        raise InvalidNameError(f"concurrency must be at least 1, not {concurrency!r}", code="bad_argument")
    if on_error not in {"collect", "fail_fast"}:
        message = f"on_error must be 'collect' or 'fail_fast', not {on_error!r}"
        raise InvalidNameError(message, code="bad_argument")
    return Runner(
        reporter, concurrency=concurrency, on_error=on_error, operation=operation, service=service, drain=drain
    )
