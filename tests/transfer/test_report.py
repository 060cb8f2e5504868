"""What is added up of outcomes and differences, and how it is handed on."""

import pytest

from quackcore_async.errors import ErrorKind, StorageError
from quackcore_async.results import ErrorInfo
from quackcore_async.transfer.report import (
    KEPT_OUTCOMES,
    BulkReport,
    CheckReport,
    Difference,
    TransferAction,
    TransferOutcome,
    TransferStatus,
)


def test_an_outcome_is_handed_on_as_plain_values():
    outcome = TransferOutcome(
        index=0,
        action=TransferAction.UPLOAD,
        status=TransferStatus.FAILED,
        error_info=ErrorInfo(kind=ErrorKind.TIMEOUT),
    )
    data = outcome.to_dict()
    assert (data["action"], data["status"], data["error_info"]["kind"]) == ("upload", "failed", "timeout")
    assert {type(data["action"]), type(data["status"]), type(data["error_info"]["kind"])} == {str}


def test_an_outcome_has_room_for_its_fields_alone_because_there_may_be_a_million():
    outcome = TransferOutcome(index=0, action=TransferAction.UPLOAD, status=TransferStatus.OK)
    assert not hasattr(outcome, "__dict__")


def test_a_report_reads_back_from_its_json_as_it_was():
    timeout = ErrorInfo(kind=ErrorKind.TIMEOUT)
    report = BulkReport.of([outcome_of(1, TransferStatus.FAILED, error_info=timeout)], {})
    assert BulkReport.model_validate_json(report.model_dump_json()) == report


def test_what_was_not_started_took_nothing():
    outcome = TransferOutcome(index=0, action=TransferAction.COPY, status=TransferStatus.CANCELLED)
    assert (outcome.bytes, outcome.attempts, outcome.elapsed) == (0, 0, 0.0)


def test_a_report_of_differences_without_end_stays_small_and_ends_with_the_first_of_them():
    report = CheckReport()
    for number in reversed(range(5 * KEPT_OUTCOMES)):
        report.count(Difference(path=f"{number:06}", kind="missing"))
        assert len(report.differences) < 2 * KEPT_OUTCOMES
    report.keep_first()
    assert report.missing == 5 * KEPT_OUTCOMES
    assert [difference.path for difference in report.differences] == [f"{n:06}" for n in range(KEPT_OUTCOMES)]


def outcome_of(index, status, **fields):
    return TransferOutcome(index=index, action=TransferAction.UPLOAD, status=status, target=f"t{index}", **fields)


def test_the_error_of_a_report_is_that_of_its_first_failure_with_a_note_for_each_other():
    refused = ErrorInfo(kind=ErrorKind.PERMISSION_DENIED, code="access_denied", retryable=False, status_code=403)
    busy = ErrorInfo(kind=ErrorKind.RATE_LIMITED, code="slow_down", retryable=True)
    report = BulkReport.of(
        [
            outcome_of(3, TransferStatus.CANCELLED),
            outcome_of(2, TransferStatus.FAILED, error="busy", error_info=busy),
            outcome_of(1, TransferStatus.FAILED, error="refused", error_info=refused),
            outcome_of(0, TransferStatus.OK),
        ],
        {},
    )
    with pytest.raises(StorageError, match=r"^3 of 4 items failed: t1: refused") as caught:
        report.raise_for_failures()
    error = caught.value
    assert (error.kind, error.code, error.status_code) == (ErrorKind.PERMISSION_DENIED, "access_denied", 403)
    assert error.__notes__ == ["failed: upload t2: busy"]


def test_a_report_without_failures_raises_nothing_and_one_that_was_given_up_does():
    BulkReport.of([outcome_of(0, TransferStatus.OK)], {}).raise_for_failures()
    with pytest.raises(StorageError, match=r"^1 of 1 items failed$") as caught:
        BulkReport.of([outcome_of(0, TransferStatus.CANCELLED)], {}).raise_for_failures()
    assert caught.value.code == "cancelled"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536 * 1024, "1.5 MiB"),
        (5 * 1024**3, "5.0 GiB"),
        (3000 * 1024**4, "3000.0 TiB"),
    ],
)
def test_a_summary_names_bytes_in_units(count, text):
    assert str(BulkReport(bytes=count, elapsed=2.0)) == f"0 done; {text} in 2.0 s"


def test_a_summary_names_what_is_not_zero():
    report = BulkReport(succeeded=5, deleted=2, skipped=3, failed=4, cancelled=1)
    assert str(report).startswith("3 done, 2 deleted, 3 skipped, 4 failed, 1 cancelled; ")
    assert str(BulkReport(planned=7, dry_run=True)).startswith("7 to do; ")
    assert str(CheckReport(same=1, extra=2)) == "1 same, 0 missing, 2 extra, 0 different, 0 unknown"


@pytest.mark.parametrize("kind", ["missing", "extra", "different", "unknown"])
def test_a_single_difference_of_any_kind_makes_two_trees_different(kind):
    report = CheckReport()
    report.count(None)
    assert (report.identical, report.same) == (True, 1)
    report.count(Difference(path="a", kind=kind))
    assert (report.identical, report.same, getattr(report, kind)) == (False, 1, 1)
