"""Registries that live by the hundred, and a worker that is told to stop while it works."""

import gc
import json
import signal
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from quackcore_async import BaseIntegrationService, IntegrationRegistry, MemoryStorage
from tests.faults.cancelling.attempts import number_of_tasks, open_files, sockets
from tests.faults.crashing.harness import environment

FEW, MANY = 200, 1000  # lives


class Resource:
    async def aclose(self) -> None:
        await anyio.lowlevel.checkpoint()


class Plain(BaseIntegrationService):
    """Opens something; one in three fails, and one in three does not close."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    @property
    def name(self) -> str:
        return f"plain{self.number}"

    async def _setup(self) -> None:
        self.resource = Resource()
        self._exit_stack.push_async_callback(anyio.lowlevel.checkpoint)
        if self.number == 1:
            raise ConnectionError("down")

    async def _teardown(self) -> None:
        if self.number == 2:
            raise ConnectionError("it does not close")


async def live() -> None:
    registry = IntegrationRegistry()
    for number in range(3):
        registry.register(Plain(number))
    registry.register(MemoryStorage(name="memory"))
    results = await registry.initialize_all()
    assert [result.success for result in results.values()] == [True, False, True, True]
    closed = await registry.aclose()
    assert not closed["plain2"].success


async def test_registries_by_the_hundred_leave_nothing(caplog: pytest.LogCaptureFixture, fault_full: bool):
    lives = MANY if fault_full else FEW
    caplog.set_level("CRITICAL")
    for _ in range(20):
        await live()
    gc.collect()
    tasks, files, ours, objects = number_of_tasks(), open_files(), sockets(), len(gc.get_objects())
    for _ in range(lives):
        await live()
    gc.collect()
    assert number_of_tasks() <= tasks
    # Fewer is no leak: what an earlier test left in the process may be closed only now.
    assert not set(open_files()) - set(files)
    assert sockets() <= ours
    assert len(gc.get_objects()) - objects < lives, "each life leaves an object at least"


WORKER = """
import json, signal, sys
import anyio
from quackcore_async import BaseIntegrationService, IntegrationRegistry, LocalStorage, sync

class Stuck(BaseIntegrationService):
    name = "stuck"

    async def _teardown(self):
        await anyio.sleep_forever()

async def main(source, target):
    registry = IntegrationRegistry()
    storage = LocalStorage(root=target)
    registry.register(storage)
    registry.register(Stuck())
    await registry.initialize_all()
    moved = []

    async def work():
        while True:
            report = (await sync(source, (storage, ""), checksum=True)).content
            moved.append(report.succeeded)
            print("once", flush=True)

    with anyio.open_signal_receiver(signal.SIGTERM) as signals:
        async with anyio.create_task_group() as group:
            group.start_soon(work)
            async for _ in signals:
                group.cancel_scope.cancel()
                break
        closed = await registry.aclose(timeout=1)
    print(json.dumps({name: result.success for name, result in closed.items()}), flush=True)

anyio.run(main, *sys.argv[1:3], backend=sys.argv[3])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="this system has no SIGTERM")
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_worker_that_is_told_to_stop_drains_and_closes_within_its_deadline(tmp_path: Path, backend: str):
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    for number in range(50):
        (source / f"{number}").write_bytes(b"x" * 100_000)
    child = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(source), str(target), backend],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "once\n"
        child.send_signal(signal.SIGTERM)
        output, _ = child.communicate(timeout=15)
    finally:
        child.kill()
        child.communicate()
    assert child.returncode == 0
    assert json.loads(output.splitlines()[-1]) == {"stuck": False, "LocalStorage": True}
    assert sorted(path.name for path in target.iterdir()) == sorted(path.name for path in source.iterdir())
