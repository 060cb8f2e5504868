"""Nothing is lost when one operation of the disk in twenty fails; the faults are drawn in the order of the calls."""

import errno
import os
import random
import threading

import pytest

from quackcore_async.storage import LocalStorage
from quackcore_async.storage.names import PARTIAL_SUFFIX
from quackcore_async.testing import state_of_folder
from quackcore_async.testing.history import Verdict
from tests.faults.workload import REMOTE, Workload

FAILING = {
    "write": (errno.ENOSPC, errno.EIO),
    "fsync": (errno.EIO,),
    "replace": (errno.EACCES, errno.EIO),
    "unlink": (errno.EACCES,),
    "open": (errno.EMFILE, errno.EACCES),
}


class FailingDisk:
    """Stands before the calls of `os` that write below a folder, and lets some fail before they do anything.

    Of `write` some come back short, which is no failure.
    """

    def __init__(self, folder, *, seed, rate):
        self.failures = dict.fromkeys(FAILING, 0)
        self.off = False
        self._folder = str(folder)
        self._random = random.Random(seed)
        self._rate = rate
        self._lock = threading.Lock()

    def install(self, monkeypatch):
        for name in FAILING:
            monkeypatch.setattr(os, name, self._failing(name, getattr(os, name)))

    def _failing(self, name, call):
        def failing(first, *args, **options):
            if self._is_meant(name, first, args):
                with self._lock:
                    roll, code = self._random.random(), self._random.choice(FAILING[name])
                if roll < self._rate:
                    self.failures[name] += 1
                    raise OSError(code, os.strerror(code), str(first))
                if name == "write" and roll < 3 * self._rate:
                    return call(first, args[0][: max(1, len(args[0]) // 2)])
            return call(first, *args, **options)

        return failing

    def _is_meant(self, name, first, args):
        if self.off:
            return False
        if name in {"write", "fsync"}:
            path = os.readlink(f"/proc/self/fd/{first}")  # noqa: PTH115 - as everywhere here
            return path.startswith(self._folder)
        if name == "unlink":
            return not str(first).endswith(PARTIAL_SUFFIX)  # what cannot be removed is left, whoever tries
        return str(first).endswith(PARTIAL_SUFFIX)


@pytest.fixture
def anyio_backend(request):
    return request.param


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"], indirect=True)
@pytest.mark.timeout(300)
async def test_nothing_is_lost_on_a_disk_that_fails(tmp_path, fault_options, monkeypatch, say):
    root = tmp_path / "root"
    root.mkdir()
    seed = fault_options.seed
    workload = Workload(
        LocalStorage(root=root),
        tmp_path,
        seed=seed,
        objects=max(250, fault_options.objects // 4),
        large=(3_000_000,),
    )
    disk = FailingDisk(tmp_path, seed=seed, rate=fault_options.rate)
    disk.install(monkeypatch)
    workload.before_writing_files = lambda off: setattr(disk, "off", off)
    await workload.run()
    disk.off = True
    actual = await workload.local_states()
    actual[REMOTE] = await state_of_folder(root)
    verdicts = workload.history.verdicts
    say(f"seed {seed}: {dict(verdicts)}, {disk.failures}")
    workload.history.verify(actual)
    assert verdicts[Verdict.OK] > 0.3 * verdicts.total()
    assert sum(disk.failures.values()) > 0.01 * verdicts.total()
