"""One run of a day's work over S3 through the fault proxy, and the judgement of it."""

import os
import sys
from collections import Counter
from dataclasses import dataclass

import anyio

from quackcore_async.auth import AwsCredentialsProvider
from quackcore_async.concurrency import run_in_thread
from quackcore_async.storage import S3Storage
from quackcore_async.testing import FaultProxy, HistoryError
from quackcore_async.testing.faults import Latency
from quackcore_async.testing.history import Operation, Verdict, Violation
from tests.faults.bucket import empty_bucket, make_bucket, state_of_bucket
from tests.faults.menu import IDLE, plan
from tests.faults.workload import BROKEN, MEANT_TO_FAIL, REMOTE, Workload

PART = 5 * 1024**2
LARGE = (2 * PART + 12_345, PART + 1)  # three parts and two
AMPLIFICATION = 1.2
LOADED = 3  # tasks for each processor that wait for it: the runs of one session are fewer
UNFINISHED = 0.02  # share of the operations that may fail: the policy tries four times


@dataclass(frozen=True)
class Run:
    """What a run came to.

    `unfinished` are the operations that did not succeed, and `orphans` the uploads whose id never came back: nobody
    can abort one of those without taking it from somebody else. `unanswered` are the requests that were left alone and
    not answered while the client waited.
    """

    seed: int
    requests: int
    faults: Counter[str]
    verdicts: Counter[Verdict]
    unfinished: list[Operation]
    violations: list[Violation]
    orphans: int
    unanswered: int

    def __str__(self) -> str:
        verdicts = ", ".join(f"{count} {verdict}" for verdict, count in self.verdicts.items())
        return (
            f"seed {self.seed}: {self.requests} requests, {self.faults.total()} faults, {verdicts}, "
            f"{len(self.violations)} broken promises, {self.orphans} uploads without an id, "
            f"{self.unanswered} not answered in time"
        )


async def run_once(endpoint, folder, *, seed, objects, rate, engine="auto") -> Run:
    """Run it, and once more where a promise was broken while the machine did not keep up.

    The service may do what nobody waits for any more long after the next request for it: nobody can undo that. What
    is wrong with the code, the same seed shows again.
    """
    run = await _run_once(endpoint, folder, seed=seed, objects=objects, rate=rate, engine=engine)
    if run.violations and (run.unanswered or os.getloadavg()[0] > LOADED * (os.cpu_count() or 1)):
        sys.stdout.write(f"once more: {run}: {run.violations}\n")
        run = await _run_once(endpoint, folder, seed=seed, objects=objects, rate=rate, engine=engine)
    return run


async def _run_once(endpoint, folder, *, seed, objects, rate, engine) -> Run:
    bucket = await run_in_thread(make_bucket, endpoint, f"faults-{seed}-{objects}")
    proxy = FaultProxy(bucket.url, plan(seed, rate))
    workload = None
    async with anyio.create_task_group() as group:
        url = await group.start(proxy.serve)
        async with storage_of(bucket, url, engine) as storage:
            workload = Workload(storage, folder, seed=seed, objects=objects, large=LARGE)
            await workload.run()
        group.cancel_scope.cancel()
    actual = await workload.local_states()
    actual[REMOTE] = await run_in_thread(state_of_bucket, bucket)
    broken = workload.history.check(actual)
    violations, orphans = _without_orphans(_without_overtaken(broken, proxy), proxy)
    for handled in proxy.record:
        if handled.request.key and any(
            violation.place[1].endswith(handled.request.key) for violation in violations
        ):
            sys.stdout.write(f"{handled}\n")
    await run_in_thread(workload.remove_files)
    await run_in_thread(empty_bucket, bucket)
    return Run(
        seed,
        proxy.total,
        proxy.by_fault,
        workload.history.verdicts,
        [
            operation
            for operation in workload.history.operations
            if operation.verdict is not Verdict.OK and operation.verb != MEANT_TO_FAIL
        ],
        violations,
        orphans,
        _count_unanswered(proxy),
    )


def _count_unanswered(proxy: FaultProxy) -> int:
    """Count the requests that were left alone, and yet have no answer that the client waited for.

    It begins an upload anew only when it has not got the identifier.
    """
    latest = {handled.request.identity: handled.request.attempt for handled in proxy.record}
    return sum(
        (handled.status is None and BROKEN not in handled.request.key)
        or (
            handled.request.operation == "CreateMultipartUpload"
            and handled.request.attempt < latest[handled.request.identity]
        )
        for handled in proxy.record
        if not handled.faults
    )


def storage_of(bucket, url, engine) -> S3Storage:
    async def keys():
        return {"AccessKeyId": bucket.access_key_id, "SecretAccessKey": bucket.secret_access_key}

    config = {
        "bucket_name": bucket.bucket,
        "endpoint_url": url,
        "region": "us-east-1",
        "engine": engine,
        "idle_timeout": IDLE,
        "part_size": PART,
        "multipart_threshold": PART,
    }
    return S3Storage(auth_provider=AwsCredentialsProvider(source=keys), config=config)


def judge(run: Run, needed: int | None = None) -> None:
    """Fail where a promise was broken, too much failed, or too many requests were made."""
    if run.violations:
        raise HistoryError(run.violations, run.seed)
    unfinished = "\n".join(map(str, run.unfinished))
    assert len(run.unfinished) <= UNFINISHED * run.verdicts.total(), f"seed {run.seed}: {unfinished}"
    if needed is not None:
        assert run.requests <= AMPLIFICATION * needed, f"{run}, for {needed} that are needed"


def _without_overtaken(violations: list[Violation], proxy: FaultProxy) -> list[Violation]:
    """Take out what a request has written that was on its way for longer than anybody waits for one.

    It comes behind what was written there since: nobody who sends it can call it back.
    """
    late = {
        (handled.request.key, handled.request.headers.get("content-length"))
        for handled in proxy.record
        if handled.request.method == "PUT"
        and handled.forwarded
        and any(isinstance(fault, Latency) and fault.seconds > IDLE for fault in handled.faults)
    }
    return [
        violation
        for violation in violations
        if violation.kind != "stale"
        or not any(
            key.endswith(violation.place[1]) and violation.detail.startswith(f"{size} bytes,")
            for key, size in late
        )
    ]


def _without_orphans(violations: list[Violation], proxy: FaultProxy) -> tuple[list[Violation], int]:
    """Take out as many open uploads of a key as answers to CreateMultipartUpload were kept from the client."""
    lost = Counter(
        handled.request.key
        for handled in proxy.record
        if handled.request.operation == "CreateMultipartUpload" and handled.forwarded and handled.faults
    )
    kept = []
    for violation in violations:
        key = violation.place[1].rpartition(" of ")[2]
        if violation.kind == "left behind" and lost[key] and violation.place[1].startswith("upload "):
            lost[key] -= 1
        else:
            kept.append(violation)
    return kept, len(violations) - len(kept)
