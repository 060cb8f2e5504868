"""How many workers there are, and when they are to take no more items."""

import math

import anyio
import pytest

from quackcore_async.transfer.engine import Burst, Done, Job, Runner
from quackcore_async.transfer.progress import ProgressReporter
from quackcore_async.transfer.report import TransferAction, TransferOutcome, TransferStatus


def add(burst, index, status=TransferStatus.OK):
    action = TransferAction.DELETE
    burst.add(Job(index, action, entry=f"e{index}"), TransferOutcome(index=index, action=action, status=status))


async def test_a_burst_is_over_once_so_many_outcomes_are_ready():
    burst = Burst(max_outcomes=2, window=3600.0)
    for index, is_over in enumerate((False, True)):
        assert not burst.is_over
        add(burst, index)
        assert burst.is_over is is_over


async def test_a_burst_is_over_once_its_window_is_which_the_first_outcome_opens():
    burst = Burst(max_outcomes=100, window=0.0)
    assert not burst.is_over
    add(burst, 0)
    assert burst.is_over


async def test_later_outcomes_leave_the_window_and_the_wait_for_input_as_they_are():
    burst = Burst(max_outcomes=100, window=3600.0)
    scope = burst.input_scope()
    assert scope.deadline == math.inf
    add(burst, 0)
    deadline = scope.deadline
    assert deadline < math.inf
    add(burst, 1)
    assert (burst.deadline, scope.deadline, burst.input_scope().deadline) == (deadline, deadline, deadline)


async def test_a_burst_without_a_limit_is_never_over_nor_is_a_wait_for_input():
    burst = Burst()
    for index in range(3):
        add(burst, index)
        assert not burst.is_over
        assert burst.input_scope().deadline == math.inf


@pytest.mark.parametrize(
    ("status", "is_unfinished"),
    [
        (TransferStatus.OK, False),
        (TransferStatus.SKIPPED, False),
        (TransferStatus.DRY_RUN, False),
        (TransferStatus.FAILED, True),
        (TransferStatus.CANCELLED, True),
    ],
)
def test_what_failed_or_was_given_up_can_be_tried_again(status, is_unfinished):
    burst = Burst()
    add(burst, 7, status)
    assert burst.unfinished == ({7: "e7"} if is_unfinished else {})


class Together:
    """Jobs that are done once so many of them are under way."""

    def __init__(self, count, wanted):
        self.jobs = [Job(index, TransferAction.DELETE, perform=self.perform) for index in range(count)]
        self.wanted = wanted
        self.active = 0
        self.most_active = 0
        self.enough = anyio.Event()

    async def next_job(self, burst):
        return self.jobs.pop() if self.jobs else None

    async def perform(self, meter):
        self.active += 1
        self.most_active = max(self.most_active, self.active)
        if self.active == self.wanted:
            self.enough.set()
        await self.enough.wait()
        self.active -= 1
        return Done()


@pytest.mark.parametrize(("concurrency", "under_way"), [(1, 1), (40, 40), (None, 32)])
async def test_as_many_jobs_are_under_way_as_there_are_workers(concurrency, under_way):
    jobs, burst = Together(100, under_way), Burst()
    with anyio.fail_after(10):
        await Runner(ProgressReporter(None), concurrency=concurrency).run(jobs, burst)
    assert (jobs.most_active, len(burst.outcomes)) == (under_way, 100)
