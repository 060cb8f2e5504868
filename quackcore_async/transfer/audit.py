"""`check`: compares two trees and changes nothing."""

import time
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing

import anyio

from quackcore_async.concurrency import for_each
from quackcore_async.results import IntegrationResult, to_quack_error
from quackcore_async.transfer.bulk import make_runner
from quackcore_async.transfer.comparison import Compare, are_equal, quick_verdict
from quackcore_async.transfer.entries import Entry
from quackcore_async.transfer.listing import Pair, TreePair
from quackcore_async.transfer.mirror import read_compare
from quackcore_async.transfer.patterns import PatternFilter
from quackcore_async.transfer.progress import OnProgress, ProgressReporter
from quackcore_async.transfer.report import CheckReport, Difference
from quackcore_async.transfer.sides import Endpoint, LocalSide, StorageSide, side_of

__all__ = ["check"]


async def check(
    source: Endpoint,
    target: Endpoint,
    *,
    compare: Compare = "auto",
    checksum: bool = False,
    size_only: bool = False,
    include: Iterable[str] = (),
    exclude: Iterable[str] = (),
    concurrency: int | None = None,
    progress: OnProgress | None = None,
) -> IntegrationResult[CheckReport]:
    """Compare the files of two trees as `sync` does, and change nothing.

    Args:
        source: A local folder, or a (storage, folder) pair.
        target: The same.
        compare: As in `sync`.
        checksum: As in `sync`.
        size_only: As in `sync`.
        include: As in `sync`.
        exclude: As in `sync`.
        concurrency: Files that are compared at a time; None is 32.
        progress: Called with `TransferProgress` events.

    Returns:
        A report of what is missing, extra and different, a success whatever it says: ask `identical`. It is a
        failure when a tree could not be listed.
    """
    started = time.monotonic()
    report = CheckReport()
    try:
        wanted = read_compare(compare, checksum=checksum, size_only=size_only)
        sides = side_of(source), side_of(target)
        reporter = ProgressReporter(progress)
        runner = make_runner(reporter, "check", sides[0].name, concurrency=concurrency, on_error="collect")
        comparer = _Comparer(sides, wanted, report, reporter)
        reporter.tell("listing")
        patterns = PatternFilter(include, exclude)
        with TreePair(*sides, patterns, reporter, keep_extras=True, trust_target=False) as trees:
            async with anyio.create_task_group() as listing:
                listing.start_soon(trees.list_sides)
                async with aclosing(comparer.look_through(trees)) as pairs:
                    await for_each(comparer.compare, pairs, max_concurrency=runner.concurrency)
                listing.cancel_scope.cancel()  # a listing broke off
            trees.raise_for_failures()
    except Exception as exc:  # noqa: BLE001 - a public function: the one place where it becomes a result
        return IntegrationResult[CheckReport].from_exception(exc, operation="check")
    report.keep_first()
    report.warnings = list(sides[0].complaints)
    report.elapsed = time.monotonic() - started
    reporter.tell("done")
    await reporter.deliver()
    return IntegrationResult.success_result(report, str(report))


class _Comparer:
    def __init__(
        self,
        sides: tuple[LocalSide | StorageSide, LocalSide | StorageSide],
        compare: Compare,
        report: CheckReport,
        reporter: ProgressReporter,
    ) -> None:
        self._source, self._target = sides
        self._compare: Compare = compare
        self._report = report
        self._reporter = reporter

    async def look_through(self, trees: TreePair) -> AsyncGenerator[tuple[Entry, Entry], None]:
        """Count what the listings decide, and yield the pairs that need a closer look."""
        async with aclosing(trees.pairs()) as batches:
            async for pairs in batches:
                if trees.source.failure is not None:
                    return  # there is no report of half a tree
                for pair in self._look_at(pairs):
                    yield pair
        async with aclosing(trees.rest()) as rest:
            async for batch in rest:
                for pair in self._look_at([pair for pair, is_told in batch if not is_told]):
                    yield pair
        async with aclosing(trees.extras()) as batches_of_extras:
            async for extras in batches_of_extras:
                for extra in extras:
                    if not extra.is_folder:
                        self._report.count(Difference(path=extra.path, kind="extra"))

    def _look_at(self, pairs: Iterable[Pair]) -> Iterator[tuple[Entry, Entry]]:
        same = done = 0
        for source, target in pairs:
            if source is None or source.is_folder:
                continue
            if target is None:
                self._report.count(Difference(path=source.path, kind="missing"))
                done += 1
            elif quick_verdict(source, target, self._compare):
                same += 1
            else:
                yield source, target
        self._report.same += same
        self._count_done(done + same)

    async def compare(self, _index: int, pair: tuple[Entry, Entry]) -> None:
        """Compare one pair and count it."""
        self._report.count(await self._difference(*pair))
        self._count_done(1)

    def _count_done(self, count: int) -> None:
        if count:
            self._reporter.files_done += count
            self._reporter.tell("transfer")

    async def _difference(self, source: Entry, target: Entry) -> Difference | None:
        if source.size != target.size:
            return Difference(path=source.path, kind="different", reason=f"{source.size} and {target.size} bytes")
        try:
            equal = await are_equal(self._source, source, self._target, target, self._compare)
        except Exception as exc:  # noqa: BLE001 - what cannot be compared is a finding of its own
            return Difference(path=source.path, kind="unknown", reason=str(to_quack_error(exc)))
        reason = "content" if self._compare == "checksum" else "the target is older"
        return None if equal else Difference(path=source.path, kind="different", reason=reason)
