"""Nothing is lost, torn or left behind when one request in twenty to S3 goes wrong; see `conftest.py` for long runs."""

import time
from dataclasses import dataclass

import anyio
import pytest

from quackcore_async.auth import AwsCredentialsProvider
from quackcore_async.concurrency import run_in_thread
from quackcore_async.storage import S3Storage
from quackcore_async.testing import FaultProxy, HistoryError
from quackcore_async.testing.history import Verdict, Violation
from tests.faults.bucket import empty_bucket, make_bucket, state_of_bucket
from tests.faults.menu import plan
from tests.faults.workload import REMOTE, Workload

PART = 5 * 1024**2
LARGE = (2 * PART + 12_345, PART + 1)  # three parts and two
IDLE = 2.0  # seconds
AMPLIFICATION = 1.2


@dataclass
class Run:
    """What a run came to."""

    proxy: FaultProxy
    workload: Workload
    violations: list[Violation]

    def __str__(self) -> str:
        verdicts = {str(verdict): count for verdict, count in self.workload.history.verdicts.items()}
        return f"{self.proxy.plan.seed=}: {self.proxy.total} requests, {self.proxy.faulted} faulted, {verdicts}"


async def run_once(endpoint, folder, *, seed, objects, rate, engine="auto", keep=0) -> Run:
    bucket = await run_in_thread(make_bucket, endpoint, f"faults-{seed}-{objects}")
    proxy = FaultProxy(bucket.url, plan(seed, rate), keep=keep)
    async with anyio.create_task_group() as group:
        url = await group.start(proxy.serve)
        storage = S3Storage(
            auth_provider=AwsCredentialsProvider(source=lambda: keys_of(bucket)),
            config={
                "bucket_name": bucket.bucket,
                "endpoint_url": url,
                "region": "us-east-1",
                "engine": engine,
                "idle_timeout": IDLE,
                "part_size": PART,
                "multipart_threshold": PART,
            },
        )
        workload = Workload(storage, folder, seed=seed, objects=objects, large=LARGE)
        async with storage:
            await workload.run()
        group.cancel_scope.cancel()
    actual = await workload.local_states()
    actual[REMOTE] = await run_in_thread(state_of_bucket, bucket)
    violations = workload.history.check(actual)
    await run_in_thread(workload.remove_files)
    await run_in_thread(empty_bucket, bucket)
    return Run(proxy, workload, violations)


async def keys_of(endpoint):
    return {"AccessKeyId": endpoint.access_key_id, "SecretAccessKey": endpoint.secret_access_key}


def judge(run: Run, needed: int) -> None:
    seed = run.workload.history.seed
    if run.violations:
        raise HistoryError(run.violations, seed)
    assert run.proxy.total <= AMPLIFICATION * needed, f"{run} for {needed} needed requests: seed {seed}"


async def test_nothing_is_lost_over_s3(seaweed_process, tmp_path, fault_options):
    options = fault_options
    deadline = time.monotonic() + options.seconds
    plain = await run_once(
        seaweed_process, tmp_path / "plain", seed=options.seed, objects=options.objects, rate=0.0
    )
    assert plain.violations == []
    assert set(plain.workload.history.verdicts) == {Verdict.OK}
    seed = options.seed
    while True:
        run = await run_once(
            seaweed_process, tmp_path / str(seed), seed=seed, objects=options.objects, rate=options.rate
        )
        print(run, run.proxy.by_fault)
        judge(run, plain.proxy.total)
        seed += 1
        if time.monotonic() >= deadline:
            break


test_nothing_is_lost_over_s3 = pytest.mark.timeout(0)(test_nothing_is_lost_over_s3)
