"""Nothing is lost, torn or left behind when one request in twenty to S3 goes wrong; `conftest.py` says how to run it long."""

import time

import pytest

from tests.faults.run import judge, run_once


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.mark.timeout(0)
async def test_nothing_is_lost_over_s3(seaweed_process, tmp_path, fault_options, say):
    options = fault_options
    deadline = time.monotonic() + options.seconds
    first = {"seed": options.seed, "objects": options.objects}
    plain = await run_once(seaweed_process, tmp_path / "plain", **first, rate=0.0)
    judge(plain, plain.requests)
    assert plain.unfinished == []
    seed = options.seed
    while True:
        run = await run_once(
            seaweed_process, tmp_path / str(seed), seed=seed, objects=options.objects, rate=options.rate
        )
        say(f"{run}, {run.requests / plain.requests:.3f} times the {plain.requests} requests needed")
        judge(run, plain.requests)
        seed += 1
        if time.monotonic() >= deadline:
            break


@pytest.mark.timeout(0)
async def test_nothing_is_lost_over_aioboto3(seaweed_process, tmp_path, fault_options, say):
    objects = max(50, fault_options.objects // 10)
    run = await run_once(
        seaweed_process, tmp_path, seed=fault_options.seed, objects=objects, rate=0.1, engine="aioboto3"
    )
    say(str(run))
    judge(run)
