from pathlib import Path

import pytest

from quackcore_async.errors import InvalidNameError
from quackcore_async.transfer.items import (
    DeleteItem,
    DownloadItem,
    UploadItem,
    read_delete,
    read_download,
    read_upload,
    remote_target,
)


@pytest.mark.parametrize(
    ("entry", "source", "target"),
    [
        ("a/b.txt", "a/b.txt", "b.txt"),
        (Path("a/b.txt"), Path("a/b.txt"), "b.txt"),
        (("a/b.txt", "c.txt"), "a/b.txt", "c.txt"),
        (("a/b.txt", "folder/"), "a/b.txt", "folder/b.txt"),
        (UploadItem("x", "y"), "x", "y"),
    ],
)
def test_an_upload_is_a_path_a_pair_or_an_item(entry, source, target):
    item = read_upload(entry)
    assert item.source == source
    assert remote_target(item) == target


def test_a_download_is_a_name_a_pair_a_listed_file_or_an_item():
    assert read_download("a") == DownloadItem("a")
    assert read_download(("a", "b")) == DownloadItem("a", "b")
    assert read_download(DownloadItem("a")) == DownloadItem("a")
    listed = read_download({"path": "a/b", "id": "17", "size": 5})
    assert (listed.remote, listed.name, listed.size) == ("17", "a/b", 5)


def test_a_deletion_is_a_name_a_listed_file_or_an_item():
    assert read_delete("a") == read_delete({"path": "a"}) == read_delete(DeleteItem("a"))


@pytest.mark.parametrize("read", [read_upload, read_download, read_delete])
@pytest.mark.parametrize("entry", [None, 5, "", ("a",), ("a", "b", "c"), b"bytes", {}])
def test_anything_else_is_refused(read, entry):
    with pytest.raises(InvalidNameError):
        read(entry)


@pytest.mark.parametrize("read", [read_upload, read_download, read_delete])
def test_what_is_refused_is_named_with_what_is_wanted(read):
    with pytest.raises(InvalidNameError, match=r"cannot use \('a', 5\): give a (path|remote name), ") as caught:
        read(("a", 5))
    assert caught.value.code == "bad_item"
