"""Full disks, killed processes, cancellations: a target is what it was, or whole."""

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import anyio
import pytest

from quackcore_async.storage import LocalStorage
from quackcore_async.storage.names import is_partial

SIZE = 24 * 1024**2


def run_python(script: str, *args: object) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", script, *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment())


def environment() -> dict[str, str]:
    import quackcore_async

    return {**os.environ, "PYTHONPATH": str(Path(quackcore_async.__file__).parents[1])}


FULL_DISK = """
import json, resource, sys, anyio
from quackcore_async.storage import LocalStorage

async def main(root, target):
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
    storage = LocalStorage(root=root)
    results = [
        await storage.download_file("big", target),
        await storage.upload_file(f"{root}/big", "copy"),
        await storage.write_bytes("bytes", bytes(2_000_000)),
        await storage.copy_file("big", "second"),
    ]
    print(json.dumps([[r.error_info.kind, r.error_info.code, r.error_info.retryable, r.error] for r in results]))

anyio.run(main, *sys.argv[1:])
"""


def test_a_full_disk_leaves_the_old_file_and_nothing_else(root, folder):
    (root / "big").write_bytes(bytes(3_000_000))
    target = folder / "target"
    target.write_bytes(b"old")
    outcomes = json.loads(run_python(FULL_DISK, root, target).stdout)
    for kind, code, retryable, error in outcomes:
        assert (kind, code, retryable) == ("unavailable", "disk_full", False)
        assert error.startswith("cannot write ")
    assert str(target) in outcomes[0][3]
    assert target.read_bytes() == b"old"
    assert os.listdir(folder) == ["target"]
    assert os.listdir(root) == ["big"]


def test_a_full_tmpfs_leaves_nothing(folder, root):
    disk = folder / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("this user may not mount a small file system")
    try:
        (root / "big").write_bytes(bytes(3_000_000))
        result = anyio.run(lambda: LocalStorage(root=root).download_file("big", f"{disk}/"))
        assert result.error_info.code == "disk_full"
        assert os.listdir(disk) == []
    finally:
        subprocess.run(["umount", disk], check=True)


KILLED = """
import sys, anyio
from quackcore_async.storage import LocalStorage

async def main(root, target):
    storage = LocalStorage(root=root)
    while True:
        (await storage.download_file("new", target)).unwrap()

anyio.run(main, *sys.argv[1:])
"""


@pytest.mark.parametrize("delay", [0.0, 0.003, 0.01, 0.02, 0.05])
def test_a_killed_download_leaves_the_target_old_or_whole(root, folder, delay):
    (root / "new").write_bytes(b"n" * SIZE)
    target = folder / "target"
    target.write_bytes(b"old")
    child = subprocess.Popen([sys.executable, "-c", KILLED, root, target], env=environment())
    try:
        deadline = time.monotonic() + 30
        while os.listdir(folder) == ["target"] and time.monotonic() < deadline:
            assert child.poll() is None
        until = time.monotonic() + delay
        while time.monotonic() < until:
            pass
    finally:
        child.kill()
        child.wait()
    content = target.read_bytes()
    assert content in (b"old", b"n" * SIZE)
    assert all(is_partial(name) for name in os.listdir(folder) if name != "target")


async def cancel_when_begun(scope: anyio.CancelScope, place: Path) -> None:
    while not any(is_partial(name) for name in os.listdir(place)):
        await anyio.lowlevel.checkpoint()
    scope.cancel()


@pytest.mark.parametrize("verb", ["download", "upload", "copy"])
async def test_a_cancelled_transfer_leaves_what_was_there(root, folder, verb):
    big = 400 * 1024**2  # sparse: far more than fits into one slice of work
    with (root / "big").open("wb") as file:
        file.truncate(big)
    place = folder if verb == "download" else root / "in"
    place.mkdir(exist_ok=True)
    (place / "target").write_bytes(b"old")
    storage = LocalStorage(root=root)
    operations = {
        "download": lambda: storage.download_file("big", str(folder / "target")),
        "upload": lambda: storage.upload_file(str(root / "big"), "in/target"),
        "copy": lambda: storage.copy_file("big", "in/target"),
    }
    async with anyio.create_task_group() as group:
        group.start_soon(cancel_when_begun, group.cancel_scope, place)
        await operations[verb]()
        pytest.fail("it was not cancelled")
    assert group.cancel_scope.cancelled_caught
    assert os.listdir(place) == ["target"]
    assert (place / "target").read_bytes() == b"old"


def test_a_task_cancelled_the_asyncio_way_leaves_what_was_there(root, folder):
    """`asyncio.wait_for` and `Task.cancel` know nothing of anyio's shields."""
    import asyncio

    with (root / "big").open("wb") as file:
        file.truncate(400 * 1024**2)
    (folder / "target").write_bytes(b"old")

    async def main() -> None:
        storage = LocalStorage(root=root)
        task = asyncio.ensure_future(storage.download_file("big", str(folder / "target")))
        while os.listdir(folder) == ["target"]:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert os.listdir(folder) == ["target"]

    asyncio.run(main())
    assert (folder / "target").read_bytes() == b"old"


async def test_a_cancelled_stream_leaves_nothing(storage, root):
    async def chunks(scope):
        yield bytes(2 * 1024**2)
        scope.cancel()
        await anyio.lowlevel.checkpoint()
        yield b"never"

    with anyio.CancelScope() as scope:
        await storage.write_stream("a/b", chunks(scope))
    assert scope.cancelled_caught
    assert (await storage.list_files()).unwrap() == []
    assert [path for path in root.rglob("*") if path.is_file()] == []


async def test_a_target_folder_that_is_read_only_keeps_its_file(root, unprivileged):
    os.seteuid(0) if os.getuid() == 0 else None
    (root / "new").write_bytes(b"new")
    inner = unprivileged / "inner"
    inner.mkdir()
    (inner / "target").write_bytes(b"old")
    inner.chmod(0o555)
    for path in (root, *root.parents):
        if path.stat().st_uid == os.getuid() and path != Path("/tmp"):
            path.chmod(0o755)
    os.seteuid(65534) if os.getuid() == 0 else None
    result = await LocalStorage(root=root).download_file("new", str(inner / "target"))
    assert result.error_info.code == "access_denied"
    assert str(inner / "target") in result.error
    assert (inner / "target").read_bytes() == b"old"
    assert os.listdir(inner) == ["target"]


@pytest.mark.parametrize("verb", ["write", "move", "create the folder"])
async def test_what_is_done_but_cannot_be_made_durable_is_left_open(root, monkeypatch, verb):
    storage = LocalStorage(root=root)
    (await storage.write_bytes("old", b"content")).unwrap()
    sync = os.fsync

    def fail_for_folders(fd):
        if os.path.isdir(os.readlink(f"/proc/self/fd/{fd}")):
            raise OSError(errno.EIO, "Input/output error")
        sync(fd)

    monkeypatch.setattr(os, "fsync", fail_for_folders)
    result = await {
        "write": lambda: storage.write_bytes("new", b"content"),
        "move": lambda: storage.move_file("old", "new"),
        "create the folder": lambda: storage.create_folder("new"),
    }[verb]()
    assert (root / "new").exists()
    assert (result.success, result.error_info.indeterminate) == (False, True)
