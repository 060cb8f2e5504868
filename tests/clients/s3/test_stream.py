"""An object that is poured into a worker thread: every byte once, whatever happens on the way."""

import itertools
import os

import anyio
import pytest

from quackcore_async.clients.s3 import S3Client
from quackcore_async.clients.s3.lean import connection as connections
from quackcore_async.clients.s3.lean.direct import DirectReader
from quackcore_async.errors import IntegrityError
from tests.servers.scripted import Answer

MIB = 1024**2
CONTENT = os.urandom(12 * MIB)


@pytest.fixture
def served(scripted_s3):
    """The address of an object."""
    scripted_s3.put("key", CONTENT, '"version-1"')
    return scripted_s3.endpoint.address("key")


@pytest.fixture
def direct(monkeypatch):
    """How many bytes each thread has read itself."""
    counts = []

    class Counted(DirectReader):
        def read(self, memory):
            counts.append(super().read(memory))
            return counts[-1]

    monkeypatch.setattr(connections, "DirectReader", Counted)
    return counts


class Taker:
    """Writes what it is handed where it belongs, and keeps a list of it."""

    def __init__(self):
        self.content = bytearray()
        self.offsets = []

    def __call__(self, pieces, offset):
        assert offset == len(self.content)
        self.offsets.append(offset)
        for piece in pieces:
            self.content += piece


async def poured(stream, take):
    total = 0
    while count := await stream.pour(take):
        total += count
    return total


async def test_all_bytes_are_handed_over_in_order_and_most_past_the_event_loop(scripted, served, direct):
    take = Taker()
    async with scripted.stream(served) as stream:
        assert await poured(stream, take) == len(CONTENT)
        assert await stream.pour(take) == 0
    assert take.content == CONTENT
    assert sum(direct) > MIB
    assert scripted.buffers.lent == 0


async def test_every_byte_is_handed_over_though_the_time_of_a_thread_is_up_at_once(
    scripted, served, direct, monkeypatch
):
    monkeypatch.setattr("quackcore_async.clients.s3.stream.monotonic", itertools.count(step=3600).__next__)
    take = Taker()
    async with scripted.stream(served) as stream:
        assert await poured(stream, take) == len(CONTENT)
    assert take.content == CONTENT
    assert direct


async def test_a_range_ends_where_it_should(scripted, served):
    take = Taker()
    take.content += bytes(5)
    async with scripted.stream(served, start=5, end=3 * MIB + 1) as stream:
        assert await poured(stream, take) == 3 * MIB - 4
    assert take.content[5:] == CONTENT[5 : 3 * MIB + 1]


async def test_an_empty_object_is_poured_without_a_call(scripted_s3, scripted):
    scripted_s3.put("empty", b"")
    take = Taker()
    async with scripted.stream(scripted_s3.endpoint.address("empty")) as stream:
        assert await stream.pour(take) == 0
    assert take.offsets == []


@pytest.mark.parametrize("broken", [{"cut": 3 * MIB + 7}, {"cut": 5 * MIB, "reset": True}], ids=["cut", "reset"])
async def test_it_goes_on_after_the_last_byte_when_the_connection_breaks(
    scripted_s3, scripted, served, broken, direct
):
    failed = []

    def script(request):
        if failed:
            return None
        failed.append(request)
        whole = scripted_s3._do_GetObject(request)
        return Answer(whole.status, whole.headers, whole.body, **broken)

    scripted_s3.script = script
    take = Taker()
    async with scripted.stream(served) as stream:
        assert await poured(stream, take) == len(CONTENT)
    assert take.content == CONTENT
    assert sum(direct) > MIB


async def test_an_answer_that_is_longer_than_it_said_is_refused_before_its_end_is_taken(
    scripted_s3, scripted, served
):
    whole = {"ETag": '"version-1"', "Content-Length": str(len(CONTENT) - 1)}
    scripted_s3.script = lambda _request: Answer(200, whole, CONTENT)
    take = Taker()
    async with scripted.stream(served) as stream:
        with pytest.raises(IntegrityError, match="longer than it said"):
            await poured(stream, take)
    assert len(take.content) < len(CONTENT) - 1


async def test_what_the_taker_raises_comes_out_and_nothing_is_asked_for_again(scripted_s3, scripted, served):
    def fail(_pieces, _offset):
        raise ConnectionResetError("the disk, not the network")

    async with scripted.stream(served) as stream:
        with pytest.raises(ConnectionResetError, match="the disk"):
            await stream.pour(fail)
    assert scripted_s3.count("GetObject") == 1


async def test_no_thread_is_at_work_after_a_cancellation(scripted, served):
    take = Taker()
    begun, ended = [], []

    def slowly(pieces, offset):
        begun.append(offset)
        anyio.from_thread.run_sync(scope.cancel)
        take(pieces, offset)
        ended.append(offset)

    with anyio.CancelScope() as scope:
        async with scripted.stream(served) as stream:
            await poured(stream, slowly)
    assert scope.cancel_called
    assert ended == begun
    assert CONTENT.startswith(take.content)


async def test_the_end_is_handed_over_once(scripted_s3, scripted, direct):
    size = 2 * 2 * MIB + 256 * 1024  # what a thread reads at once, twice, and what the loop reads
    scripted_s3.put("even", CONTENT[:size], '"version-1"')
    for _ in range(10):
        take = Taker()
        async with scripted.stream(scripted_s3.endpoint.address("even")) as stream:
            await poured(stream, take)
        assert take.content == CONTENT[:size]
        assert size not in take.offsets
    assert direct


async def test_without_memory_to_spare_the_event_loop_reads(scripted, served, direct):
    take = Taker()
    async with scripted.buffers.buffer(scripted.settings.max_memory), scripted.stream(served) as stream:
        await poured(stream, take)
    assert take.content == CONTENT
    assert direct == []


async def test_under_a_limit_of_bandwidth_no_thread_reads_ahead(scripted_s3, served, direct, impatient):
    settings = scripted_s3.endpoint.settings(max_bandwidth=1024 * MIB)
    take = Taker()
    async with S3Client(settings, retry=impatient) as client, client.stream(served) as stream:
        await poured(stream, take)
    assert take.content == CONTENT
    assert direct == []


async def test_streams_at_the_same_time_keep_their_bytes_apart(scripted, served):
    takes = [Taker() for _ in range(8)]

    async def pour(take):
        async with scripted.stream(served) as stream:
            await poured(stream, take)

    async with anyio.create_task_group() as group:
        for take in takes:
            group.start_soon(pour, take)
    assert all(take.content == CONTENT for take in takes)
