import anyio
import pytest

from quackcore_async.errors import QuackError
from quackcore_async.results import IntegrationResult
from quackcore_async.transfer.batching import BATCH, DeleteBatcher


class Service:
    """Deletes nothing and remembers what it was asked for; it can be told to wait or to misbehave."""

    def __init__(self):
        self.batches = []
        self.gate = None
        self.answer = None

    async def delete_files(self, remotes):
        self.batches.append(list(remotes))
        if self.gate is not None:
            await self.gate.wait()
        if self.answer is not None:
            return self.answer
        return IntegrationResult.success_result([IntegrationResult.success_result(remote) for remote in remotes])


@pytest.fixture
def service():
    return Service()


@pytest.fixture
def batcher(service):
    return DeleteBatcher(service.delete_files)


async def delete_all(batcher, names):
    found = {}

    async def delete(name):
        found[name] = (await batcher.delete(name)).content

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            for name in names:
                group.start_soon(delete, name)
    return found


async def test_what_is_asked_for_at_the_same_time_goes_together(batcher, service):
    names = [str(number) for number in range(2 * BATCH + 1)]
    assert await delete_all(batcher, names) == {name: name for name in names}
    assert [len(batch) for batch in service.batches] == [BATCH, BATCH, 1]


async def test_one_alone_is_not_kept_waiting(batcher, service):
    with anyio.fail_after(10):
        assert (await batcher.delete("a")).content == "a"
        assert (await batcher.delete("b")).content == "b"
    assert service.batches == [["a"], ["b"]]


async def test_what_is_asked_for_between_two_batches_goes_with_those_that_wait(batcher, service):
    async def delete_two():
        await batcher.delete("a")
        await batcher.delete("c")

    service.gate = anyio.Event()
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(delete_two)
            while not service.batches:
                await anyio.lowlevel.checkpoint()
            group.start_soon(batcher.delete, "b")
            await anyio.wait_all_tasks_blocked()
            service.gate.set()
    assert service.batches == [["a"], ["b", "c"]]


@pytest.mark.parametrize(
    "answer", [None, [], IntegrationResult.success_result([]), IntegrationResult.error_result("no")]
)
async def test_an_answer_that_is_none_fails_every_file_of_the_batch(service, answer):
    async def delete_files(remotes):
        return answer

    batcher = DeleteBatcher(delete_files)
    results = []

    async def delete(name):
        results.append(await batcher.delete(name))

    async with anyio.create_task_group() as group:
        for name in "abc":
            group.start_soon(delete, name)
    assert [result.success for result in results] == [False] * 3


@pytest.mark.parametrize("place", range(4))
async def test_whoever_is_cancelled_the_others_are_served_or_told(batcher, service, place):
    service.gate = anyio.Event()
    scopes, outcomes = [anyio.CancelScope() for _ in range(4)], {}

    async def delete(number):
        with scopes[number]:
            try:
                outcomes[number] = (await batcher.delete(str(number))).success
            except QuackError as error:
                outcomes[number] = error.code, error.retryable, error.indeterminate

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            for number in (0, 1):
                group.start_soon(delete, number)
            while not service.batches:
                await anyio.lowlevel.checkpoint()
            for number in (2, 3):
                group.start_soon(delete, number)
            await anyio.wait_all_tasks_blocked()
            leader, follower = map(int, service.batches[0])
            cancelled = (leader, follower, 2, 3)[place]
            scopes[cancelled].cancel()
            service.gate.set()
    expected = dict.fromkeys(range(4), True)
    if cancelled == leader:
        expected[follower] = "cut_short", True, True
    del expected[cancelled]
    assert outcomes == expected
    assert (await batcher.delete("later")).success
