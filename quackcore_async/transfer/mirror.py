"""`sync`: makes one tree of files like another."""

import time
from collections.abc import Callable, Iterable
from contextlib import aclosing
from functools import partial
from typing import Final

import anyio

from quackcore_async.concurrency import run_in_thread
from quackcore_async.errors import ConflictError, InvalidNameError, QuackError
from quackcore_async.logging import get_logger
from quackcore_async.results import IntegrationResult, to_quack_error
from quackcore_async.transfer.bulk import make_runner
from quackcore_async.transfer.comparison import Compare
from quackcore_async.transfer.engine import Burst, Job, OnError, Runner
from quackcore_async.transfer.entries import Entry
from quackcore_async.transfer.listing import TreePair
from quackcore_async.transfer.moves import TreeMoves
from quackcore_async.transfer.patterns import PatternFilter
from quackcore_async.transfer.planning import DeletionPlan, TransferPlan, remove_empty_folders
from quackcore_async.transfer.progress import OnProgress, ProgressReporter
from quackcore_async.transfer.report import (
    KEPT_OUTCOMES,
    BulkReport,
    Totals,
    TransferOutcome,
    TransferStatus,
    report_result,
)
from quackcore_async.transfer.sides import Endpoint, LocalSide, StorageSide, check_apart, side_of

__all__ = ["OnOutcome", "read_compare", "sync"]

OnOutcome = Callable[[TransferOutcome], None]
"""Called with each outcome as it comes in. What it raises is logged once and goes no further."""

_KEPT: Final = frozenset({TransferStatus.FAILED, TransferStatus.CANCELLED})


async def sync(
    source: Endpoint,
    target: Endpoint,
    *,
    delete: bool = False,
    compare: Compare = "auto",
    checksum: bool = False,
    size_only: bool = False,
    dry_run: bool = False,
    include: Iterable[str] = (),
    exclude: Iterable[str] = (),
    concurrency: int | None = None,
    on_error: OnError = "collect",
    resume: bool = False,
    progress: OnProgress | None = None,
    on_outcome: OnOutcome | None = None,
) -> IntegrationResult[BulkReport]:
    """Bring the files of one tree to another, and nothing that is there already.

    Both trees are listed at the same time, in flat memory, however large, and transfers start meanwhile. What the
    target lacks is transferred as soon as its listing has come past the place or, where the storage does not
    promise the order of its listings, at their end. Once that listing breaks off, no more transfers are found.

    Two files are equal when their sizes match and the stored modification time matches, or the target is not
    older, or an MD5 that is known matches: a change that keeps size and time is seen with `checksum=True` only. A
    tree is regular files with bytes and time; the permission bits are kept where the storage stores them, and
    empty folders where the target has folders.
    Symbolic links and special files are left out and reported as warnings.

    Args:
        source: A local folder, or a (storage, folder) pair; the empty folder is the whole storage.
        target: The same; a local folder is made when it is missing.
        delete: Remove what the target alone has, after both trees are listed whole and everything is transferred.
            Refused when the listing of the source failed or found no file. What is excluded is never removed.
        compare: `auto` as above, `size` or `checksum`.
        checksum: Compare content: the same as `compare="checksum"`.
        size_only: Compare sizes alone: the same as `compare="size"`.
        dry_run: Change nothing; report what would be done.
        include: Patterns of which a file must match one: `*.jpg` by name, `2024/*.jpg` by relative path, `2024/`
            all below such folders.
        exclude: Patterns of which a file may match none; they go before `include`.
        concurrency: Files under way at a time; None is 32.
        on_error: `collect` goes on after a failure, `fail_fast` gives up the rest.
        resume: Let a large file go on where an interrupted transfer has stopped, as in `upload_many`. Files that
            are there already are not transferred again in any case.
        progress: Called with `TransferProgress` events; may be a coroutine function.
        on_outcome: Called with the outcome of each file, those that were skipped included.

    Returns:
        A report with the counts and at most 1000 outcomes that failed or were cancelled. It is a failure when
        there are any, when a listing was not whole, or when deleting was refused.
    """
    try:
        sides = side_of(source), side_of(target)
        check_apart(*sides, delete=delete)
        for side in sides:
            side.storage.resumes = resume
        reporter = ProgressReporter(progress)
        job = _Sync(
            sides,
            PatternFilter(include, exclude),
            make_runner(reporter, "sync", sides[1].name, concurrency=concurrency, on_error=on_error, drain=False),
            compare=read_compare(compare, checksum=checksum, size_only=size_only),
            dry_run=dry_run,
            on_outcome=on_outcome,
        )
    except Exception as exc:  # noqa: BLE001 - a public function: the one place where it becomes a result
        return IntegrationResult[BulkReport].from_exception(exc, operation="sync")
    return await job.run(delete=delete)


class _Sync:
    """One run of `sync`."""

    def __init__(
        self,
        sides: tuple[LocalSide | StorageSide, LocalSide | StorageSide],
        patterns: PatternFilter,
        runner: Runner,
        *,
        compare: Compare,
        dry_run: bool,
        on_outcome: OnOutcome | None,
    ) -> None:
        self._source, self._target = sides
        self._patterns = patterns
        self._runner = runner
        self._reporter = runner.reporter
        self._moves = TreeMoves(*sides, compare=compare, dry_run=dry_run)
        self._dry_run = dry_run
        self._report = BulkReport(dry_run=dry_run)
        self._tally = _Tally(self._report, on_outcome)
        self._failures: list[QuackError] = []

    async def run(self, *, delete: bool) -> IntegrationResult[BulkReport]:
        """List and transfer, delete, report."""
        started = time.monotonic()
        try:
            trees = TreePair(self._source, self._target, self._patterns, self._reporter, keep_extras=delete)
            with trees:
                await self._transfer(trees)
                if delete and not self._runner.stopped:
                    await self._delete(trees)
        except Exception as exc:  # noqa: BLE001 - the disk under the listings failed: what was done is reported still
            self._failures.append(to_quack_error(exc))
        self._report.add(self._tally.totals)
        self._report.warnings = list(self._source.complaints)
        self._report.elapsed = time.monotonic() - started
        self._reporter.tell("done")
        await self._reporter.deliver()
        return report_result(self._report, self._failures)

    async def _transfer(self, trees: TreePair) -> None:
        """Work off the transfers while they are found."""
        self._reporter.tell("listing")
        plan = TransferPlan(trees, self._moves, self._reporter, self._tally.count_equal, self._tally.tell)
        try:
            async with anyio.create_task_group() as listing:
                listing.start_soon(trees.list_sides)
                listing.start_soon(plan.look_ahead)
                await self._runner.run(plan, self._tally)
                listing.cancel_scope.cancel()  # what is not listed by now is not wanted any more
        finally:
            self._failures += [tree.failure for tree in (trees.source, trees.target) if tree.failure is not None]

    async def _delete(self, trees: TreePair) -> None:
        if not trees.is_whole:
            return  # why a listing is not is reported; nothing is deleted on the strength of it
        if not trees.source.files:
            if trees.target.files:
                message = f"nothing was deleted from {self._target.label}: {self._source.label} has no file"
                self._failures.append(ConflictError(message, code="empty_source"))
            return
        self._runner.concurrency = self._target.storage.deletion_workers(self._runner.concurrency)
        async with aclosing(DeletionPlan(trees, self._moves, self._reporter)) as plan:
            await self._runner.run(plan, self._tally)
        if self._dry_run:
            return
        kept = trees.source.empty_folders
        if isinstance(self._target, LocalSide):
            await run_in_thread(remove_empty_folders, self._target.root, plan.emptied, kept)
        elif self._moves.keeps_folders:
            for folder in sorted({key + b"/" for key in plan.emptied} & kept):
                await self._target.storage.create_folder(self._target.remote_of(Entry(folder).path))


class _Tally(Burst):
    """Counts outcomes into a report, and keeps at most 1000 that are no success.

    Attributes:
        totals: The figures so far.
        tell: Hands an outcome to the callback; None when there is none.
    """

    def __init__(self, report: BulkReport, on_outcome: OnOutcome | None) -> None:
        super().__init__()
        self.totals = Totals()
        self.tell = None if on_outcome is None else partial(self._tell, on_outcome)
        self._report = report
        self._has_complained = False

    def add(self, job: Job, outcome: TransferOutcome) -> None:
        """Count an outcome."""
        del job
        self.totals.count(outcome)
        if outcome.status in _KEPT and len(self._report.outcomes) < KEPT_OUTCOMES:
            self._report.outcomes.append(outcome)
        if self.tell is not None:
            self.tell(outcome)

    def count_equal(self, count: int) -> None:
        """Count files that are equal, which have no outcomes of their own unless somebody wants them."""
        self.totals.statuses[TransferStatus.SKIPPED] += count

    def _tell(self, on_outcome: OnOutcome, outcome: TransferOutcome) -> None:
        try:
            on_outcome(outcome)
        except Exception as exc:  # noqa: BLE001 - a broken callback must not break the transfer
            if not self._has_complained:
                self._has_complained = True
                message = "the callback for outcomes failed; its further failures are not logged"
                get_logger(__name__).warning(message, exc_info=exc)


def read_compare(compare: Compare, *, checksum: bool, size_only: bool) -> Compare:
    """Settle how files are compared.

    Raises:
        InvalidNameError: if the arguments contradict each other or name nothing known.
    """
    wanted: set[Compare] = {"checksum"} if checksum else set()
    wanted |= {"size"} if size_only else set()
    if compare != "auto":
        wanted.add(compare)
    if len(wanted) > 1 or not wanted <= {"size", "checksum"}:
        message = f"files are compared by 'auto', 'size' or 'checksum', one of them: not {sorted(wanted)}"
        raise InvalidNameError(message, code="bad_argument")
    return next(iter(wanted), "auto")
