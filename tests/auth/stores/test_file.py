"""Logins in files: private, whole, and never through a link."""

import json
import os
import stat
from contextlib import nullcontext
from pathlib import Path

import pytest

from quackcore_async.auth import FileStore
from quackcore_async.auth.stored_login import CredentialStoreError
from quackcore_async.auth.stores.private_file import check_folder, make_private_directory
from quackcore_async.errors import InvalidConfigError, MissingConfigError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "er" / "login.json"


@pytest.fixture
def store(path: Path) -> FileStore:
    return FileStore(path)


def put(path: Path, content: bytes, mode: int = 0o600) -> None:
    make_private_directory(path.parent)
    path.write_bytes(content)
    path.chmod(mode)


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777])
async def test_file_and_folders_are_private_under_any_umask(store: FileStore, path: Path, umask: int):
    before = os.umask(umask)
    try:
        await store.save("", {"token": "t"})
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.parent.parent.stat().st_mode) == 0o700


async def test_a_folder_is_private_from_its_first_moment(
    store: FileStore, path: Path, monkeypatch: pytest.MonkeyPatch
):
    found: list[int] = []
    chmod = Path.chmod

    def noting(folder: Path, mode: int) -> None:
        found.append(stat.S_IMODE(folder.stat().st_mode))
        chmod(folder, mode)

    monkeypatch.setattr(Path, "chmod", noting)
    before = os.umask(0)
    try:
        await store.save("", {"token": "t"})
    finally:
        os.umask(before)
    assert found == [0o700, 0o700]


async def test_what_is_saved_is_loaded(store: FileStore, path: Path):
    await store.save("", {"access_token": "t", "scopes": ["a"]})
    await store.save("", {"access_token": "u"})
    assert await store.load() == {"access_token": "u"}
    assert [entry.name for entry in path.parent.iterdir()] == ["login.json"]


async def test_nothing_stored_is_none(store: FileStore):
    assert await store.load() is None


async def test_what_cannot_be_read_says_why(tmp_path: Path):
    with pytest.raises(CredentialStoreError, match=r"cannot read .*: File name too long"):
        await FileStore(tmp_path / ("x" * 300)).load()


@pytest.mark.parametrize("target", ["precious", "missing", "/etc/passwd"])
async def test_a_link_is_refused_when_read_and_replaced_when_written(
    store: FileStore, path: Path, tmp_path: Path, target: str
):
    precious = tmp_path / target
    if target == "precious":
        precious.write_text("mine")
    before = precious.read_bytes() if precious.exists() else None
    make_private_directory(path.parent)
    path.symlink_to(precious)
    with pytest.raises(CredentialStoreError, match="symbolic link") as caught:
        await store.load()
    assert "root:" not in str(caught.value)
    await store.save("", {"token": "t"})
    assert (precious.read_bytes() if precious.exists() else None) == before
    assert not path.is_symlink()


async def test_a_fifo_is_refused_without_waiting(store: FileStore, path: Path):
    make_private_directory(path.parent)
    os.mkfifo(path, 0o600)
    with pytest.raises(CredentialStoreError, match="not a regular file"):
        await store.load()


async def test_a_directory_is_refused(store: FileStore, path: Path):
    path.mkdir(parents=True)
    with pytest.raises(CredentialStoreError, match="not a regular file"):
        await store.load()
    with pytest.raises(CredentialStoreError, match="cannot write"):
        await store.save("", {"token": "t"})
    assert [entry.name for entry in path.parent.iterdir()] == ["login.json"]


async def test_several_names_are_refused(store: FileStore, path: Path, tmp_path: Path):
    await store.save("", {"token": "t"})
    os.link(path, tmp_path / "other")
    with pytest.raises(CredentialStoreError, match="several names"):
        await store.load()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("what", ["file", "folder"])
async def test_a_foreign_owner_is_refused(store: FileStore, path: Path, what: str):
    await store.save("", {"token": "t"})
    os.chown(path if what == "file" else path.parent, 12345, 12345)
    with pytest.raises(CredentialStoreError, match="another user"):
        await store.load()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a link away")
async def test_a_foreign_link_to_the_folder_is_refused(tmp_path: Path):
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    os.chown(tmp_path / "link", 12345, 12345, follow_symlinks=False)
    with pytest.raises(CredentialStoreError, match="another user"):
        await FileStore(tmp_path / "link" / "login.json").load()


async def test_a_folder_that_anybody_can_write_to_is_refused(store: FileStore, path: Path):
    await store.save("", {"token": "t"})
    path.parent.chmod(0o777)
    for attempt in (store.load(), store.save("", {"token": "u"})):
        with pytest.raises(CredentialStoreError, match="chmod o-w"):
            await attempt


async def test_the_folder_of_credentials_is_made_private(caplog: pytest.LogCaptureFixture):
    folder = Path.home() / ".quack"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    await FileStore().save("example", {"token": "t"})
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert "was open to others" in caplog.text
    assert (folder / "example.json").is_file()


BROKEN = {
    "empty": b"",
    "truncated": b'{"access_token": "t',
    "a list": b"[]",
    "null": b"null",
    "not UTF-8": b"\xff\xfe{}",
    "deep": b"[" * 100_000,
    "deep object": b'{"a":' * 100_000,
    "NaN": b'{"expires_at": NaN}',
    "infinity": b'{"expires_at": -Infinity}',
    "a key twice": b'{"token": "a", "token": "b"}',
    "a key twice below": b'{"extra": {"a": 1, "a": 2}}',
    "digits": b'{"expires_at": ' + b"9" * 10_000 + b"}",
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
async def test_what_is_no_login_is_refused_and_put_aside(store: FileStore, path: Path, content: bytes):
    put(path, content)
    with pytest.raises(CredentialStoreError, match="put aside") as caught:
        await store.load()
    assert caught.value.code == "store"
    (aside,) = path.parent.iterdir()
    assert aside.name.startswith("login.json.corrupt-")
    assert aside.read_bytes() == content
    assert stat.S_IMODE(aside.stat().st_mode) == 0o600
    assert await store.load() is None


async def test_a_file_that_may_be_something_else_stays_where_it_is(tmp_path: Path):
    key = tmp_path / "id_rsa"
    put(key, b"-----BEGIN")
    with pytest.raises(CredentialStoreError, match="valid JSON"):
        await FileStore(key).load()
    assert key.read_bytes() == b"-----BEGIN"


async def test_putting_aside_never_replaces_what_was_put_aside(
    store: FileStore, path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("time.time", lambda: 1_000_000.0)
    put(path.with_name("login.json.corrupt-1000000"), b"earlier")
    put(path, b"{")
    with pytest.raises(CredentialStoreError):
        await store.load()
    assert path.read_bytes() == b"{"
    assert path.with_name("login.json.corrupt-1000000").read_bytes() == b"earlier"


async def test_a_huge_file_is_refused(store: FileStore, path: Path):
    put(path, b"")
    with path.open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    with pytest.raises(CredentialStoreError, match="larger"):
        await store.load()
    assert path.stat().st_size == 100 * 1024 * 1024


@pytest.mark.parametrize(
    "login",
    [{"token": "t", "expiry": 1}, {"access_token": "t"}, {"refresh_token": "r"}, {"expires_at": 1}],
    ids=str,
)
async def test_a_lax_file_in_the_guides_format_is_tightened(
    store: FileStore, path: Path, caplog: pytest.LogCaptureFixture, login: dict[str, object]
):
    put(path, json.dumps(login).encode(), 0o644)
    assert await store.load() == login
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert f"{path} could be read by others" in caplog.text


async def test_any_other_lax_file_is_refused(store: FileStore, path: Path):
    content = b'{"something": "else"}'
    put(path, content, 0o640)
    with pytest.raises(CredentialStoreError, match="chmod 600"):
        await store.load()
    assert path.read_bytes() == content
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize("content", [b"", b'{"access_token": "t'])
async def test_a_lax_file_that_is_no_login_is_put_aside_and_made_private(
    store: FileStore, path: Path, content: bytes
):
    put(path, content, 0o644)
    with pytest.raises(CredentialStoreError, match="put aside"):
        await store.load()
    (aside,) = path.parent.iterdir()
    assert aside.name.startswith("login.json.corrupt-")
    assert aside.read_bytes() == content
    assert stat.S_IMODE(aside.stat().st_mode) == 0o600


async def test_a_lax_file_that_may_be_something_else_is_not_touched(tmp_path: Path):
    notes = tmp_path / "notes.txt"
    put(notes, b"{", 0o644)
    with pytest.raises(CredentialStoreError, match="valid JSON"):
        await FileStore(notes).load()
    assert notes.read_bytes() == b"{"
    assert stat.S_IMODE(notes.stat().st_mode) == 0o644


@pytest.mark.parametrize("call", ["fsync", "write", "replace"])
async def test_a_failed_save_leaves_the_old_file_and_nothing_else(
    store: FileStore, path: Path, monkeypatch: pytest.MonkeyPatch, call: str
):
    await store.save("", {"token": "old"})

    def fail(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(CredentialStoreError, match="No space left"):
            await store.save("", {"token": "new"})
    assert json.loads(path.read_text()) == {"token": "old"}
    assert [entry.name for entry in path.parent.iterdir()] == ["login.json"]


async def test_delete_tells_whether_there_was_a_file(store: FileStore):
    await store.save("", {"token": "t"})
    assert await store.delete() is True
    assert await store.delete() is False


async def test_the_holder_of_the_lock_removes_what_a_killed_process_left(store: FileStore, path: Path):
    put(path.with_name(".login.json.0123456789abcdef.tmp"), b"half")
    await store.save("", {"token": "t"})
    assert len(list(path.parent.glob("*.tmp"))) == 1
    async with store.lock():
        await store.save("", {"token": "u"})
    assert list(path.parent.glob("*.tmp")) == []


async def test_quack_home_is_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("QUACK_HOME", str(tmp_path / "vault"))
    assert FileStore("mine.json").path == tmp_path / "vault" / "mine.json"
    assert FileStore().path_of("example") == tmp_path / "vault" / "example.json"


def test_a_relative_path_lies_in_the_folder_unless_it_says_otherwise():
    assert FileStore("a/mine.json").path == Path.home() / ".quack" / "a" / "mine.json"
    assert FileStore("./mine.json").path == Path.cwd() / "mine.json"
    assert FileStore("~/mine.json").path == Path.home() / "mine.json"


@pytest.mark.parametrize("home", [None, "", "relative"])
def test_an_unknown_home_is_an_error_that_says_what_to_set(monkeypatch: pytest.MonkeyPatch, home: str | None):
    if home is None:
        monkeypatch.delenv("HOME")
    else:
        monkeypatch.setenv("HOME", home)
    for path in (None, "mine.json", "~/mine.json"):
        with pytest.raises(MissingConfigError, match="QUACK_HOME"):
            FileStore(path)
    assert FileStore("/srv/mine.json").path == Path("/srv/mine.json")


@pytest.mark.parametrize("key", ["", "../x", "a/b", ".hidden", "a\0b", "-"])
def test_a_key_that_is_no_file_name_is_refused(key: str):
    with pytest.raises(CredentialStoreError):
        FileStore().path_of(key)


async def test_a_folder_that_is_meant_for_many_is_not_taken_away_from_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    monkeypatch.setenv("QUACK_HOME", str(shared))
    store = FileStore()
    await store.save("key", {"token": "t"})
    assert await store.load("key") == {"token": "t"}
    assert stat.S_IMODE(shared.stat().st_mode) == 0o1777
    assert stat.S_IMODE((shared / "key.json").stat().st_mode) == 0o600


def test_a_path_that_no_file_can_have_is_refused_at_once():
    with pytest.raises(InvalidConfigError, match="NUL"):
        FileStore("a\0b.json")


@pytest.mark.parametrize(("owner", "refused"), [(0, False), (1000, False), (1, True), (1001, True)])
def test_a_folder_may_belong_to_us_or_to_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: int, refused: bool
):
    found = os.stat_result((stat.S_IFDIR | 0o755, *[0] * 3, owner, *[0] * 5))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(Path, "stat", lambda _path, **_options: found)
    monkeypatch.setattr(Path, "lstat", lambda _path: found)
    with pytest.raises(CredentialStoreError, match="another user") if refused else nullcontext():
        check_folder(tmp_path, ours=False)


async def test_a_disk_that_does_not_give_the_content_says_so(
    store: FileStore, path: Path, monkeypatch: pytest.MonkeyPatch
):
    await store.save("", {"token": "t"})

    def fail(*_args: object) -> bytes:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "read", fail)
        with pytest.raises(CredentialStoreError, match=r"cannot read .*: Input/output"):
            await store.load()
