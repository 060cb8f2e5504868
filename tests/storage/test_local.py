"""`LocalStorage`: nothing leads out of its root, files are whole, listings are ordered."""

import errno
import os
import socket
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quackcore_async.errors import ErrorKind, InvalidNameError, QuackError
from quackcore_async.protocols import UploadOptions
from quackcore_async.storage import LocalStorage
from quackcore_async.storage.tree import Tree

parts = st.one_of(
    st.sampled_from(["..", ".", "", "a", "b", "\0", "\\", "C:", "~", "link", "\ud800", "…", "ü", "u\u0308"]),
    st.text(st.characters(exclude_categories=()), max_size=8),
)
names = st.lists(parts, min_size=1, max_size=4).map("/".join)
relaxed = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)


def everything_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@relaxed
@given(name=names)
def test_no_name_leads_out_of_the_root(tmp_path_factory, name):
    outside = tmp_path_factory.mktemp("outside")
    root = outside / "in" / "root"
    root.mkdir(parents=True)
    (outside / "secret").write_bytes(b"secret")
    (root / "link").symlink_to(outside)

    async def write():
        storage = LocalStorage(root=root)
        written = await storage.write_bytes(name, b"new")
        await storage.delete_file(f"{name}/secret")
        await storage.move_file(name, f"{name}-moved")
        await storage.create_folder(name)
        return written

    anyio.run(write)
    assert {path for path in everything_below(outside) if not path.startswith("in/root")} == {"in", "secret"}
    assert (outside / "secret").read_bytes() == b"secret"


@relaxed
@given(name=names)
def test_an_accepted_name_comes_back_from_the_listing_and_its_url(tmp_path_factory, name):
    storage = LocalStorage(root=tmp_path_factory.mktemp("root"))

    async def round_trip():
        written = await storage.write_bytes(name, b"content")
        if not written.success:
            assert written.error_info.kind in (ErrorKind.INVALID_INPUT, ErrorKind.CONFLICT)
            return
        [file] = [file async for file in storage.iter_files()]
        assert (file["path"], file["url"]) == (name, written.content)
        assert (await storage.read_bytes(file["url"])).unwrap() == b"content"

    anyio.run(round_trip)


@pytest.mark.parametrize("name", ["../x", "/abs", "a/../../x", "a//b", "./a", "a/.", "nul\0", "", "a/.."])
async def test_names_that_are_paths_are_refused(local, root, name):
    for result in (
        await local.write_bytes(name, b"x"),
        await local.read_bytes(name),
        await local.delete_file(name),
        await local.copy_file("a", name),
    ):
        assert result.error_info.kind is ErrorKind.INVALID_INPUT or name == ""
    assert everything_below(root) == set()


async def test_an_overlong_name_is_refused_and_named(local):
    result = await local.write_bytes("x" * 256, b"")
    assert (result.error_info.kind, result.error_info.code) == (ErrorKind.INVALID_INPUT, "name_too_long")
    assert (await local.write_bytes("x" * 255, b"")).success


@pytest.mark.parametrize("has_dir_fd", [True, False])
async def test_links_are_never_followed(local, root, folder, monkeypatch, has_dir_fd):
    monkeypatch.setattr("quackcore_async.storage.folders._HAS_DIR_FD", has_dir_fd)
    (folder / "secret").write_bytes(b"secret")
    (root / "out").symlink_to(folder)
    (root / "file").symlink_to(folder / "secret")
    for result in (
        await local.read_bytes("out/secret"),
        await local.write_bytes("out/new", b""),
        await local.delete_file("out/secret"),
        await local.list_files("out"),
        await local.read_bytes("file"),
        await local.stat_file("file"),
        await local.copy_file("file", "copy"),
        await local.move_file("file", "moved"),
        await local.create_folder("new", "out"),
    ):
        assert (result.error_info.kind, result.error_info.code) == (ErrorKind.INVALID_INPUT, "symlink")
    assert (await local.list_files()).unwrap() == []
    assert everything_below(folder) == {"secret"}


async def test_writing_over_a_link_replaces_the_link(local, root, folder):
    (folder / "secret").write_bytes(b"secret")
    (root / "file").symlink_to(folder / "secret")
    (await local.write_bytes("file", b"new")).unwrap()
    assert (folder / "secret").read_bytes() == b"secret"
    assert (root / "file").read_bytes() == b"new"
    assert not (root / "file").is_symlink()


def test_a_folder_swapped_for_a_link_meanwhile_leads_nowhere(root, folder):
    """The window between looking and writing: the open directory is the old one."""
    tree = Tree(str(root))
    target = tree.partial("a/b", overwrite=True)
    target.open()
    (root / "a").rename(root / "aside")
    (root / "a").symlink_to(folder)
    target.write(b"data")
    target.commit()
    assert everything_below(folder) == set()
    assert (root / "aside" / "b").read_bytes() == b"data"


async def test_the_root_itself_may_be_a_link(root, folder):
    (root / "alias").symlink_to(folder)
    (await LocalStorage(root=root / "alias").write_bytes("a", b"x")).unwrap()
    assert (folder / "a").read_bytes() == b"x"


async def test_looking_makes_no_root_and_writing_does(root):
    storage = LocalStorage(root=root / "new")
    for result in (await storage.list_files(), await storage.stat_file("a")):
        assert result.error_info.kind is ErrorKind.NOT_FOUND
    assert str(root / "new") in (await storage.list_files()).error
    assert everything_below(root) == set()
    (await storage.write_bytes("a", b"")).unwrap()
    assert everything_below(root) == {"new", "new/a"}


async def test_unfinished_and_special_files_are_not_listed(local, root):
    (root / ".0123456789abcdef.quack-part").write_bytes(b"left by a crash")
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(root / "socket"))
        (root / ".hidden").write_bytes(b"")
        assert [file["path"] async for file in local.iter_files()] == [".hidden"]
        assert [file["path"] async for file in local.iter_files(recursive=False)] == [".hidden"]
    assert (await local.read_bytes("pipe")).error_info.kind is ErrorKind.NOT_FOUND
    assert (await local.write_bytes("pipe", b"x")).error_info.code == "not_a_regular_file"


async def test_a_listing_is_ordered_by_bytes_of_the_whole_path(local, root):
    names = ["a", "a-b", "a.txt", "a/z", "a/b/c", "a0", "A", "ä", "z", "\U0001f986", "\uffee"]
    for name in names[3:] + names[1:3]:
        if name != "a":
            (await local.write_bytes(name, b"")).unwrap()
    expected = sorted({name for name in names if name != "a"}, key=str.encode)
    assert [file["path"] async for file in local.iter_files()] == expected


async def test_names_that_are_no_utf8_are_kept(local, root, folder):
    raw = os.fsencode(root) + b"/latin-\xe9"
    Path(os.fsdecode(raw)).write_bytes(b"x")
    [file] = (await local.list_files()).unwrap()
    assert os.fsencode(file["name"]) == b"latin-\xe9"
    path = (await local.download_file(file["url"], f"{folder}/")).unwrap()
    assert Path(path).read_bytes() == b"x"


async def test_a_listing_of_many_files_comes_in_pages(local, root):
    for number in range(2500):
        (root / f"{number:04}").touch()
    listed = [file["path"] async for file in local.iter_files()]
    assert listed == [f"{number:04}" for number in range(2500)]


async def test_a_deep_tree_needs_few_descriptors(local, root):
    os.makedirs(root.joinpath(*["d"] * 300))
    root.joinpath(*["d"] * 300, "f").touch()
    before = len(os.listdir("/proc/self/fd"))
    async for file in local.iter_files():
        assert file["path"] == "d/" * 300 + "f"
        assert len(os.listdir("/proc/self/fd")) <= before + 2
    assert len(os.listdir("/proc/self/fd")) == before


async def test_a_listing_left_early_leaves_nothing_open(local, root):
    for number in range(2000):
        (root / str(number)).touch()
    before = len(os.listdir("/proc/self/fd"))
    files = local.iter_files()
    await anext(files)
    await files.aclose()
    assert len(os.listdir("/proc/self/fd")) == before


async def test_files_that_vanish_during_a_listing_are_left_out(local, root):
    for number in range(1500):
        (root / f"{number:04}").touch()
    listed = []
    async for file in local.iter_files():
        if not listed:
            for path in root.iterdir():
                path.unlink()
        listed.append(file["path"])
    assert listed == [f"{number:04}" for number in range(1000)]


async def test_an_unreadable_folder_fails_the_listing(unprivileged):
    (unprivileged / "closed").mkdir(mode=0)
    result = await LocalStorage(root=unprivileged).list_files()
    assert (result.error_info.kind, result.error_info.code) == (ErrorKind.PERMISSION_DENIED, "access_denied")
    assert "closed" in result.error


async def test_a_read_only_root_says_so(unprivileged):
    unprivileged.chmod(0o555) if os.stat(unprivileged).st_uid == os.geteuid() else None
    inner = unprivileged / "inner"
    inner.mkdir(mode=0o555)
    result = await LocalStorage(root=inner).write_bytes("a", b"")
    assert (result.error_info.kind, result.error_info.code) == (ErrorKind.PERMISSION_DENIED, "access_denied")
    assert "a" in result.error


@pytest.mark.parametrize("seconds", [1e12, -1e11])
def test_a_file_of_a_time_beyond_all_calendars_is_listed(root, seconds):
    """Some file systems keep such times, which a `datetime` cannot hold."""
    (root / "a").write_bytes(b"x")
    known = list(os.stat(root / "a"))
    known[8] = seconds
    file = Tree(str(root))._describe("a", os.stat_result(known))
    assert (file["last_modified"], file["mtime"]) == (None, seconds)


async def test_delete_prunes_nothing_and_takes_empty_folders_only(local, root):
    (await local.write_bytes("a/b/c", b"")).unwrap()
    result = await local.delete_file("a/b/")
    assert (result.error_info.kind, result.error_info.code) == (ErrorKind.CONFLICT, "not_empty")
    assert (await local.delete_file("a/b/c")).unwrap() is True
    assert everything_below(root) == {"a", "a/b"}
    assert (await local.delete_file("a")).unwrap() is False
    assert (await local.delete_file("a/b/")).unwrap() is True
    assert everything_below(root) == {"a"}


async def test_a_file_over_a_folder_is_a_conflict(local):
    (await local.write_bytes("a/b", b"")).unwrap()
    for result in (
        await local.write_bytes("a", b""),
        await local.copy_file("a/b", "a"),
        await local.move_file("a/b", "a"),
    ):
        assert (result.error_info.kind, result.error_info.code) == (ErrorKind.CONFLICT, "is_a_folder")


async def test_if_match_is_refused_rather_than_ignored(local):
    result = await local.write_bytes("a", b"", options=UploadOptions(if_match='"x"'))
    assert (result.error_info.kind, result.error_info.code) == (ErrorKind.UNSUPPORTED, "capability")


async def test_urls_are_escaped_and_belong_to_their_root(local, root):
    url = (await local.write_bytes("two words/50%25?#.txt", b"x")).unwrap()
    assert url == f"file://{root}/two%20words/50%2525%3F%23.txt"
    assert (await local.read_bytes(url)).unwrap() == b"x"
    for foreign in (
        "file:///etc/passwd",
        f"file://{root}-evil/x",
        f"file://{root}/../x",
        f"file://{root}/%2E%2E/x",
    ):
        assert (await local.read_bytes(foreign)).error_info.kind is ErrorKind.INVALID_INPUT


def test_a_copy_keeps_time_and_mode(root):
    tree = Tree(str(root))
    (root / "a").write_bytes(b"x")
    (root / "a").chmod(0o4750)
    os.utime(root / "a", ns=(1, 1_234_567_890_123_456_789))
    for _ in tree.copy("a", "b", overwrite=True):
        pass
    found = (root / "b").stat()
    assert (found.st_mtime_ns, found.st_mode & 0o7777) == (1_234_567_890_123_456_789, 0o750)


def test_a_file_that_changes_while_it_is_copied_is_not_copied(root):
    tree = Tree(str(root))
    (root / "a").write_bytes(b"x" * 3_000_000)
    steps = tree.copy("a", "b", overwrite=True)
    next(steps)
    with (root / "a").open("ab") as file:
        file.write(b"more")
    with pytest.raises(QuackError) as caught:
        list(steps)
    assert caught.value.code == "changed"
    assert everything_below(root) == {"a"}


@pytest.mark.parametrize("error", [1, 95])
async def test_a_file_system_without_hard_links_still_decides_who_was_first(local, root, monkeypatch, error):
    def no_links(*args, **kwargs):
        raise OSError(error, "no links here")

    monkeypatch.setattr(os, "link", no_links)
    assert (await local.write_bytes("a", b"1", overwrite=False)).success
    assert (await local.write_bytes("a", b"2", overwrite=False)).error_info.code == "exists"
    (await local.move_file("a", "b", overwrite=False)).unwrap()
    assert (root / "b").read_bytes() == b"1"
    assert everything_below(root) == {"b"}


async def test_a_name_that_was_claimed_without_hard_links_is_given_back(local, root, monkeypatch):
    def fail_with(code):
        def fail(*args, **kwargs):
            raise OSError(code, os.strerror(code))

        return fail

    monkeypatch.setattr(os, "link", fail_with(errno.EPERM))
    with monkeypatch.context() as broken:
        broken.setattr(os, "replace", fail_with(errno.EIO))
        assert not (await local.write_bytes("a", b"1", overwrite=False)).success
    assert everything_below(root) == set()
    assert (await local.write_bytes("a", b"1", overwrite=False)).success


async def test_the_root_comes_from_the_section_of_the_instance(folder, root, monkeypatch):
    config = folder / "config.yaml"
    config.write_text(f"local:\n  root: {root}/one\nbackups:\n  root: {root}/two\n")
    assert (await LocalStorage(config_path=str(config)).write_bytes("a", b"")).success
    async with LocalStorage(name="backups", config_path=str(config)) as backups:
        assert (backups.name, backups.root) == ("backups", f"{root}/two")
    assert (root / "one" / "a").exists()


async def test_a_subclass_that_is_named_by_its_class_or_its_kind_reads_the_section_of_its_kind(folder, root):
    class Backups(LocalStorage):
        """Named after its class."""

    class Inheriting(LocalStorage):
        name = "LocalStorage"

    config = folder / "config.yaml"
    config.write_text(f"local:\n  root: {root}/one\n")
    for storage, name in ((Backups, "Backups"), (Inheriting, "LocalStorage")):
        async with storage(config_path=str(config)) as opened:
            assert (opened.name, opened.root) == (name, f"{root}/one")


async def test_a_storage_without_a_root_says_what_is_missing():
    result = await LocalStorage().write_bytes("a", b"")
    assert result.error_info.kind is ErrorKind.MISCONFIGURED
    assert "root" in result.error


async def test_the_root_expands_the_home_folder(monkeypatch, folder):
    monkeypatch.setenv("HOME", str(folder))
    async with LocalStorage(root="~/files") as storage:
        assert storage.root == str(folder / "files")


def test_the_root_is_asked_too_early(local):
    with pytest.raises(QuackError, match="initialize"):
        local.root  # noqa: B018
    with pytest.raises(InvalidNameError):
        Tree("/a").path_of("file:///b/c")


@pytest.mark.parametrize("overwrite", [True, False])
async def test_a_move_that_was_killed_halfway_is_completed(local, root, overwrite):
    """With `overwrite=False` a file has both names for a moment, and renaming one to the other does nothing."""
    (root / "old").write_bytes(b"content")
    os.link(root / "old", root / "new")
    (await local.move_file("old", "new", overwrite=overwrite)).unwrap()
    assert os.listdir(root) == ["new"]
    assert (root / "new").read_bytes() == b"content"
