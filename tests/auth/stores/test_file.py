"""Credentials in a file: private, whole, and never through a link."""

import json
import os
import stat
from pathlib import Path

import pytest

from quackcore_async.auth.file_store import CredentialStoreError, FileStore, make_private_directory
from quackcore_async.errors import CredentialsMissingError


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "deep" / "er" / "login.json")


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_file_and_folders_are_private_under_any_umask(store: FileStore, umask: int):
    before = os.umask(umask)
    try:
        store.save({"token": "t"})
    finally:
        os.umask(before)
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(store.path.parent.parent.stat().st_mode) == 0o700


def test_what_is_saved_is_loaded(store: FileStore):
    store.save({"access_token": "t", "scopes": ["a"]})
    store.save({"access_token": "u"})
    assert store.load() == {"access_token": "u"}
    assert [entry.name for entry in store.path.parent.iterdir()] == ["login.json"]


def test_nothing_stored_is_its_own_error(store: FileStore):
    with pytest.raises(CredentialsMissingError):
        store.load()


def test_a_link_is_refused_when_read_and_replaced_when_written(store: FileStore, tmp_path: Path):
    precious = tmp_path / "precious"
    precious.write_text("mine")
    make_private_directory(store.path.parent)
    store.path.symlink_to(precious)
    with pytest.raises(CredentialStoreError):
        store.load()
    store.save({"token": "t"})
    assert precious.read_text() == "mine"
    assert not store.path.is_symlink()


def test_a_fifo_is_refused_without_waiting(store: FileStore):
    make_private_directory(store.path.parent)
    os.mkfifo(store.path, 0o600)
    with pytest.raises(CredentialStoreError, match="not a regular file"):
        store.load()


def test_several_names_are_refused(store: FileStore, tmp_path: Path):
    store.save({"token": "t"})
    os.link(store.path, tmp_path / "other")
    with pytest.raises(CredentialStoreError, match="several names"):
        store.load()


def test_a_foreign_owner_is_refused(store: FileStore):
    store.save({"token": "t"})
    if os.geteuid() == 0:
        os.chown(store.path, 12345, 12345)
    else:
        pytest.skip("only root can give a file away")
    with pytest.raises(CredentialStoreError, match="another user"):
        store.load()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_object_is_refused_and_kept(store: FileStore, content: bytes):
    make_private_directory(store.path.parent)
    store.path.write_bytes(content)
    store.path.chmod(0o600)
    with pytest.raises(CredentialStoreError):
        store.load()
    assert store.path.read_bytes() == content


def test_a_huge_file_is_refused(store: FileStore):
    make_private_directory(store.path.parent)
    with store.path.open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    store.path.chmod(0o600)
    with pytest.raises(CredentialStoreError, match="larger"):
        store.load()


def test_a_lax_file_in_the_guides_format_is_tightened(store: FileStore, caplog: pytest.LogCaptureFixture):
    store.save({"token": "t", "expiry": 1})
    store.path.chmod(0o644)
    assert store.load()["token"] == "t"
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    assert "could be read by others" in caplog.text


def test_any_other_lax_file_is_refused_with_the_remedy(store: FileStore):
    store.save({"something": "else"})
    store.path.chmod(0o640)
    with pytest.raises(CredentialStoreError, match="chmod 600"):
        store.load()


def test_a_failed_save_leaves_the_old_file_and_nothing_else(store: FileStore, monkeypatch: pytest.MonkeyPatch):
    store.save({"token": "old"})

    def fail(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(CredentialStoreError, match="No space left"):
        store.save({"token": "new"})
    assert json.loads(store.path.read_text()) == {"token": "old"}
    assert [entry.name for entry in store.path.parent.iterdir()] == ["login.json"]


def test_delete_tells_whether_there_was_a_file(store: FileStore):
    store.save({"token": "t"})
    assert store.delete() is True
    assert store.delete() is False
