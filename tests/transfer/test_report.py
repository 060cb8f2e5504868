"""What is added up of outcomes and differences, and how it is handed on."""

from quackcore_async.errors import ErrorKind
from quackcore_async.results import ErrorInfo
from quackcore_async.transfer.report import (
    KEPT_OUTCOMES,
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
