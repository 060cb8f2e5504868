"""What is called cancels itself, as a future does that somebody else cancelled: an error, never work left out."""

import asyncio
import os
from pathlib import Path
from typing import Any

import anyio
import pytest

from quackcore_async import MemoryStorage, S3Storage, sync, upload_many
from quackcore_async.clients.s3 import S3Client
from tests.faults.cancelling.s3 import s3_config_of
from tests.servers.endpoint import S3Endpoint

MIB = 1024**2


@pytest.fixture
def anyio_backend():
    return "asyncio"


class Cancelling(MemoryStorage):
    """Cancels itself where it is told to."""

    lists = True

    async def _put_file(self, source: Any, write: Any) -> None:
        if "bad" in write.path:
            raise asyncio.CancelledError
        await super()._put_file(source, write)

    async def _tree_pages(self, folder: str) -> Any:
        async for page in super()._tree_pages(folder):
            yield list(page)[:2]
            if not self.lists:
                raise asyncio.CancelledError
            yield list(page)[2:]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    folder.mkdir()
    for number in range(20):
        (folder / f"{'bad' if number % 2 else 'good'}{number:02}").write_bytes(b"x")
    return folder


@pytest.mark.parametrize("fail_fast", [False, True])
async def test_an_item_that_cancels_itself_fails_alone(tree: Path, fail_fast: bool):
    items = sorted(tree.iterdir())
    with anyio.fail_after(10):
        result = await upload_many(
            Cancelling(name="m"), items, concurrency=3, on_error="fail_fast" if fail_fast else "collect"
        )
    report = result.content
    assert [outcome.index for outcome in report.outcomes] == list(range(20))
    if not fail_fast:
        assert (report.succeeded, report.failed) == (10, 10)
    assert {outcome.error_info.code for outcome in report.failures if outcome.status == "failed"} == {"cancelled"}


async def test_a_cancellation_from_outside_is_none_of_the_items_failures(tree: Path):
    async def cancel_at_the_third(*_: object) -> None:
        storage.calls += 1
        if storage.calls == 3:
            task.cancel()
        await anyio.lowlevel.checkpoint()

    storage: Any = MemoryStorage(name="m")
    storage.calls = 0
    storage._put_file = cancel_at_the_third
    task = asyncio.ensure_future(upload_many(storage, sorted(tree.iterdir()), concurrency=3))
    await asyncio.wait([task])
    assert task.cancelled()


@pytest.mark.parametrize("side", ["source", "target"])
async def test_a_listing_that_cancels_itself_ends_a_sync_and_deletes_nothing(tree: Path, side: str):
    storage = Cancelling(name="m")
    for path in tree.iterdir():
        await storage.write_bytes(path.name, b"x")
    storage.lists = False
    with anyio.fail_after(10):
        result = await (
            sync((storage, ""), tree, delete=True) if side == "source" else sync(tree, (storage, ""), delete=True)
        )
    assert not result.success
    assert result.error_info.code == "cancelled"
    assert result.content.deleted == 0
    assert len(list(tree.iterdir())) == 20


@pytest.fixture
async def s3(seaweed: S3Endpoint):
    async with S3Storage(config=s3_config_of(seaweed)) as storage:
        yield storage


def without_part(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Let one part of three cancel itself once the service has the others."""
    original = S3Client.upload_part
    sent: list[int] = []

    async def cancels_itself(client: S3Client, *args: Any, **options: Any) -> Any:
        if args[2] == number:
            while len(sent) < 2:
                await anyio.sleep(0.001)
            raise asyncio.CancelledError
        part = await original(client, *args, **options)
        sent.append(args[2])
        return part

    monkeypatch.setattr(S3Client, "upload_part", cancels_itself)


@pytest.mark.parametrize("last", [2, 3])
@pytest.mark.parametrize("verb", ["upload_file", "write_stream"])
async def test_an_upload_without_one_of_its_parts_is_no_object(
    s3: S3Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str, last: int
):
    content = os.urandom(11 * MIB)
    without_part(monkeypatch, last)
    (tmp_path / "source").write_bytes(content)

    async def chunks() -> Any:
        for start in range(0, len(content), MIB):
            yield content[start : start + MIB]

    with anyio.fail_after(20):
        if verb == "upload_file":
            result = await s3.upload_file(str(tmp_path / "source"), "key")
        else:
            result = await s3.write_stream("key", chunks())
    assert not result.success
    assert not (await s3.file_exists("key")).unwrap()


async def test_a_download_without_one_of_its_ranges_is_no_file(
    s3: S3Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (await s3.write_bytes("key", os.urandom(11 * MIB))).unwrap()
    original = S3Client.stream

    def stream(client: S3Client, *args: Any, **options: Any) -> Any:
        if options.get("start") == 5 * MIB:
            raise asyncio.CancelledError
        return original(client, *args, **options)

    monkeypatch.setattr(S3Client, "stream", stream)
    with anyio.fail_after(20):
        result = await s3.download_file("key", str(tmp_path / "target"))
    assert not result.success
    assert not (tmp_path / "target").exists()
