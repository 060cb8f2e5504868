"""What a bulk transfer came to: an outcome for each item, and a report that adds them up."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter
from typing import Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr
from pydantic_core import to_jsonable_python

from quackcore_async.errors import ErrorKind, QuackError, StorageError
from quackcore_async.protocols import Verification
from quackcore_async.redaction import scrub
from quackcore_async.results import ErrorInfo, IntegrationResult

__all__ = [
    "KEPT_OUTCOMES",
    "BulkReport",
    "CheckReport",
    "Difference",
    "Totals",
    "TransferAction",
    "TransferOutcome",
    "TransferStatus",
    "report_result",
]

KEPT_OUTCOMES: Final = 1000
"""How many outcomes the report of a `sync`, and differences that of a `check`, keeps."""


_index: Final = attrgetter("index")


class TransferAction(StrEnum):
    """What was to be done to an item."""

    UPLOAD = "upload"
    DOWNLOAD = "download"
    COPY = "copy"
    DELETE = "delete"
    CREATE_FOLDER = "create_folder"


class TransferStatus(StrEnum):
    """What became of an item."""

    OK = "ok"
    SKIPPED = "skipped"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DRY_RUN = "dry_run"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferOutcome:
    """What became of one item.

    A report keeps one for each item, of which there may be a million: a model would take five times as much.

    Attributes:
        index: Position of the item in the input, from 0.
        action: What was to be done.
        status: What became of it.
        source: Where it was to come from.
        target: Where it was to go; for a deletion, what was to be deleted.
        bytes: Bytes that were moved; 0 unless the status is `ok`.
        attempts: How often it was tried before it failed, as far as the storage tells; 1 when it succeeded,
            whatever was tried again on the way; 0 when it was not started.
        elapsed: Seconds that it took.
        message: Why it was skipped.
        error: Why it failed, for people.
        error_info: Why it failed, for programs.
        verified: How far the bytes of a download were checked; None for what is no download.
    """

    index: int
    action: TransferAction
    status: TransferStatus
    source: str = ""
    target: str = ""
    bytes: int = 0
    attempts: int = 0
    elapsed: float = 0.0
    message: str | None = None
    error: str | None = None
    error_info: ErrorInfo | None = None
    verified: Verification | None = None

    def __str__(self) -> str:
        reason = self.error or self.message
        what = f"{self.status}: {self.action} {self.source or self.target}"
        return f"{what}: {reason}" if reason else what

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values that JSON can hold."""
        values: dict[str, Any] = to_jsonable_python(self)
        return values


class Totals:
    """The figures of outcomes that need not be kept.

    Attributes:
        statuses: How many there are of each status.
        deleted: Deletions that succeeded.
        bytes: Bytes that were moved.
    """

    def __init__(self) -> None:
        self.statuses: Counter[TransferStatus] = Counter()
        self.deleted = 0
        self.bytes = 0

    @classmethod
    def of(cls, outcomes: Iterable[TransferOutcome]) -> Self:
        """Add up outcomes."""
        totals = cls()
        for outcome in outcomes:
            totals.count(outcome)
        return totals

    def count(self, outcome: TransferOutcome) -> None:
        """Add an outcome."""
        self.statuses[outcome.status] += 1
        self.bytes += outcome.bytes
        if outcome.action is TransferAction.DELETE and outcome.status is TransferStatus.OK:
            self.deleted += 1


class BulkReport(BaseModel):
    """What a bulk transfer came to. `str(report)` is a summary in one line.

    Attributes:
        outcomes: An outcome for each input, in input order. For `sync`: what failed or was cancelled or refused,
            1000 at most.
        total: Items in all.
        succeeded: Items with status `ok`, deletions included.
        failed: Items that failed.
        skipped: Items where nothing had to be done.
        cancelled: Items that were given up because another one failed.
        planned: Items of a dry run that would have been done.
        deleted: Deletions among `succeeded`.
        bytes: Bytes that were moved.
        elapsed: Seconds from start to end.
        dry_run: Whether nothing was changed on purpose.
        warnings: What is left out of a `sync` though it is no failure, such as symbolic links; 1000 at most.
    """

    outcomes: list[TransferOutcome] = Field(default_factory=list)
    total: int = 0
    succeeded: int = 0
    failed: int = 0
    skipped: int = 0
    cancelled: int = 0
    planned: int = 0
    deleted: int = 0
    bytes: int = 0
    elapsed: float = 0.0
    dry_run: bool = False
    warnings: list[str] = Field(default_factory=list)

    _inputs: dict[int, Any] = PrivateAttr(default_factory=dict)

    @property
    def success(self) -> bool:
        """Whether nothing failed and nothing was cancelled."""
        return not self.failed and not self.cancelled

    @property
    def failures(self) -> list[TransferOutcome]:
        """The outcomes that failed."""
        return [outcome for outcome in self.outcomes if outcome.status is TransferStatus.FAILED]

    @classmethod
    def of(
        cls, outcomes: Iterable[TransferOutcome], unfinished: Mapping[int, Any], *, dry_run: bool = False
    ) -> Self:
        """Make the report of outcomes in any order.

        Args:
            outcomes: An outcome for each input.
            unfinished: The inputs, by index, that `retry_items` returns.
            dry_run: Whether nothing was changed on purpose.
        """
        report = cls(dry_run=dry_run)
        report.outcomes = sorted(outcomes, key=_index)
        report.add(Totals.of(report.outcomes))
        report._inputs = dict(unfinished)
        return report

    def count(self, outcome: TransferOutcome) -> None:
        """Add an outcome to the figures, without keeping it."""
        self.add(Totals.of((outcome,)))

    def add(self, totals: Totals) -> None:
        """Add figures up."""
        statuses = totals.statuses
        self.total += statuses.total()
        self.succeeded += statuses[TransferStatus.OK]
        self.skipped += statuses[TransferStatus.SKIPPED]
        self.failed += statuses[TransferStatus.FAILED]
        self.cancelled += statuses[TransferStatus.CANCELLED]
        self.planned += statuses[TransferStatus.DRY_RUN]
        self.deleted += totals.deleted
        self.bytes += totals.bytes

    def retry_items(self) -> list[Any]:
        """Return the inputs of what failed or was cancelled, to hand them to the same function once more.

        Empty for `sync`: run it again, it does only what is left.
        """
        return [self._inputs[index] for index in sorted(self._inputs)]

    def raise_for_failures(self) -> None:
        """Raise the first failure, with a note for each of the others that are kept.

        Raises:
            StorageError: if an item failed or was cancelled; its kind and code are those of the first failure.
        """
        if not self.success:
            raise self.error()

    def error(self) -> StorageError:
        """Make the error that stands for all failures."""
        first = next(iter(self.failures), None)
        info = (first and first.error_info) or ErrorInfo(kind=ErrorKind.INTERNAL, code="cancelled")
        head = f"{self.failed + self.cancelled} of {self.total} items failed"
        reason = f": {first.target or first.source}: {first.error}" if first else ""
        error = StorageError(
            f"{head}{reason}",
            kind=info.kind,
            code=info.code,
            retryable=info.retryable,
            status_code=info.status_code,
            retry_after=info.retry_after,
            request_id=info.request_id,
        )
        for outcome in self.failures[1:]:
            error.add_note(str(outcome))
        return error

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values that JSON can hold."""
        return self.model_dump(mode="json")

    def __str__(self) -> str:
        done = self.planned if self.dry_run else self.succeeded - self.deleted
        parts = [f"{done} {'to do' if self.dry_run else 'done'}"]
        counts = {
            "deleted": self.deleted,
            "skipped": self.skipped,
            "failed": self.failed,
            "cancelled": self.cancelled,
        }
        parts += [f"{number} {label}" for label, number in counts.items() if number]
        return f"{', '.join(parts)}; {_format_bytes(self.bytes)} in {self.elapsed:.1f} s"


class Difference(BaseModel):
    """One path in which two trees differ.

    Attributes:
        path: Path relative to both.
        kind: `missing` in the target, `extra` in the target, `different`, or `unknown` where it cannot be told.
        reason: Why it is said to differ, or why it cannot be told.
    """

    model_config = ConfigDict(frozen=True)

    path: str
    kind: Literal["missing", "extra", "different", "unknown"]
    reason: str | None = None


class CheckReport(BaseModel):
    """How two trees compare. `str(report)` is a summary in one line.

    Attributes:
        same: Files that are equal.
        missing: Files that the target lacks.
        extra: Files that the target alone has.
        different: Files that are not equal.
        unknown: Files that could not be compared.
        differences: The first 1000 differences, by path.
        elapsed: Seconds from start to end.
        warnings: What was left out, such as symbolic links; 1000 at most.
    """

    same: int = 0
    missing: int = 0
    extra: int = 0
    different: int = 0
    unknown: int = 0
    differences: list[Difference] = Field(default_factory=list)
    elapsed: float = 0.0
    warnings: list[str] = Field(default_factory=list)

    @property
    def identical(self) -> bool:
        """Whether both have the same files, as far as the comparison tells."""
        return not (self.missing or self.extra or self.different or self.unknown)

    def count(self, difference: Difference | None) -> None:
        """Add a file: equal when there is no difference."""
        kind = difference.kind if difference is not None else "same"
        setattr(self, kind, getattr(self, kind) + 1)
        if difference is not None:
            self.differences.append(difference)
            if len(self.differences) >= 2 * KEPT_OUTCOMES:
                self.keep_first()

    def keep_first(self) -> None:
        """Put the differences in the order of their paths, and keep the first 1000."""
        self.differences.sort(key=attrgetter("path"))
        del self.differences[KEPT_OUTCOMES:]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values that JSON can hold."""
        return {"identical": self.identical, **self.model_dump(mode="json")}

    def __str__(self) -> str:
        counts = ("same", "missing", "extra", "different", "unknown")
        return ", ".join(f"{getattr(self, name)} {name}" for name in counts)


def report_result(report: BulkReport, failures: Iterable[QuackError] = ()) -> IntegrationResult[BulkReport]:
    """Make the result of a bulk transfer: a failure when an item, or the transfer itself, failed.

    Args:
        report: What the items came to; it is the content, also of a failure.
        failures: What went wrong beside the items, such as a listing that broke off.
    """
    error = next(iter(failures), None) or (None if report.success else report.error())
    if error is None:
        return IntegrationResult.success_result(report, str(report))
    result = IntegrationResult[BulkReport].from_exception(error, message=scrub(str(report)))
    result.content = report
    return result


def _format_bytes(count: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:  # noqa: PLR2004 - the step between the units
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
