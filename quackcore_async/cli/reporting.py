"""What people and programs read of a bulk transfer."""

import time
from collections.abc import Iterable
from typing import Any, Final

from quackcore_async.cli.exits import ExitCode, exit_code_of
from quackcore_async.cli.output import Outcome, Output
from quackcore_async.errors import ErrorKind, QuackError
from quackcore_async.results import ErrorInfo, IntegrationResult
from quackcore_async.transfer import BulkReport, TransferAction, TransferOutcome, TransferStatus

__all__ = ["Tally", "bulk_outcome", "failure_beside_items", "show_item"]

_KEPT_FAILURES: Final = 1000
_SHOWN_FAILURES: Final = 20
_VERBS: Final = {
    TransferAction.UPLOAD: "copy",
    TransferAction.DOWNLOAD: "copy",
    TransferAction.COPY: "copy",
    TransferAction.DELETE: "delete",
    TransferAction.CREATE_FOLDER: "create folder",
}


class Tally:
    """Adds up outcomes as they come in, and shows those that are asked for.

    Args:
        out: Where to show them.
        dry_run: Whether nothing is changed.

    Attributes:
        report: The figures, and the failures up to 1000 of them.
    """

    def __init__(self, out: Output, *, dry_run: bool) -> None:
        self.report = BulkReport(dry_run=dry_run)
        self._out = out
        self._started = time.monotonic()

    def add(self, outcome: TransferOutcome) -> None:
        """Take an outcome."""
        self.report.count(outcome)
        if outcome.status is TransferStatus.FAILED and len(self.report.outcomes) < _KEPT_FAILURES:
            self.report.outcomes.append(outcome)
        show_item(self._out, outcome)

    def finished(self) -> BulkReport:
        """Return the report, its time taken."""
        self.report.elapsed = time.monotonic() - self._started
        return self.report

    def warn(self, complaints: Iterable[str]) -> None:
        """Take sentences on what was left out."""
        self.report.warnings.extend(list(complaints)[: _KEPT_FAILURES - len(self.report.warnings)])


def show_item(out: Output, outcome: TransferOutcome) -> None:
    """Show one item: what would be done is data, what was done is for those who asked for more."""
    planned = outcome.status is TransferStatus.DRY_RUN
    verb = _VERBS[outcome.action]
    what = f"{verb} {outcome.source} -> {outcome.target}" if outcome.source else f"{verb} {outcome.target}"
    if out.settings.as_json:
        if planned:
            members = {"action": str(outcome.action), "source": outcome.source or None, "target": outcome.target}
            out.record("planned", members)
    elif planned:
        out.line(f"would {what}")
    elif out.settings.verbose and outcome.status is not TransferStatus.FAILED:
        out.note(f"{outcome.status}: {what}" + (f" ({outcome.message})" if outcome.message else ""))


def bulk_outcome(out: Output, report: BulkReport, failure: QuackError | None = None) -> Outcome:
    """Make the outcome of a command of its report, and list what failed on standard error.

    Args:
        out: Where to write.
        report: What the items came to.
        failure: What went wrong beside the items, such as a listing that broke off.
    """
    if report.total > 1:
        _list_failures(out, report)
    for warning in report.warnings[:_SHOWN_FAILURES]:
        out.note(f"left out: {warning}")
    if len(report.warnings) > _SHOWN_FAILURES:
        out.note(f"left out: ... and {len(report.warnings) - _SHOWN_FAILURES} more")
    error = failure or _error_of(report)
    return Outcome(data=_members(report), summary=str(report), error=error)


def failure_beside_items(result: IntegrationResult[BulkReport]) -> QuackError | None:
    """Return what went wrong beside the items, such as a listing that broke off; None when nothing did."""
    report, error = result.content, result.exception
    if error is None or report is None or (not report.success and str(error) == str(report.error())):
        return None
    return error


def _list_failures(out: Output, report: BulkReport) -> None:
    shown = report.failures[:_SHOWN_FAILURES]
    for outcome in shown:
        out.complain(f"{outcome.source or outcome.target}: {outcome.error}")
    if report.failed > len(shown):
        out.complain(f"... and {report.failed - len(shown)} more failed")


def _error_of(report: BulkReport) -> QuackError | None:
    """Return why the whole failed: the one reason that all items share, or that only some did."""
    if report.success:
        return None
    first = next(iter(report.failures), None)
    if report.total == 1 and first is not None:
        return _error_of_item(first, first.error or "it failed without a reason")
    done = report.total - report.failed - report.cancelled
    message = f"{report.failed + report.cancelled} of {report.total} items failed, {done} did not"
    share_reason = len({_exit_code(outcome) for outcome in report.failures}) == 1
    if first is not None and share_reason and report.failed == report.total:
        return _error_of_item(first, message)
    return QuackError(message, kind=ErrorKind.INTERNAL, code="partial_failure")


def _error_of_item(outcome: TransferOutcome, message: str) -> QuackError:
    info = outcome.error_info or ErrorInfo()
    return QuackError(
        message,
        kind=info.kind,
        code=info.code,
        retryable=info.retryable,
        status_code=info.status_code,
        retry_after=info.retry_after,
        request_id=info.request_id,
    )


def _exit_code(outcome: TransferOutcome) -> ExitCode:
    info = outcome.error_info
    return exit_code_of(info.kind, info.code, retryable=info.retryable) if info else ExitCode.ERROR


def _members(report: BulkReport) -> dict[str, Any]:
    return {
        "dry_run": report.dry_run,
        "total": report.total,
        "succeeded": report.succeeded,
        "skipped": report.skipped,
        "failed": report.failed,
        "cancelled": report.cancelled,
        "planned": report.planned,
        "deleted": report.deleted,
        "bytes": report.bytes,
        "elapsed": round(report.elapsed, 3),
        "failures": [_failure_members(outcome) for outcome in report.failures],
        "warnings": report.warnings,
    }


def _failure_members(outcome: TransferOutcome) -> dict[str, Any]:
    info = outcome.error_info
    return {
        "action": str(outcome.action),
        "source": outcome.source or None,
        "target": outcome.target or None,
        "message": outcome.error,
        "kind": str(info.kind) if info else None,
        "code": info.code if info else None,
        "retryable": info.retryable if info else False,
    }
