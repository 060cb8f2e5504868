"""The hidden file of a download that goes on: whose it is, what it may be, and who else may have it."""

import errno
import os
import stat

import pytest

from quackcore_async.storage import locks
from quackcore_async.storage.files import DownloadTarget
from quackcore_async.storage.names import is_partial
from quackcore_async.storage.resumable import resumable_name

SIZE = 100
ENTRY = {"name": "a", "path": "a", "size": SIZE, "last_modified": None, "url": "s3://b/a", "etag": '"1"'}


def begin(folder, **changes):
    target = DownloadTarget(folder / "a", "a", resume=True)
    target.open({**ENTRY, **changes}, in_ranges=True)
    return target


def write(target, byte, start, end):
    os.pwrite(target.fd, byte * (end - start), start)
    target.record(start, end)


def keep_half(folder, **changes):
    target = begin(folder, **changes)
    write(target, b"1", 0, SIZE // 2)
    target.discard()
    return folder / resumable_name("a")


def mode_of(target):
    return stat.S_IMODE(os.fstat(target.fd).st_mode)


def test_what_was_kept_is_gone_on_with(folder):
    kept = keep_half(folder).stat().st_ino
    target = begin(folder)
    assert target.done() == [(0, SIZE // 2)]
    assert os.fstat(target.fd).st_ino == kept
    target.discard()


@pytest.mark.parametrize("etag", ['"1"', '"2"'])
def test_a_private_file_is_never_written_to_one_that_others_may_read(folder, etag):
    keep_half(folder)
    target = begin(folder, etag=etag, mode=0o640)
    assert (mode_of(target), target.done()) == (0o600, [])
    write(target, b"2", 0, SIZE)
    target.commit()
    assert stat.S_IMODE((folder / "a").stat().st_mode) == 0o640
    assert os.listdir(folder) == ["a"]


def test_the_permissions_of_another_version_are_not_inherited(folder):
    keep_half(folder, mode=0o600)
    target = begin(folder, etag='"2"')
    umask = os.umask(0o022)
    os.umask(umask)
    assert mode_of(target) == 0o666 & ~umask
    target.discard()


@pytest.fixture(params=[errno.ENOLCK, errno.EOPNOTSUPP, None])
def no_locks(request, monkeypatch):
    """A file system, or a system, without locks."""
    if request.param is None:
        monkeypatch.setattr(locks, "fcntl", None)
    else:

        def flock(_fd, _operation):
            raise OSError(request.param, os.strerror(request.param))

        monkeypatch.setattr("fcntl.flock", flock)


@pytest.mark.usefixtures("no_locks")
def test_without_locks_two_downloads_to_one_place_share_nothing(folder):
    one, two = begin(folder), begin(folder, etag='"2"')
    write(one, b"1", 0, SIZE)
    write(two, b"2", 0, SIZE // 2)
    one.commit()
    write(two, b"2", SIZE // 2, SIZE)
    assert (folder / "a").read_bytes() == b"1" * SIZE
    two.commit()
    assert (folder / "a").read_bytes() == b"2" * SIZE
    assert os.listdir(folder) == ["a"]


@pytest.mark.usefixtures("no_locks")
def test_without_locks_an_interrupted_download_leaves_nothing(folder):
    keep_half(folder)
    assert [name for name in os.listdir(folder) if is_partial(name)] == []


def test_two_downloads_at_once_share_nothing_and_the_first_may_keep_its_own(folder):
    one, two = begin(folder), begin(folder, etag='"2"')
    write(one, b"1", 0, SIZE // 2)
    write(two, b"2", 0, SIZE)
    two.commit()
    one.discard()
    assert (folder / "a").read_bytes() == b"2" * SIZE
    again = begin(folder)
    assert again.done() == [(0, SIZE // 2)]
    again.discard()


def test_nothing_stays_open(folder):
    before = len(os.listdir("/proc/self/fd"))
    keep_half(folder)
    for changes in ({}, {"etag": '"2"'}, {"mode": 0o600}):
        one, two = begin(folder, **changes), begin(folder)
        two.discard()
        one.discard()
    assert len(os.listdir("/proc/self/fd")) == before
