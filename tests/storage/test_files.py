"""The local ends of a transfer: sources that are not to be trusted, targets that must not be harmed."""

import os
import socket
import stat
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quackcore_async.concurrency import batches
from quackcore_async.errors import ErrorKind, IntegrityError, LifecycleError, QuackError
from quackcore_async.protocols import UploadOptions
from quackcore_async.storage import LocalStorage
from quackcore_async.storage.files import DownloadTarget, SourceFile, mtime_ns_of
from quackcore_async.storage.hooks import Write
from quackcore_async.storage.partial import PartialFile
from quackcore_async.storage.tree import Tree

ENTRY = {"name": "a", "path": "a", "size": 4, "last_modified": None, "url": "memory://m/a"}


def write_to(path):
    return Write(path, overwrite=True, options=UploadOptions(), progress=lambda _done: None)


@pytest.fixture
def source(folder):
    path = folder / "source.bin"
    path.write_bytes(b"x" * 3_000_000)
    return path


@pytest.mark.parametrize("kind", ["folder", "pipe", "socket", "device", "dangling", "missing"])
async def test_what_is_no_regular_file_is_refused_and_named(storage, folder, kind):
    path = folder / kind
    with socket.socket(socket.AF_UNIX) as server:
        if kind == "folder":
            path.mkdir()
        elif kind == "pipe":
            os.mkfifo(path)
        elif kind == "socket":
            server.bind(str(path))
        elif kind == "device":
            path.symlink_to("/dev/zero")
        elif kind == "dangling":
            path.symlink_to(folder / "nowhere")
        result = await storage.upload_file(str(path), "target")
    expected = {
        "folder": (ErrorKind.INVALID_INPUT, "is_a_directory"),
        "dangling": (ErrorKind.NOT_FOUND, "not_found"),
        "missing": (ErrorKind.NOT_FOUND, "not_found"),
    }.get(kind, (ErrorKind.INVALID_INPUT, "not_a_regular_file"))
    assert (result.error_info.kind, result.error_info.code) == expected
    assert str(path) in result.error
    assert (await storage.list_files()).unwrap() == []


@pytest.mark.parametrize("path", ["", "nul\0", 7, b"bytes", "\ud800"])
async def test_what_is_no_path_is_refused(storage, path):
    for result in (await storage.upload_file(path, "target"), await storage.download_file("a", path or "\0")):
        assert result.error_info.kind is ErrorKind.INVALID_INPUT


async def test_an_unreadable_source_is_named(storage, unprivileged):
    path = unprivileged / "closed"
    path.touch(mode=0)
    result = await storage.upload_file(str(path))
    assert (result.error_info.kind, result.error_info.code) == (ErrorKind.PERMISSION_DENIED, "access_denied")
    assert str(path) in result.error


async def test_the_source_may_be_a_link_and_starts_at_home(storage, folder, monkeypatch, source):
    monkeypatch.setenv("HOME", str(folder))
    (folder / "link").symlink_to(source)
    assert (await storage.upload_file("~/link")).success
    assert (await storage.stat_file("link")).unwrap()["size"] == 3_000_000


def grow(path):
    with path.open("ab") as file:
        file.write(b"more")


def shrink(path):
    os.truncate(path, 1_500_000)


def touch(path):
    os.utime(path, ns=(0, 0))


def vanish(path):
    path.unlink()


def replace(path):
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)


@pytest.mark.parametrize("change", [grow, shrink, touch, vanish, replace])
def test_a_source_that_changes_is_not_stored(root, source, change):
    steps = Tree(str(root)).store(SourceFile(source), write_to("target"))
    assert next(steps) == 1024**2
    change(source)
    with pytest.raises(QuackError) as caught:
        list(steps)
    assert (caught.value.kind, caught.value.code) == (ErrorKind.CONFLICT, "source_changed")
    assert str(source) in str(caught.value)
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("size", [0, 1, 1000])
def test_a_small_source_is_read_with_one_call_and_closed(folder, size):
    path = folder / "small"
    path.write_bytes(b"x" * size)
    file = SourceFile(path)
    assert file.read_small(1000) == b"x" * size
    assert (file.size, file.fd, file.mtime_ns) == (size, -1, path.stat().st_mtime_ns)


def test_a_source_that_is_not_small_is_left_and_closed(folder):
    path = folder / "large"
    path.write_bytes(b"x" * 1001)
    file = SourceFile(path)
    assert file.read_small(1000) is None
    assert (file.size, file.fd) == (1001, -1)


@pytest.mark.parametrize("change", [grow, shrink, touch, vanish, replace])
@pytest.mark.parametrize("before", [True, False], ids=["before it is read", "after it is read"])
def test_a_small_source_that_changes_is_not_taken(source, monkeypatch, change, before):
    read = os.read

    def change_meanwhile(fd, count):
        if before:
            change(source)
        content = read(fd, count)
        if not before:
            change(source)
        return content

    monkeypatch.setattr(os, "read", change_meanwhile)
    file = SourceFile(source)
    with pytest.raises(QuackError) as caught:
        file.read_small(10 * 1024**2)
    assert (caught.value.kind, caught.value.code) == (ErrorKind.CONFLICT, "source_changed")
    assert file.fd == -1


def test_a_source_that_never_stops_growing_ends(folder):
    path = folder / "endless"
    path.write_bytes(b"x")
    file = SourceFile(path)
    with file.opened(), pytest.raises(QuackError, match="changed"):
        for _ in file.chunks():
            grow(path)


def test_a_file_that_the_kernel_makes_up_is_refused():
    file = SourceFile("/proc/self/status")
    with file.opened(), pytest.raises(QuackError, match="changed"):
        list(file.chunks())


async def test_a_source_may_be_its_own_target(local, root):
    (root / "a").write_bytes(b"same")
    assert (await local.upload_file(str(root / "a"))).success
    assert (root / "a").read_bytes() == b"same"


@given(st.floats(min_value=-1e9, max_value=4e9))
def test_a_time_reads_back_as_the_same_float(seconds):
    nanoseconds = mtime_ns_of({**ENTRY, "mtime": seconds})
    assert abs(nanoseconds / 1e9 - seconds) < 1e-6
    if abs(seconds) > 2**20:
        assert nanoseconds // 10**9 + nanoseconds % 10**9 / 1e9 == pytest.approx(seconds, abs=3e-7)


def test_a_real_time_survives_the_way_through_a_float(folder):
    path = folder / "a"
    path.touch()
    for nanoseconds in (1_700_000_000_123_456_789, 1_600_000_000_999_999_999, 1, 0):
        os.utime(path, ns=(0, nanoseconds))
        before = path.stat().st_mtime
        os.utime(path, ns=(0, mtime_ns_of({**ENTRY, "mtime": before})))
        assert path.stat().st_mtime == before


def test_a_file_of_another_length_is_not_taken(folder):
    (folder / "a").write_bytes(b"old")
    target = DownloadTarget(folder / "a", "a")
    target.open(ENTRY)
    target.write(b"123")
    with pytest.raises(IntegrityError, match="3 bytes of 4") as caught:
        target.commit("full")
    target.discard()
    assert caught.value.retryable
    assert not target.committed
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"a": b"old"}


def test_an_unopened_target_takes_nothing(folder):
    target = DownloadTarget(folder / "a", "a")
    assert (target.fd, target.is_open) == (-1, False)
    with pytest.raises(LifecycleError):
        target.write(b"")
    target.discard()


def test_parts_may_be_written_in_any_order(folder):
    target = DownloadTarget(f"{folder}{os.sep}", "a")
    fd = target.open(ENTRY)
    os.pwrite(fd, b"34", 2)
    os.pwrite(fd, b"12", 0)
    target.commit("full")
    assert (target.path, target.verified) == (str(folder / "a"), "full")
    assert (folder / "a").read_bytes() == b"1234"


@pytest.mark.parametrize("name", ["..", ".", "", "nul\0"])
def test_a_remote_name_that_is_no_file_name_is_not_put_into_a_folder(folder, name):
    for local_path in (None, folder):
        with pytest.raises(QuackError) as caught:
            DownloadTarget(local_path, name).open(ENTRY)
        assert caught.value.kind is ErrorKind.INVALID_INPUT


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_not_replaced(folder, make):
    make(folder / "there")
    target = (
        DownloadTarget(folder / "there" / "..", "a") if make is os.mkdir else DownloadTarget(folder / "there", "a")
    )
    if make is os.mkfifo:
        with pytest.raises(QuackError, match="no regular file"):
            target.open(ENTRY)
    else:
        target.open(ENTRY)
        assert target.path.endswith("/a")
    target.discard()
    assert os.listdir(folder) == ["there"]


def test_permission_bits_never_carry_set_user_id(folder):
    target = DownloadTarget(folder / "a", "a")
    target.open({**ENTRY, "size": 0, "mode": 0o6755})
    assert os.fstat(target.fd).st_mode & 0o777 == 0o600
    target.commit()
    assert (folder / "a").stat().st_mode & 0o7777 == 0o755


def test_without_a_stored_mode_the_umask_decides(folder):
    before = os.umask(0o027)
    try:
        target = DownloadTarget(folder / "a", "a")
        target.open({**ENTRY, "size": 0})
        target.commit()
    finally:
        os.umask(before)
    assert (folder / "a").stat().st_mode & 0o777 == 0o640


def test_a_race_for_a_free_name_has_one_winner(root):
    tree = Tree(str(root))
    targets: list[PartialFile] = [tree.partial("a", overwrite=False) for _ in range(3)]
    for number, target in enumerate(targets):
        target.open()
        target.write(str(number).encode())
    outcomes = []
    for target in targets:
        try:
            target.commit()
            outcomes.append("won")
        except QuackError as error:
            outcomes.append(error.code)
        finally:
            target.discard()
    assert outcomes == ["won", "exists", "exists"]
    assert {path.name: path.read_bytes() for path in root.iterdir()} == {"a": b"0"}


def test_nothing_stays_open(root, source, folder):
    before = len(os.listdir("/proc/self/fd"))
    tree = Tree(str(root))
    for _ in tree.store(SourceFile(source), write_to("a/b/c")):
        pass
    for _ in tree.fetch("a/b/c", DownloadTarget(folder / "back", "c")):
        pass
    for path in ("a/b/c/d", "no/b", "a/no"):
        with pytest.raises(QuackError):
            tree.open_file(path)
    half = tree.copy("a/b/c", "x/y", overwrite=True)
    next(half)
    half.close()
    assert len(os.listdir("/proc/self/fd")) == before
    assert LocalStorage(root=root).capabilities.conditional_write


@pytest.mark.parametrize("in_a_hop", [False, True])
def test_nothing_stays_open_where_no_file_can_be(root, in_a_hop):
    name = "x" * 256

    def fail(make):
        target = make()
        with pytest.raises(QuackError, match="too long"):
            target.open(*([ENTRY] if isinstance(target, DownloadTarget) else []))
        target.discard()

    tries = [
        partial(fail, lambda: DownloadTarget(root / name, "a")),
        partial(fail, lambda: Tree(str(root)).partial(name, overwrite=True)),
    ]
    before = len(os.listdir("/proc/self/fd"))
    if in_a_hop:
        pieces = [batches._Piece(attempt) for attempt in tries]
        batches.Hop().run(pieces)
        assert [piece.result() for piece in pieces] == [None, None]
    else:
        for attempt in tries:
            attempt()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_download_that_began_before_the_hop_it_ends_in_makes_its_folder_durable_too(tmp_path, monkeypatch):
    synced: list[int] = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(stat.S_ISDIR(os.fstat(fd).st_mode)) or fsync(fd))
    before = len(os.listdir("/proc/self/fd"))
    target = DownloadTarget(tmp_path / "a", "a")
    target.open({**ENTRY, "size": 0})
    piece = batches._Piece(target.commit)
    batches.Hop().run([piece])
    assert piece.result() is None
    assert synced.count(True) == 1
    assert len(os.listdir("/proc/self/fd")) == before


def test_downloads_that_end_together_make_their_folder_durable_once(tmp_path, monkeypatch):
    synced: list[int] = []
    fsync = os.fsync
    monkeypatch.setattr(batches, "_ENOUGH", 1000.0)
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(stat.S_ISDIR(os.fstat(fd).st_mode)) or fsync(fd))

    def store(name: str) -> bool:
        target = DownloadTarget(tmp_path / name, name)
        target.open({**ENTRY, "size": 0})
        target.commit()
        return (tmp_path / name).exists()

    pieces = [batches._Piece(partial(store, f"file{number}")) for number in range(5)]
    batches.Hop().run(pieces)
    assert [piece.result() for piece in pieces] == [True] * 5
    assert synced.count(True) == 1
    assert synced.count(False) == 5


def test_an_exact_target_does_not_give_way_to_a_folder(tmp_path):
    (tmp_path / "a").mkdir()
    target = DownloadTarget(tmp_path / "a", "a", exact=True)
    with pytest.raises(QuackError) as caught:
        target.open(ENTRY)
    target.discard()
    assert caught.value.code == "is_a_folder"
    assert os.listdir(tmp_path / "a") == []
