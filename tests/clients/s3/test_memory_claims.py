import anyio

from quackcore_async.clients.s3.memory import MemoryBudget


async def test_claims_beyond_the_capacity_wait_in_line():
    budget = MemoryBudget(10)
    order = []

    async def hold(name, size, until):
        async with budget.claim(size):
            order.append(name)
            await until.wait()

    first, later = anyio.Event(), anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(hold, "a", 8, first)
        await anyio.wait_all_tasks_blocked()
        group.start_soon(hold, "b", 8, later)
        await anyio.wait_all_tasks_blocked()
        group.start_soon(hold, "c", 1, later)
        await anyio.wait_all_tasks_blocked()
        assert (order, budget.granted) == (["a"], 8)
        first.set()
        await anyio.wait_all_tasks_blocked()
        assert (order, budget.granted) == (["a", "b", "c"], 9)
        later.set()
    assert budget.granted == 0


async def test_a_claim_beyond_all_is_admitted_alone():
    budget = MemoryBudget(10)
    async with budget.claim(100):
        assert budget.granted == 100


async def test_a_cancelled_claim_gives_its_place_to_the_next():
    budget = MemoryBudget(10)
    async with budget.claim(10):
        with anyio.move_on_after(0):
            async with budget.claim(5):
                raise AssertionError
    async with budget.claim(10):
        assert budget.granted == 10


async def test_a_claim_that_is_admitted_and_cancelled_at_once_is_given_back():
    budget = MemoryBudget(10)
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:

            async def claim():
                async with budget.claim(5):
                    await anyio.sleep_forever()

            async with budget.claim(10):
                group.start_soon(claim)
                await anyio.wait_all_tasks_blocked()
            scope.cancel()
    assert budget.granted == 0
