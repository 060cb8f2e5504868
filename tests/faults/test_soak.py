"""Nothing grows while days' works go by with faults: live objects, traced memory, resident memory.

Long runs only: `pytest tests/faults/test_soak.py --fault-seconds=600`, with `--fault-objects` of a round (500).
"""

import contextlib
import ctypes
import gc
import logging
import sys
import time
import tracemalloc
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import pytest

from tests.faults.run import judge, run_once

WARM_UP = 120.0  # seconds, or half of a shorter run
OBJECTS = 500
MORE_OBJECTS = 0.005  # share of the live objects
MORE_TRACED = 512 * 1024  # bytes
MORE_RESIDENT = 15 * 1024**2  # bytes
FEW = 3  # rounds, at most, that are one end of what is compared


M_ARENA_MAX = -8  # of mallopt(3)


def share_arenas() -> None:
    """Let all threads share two heaps of the C library: with one for each thread, what is free in one is resident still."""
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 2)


def widen_interned() -> None:
    """Let the table of interned strings take the size that it would take some minutes later.

    pathlib interns every name. Those that are gone fill the table up, until it is made anew, once, three times as
    large as what lives in it.
    """
    names = [sys.intern(f"soak-{number}") for number in range(100_000)]
    names.clear()


@dataclass(frozen=True)
class Sample:
    seconds: float
    objects: int
    traced: int
    resident: int

    def __str__(self) -> str:
        mib = 1024**2
        return (
            f"after {self.seconds:.0f} s: {self.objects} objects, {self.traced / mib:.2f} MiB traced, "
            f"{self.resident / mib:.1f} MiB resident"
        )


def take_sample(started: float) -> Sample:
    """Look at what is in use: what the C library keeps of what was freed is no growth, and is given back first."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Sample(
        time.monotonic() - started, len(gc.get_objects()), tracemalloc.get_traced_memory()[0], pages * 4096
    )


@pytest.fixture
def anyio_backend():
    return "asyncio"  # S3 runs on nothing else


@pytest.mark.timeout(300)
async def test_nothing_grows(seaweed_process, tmp_path, fault_options, request, say, monkeypatch):
    if not fault_options.is_long:
        pytest.skip("a soak takes minutes: --fault-seconds=600")
    objects = request.config.getoption("--fault-objects", default=None) or OBJECTS
    started = time.monotonic()
    warm = min(WARM_UP, fault_options.seconds / 2)
    samples, seed = [], fault_options.seed
    share_arenas()
    monkeypatch.setattr(logging.getLogger("quackcore_async"), "propagate", False)  # pytest keeps what is logged
    tracemalloc.start()
    widen_interned()
    try:
        while time.monotonic() - started < fault_options.seconds:
            run = await run_once(
                seaweed_process, tmp_path / "soak", seed=seed, objects=objects, rate=fault_options.rate
            )
            judge(run)
            say(str(run))
            del run
            seed += 1
            samples.append(take_sample(started))
            say(str(samples[-1]))
    finally:
        tracemalloc.stop()
    warmed = [sample for sample in samples if sample.seconds >= warm]
    assert len(warmed) >= 3, f"too few rounds for a judgement: {len(warmed)}; give it more seconds"
    judge_growth(warmed, f"from seed {fault_options.seed} on")


def judge_growth(samples: list[Sample], which: str) -> None:
    """Compare the middle of the first few with the middle of the last few: single rounds go up and down."""
    few = min(FEW, len(samples) // 3)
    for name, allowed in (
        ("objects", MORE_OBJECTS * samples[0].objects),
        ("traced", MORE_TRACED),
        ("resident", MORE_RESIDENT),
    ):
        first, last = (median(getattr(sample, name) for sample in end) for end in (samples[:few], samples[-few:]))
        assert last - first <= allowed, f"{name} grew by {last - first} {which}: {[*map(str, samples)]}"


@pytest.mark.parametrize("name", ["objects", "traced", "resident"])
def test_growth_is_seen(name):
    flat = {"objects": 100_000, "traced": 10**7, "resident": 10**8}
    judge_growth([Sample(number, **flat) for number in range(9)], "of a flat run")
    growing = [Sample(number, **{**flat, name: flat[name] * (10 + number) // 10}) for number in range(9)]
    with pytest.raises(AssertionError, match=f"{name} grew by"):
        judge_growth(growing, "of a growing run")
