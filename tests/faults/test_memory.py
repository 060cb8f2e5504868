"""Nothing is lost over a storage of which one operation in twenty fails before, in the middle of, or after its work."""

import hashlib
import random

import pytest

from quackcore_async.errors import TransportError
from quackcore_async.storage import MemoryStorage
from quackcore_async.testing import ActualState, digest_of
from quackcore_async.testing.history import Verdict
from tests.faults.workload import REMOTE, Workload


class FailingStorage(MemoryStorage):
    """Fails as a service behind a bad network does: an answer that is lost leaves open what happened.

    What fails is drawn from the seed, the operation, the name and how often it was tried.
    """

    def __init__(self, *, seed, rate):
        super().__init__(name="failing")
        self.failures = 0
        self._seed, self._rate = seed, rate
        self._tries = {}

    async def _call(self, operation, path, work):
        tries = self._tries[operation, path] = self._tries.get((operation, path), 0) + 1
        text = f"{self._seed} {operation} {path} {tries}".encode()
        rolled = random.Random(hashlib.sha256(text).digest())
        if rolled.random() >= self._rate:
            return await work()
        self.failures += 1
        if rolled.random() < 0.5:
            raise TransportError("refused", retryable=True)
        await work()
        raise TransportError("the answer is lost", retryable=True, indeterminate=True)

    async def _put_file(self, source, write):
        await self._call("put", write.path, lambda: super(FailingStorage, self)._put_file(source, write))

    async def _put_bytes(self, data, write):
        await self._call("put", write.path, lambda: super(FailingStorage, self)._put_bytes(data, write))

    async def _delete(self, path):
        return await self._call("delete", path, lambda: super(FailingStorage, self)._delete(path))

    async def _copy(self, source, target, *, overwrite):
        await self._call(
            "copy", target, lambda: super(FailingStorage, self)._copy(source, target, overwrite=overwrite)
        )

    async def _fetch(self, path, target, progress):
        """Break off in the middle, with half of the bytes in the unfinished file."""

        async def broken():
            stored = self._find(path)
            target.open(self._describe(path, stored))
            target.write(memoryview(stored.data)[: len(stored.data) // 2])

        text = f"{self._seed} fetch {path} {len(self._tries)}".encode()
        if random.Random(hashlib.sha256(text).digest()).random() < self._rate:
            self.failures += 1
            await broken()
            raise TransportError("the connection broke", retryable=True)
        await super()._fetch(path, target, progress)


@pytest.fixture
def anyio_backend(request):
    return request.param


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"], indirect=True)
@pytest.mark.timeout(300)
async def test_nothing_is_lost_over_a_storage_that_fails(tmp_path, fault_options, say):
    seed = fault_options.seed
    storage = FailingStorage(seed=seed, rate=fault_options.rate)
    objects = max(250, fault_options.objects // 4)
    workload = Workload(storage, tmp_path, seed=seed, objects=objects, large=(3_000_000,))
    await workload.run()
    actual = await workload.local_states()
    actual[REMOTE] = ActualState(
        {path: digest_of(stored.data) for path, stored in storage._files.items() if not path.endswith("/")}
    )
    verdicts = workload.history.verdicts
    say(f"seed {seed}: {dict(verdicts)}, {storage.failures} failures")
    workload.history.verify(actual)
    assert verdicts[Verdict.OK] > 0.3 * verdicts.total()
    assert storage.failures > 0.01 * verdicts.total()
