import os
import socket
from pathlib import Path

import pytest

from quackcore_async.transfer.entries import path_key
from quackcore_async.transfer.local_tree import walk_folder
from quackcore_async.transfer.patterns import PatternFilter
from tests.transfer.foreign import make_tree


async def walk(root, patterns=None):
    skipped, failures = [], []
    entries = [
        entry
        async for batch in walk_folder(
            str(root), patterns or PatternFilter(), on_skipped=skipped.append, on_failure=failures.append
        )
        for entry in batch
    ]
    return entries, skipped, failures


async def test_paths_come_in_the_order_of_their_utf_8_bytes(here):
    names = ["a", "a-b/x", "a.txt", "a0", "b/c/d", "b/c-d", "b/c.e", "ü", "z", "Z", "€", "\U0001f600", "b c"]
    make_tree(here, dict.fromkeys((name if name != "a" else "a!" for name in names), b""))
    entries, _, _ = await walk(here)
    keys = [entry.key for entry in entries]
    assert keys == sorted(keys)
    assert {entry.path for entry in entries} == {name if name != "a" else "a!" for name in names}


async def test_size_and_time_are_told(here):
    make_tree(here, {"a": b"12345"})
    os.utime(here / "a", ns=(0, 1_700_000_000_123_456_789))
    (entry,), _, _ = await walk(here)
    assert (entry.size, entry.mtime) == (5, pytest.approx(1_700_000_000.123456789, abs=1e-6))


async def test_a_name_that_is_no_text_survives(here):
    (here / os.fsdecode(b"\xff\xfe")).touch()
    (entry,), _, _ = await walk(here)
    assert entry.key == b"\xff\xfe"
    assert path_key(entry.path) == b"\xff\xfe"
    assert (here / entry.path).exists()


async def test_links_and_special_files_are_left_out_and_told(here, tmp_path_factory):
    make_tree(here, {"file": b""})
    (here / "link").symlink_to("file")
    (here / "loop").symlink_to(".")
    (here / "dangling").symlink_to("nowhere")
    os.mkfifo(here / "pipe")
    with socket.socket(socket.AF_UNIX) as sock:
        os.chdir(here)
        sock.bind("sock")
    entries, skipped, failures = await walk(here)
    assert [entry.path for entry in entries] == ["file"]
    assert sorted(line.split(":")[0] for line in skipped) == ["dangling", "link", "loop", "pipe", "sock"]
    assert failures == []


async def test_folders_without_files_are_entries_of_their_own(here):
    make_tree(here, {"full/file": b""})
    (here / "empty/deep").mkdir(parents=True)
    entries, _, _ = await walk(here)
    assert [(entry.path, entry.is_folder) for entry in entries] == [("empty/deep", True), ("full/file", False)]


async def test_what_is_excluded_is_not_even_entered(here):
    make_tree(here, {"keep/a": b"", "cache/b": b"", "keep/cache/c": b"", "x.tmp": b""})
    entries, _, _ = await walk(here, PatternFilter(exclude=["cache/", "*.tmp"]))
    assert [entry.path for entry in entries] == ["keep/a"]


async def test_unfinished_files_of_this_package_are_left_out(here):
    make_tree(here, {f".{'0' * 16}.quack-part": b"", "a": b""})
    entries, _, _ = await walk(here)
    assert [entry.path for entry in entries] == ["a"]


async def test_a_folder_in_which_only_an_unfinished_file_lies_is_one_without_files(here):
    make_tree(here, {f"sub/.{'0' * 16}.quack-part": b""})
    entries, _, _ = await walk(here)
    assert [(entry.path, entry.is_folder) for entry in entries] == [("sub", True)]


async def test_no_more_come_at_a_time_than_a_batch(here, monkeypatch):
    monkeypatch.setattr("quackcore_async.transfer.local_tree._BATCH", 128)
    monkeypatch.setattr("quackcore_async.transfer.local_tree._PATIENCE", 3600.0)
    make_tree(here, {f"{number:03}": b"" for number in range(200)})
    batches = walk_folder(str(here), PatternFilter(), on_skipped=print, on_failure=print)
    assert [len(batch) async for batch in batches] == [128, 72]


async def test_a_folder_that_cannot_be_read_is_a_failure_and_no_empty_folder(here, monkeypatch):
    make_tree(here, {"good/a": b"", "locked/b": b""})
    scandir = os.scandir

    def refuse(path):
        if os.fsencode(path).endswith(b"locked/"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    entries, _, failures = await walk(here)
    assert [entry.path for entry in entries] == ["good/a"]
    assert [failure.code for failure in failures] == ["access_denied"]


async def test_a_file_that_cannot_be_looked_at_is_a_failure_and_one_that_went_away_is_none(here, monkeypatch):
    make_tree(here, {"a": b"", "gone": b"", "locked": b""})
    lstat = os.lstat
    errors = {"gone": FileNotFoundError(2, "gone"), "locked": PermissionError(13, "no")}

    def refuse(path):
        error = errors.get(Path(os.fsdecode(path)).name)
        if error is not None:
            raise error
        return lstat(path)

    monkeypatch.setattr(os, "lstat", refuse)
    entries, _, failures = await walk(here)
    assert [entry.path for entry in entries] == ["a"]
    assert [failure.code for failure in failures] == ["access_denied"]
