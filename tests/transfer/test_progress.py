import anyio
import pytest

from quackcore_async.transfer import download_many, stream_upload_many, upload_many
from quackcore_async.transfer.progress import ProgressReporter
from tests.transfer.foreign import make_tree

FILES = {f"f{number}": b"x" * number * 100_000 for number in range(8)}


def check_forwards(events, files):
    done = {}
    for before, after in zip(events, events[1:], strict=False):
        assert after.files_done >= before.files_done
        assert after.bytes_done >= before.bytes_done
    for event in events:
        assert event.item_bytes >= done.get(event.item, 0)
        done[event.item] = event.item_bytes
    assert events[-1].phase == "done"
    assert events[-1].files_done == events[-1].files_total == files


async def test_events_go_forwards_to_the_end(storage, here):
    make_tree(here, FILES)
    events = []
    await upload_many(storage, [here / name for name in FILES], progress=events.append)
    check_forwards(events, len(FILES))
    assert events[-1].bytes_done == sum(map(len, FILES.values()))


async def test_a_coroutine_function_is_awaited(storage, here):
    make_tree(here, FILES)
    events = []

    async def progress(event):
        await anyio.lowlevel.checkpoint()
        events.append(event)

    await upload_many(storage, [here / name for name in FILES], progress=progress)
    check_forwards(events, len(FILES))


async def test_a_stream_awaits_a_coroutine_function_too(foreign, here):
    make_tree(here, {"a": b"x"})
    events = []

    async def progress(event):
        events.append(event)

    inputs = ((here / "a", str(number)) for number in range(100))
    outcomes = [outcome async for outcome in stream_upload_many(foreign, inputs, concurrency=2, progress=progress)]
    assert len(outcomes) == 100
    check_forwards(events, 100)
    assert len(events) > 10


@pytest.mark.parametrize("is_coroutine", [False, True])
async def test_a_callback_that_raises_breaks_nothing_and_is_logged_once(memory, here, caplog, is_coroutine):
    make_tree(here, FILES)

    def plain(event):
        raise ZeroDivisionError("broken callback")

    async def coroutine(event):
        raise ZeroDivisionError("broken callback")

    result = await upload_many(
        memory, [here / name for name in FILES], progress=coroutine if is_coroutine else plain
    )
    assert result.success
    assert len([record for record in caplog.records if "progress callback" in record.message]) == 1


def test_a_second_try_does_not_take_bytes_back():
    events = []
    reporter = ProgressReporter(events.append)
    meter = reporter.meter("a", 10)
    for done in (4, 8, 0, 2, 8, 10):
        meter(done)
    assert [event.item_bytes for event in events] == [4, 8, 10]
    assert reporter.bytes_done == 10


async def test_a_coroutine_function_is_told_while_items_are_under_way(foreign, here):
    make_tree(here, {"a": b"x"})
    finished = []

    async def progress(event):
        finished.append(len(foreign.files))

    inputs = [(here / "a", str(number)) for number in range(100)]
    assert (await upload_many(foreign, inputs, concurrency=1, progress=progress)).success
    assert finished[0] < 100


async def test_an_upload_to_a_plain_storage_counts_its_bytes(foreign, here):
    make_tree(here, {"a": b"12345"})
    events = []
    result = await upload_many(foreign, iter([here / "a"]), progress=events.append)
    assert result.success
    assert "a" in foreign.files
    assert 5 in [event.item_bytes for event in events]
    assert result.content.bytes == 5


async def test_a_download_of_a_plain_storage_counts_its_bytes(foreign, here):
    foreign.files = {"a": b"12345"}
    events = []
    assert (await download_many(foreign, ["a"], target=here, progress=events.append)).success
    assert 5 in [event.item_bytes for event in events]


async def test_an_event_names_where_the_item_goes_or_else_what_it_was_made_of(memory, here):
    make_tree(here, {"a": b"x"})
    events = []
    await upload_many(memory, [(here / "a", "b"), 5], progress=events.append)
    assert {event.item for event in events if event.phase == "transfer"} == {"b", "5"}


async def test_an_object_whose_call_is_a_coroutine_function_is_awaited(memory, here):
    make_tree(here, {"a": b"x"})

    class Progress:
        def __init__(self):
            self.phases = []

        async def __call__(self, event):
            await anyio.lowlevel.checkpoint()
            self.phases.append(event.phase)

    progress = Progress()
    await upload_many(memory, [here / "a"], progress=progress)
    assert progress.phases[-1] == "done"


async def test_a_coroutine_function_is_told_each_event_before_the_next_until_it_is_closed():
    told = []

    async def progress(event):
        await anyio.lowlevel.checkpoint()
        told.append(event.item)

    reporter = ProgressReporter(progress)
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            reporter.open()
            group.start_soon(reporter.deliver_until_closed)
            for item in "abc":
                reporter.finish(reporter.meter(item, 0))
                while item not in told:
                    await anyio.lowlevel.checkpoint()
            reporter.close()
    assert told == ["a", "b", "c"]


def test_files_of_a_listing_are_told_by_the_thousand():
    events = []
    reporter = ProgressReporter(events.append)
    for _ in range(2500):
        reporter.find(1)
    assert [(event.phase, event.files_total) for event in events] == [("listing", 1000), ("listing", 2000)]
