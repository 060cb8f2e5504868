import gc
import itertools

import anyio
import pytest

from quackcore_async.errors import ContractError
from quackcore_async.transfer import stream_delete_many, stream_download_many, stream_upload_many
from tests.transfer.foreign import make_tree, read_tree


@pytest.fixture
def endless(here):
    """A function that yields upload items without end."""
    make_tree(here, {"a": b"x"})
    return lambda: ((here / "a", str(number)) for number in itertools.count())


async def test_every_item_has_its_outcome(storage, here):
    make_tree(here, {f"f{number}": b"x" for number in range(50)})
    outcomes = [outcome async for outcome in stream_upload_many(storage, here.iterdir(), concurrency=2)]
    assert sorted(outcome.index for outcome in outcomes) == list(range(50))
    assert {str(outcome.status) for outcome in outcomes} == {"ok"}


async def test_downloads_and_deletions_stream_too(memory, here):
    for number in range(5):
        await memory.write_bytes(str(number), b"x")
    downloads = stream_download_many(memory, memory.iter_files(), target=here)
    assert [outcome.status async for outcome in downloads] == ["ok"] * 5
    assert len(read_tree(here)) == 5
    assert [outcome.status async for outcome in stream_delete_many(memory, map(str, range(5)))] == ["ok"] * 5


async def test_a_failure_names_the_call_and_the_storage(foreign, here):
    make_tree(here, {"a": b"x"})
    streams = {
        "stream_upload_many": stream_upload_many(foreign, [here / "gone"]),
        "stream_download_many": stream_download_many(foreign, ["missing"], target=here),
        "stream_delete_many": stream_delete_many(foreign, ["missing"]),
    }
    for operation, stream in streams.items():
        (outcome,) = [outcome async for outcome in stream]
        assert (outcome.error_info.service, outcome.error_info.operation) == ("foreign", operation)


async def test_an_endless_input_is_consumed_no_further_than_its_outcomes(foreign, endless):
    count = 0
    async for _outcome in stream_upload_many(foreign, endless(), concurrency=4):
        assert foreign.active == 0
        count += 1
        if count == 500:
            break
    assert len(foreign.started) <= 500 + 16 * 4 + 4


async def test_leaving_early_leaves_nothing_behind(foreign, endless):
    stream = stream_upload_many(foreign, endless(), concurrency=4)
    assert (await anext(stream)).status == "ok"
    started = len(foreign.started)
    del stream
    gc.collect()
    for _ in range(10):
        await anyio.lowlevel.checkpoint()
    assert (foreign.active, len(foreign.started)) == (0, started)


async def test_an_exception_of_the_consumer_leaves_nothing_behind(foreign, endless):
    async def consume():
        async for _outcome in stream_upload_many(foreign, endless()):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await consume()
    assert foreign.active == 0


async def test_one_task_may_take_over_from_another(foreign, endless):
    stream = stream_upload_many(foreign, endless(), concurrency=1)
    seen = []

    async def take():
        seen.extend([(await anext(stream)).index for _ in range(20)])

    for _ in range(2):
        async with anyio.create_task_group() as group:
            group.start_soon(take)
    assert sorted(seen) == list(range(40))


async def test_outcomes_are_not_held_back_by_an_input_that_waits(foreign, here):
    make_tree(here, {"a": b"x"})
    send, receive = anyio.create_memory_object_stream(10)
    async with send, receive:
        stream = stream_upload_many(foreign, receive)
        with anyio.fail_after(20):
            for number in range(3):
                await send.send((here / "a", str(number)))
                outcome = await anext(stream)
                assert (outcome.status, outcome.target) == ("ok", str(number))
        await send.aclose()
        with pytest.raises(StopAsyncIteration):
            await anext(stream)


async def test_an_async_generator_loses_nothing(foreign, here):
    make_tree(here, {"a": b"x"})

    async def inputs():
        for number in range(200):
            await anyio.lowlevel.checkpoint()
            yield here / "a", str(number)

    outcomes = [outcome async for outcome in stream_upload_many(foreign, inputs(), concurrency=2)]
    assert sorted(outcome.index for outcome in outcomes) == list(range(200))


async def test_an_async_generator_that_waits_past_the_window_is_not_interrupted(foreign, here, monkeypatch):
    monkeypatch.setattr("quackcore_async.transfer.bulk.STREAM_WINDOW", 0.0)
    make_tree(here, {"a": b"x"})

    async def inputs():
        yield here / "a", "first"
        while "first" not in foreign.files:
            await anyio.lowlevel.checkpoint()
        for _ in range(100):
            await anyio.lowlevel.checkpoint()
        yield here / "a", "second"

    with anyio.fail_after(10):
        outcomes = [outcome.target async for outcome in stream_upload_many(foreign, inputs())]
    assert outcomes == ["first", "second"]


async def test_an_input_that_raises_does_so_after_the_outcomes(foreign, here):
    make_tree(here, {"a": b"x"})

    def inputs():
        yield here / "a"
        raise ZeroDivisionError

    stream = stream_upload_many(foreign, inputs())
    assert (await anext(stream)).status == "ok"
    with pytest.raises(ZeroDivisionError):
        await anext(stream)
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_fail_fast_ends_an_endless_stream(foreign, endless):
    foreign.broken = {"7"}
    outcomes = [o async for o in stream_upload_many(foreign, endless(), concurrency=2, on_error="fail_fast")]
    assert [outcome.target for outcome in outcomes if outcome.status == "failed"] == ["7"]
    assert len(outcomes) < 20


async def test_a_duplicate_target_is_found_in_a_stream(foreign, here):
    make_tree(here, {"a": b"x"})
    inputs = iter([(here / "a", "same"), (here / "a", "same")])
    outcomes = [outcome async for outcome in stream_upload_many(foreign, inputs)]
    assert [str(outcome.status) for outcome in sorted(outcomes, key=lambda o: o.index)] == ["ok", "failed"]


async def test_a_cancelled_wait_leaves_nothing_running(foreign, endless):
    foreign.gate = anyio.Event()
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:

            async def cancel():
                while foreign.active < 2:
                    await anyio.lowlevel.checkpoint()
                scope.cancel()

            group.start_soon(cancel)
            await anext(stream_upload_many(foreign, endless(), concurrency=2))
    assert foreign.active == 0


async def test_what_is_no_storage_is_refused_at_once():
    with pytest.raises(ContractError):
        stream_upload_many(object(), [])
