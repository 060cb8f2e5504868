"""Deletions by the thousand, from a storage that takes many at once: few requests, and few tasks for few files."""

import dataclasses

import anyio
import anyio.lowlevel
import pytest

from quackcore_async import MemoryStorage, delete_many
from quackcore_async.results import IntegrationResult
from quackcore_async.transfer.batching import BATCH


class Batching(MemoryStorage):
    """Deletes many at once, which takes a while, and looks how many tasks there are then."""

    def __init__(self):
        super().__init__(name="batching")
        self.batches = []
        self.tasks = 0

    @property
    def capabilities(self):
        return dataclasses.replace(super().capabilities, batch_delete=True)

    async def delete_files(self, remotes):
        self.batches.append(len(remotes))
        self.tasks = max(self.tasks, len(anyio.get_running_tasks()))
        for _ in range(50):
            await anyio.lowlevel.checkpoint()
        return IntegrationResult.success_result([await self.delete_file(remote) for remote in remotes])


@pytest.fixture
def storage():
    return Batching()


async def deleted(storage, number, shape):
    names = [f"{number:05}" for number in range(number)]
    for name in names:
        await storage.write_bytes(name, b"")
    report = (await delete_many(storage, shape(names))).content
    assert report.succeeded == number
    assert [file async for file in storage.iter_files()] == []


async def one_by_one(names):
    for name in names:
        yield name


SHAPES = {"list": list, "iterator": iter, "async iterator": one_by_one}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("number", [1, 3, 33, 500, 2 * BATCH + 1])
async def test_files_are_deleted_together(storage, number, shape):
    await deleted(storage, number, shape)
    assert len(storage.batches) <= -(-number // BATCH) + 1
    assert max(storage.batches) <= BATCH


async def test_a_few_files_do_not_start_a_thousand_tasks(storage):
    await deleted(storage, 3, list)
    assert storage.tasks < 50
