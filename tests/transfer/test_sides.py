"""A local folder and a folder of a storage, as sides of a sync."""

import hashlib

import anyio
import anyio.from_thread
import pytest

from quackcore_async.errors import RemoteNotFoundError
from quackcore_async.storage import LocalStorage
from quackcore_async.transfer.entries import Entry
from quackcore_async.transfer.patterns import PatternFilter
from quackcore_async.transfer.sides import LocalSide, StorageSide
from tests.transfer.foreign import make_tree


async def test_folders_are_found_by_the_listing_of_their_parent(there):
    make_tree(there, {"a/b/file": b""})
    side = StorageSide(LocalStorage(root=there), "")
    assert [await side.has_folder(name) for name in ("a", "a/b", "a/c", "c", "a/b/file")] == [
        True,
        True,
        False,
        False,
        False,
    ]


async def test_a_listed_folder_is_known_with_and_without_its_slash_and_its_bytes_are_complained_about(foreign):
    side = StorageSide(foreign, "p/")
    complaints = []
    side.complain = complaints.append
    listing = [
        {"path": "p/folder", "is_folder": True},
        {"path": "p/marker/", "is_folder": True, "size": 7},
        {"path": "p/a", "size": 1},
        {"path": "p/a.tmp", "size": 1},
        {"path": "p/", "size": 0},
        {"path": "elsewhere", "size": 1},
    ]
    for patterns, keys in (
        (PatternFilter(exclude=["*.tmp"]), [b"folder/", b"marker/", b"a"]),
        (PatternFilter(), [b"folder/", b"marker/", b"a", b"a.tmp"]),
    ):
        assert [entry.key for entry in side._taken(listing, patterns)] == keys
    assert complaints == ["marker/: the name of a folder, its 7 bytes are left out"] * 2


@pytest.mark.parametrize(
    ("mtime", "checksums", "is_looked_up"),
    [(None, None, True), (1.0, None, True), (None, {"crc32": "AAAA"}, True), (1.0, {"crc32": "AAAA"}, False)],
)
async def test_a_file_is_looked_up_unless_its_listing_told_all_that_is_compared(
    memory, mtime, checksums, is_looked_up
):
    await memory.write_bytes("p/a", b"12345")
    listed = Entry(b"a", size=1, mtime=mtime, checksums=checksums, remote="p/a")
    complete = await StorageSide(memory, "p").complete(listed)
    assert (complete.key, complete.size) == (b"a", 5 if is_looked_up else 1)


async def test_a_file_that_is_gone_when_it_is_looked_up_is_an_error(memory):
    with pytest.raises(RemoteNotFoundError, match="m:p/a is not there any more"):
        await StorageSide(memory, "p").complete(Entry(b"a", remote="p/a"))


async def test_a_plain_storage_has_told_all_that_it_knows_in_its_listing(foreign):
    listed = Entry(b"a", size=1, remote="a")
    assert await StorageSide(foreign, "").complete(listed) == listed


async def test_a_large_local_file_is_hashed_to_its_end(here, monkeypatch):
    monkeypatch.setattr("quackcore_async.transfer.sides._CHUNK", 16)
    for size in (0, 1, 16 * 64, 16 * 64 + 1, 5000):
        make_tree(here, {"a": bytes(size)})
        assert await LocalSide(here).digest(Entry(b"a"), "sha256") == hashlib.sha256(bytes(size)).digest()


async def test_a_cancellation_does_not_wait_for_the_end_of_a_large_file_that_is_hashed(here, monkeypatch):
    class Cancelling:
        read = 0

        def update(self, data):
            if not self.read:
                anyio.from_thread.run_sync(scope.cancel)
            self.read += len(data)

    digest = Cancelling()
    monkeypatch.setattr("quackcore_async.transfer.sides._CHUNK", 1)
    monkeypatch.setattr("quackcore_async.transfer.sides.new_digest", lambda algorithm: digest)
    make_tree(here, {"a": bytes(1000)})
    with anyio.CancelScope() as scope:
        await LocalSide(here).digest(Entry(b"a"), "sha256")
    assert scope.cancelled_caught
    assert 0 < digest.read < 1000


async def test_a_side_can_be_read_file_by_file(memory, here):
    make_tree(here, {"b/a": b"1", "c": b"22", "d.tmp": b""})
    for name in ("p/b/a", "p/c", "p/d.tmp", "q"):
        await memory.write_bytes(name, b"x")
    patterns = PatternFilter(exclude=["*.tmp"])
    for side in (LocalSide(here), StorageSide(memory, "p")):
        found = [entry.path async for entry in side.entries(patterns, must_exist=True)]
        assert found == ["b/a", "c"]


async def test_a_folder_that_is_missing_is_an_error_where_it_must_exist_and_empty_else(here):
    side = LocalSide(here / "missing")
    assert [entry async for entry in side.entries(PatternFilter(), must_exist=False)] == []
    with pytest.raises(RemoteNotFoundError, match="is no folder"):
        await anext(side.entries(PatternFilter(), must_exist=True))
