"""One way to talk to any storage: what is asked of it, and what is made of its answers."""

import os
from dataclasses import replace

import pytest

from quackcore_async.errors import ContractError, ErrorKind, QuackError, StorageError
from quackcore_async.results import IntegrationResult
from quackcore_async.storage import MemoryStorage
from quackcore_async.transfer import (
    download_many,
    stream_download_many,
    stream_upload_many,
    sync,
    upload_many,
)
from quackcore_async.transfer.gateways import gateway
from tests.transfer.foreign import make_tree, read_tree


async def test_a_plain_storage_gets_a_file_under_the_name_that_was_asked_for(foreign, here):
    make_tree(here, {"a": b"x"})
    await gateway(foreign).upload(str(here / "a"), "b/c", overwrite=True, options=None, on_bytes=None)
    assert foreign.files == {"b/c": b"x"}


async def test_a_folder_in_the_place_of_a_download_is_a_conflict_unless_it_may_go_into_it(memory, there):
    await memory.write_bytes("x/a", b"1")
    storage, options = gateway(memory), {"size": 1, "overwrite": True, "on_bytes": None}
    with pytest.raises(QuackError) as caught:
        await storage.download("x/a", str(there), **options)
    assert caught.value.code == "is_a_folder"
    assert read_tree(there) == {}
    await storage.download("x/a", str(there), **options, exact=False)
    assert read_tree(there) == {"a": b"1"}


async def test_a_plain_storage_downloads_into_a_folder_only_where_it_may(foreign, there):
    foreign.files["x/a"] = b"1"
    storage, options = gateway(foreign), {"size": 1, "on_bytes": None}
    with pytest.raises(QuackError, match="is a folder") as caught:
        await storage.download("x/a", str(there), **options, overwrite=True)
    assert caught.value.code == "is_a_folder"
    await storage.download("x/a", str(there), **options, overwrite=True, exact=False)
    with pytest.raises(QuackError) as caught:
        await storage.download("x/a", str(there / "a"), **options, overwrite=False)
    assert caught.value.code == "exists"
    assert read_tree(there) == {"a": b"1"}


async def test_what_a_plain_storage_downloads_is_on_the_disk_before_it_takes_its_place(
    foreign, there, monkeypatch
):
    foreign.files["a"], order = b"1", []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *args, name=name, real=real: [order.append(name), real(*args)][1])
    await gateway(foreign).download("a", str(there / "a"), size=1, overwrite=True, on_bytes=None)
    assert order == ["fsync", "replace", "fsync"]


@pytest.mark.parametrize("file", [{"name": "a"}, {"path": ""}, "a", None])
async def test_a_listed_file_without_a_path_breaks_the_contract(foreign, file):
    async def list_files(remote_path=None, pattern=None):
        return IntegrationResult.success_result([{"path": "good"}, file])

    foreign.list_files = list_files
    with pytest.raises(ContractError, match=r"foreign\.list_files returned .*: a file is a mapping with a `path`"):
        await gateway(foreign).stat("good")


@pytest.mark.parametrize(
    ("method", "call"),
    [
        ("list_files", lambda storage, _: storage.stat("a")),
        ("create_folder", lambda storage, _: storage.create_folder("a")),
        (
            "upload_file",
            lambda storage, path: storage.upload(path, "a", overwrite=True, options=None, on_bytes=None),
        ),
        (
            "download_file",
            lambda storage, path: storage.download("a", path, size=None, overwrite=True, on_bytes=None),
        ),
    ],
)
async def test_a_method_that_returns_no_result_is_named(foreign, here, method, call):
    async def nonsense(*args):
        return 5

    make_tree(here, {"a": b"x"})
    setattr(foreign, method, nonsense)
    with pytest.raises(ContractError, match=f"^{method} returned int: a storage returns IntegrationResult"):
        await call(gateway(foreign), str(here / "a"))


@pytest.mark.parametrize(
    ("what", "call"),
    [
        ("delete", lambda storage: storage.delete("a")),
        ("copy to b", lambda storage: storage.copy("a", "b")),
        ("write a stream", lambda storage: storage.write_stream("a", None)),
        ("open a stream", lambda storage: storage.open_read("a")),
    ],
)
async def test_what_takes_more_than_the_four_methods_says_so(foreign, what, call):
    with pytest.raises(StorageError, match=f"the storage foreign cannot {what} a: it has only the four") as caught:
        await call(gateway(foreign))
    assert (caught.value.kind, caught.value.code) == (ErrorKind.UNSUPPORTED, "capability")


async def test_a_listing_that_was_put_in_place_is_asked_for_inner_folders_too():
    class Replaced(MemoryStorage):
        async def iter_files(self, remote_path=None, pattern=None, *, recursive=True):
            async for file in super().iter_files(remote_path, pattern, recursive=recursive):
                yield file

    storage = Replaced(name="m")
    for name in ("a", "b/c/d"):
        await storage.write_bytes(name, b"")
    assert [file["path"] async for page in gateway(storage).tree_pages(None) for file in page] == ["a", "b/c/d"]


class Resuming(MemoryStorage):
    """Says that it can go on with transfers, and remembers which were to be gone on with."""

    def __init__(self, *, can_resume=True):
        super().__init__(name="resuming")
        self.can_resume = can_resume
        self.asked = []

    @property
    def capabilities(self):
        return replace(super().capabilities, resume=self.can_resume)

    async def _put_file(self, source, write):
        self.asked.append(write.resume)
        await super()._put_file(source, write)

    async def _fetch(self, path, target, progress):
        self.asked.append(target.resumes)
        await super()._fetch(path, target, progress)


async def test_a_method_that_was_put_in_place_is_not_asked_to_go_on_as_it_may_not_know_how(here, there):
    class Replaced(Resuming):
        async def upload_file(self, file_path, remote_path=None, *, overwrite=True, options=None, progress=None):
            return await super().upload_file(file_path, remote_path, overwrite=overwrite)

        async def download_file(self, remote_id, local_path=None, *, overwrite=True, progress=None):
            return await super().download_file(remote_id, local_path, overwrite=overwrite)

    make_tree(here, {"a": b"x"})
    storage = Replaced()
    (await upload_many(storage, [here / "a"], resume=True)).unwrap()
    (await download_many(storage, ["a"], target=there, resume=True)).unwrap()
    assert storage.asked == [False, False]


async def all_of(stream):
    return [outcome async for outcome in stream]


@pytest.mark.parametrize(
    "move",
    [
        lambda storage, here, there, **resume: upload_many(storage, [here / "a"], **resume),
        lambda storage, here, there, **resume: download_many(storage, ["b"], target=there, **resume),
        lambda storage, here, there, **resume: all_of(stream_upload_many(storage, [here / "a"], **resume)),
        lambda storage, here, there, **resume: all_of(
            stream_download_many(storage, ["b"], target=there, **resume)
        ),
        lambda storage, here, there, **resume: sync(here, (storage, "x"), **resume),
        lambda storage, here, there, **resume: sync((storage, ""), there, **resume),
    ],
    ids=["upload_many", "download_many", "stream_upload_many", "stream_download_many", "sync up", "sync down"],
)
async def test_a_transfer_goes_on_where_one_was_interrupted_only_when_asked_and_where_the_storage_can(
    move, here, there
):
    make_tree(here, {"a": b"x"})
    for resume, can_resume, asked in (
        ({}, True, False),
        ({"resume": False}, True, False),
        ({"resume": True}, True, True),
        ({"resume": True}, False, False),
    ):
        storage = Resuming(can_resume=can_resume)
        await storage.write_bytes("b", b"y")
        (there / "b").unlink(missing_ok=True)
        await move(storage, here, there, **resume)
        assert storage.asked == [asked], resume
