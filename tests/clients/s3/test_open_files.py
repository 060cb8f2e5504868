"""Transfers hold no more files open than the process may."""

import contextlib
import os
import subprocess
import sys

import anyio
import pytest

from quackcore_async.clients.s3 import open_files
from quackcore_async.clients.s3.open_files import file_slots, open_file_allowance

resource = pytest.importorskip("resource")


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param


@pytest.fixture
def limited(monkeypatch):
    """Set the limit of the process, as the module sees it."""

    def limit(soft: int) -> None:
        monkeypatch.setattr(resource, "getrlimit", lambda _which: (soft, soft))

    return limit


def test_what_is_open_and_what_will_be_counts(limited, tmp_path):
    def falls_by(count: int) -> int:
        before = open_file_allowance(100)
        with contextlib.ExitStack() as stack:
            for number in range(count):
                stack.enter_context((tmp_path / str(number)).open("w"))
            return before - open_file_allowance(100)

    limited(500)
    assert 10 in [falls_by(10) for _ in range(5)]  # other threads of the process may close theirs in between
    assert 50 in [open_file_allowance(50) - open_file_allowance(100) for _ in range(5)]


def test_files_are_really_open_up_to_the_allowance(tmp_path):
    allowance = min(open_file_allowance(), 200)
    files = [(tmp_path / str(number)).open("w") for number in range(allowance)]
    for file in files:
        file.close()


@pytest.mark.parametrize(("soft", "allowed"), [(10, 1), (resource.RLIM_INFINITY, 1024), (10**6, 1024)])
def test_there_is_always_one_and_never_any_number(limited, soft, allowed):
    limited(soft)
    assert open_file_allowance() == allowed


def test_a_system_that_does_not_tell_what_is_open_has_something_open(limited, monkeypatch):
    limited(500)
    monkeypatch.setattr(open_files, "_LISTINGS", ("/no/such/listing",))
    assert open_file_allowance() == 500 - 64 - 64


def test_windows_has_no_such_limit(monkeypatch):
    monkeypatch.setattr(open_files.sys, "platform", "win32")
    monkeypatch.setattr(resource, "getrlimit", None)
    assert 1 <= open_file_allowance() < 512


async def test_all_transfers_of_a_loop_share_their_slots(limited):
    limited(500)
    slots = file_slots(100)
    assert file_slots(1) is slots
    assert slots.limit < 500 - 100
    async with anyio.create_task_group() as group:
        group.start_soon(slots.acquire)
    assert file_slots().held == 1


MANY = """
import contextlib
import resource, sys
from pathlib import Path
import anyio
from quackcore_async import S3Storage, download_many, upload_many

async def main():
    source, target = Path(sys.argv[2]), Path(sys.argv[3])
    files = [source / str(number) for number in range(300)]
    for file in files:
        file.write_bytes(bytes(270_000))  # is held open while it waits for its turn
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))
    async with S3Storage(config={"bucket_name": sys.argv[1]}) as storage:
        up = await upload_many(storage, files, concurrency=300)
        down = await download_many(storage, [file.name for file in files], target=target, concurrency=300)
    print(up.success, down.success, up.error, down.error)

anyio.run(main)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
def test_far_more_transfers_than_descriptors_all_succeed(seaweed, tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", MANY, seaweed.bucket, str(source), str(target)],
        env={**os.environ, **seaweed.environ()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split()[:2] == ["True", "True"], done.stdout + done.stderr
