"""What is taken out of a judgement, and what is not."""

from types import SimpleNamespace

import pytest

from quackcore_async.testing.faults import Latency, ProxiedRequest
from quackcore_async.testing.faults.exchange import Handled
from quackcore_async.testing.history import Violation
from tests.faults.menu import IDLE
from tests.faults.run import _count_unanswered, _without_overtaken

LATE = Latency(IDLE + 0.3)


def stale(detail="14470 bytes, abc in place of 14471 bytes, def"):
    return Violation("stale", ("remote", "sync/a"), detail)


def put(*faults, key="sync/a", size="14470", method="PUT", forwarded=True):
    request = ProxiedRequest(method, f"/bucket/{key}", {"content-length": size})
    return Handled(request, faults, forwarded=forwarded, status=200)


def test_what_a_request_has_written_that_nobody_waited_for_is_no_broken_promise():
    assert _without_overtaken([stale()], SimpleNamespace(record=[put(LATE), put()])) == []


@pytest.mark.parametrize(
    "record",
    [
        [],
        [put()],
        [put(Latency(0.1))],
        [put(LATE, key="sync/b")],
        [put(LATE, size="14471")],
        [put(LATE, method="GET")],
        [put(LATE, forwarded=False)],
    ],
    ids=["no request", "no fault", "not so late", "another key", "another content", "a read", "never sent on"],
)
def test_all_else_stays_one(record):
    assert _without_overtaken([stale()], SimpleNamespace(record=record)) == [stale()]


def create(attempt, *faults):
    request = ProxiedRequest("POST", "/bucket/large?uploads", {}, attempt=attempt)
    return Handled(request, faults, forwarded=True, status=200)


@pytest.mark.parametrize(
    ("record", "unanswered"),
    [
        ([create(1)], 0),
        ([create(1), create(2)], 1),
        ([create(1, LATE), create(2)], 0),
        ([put(), put()], 0),
        ([Handled(ProxiedRequest("GET", "/bucket/small", {}), ())], 1),
        ([Handled(ProxiedRequest("PUT", "/bucket/up/broken1", {}), ())], 0),
    ],
    ids=["answered", "begun anew", "delayed on purpose", "written twice", "no answer", "cut off on purpose"],
)
def test_a_request_that_was_left_alone_and_given_up_is_counted(record, unanswered):
    assert _count_unanswered(SimpleNamespace(record=record)) == unanswered
