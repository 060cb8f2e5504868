"""A folder of a storage as one side of a sync."""

from quackcore_async.storage import LocalStorage
from quackcore_async.transfer.patterns import PatternFilter
from quackcore_async.transfer.sides import StorageSide
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
