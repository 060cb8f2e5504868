"""The lock of a credentials file: one holder at a time, whoever and wherever it is."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import anyio
import filelock
import pytest

from quackcore_async.auth import FileStore
from quackcore_async.auth.stored_login import CredentialStoreError
from quackcore_async.auth.stores.lock import FileLock
from quackcore_async.errors import TimedOutError

HOLDER = """
import sys, anyio
from quackcore_async.auth import FileStore

async def main():
    async with FileStore(sys.argv[1]).lock():
        print("held", flush=True)
        await anyio.sleep_forever()

anyio.run(main)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "login.json"


async def test_a_second_holder_waits_for_the_first(path: Path):
    events: list[str] = []
    held, free = anyio.Event(), anyio.Event()

    async def first() -> None:
        async with FileStore(path).lock():
            events.append("first in")
            held.set()
            await free.wait()
            events.append("first out")

    async def second() -> None:
        async with FileStore(path).lock():
            events.append("second in")

    async with anyio.create_task_group() as group:
        group.start_soon(first)
        await held.wait()
        group.start_soon(second)
        with anyio.move_on_after(0.2):
            await anyio.sleep_forever()
        assert events == ["first in"]
        free.set()
    assert events == ["first in", "first out", "second in"]


async def test_a_waiter_has_it_soon_after_it_is_free(tmp_path: Path):
    async def wait() -> None:
        async with FileLock(tmp_path / "x.lock", timeout=1.0):
            pass

    async with anyio.create_task_group() as group, FileLock(tmp_path / "x.lock"):
        group.start_soon(wait)
        with anyio.move_on_after(0.2):
            await anyio.sleep_forever()


async def test_a_waiter_does_not_ask_without_a_pause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    attempts: list[object] = []

    def held(lock: object, **_options: object) -> None:
        attempts.append(lock)
        raise filelock.Timeout("x.lock")

    monkeypatch.setattr("filelock.FileLock.acquire", held)
    with pytest.raises(TimedOutError):
        async with FileLock(tmp_path / "x.lock", timeout=0.2):
            pytest.fail("it is held")
    assert 1 <= len(attempts) <= 5


async def test_a_cancelled_waiter_leaves_at_once_and_holds_nothing(path: Path):
    async with FileStore(path).lock():
        with anyio.fail_after(2), anyio.move_on_after(0.05) as scope:
            async with FileStore(path).lock():
                pytest.fail("two hold it")
        assert scope.cancelled_caught
    with anyio.fail_after(2):
        async with FileStore(path).lock():
            pass


async def test_waiting_has_an_end(tmp_path: Path):
    lock = tmp_path / "x.lock"
    async with FileLock(lock):
        with pytest.raises(TimedOutError) as caught:
            async with FileLock(lock, timeout=0.1):
                pytest.fail("two hold it")
    assert caught.value.code == "store_busy"


async def test_a_link_in_its_place_is_refused_and_its_target_kept(path: Path, tmp_path: Path):
    precious = tmp_path / "precious"
    precious.write_text("mine")
    path.with_name(".login.json.lock").symlink_to(precious)
    with pytest.raises(CredentialStoreError, match="symbolic link"):
        async with FileStore(path).lock():
            pytest.fail("a link was locked")
    assert precious.read_text() == "mine"


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_killed_holder_frees_it(path: Path):
    child = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        with pytest.raises(TimedOutError):
            async with FileLock(path.with_name(".login.json.lock"), timeout=0.2):
                pytest.fail("two hold it")
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        begun = time.monotonic()
        async with FileStore(path).lock():
            assert time.monotonic() - begun < 1
    finally:
        child.kill()
        child.communicate()


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/proc").is_dir(), reason="nothing is read-only for root")
async def test_where_nothing_can_be_written_there_is_no_lock(path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    monkeypatch.setattr(os, "access", lambda *_args: False)
    async with FileStore(path).lock():
        pass


async def test_what_else_keeps_it_from_being_locked_is_said(path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(*_args: object, **_kwargs: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("filelock.FileLock.acquire", fail)
    with pytest.raises(CredentialStoreError, match=r"cannot lock .*: Input/output error"):
        async with FileStore(path).lock():
            pytest.fail("nothing was locked")


async def test_a_folder_that_cannot_be_made_has_no_lock_or_a_reason(path: Path):
    path.parent.joinpath("file").write_text("")
    with pytest.raises(CredentialStoreError, match="cannot lock"):
        async with FileLock(path.parent / "file" / "below" / "x.lock"):
            pytest.fail("nothing was locked")
