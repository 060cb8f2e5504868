"""`check`: compares two trees and changes nothing."""

import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing

from quackcore_async.concurrency import for_each
from quackcore_async.results import IntegrationResult, to_quack_error
from quackcore_async.transfer.bulk import make_runner
from quackcore_async.transfer.comparison import Compare, are_equal
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
        with TreePair(*sides, PatternFilter(include, exclude)) as trees:
            await trees.fill(reporter)
            trees.raise_for_failures()
            comparer = _Comparer(sides, wanted, report, reporter)
            async with aclosing(_file_pairs(trees)) as pairs:
                await for_each(comparer.compare, pairs, max_concurrency=runner.concurrency)
    except Exception as exc:  # noqa: BLE001 - a public function: the one place where it becomes a result
        return IntegrationResult[CheckReport].from_exception(exc, operation="check")
    report.differences.sort(key=lambda difference: difference.path)
    report.warnings = list(sides[0].complaints)
    report.elapsed = time.monotonic() - started
    reporter.tell("done")
    await reporter.deliver()
    return IntegrationResult.success_result(report, str(report))


async def _file_pairs(trees: TreePair) -> AsyncGenerator[Pair, None]:
    async with aclosing(trees.pairs()) as pairs:
        async for pair in pairs:
            if not any(entry is not None and entry.is_folder for entry in pair):
                yield pair


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

    async def compare(self, _index: int, pair: Pair) -> None:
        """Compare one pair and count it."""
        self._report.count(await self._difference(pair))
        self._reporter.files_done += pair.source is not None
        self._reporter.tell("transfer")

    async def _difference(self, pair: Pair) -> Difference | None:
        source, target = pair
        if source is None or target is None:
            path = (source or target or Entry(b"")).path
            return Difference(path=path, kind="extra" if source is None else "missing")
        if source.size != target.size:
            return Difference(path=source.path, kind="different", reason=f"{source.size} and {target.size} bytes")
        try:
            equal = await are_equal(self._source, source, self._target, target, self._compare)
        except Exception as exc:  # noqa: BLE001 - what cannot be compared is a finding of its own
            return Difference(path=source.path, kind="unknown", reason=str(to_quack_error(exc)))
        reason = "content" if self._compare == "checksum" else "the target is older"
        return None if equal else Difference(path=source.path, kind="different", reason=reason)
