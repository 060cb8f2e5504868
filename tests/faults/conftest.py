"""Options of the runs with faults: `pytest tests/faults --fault-seconds=600 --fault-seed=7 --fault-objects=10000`."""

import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SHORT_SEED = 20_240
SHORT_OBJECTS = 250
MEMORY = Path("/dev/shm")  # noqa: S108 - only to see whether it is there
ROOM = 4 * 1024**3  # bytes that must be free there


def pytest_addoption(parser):
    group = parser.getgroup("faults", "runs with faults on purpose")
    group.addoption(
        "--fault-full", action="store_true", help="kill and cancel at every point, in place of a subset"
    )
    group.addoption(
        "--fault-seconds", type=float, help="go on with new seeds for so long (else QUACK_FAULT_SECONDS)"
    )
    group.addoption("--fault-seed", type=int, help="seed of the first run; drawn when the run is a long one")
    group.addoption("--fault-objects", type=int, help=f"objects of a run; {SHORT_OBJECTS}, or 10000 in a long run")
    group.addoption("--fault-kills", type=int, help="kills of each bulk verb; 200 with --fault-full")
    group.addoption("--fault-rate", type=float, default=0.05, help="share of the requests that get a fault")


@dataclass(frozen=True)
class FaultOptions:
    seconds: float
    seed: int
    objects: int
    rate: float

    @property
    def is_long(self) -> bool:
        return self.seconds > 0


LONG_SECONDS = os.environ.get("QUACK_FAULT_SECONDS", "0")  # read here: tests see no QUACK_ variables


@pytest.fixture(scope="session")
def fault_options(request) -> FaultOptions:
    def option(name, default):
        value = request.config.getoption(name, default=None)
        return default if value is None else value

    seconds = option("--fault-seconds", float(LONG_SECONDS))
    return FaultOptions(
        seconds=seconds,
        seed=option("--fault-seed", secrets.randbits(31) if seconds else SHORT_SEED),
        objects=option("--fault-objects", 10_000 if seconds else SHORT_OBJECTS),
        rate=option("--fault-rate", 0.05),
    )


@pytest.fixture
def say(request: pytest.FixtureRequest, fault_options: FaultOptions) -> Callable[[str], None]:
    """Report how it goes: past the capturing of output in a long run, else as any output of a test."""
    plugins = request.config.pluginmanager
    reporter = plugins.getplugin("terminalreporter")  # in a worker of xdist there is none
    capturing = plugins.getplugin("capturemanager")

    def say(line: str) -> None:
        if fault_options.is_long and reporter is not None and capturing is not None:
            with capturing.global_and_fixture_disabled():
                reporter.write_line(line)
        else:
            sys.stdout.write(f"{line}\n")

    return say


@pytest.fixture
def tmp_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Have a folder of this test's own, in memory where there is room: thousands of calls of `fsync` cost nothing there."""
    try:
        room = shutil.disk_usage(MEMORY).free
    except OSError:
        room = 0
    if room < ROOM:
        yield tmp_path_factory.mktemp("faults", numbered=True)
        return
    folder = Path(tempfile.mkdtemp(prefix="quack-faults-", dir=MEMORY))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def fault_full(request: pytest.FixtureRequest) -> bool:
    """Whether every point is tried."""
    return bool(request.config.getoption("--fault-full", default=False))


LONGEST_FIRST = ("test_s3", "test_bulk_crashes", "test_local", "test_memory", "test_cancellations_of_hung_servers")


def place_of(item: pytest.Item) -> int:
    name = item.path.stem
    return LONGEST_FIRST.index(name) if name in LONGEST_FIRST else len(LONGEST_FIRST)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let long runs take their time, and begin with what takes longest, so that no process is alone with it in the end."""
    if config.getoption("--fault-full", default=False):
        items.sort(key=place_of)
    seconds = config.getoption("--fault-seconds", default=None) or float(LONG_SECONDS)
    if seconds or config.getoption("--fault-full", default=False):
        for item in items:
            item.own_markers = [marker for marker in item.own_markers if marker.name != "timeout"]
            item.add_marker(pytest.mark.timeout(seconds + 3600))
