"""The public layer of all storages: names, defaults, results."""

import os
from pathlib import Path
from typing import Any

import anyio
import pytest

from quackcore_async.errors import ErrorKind, QuackError
from quackcore_async.protocols import ObjectStorageProtocol, StorageIntegrationProtocol
from quackcore_async.results import IntegrationResult
from quackcore_async.storage import (
    AzureStorage,
    BaseStorageIntegration,
    GCSStorage,
    LocalStorage,
    MemoryStorage,
    S3Storage,
)


@pytest.fixture
def memory():
    return MemoryStorage(name="m")


def test_storages_are_what_the_protocols_ask_for(storage):
    assert isinstance(storage, BaseStorageIntegration)
    assert isinstance(storage, StorageIntegrationProtocol)
    assert isinstance(storage, ObjectStorageProtocol)


def test_positions_of_the_constructor_are_those_of_the_base_class():
    storage = MemoryStorage(None, None, "config.yaml", "DEBUG", name="tapes")
    assert (storage.config_path, storage.logger.level, storage.name) == ("config.yaml", 10, "tapes")
    assert MemoryStorage().name == "MemoryStorage"


async def test_a_storage_that_cannot_start_says_so_in_every_result(folder):
    storage = LocalStorage(root="")
    results = [
        await storage.upload_file(__file__),
        await storage.download_file("a"),
        await storage.list_files(),
        await storage.create_folder("a"),
        await storage.stat_file("a"),
        await storage.file_exists("a"),
        await storage.delete_file("a"),
        await storage.copy_file("a", "b"),
        await storage.move_file("a", "b"),
        await storage.read_bytes("a"),
        await storage.write_bytes("a", b""),
        await storage.presign_url("a"),
    ]
    assert {result.error_info.kind for result in results} == {ErrorKind.MISCONFIGURED}
    for iteration in (anext(storage.iter_files()), storage.open_read("a").__aenter__()):
        with pytest.raises(QuackError) as caught:
            await iteration
        assert caught.value.kind is ErrorKind.MISCONFIGURED


async def test_a_closed_storage_says_so(storage):
    await storage.initialize()
    await storage.aclose()
    assert (await storage.write_bytes("a", b"")).error_info.code == "closed"
    assert (await storage.initialize()).success
    assert (await storage.write_bytes("a", b"")).success


async def test_an_upload_without_a_remote_name_gets_the_base_name(memory, folder):
    (folder / "report.txt").write_bytes(b"x")
    for remote in (None, "", "memory://m/"):
        assert (await memory.upload_file(folder / "report.txt", remote)).content == "memory://m/report.txt"


async def test_a_download_without_a_local_path_lands_in_the_working_directory(memory):
    (await memory.write_bytes("a/b/report.txt", b"x")).unwrap()
    assert (await memory.download_file("a/b/report.txt")).content == "report.txt"
    assert os.listdir() == ["report.txt"]


async def test_a_download_makes_the_folders_above_and_expands_home(memory, monkeypatch, folder):
    monkeypatch.setenv("HOME", str(folder))
    (await memory.write_bytes("report.txt", b"x")).unwrap()
    result = await memory.download_file("report.txt", "~/new/inner/copy.txt")
    assert (result.content, result.verified) == (str(folder / "new" / "inner" / "copy.txt"), "length")
    assert (folder / "new" / "inner" / "copy.txt").read_bytes() == b"x"


async def test_a_remote_that_is_missing_makes_no_local_folders(memory, folder):
    assert not (await memory.download_file("missing", str(folder / "new" / "a"))).success
    assert os.listdir(folder) == []


async def test_a_remote_name_that_is_no_file_name_is_not_downloaded_into_a_folder(memory, folder):
    for name in ("a/..", "..", "a//", "x\0"):
        await memory.write_bytes(name, b"evil")
        result = await memory.download_file(name, str(folder))
        assert result.error_info.kind is ErrorKind.INVALID_INPUT
    assert os.listdir(folder) == []


@pytest.mark.parametrize("name", ["", None, 7, "folder/", "\ud800"])
async def test_a_name_of_no_file_is_refused(memory, name):
    for result in (
        await memory.read_bytes(name),
        await memory.stat_file(name),
        await memory.write_bytes(name, b""),
    ):
        assert (result.success, result.error_info.kind) == (False, ErrorKind.INVALID_INPUT)


async def test_names_are_bounded_where_the_storage_says_so(memory, monkeypatch):
    from dataclasses import replace

    capabilities = replace(memory.capabilities, max_name_bytes=1024)
    monkeypatch.setattr(MemoryStorage, "capabilities", property(lambda self: capabilities))
    assert (await memory.write_bytes("x" * 1024, b"")).success
    assert (await memory.write_bytes("x" * 1025, b"")).error_info.code == "name_too_long"


async def test_a_failing_progress_callback_fails_the_transfer_and_leaves_nothing(storage, folder):
    (folder / "a").write_bytes(b"x" * 10)

    def fail(done):
        raise ValueError("no")

    result = await storage.upload_file(folder / "a", progress=fail)
    assert (result.success, result.error_info.kind) == (False, ErrorKind.INTERNAL)


async def test_progress_that_goes_backwards_is_dropped(folder):
    class Restarting(MemoryStorage):
        async def _put_file(self, source, write):
            for done in (5, 9, 0, 3, 9, 10):
                write.progress(done)

    seen = []
    (folder / "a").touch()
    await Restarting().upload_file(folder / "a", progress=seen.append)
    assert seen == [5, 9, 10]


async def test_a_hook_that_forgets_to_commit_breaks_the_contract(folder):
    class Forgetful(MemoryStorage):
        async def _fetch(self, path, target, progress):
            target.open({"name": "a", "path": "a", "size": 0, "last_modified": None, "url": ""})

    result = await Forgetful().download_file("a", str(folder / "a"))
    assert result.error_info.code == "contract"
    assert os.listdir(folder) == []


async def test_a_listing_may_fail_in_the_middle():
    class Failing(MemoryStorage):
        async def _pages(self, folder, *, recursive):
            yield [{"name": "a", "path": "a", "size": 0, "last_modified": None, "url": ""}]
            raise OSError(5, "gone")

    seen = []
    with pytest.raises(QuackError) as caught:
        async for file in Failing().iter_files():
            seen.append(file["path"])
    assert (seen, caught.value.code) == (["a"], "io")
    assert (await Failing().list_files()).error_info.code == "io"


async def test_a_file_that_ends_early_is_truncated_not_short():
    class Short(MemoryStorage):
        async def _open(self, path, start, end):
            reader = await super()._open(path, start, end)
            reader.file = {**reader.file, "size": 5}
            return reader

    storage = Short()
    await storage.write_bytes("a", b"1234")
    result = await storage.read_bytes("a")
    assert (result.error_info.kind, result.error_info.retryable) == (ErrorKind.CORRUPTED, True)


async def test_a_disk_that_fails_while_a_stream_is_read_fails_the_read():
    class Failing(MemoryStorage):
        async def _open(self, path, start, end):
            reader = await super()._open(path, start, end)
            reader.read = self._fail
            return reader

        async def _fail(self):
            raise OSError(5, "gone")

    storage = Failing()
    await storage.write_bytes("a", b"1234")
    async with storage.open_read("a") as stream:
        with pytest.raises(QuackError) as caught:
            await anext(stream)
    assert caught.value.code == "io"


async def test_a_stream_is_read_inside_its_block_only(storage):
    await storage.write_bytes("a", b"1234")
    stream = storage.open_read("a")
    with pytest.raises(QuackError, match="async with"):
        await anext(stream)
    async with stream:
        assert stream.file["path"] == "a"
    with pytest.raises(QuackError):
        await anext(stream)
    await stream.aclose()


async def test_a_missing_file_is_found_out_when_the_stream_is_entered(storage):
    stream = storage.open_read("missing")
    with pytest.raises(QuackError) as caught:
        await stream.__aenter__()
    assert caught.value.kind is ErrorKind.NOT_FOUND


async def test_what_the_callers_stream_raises_is_the_callers(storage):
    async def chunks():
        yield b"x"
        raise ConnectionResetError("the caller's own")

    result = await storage.write_stream("a", chunks())
    assert (result.error_info.code, result.error) == ("connection", "the caller's own")
    assert (await storage.list_files()).unwrap() == []


async def test_an_override_of_an_author_still_becomes_a_result():
    class Custom(MemoryStorage):
        async def upload_file(self, file_path, remote_path=None):
            return IntegrationResult.success_result("mine")

        async def list_files(self, remote_path=None, pattern=None):
            raise PermissionError(13, "no")

    assert (await Custom().upload_file("x")).content == "mine"
    assert (await Custom().list_files()).error_info.kind is ErrorKind.PERMISSION_DENIED


async def test_moving_a_missing_file_onto_another_keeps_the_other(storage):
    await storage.write_bytes("a", b"kept")
    assert (await storage.move_file("missing", "a")).error_info.kind is ErrorKind.NOT_FOUND
    assert (await storage.read_bytes("a")).unwrap() == b"kept"


async def test_a_hundred_workers_on_one_name_leave_one_whole_file(storage, root):
    async def write(number):
        (await storage.write_bytes("a", str(number % 10).encode() * 100_000)).unwrap()

    async with anyio.create_task_group() as group:
        for number in range(100):
            group.start_soon(write, number)
    content = (await storage.read_bytes("a")).unwrap()
    assert content == content[:1] * 100_000
    assert [file["path"] for file in (await storage.list_files()).unwrap()] == ["a"]
    assert os.listdir(root) in ([], ["a"])


async def test_the_generator_of_a_stream_that_cannot_be_written_is_closed(storage):
    """Nobody else could: it is made in the call, and what it holds open would wait for the garbage collector."""
    events = []

    async def chunks():
        try:
            yield b"first"
            yield "no bytes"
            yield b"never"
        finally:
            await anyio.lowlevel.checkpoint()
            events.append("closed")

    assert not (await storage.write_stream("a", chunks())).success
    assert events == ["closed"]


@pytest.mark.parametrize(
    ("storage", "kind", "key"),
    [
        (LocalStorage, "local", "root"),
        (S3Storage, "s3", "bucket_name"),
        (GCSStorage, "gcs", "bucket_name"),
        (AzureStorage, "azure", "container_name"),
    ],
)
async def test_an_overridden_name_decides_about_the_section(storage: Any, kind: str, key: str):
    class Backups(storage):
        name = "backups"

    account = ", account_name: ducks" if kind == "azure" else ""
    lines = [f"{section}: {{{key}: of-{section}{account}}}" for section in (kind, "backups")]
    Path("quack_config.yaml").write_text("\n".join(lines))
    backups = Backups()
    await backups.load_auth_provider()
    assert backups.config[key] == "of-backups"
