"""Cancelled while the server says nothing: quiet at once, and within ten seconds where clean-up must ask that server."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest

from quackcore_async import S3Storage, sync, upload_many
from quackcore_async.storage.names import is_partial
from tests.faults.cancelling.attempts import Way
from tests.faults.cancelling.storages import count
from tests.servers.scripted import Answer, Request, ScriptedS3

MIB = 1024**2
BODY = os.urandom(6 * MIB)
AT_ONCE = 2.0
WITH_IDENTIFIER = 7.0
WITH_CLEANUP = 11.0


@pytest.fixture
def anyio_backend():
    return "asyncio"


@dataclass(frozen=True)
class Hang:
    """What the server does not answer, what is called then, and how long it takes to be quiet after that."""

    operation: str
    call: Callable[[S3Storage, Path], Awaitable[object]]
    within: float = AT_ONCE


def upload(storage: S3Storage, here: Path) -> Awaitable[object]:
    return storage.upload_file(str(here / "source"), "key")


def download(storage: S3Storage, here: Path) -> Awaitable[object]:
    return storage.download_file("key", str(here / "target"))


HANGS = {
    "beginning an upload": Hang("CreateMultipartUpload", upload, WITH_IDENTIFIER),
    "a part": Hang("UploadPart", upload),
    "a part, and the abort": Hang("UploadPart AbortMultipartUpload", upload, WITH_CLEANUP),
    "completing": Hang("CompleteMultipartUpload", upload),
    "completing, and the abort": Hang("CompleteMultipartUpload AbortMultipartUpload", upload, WITH_CLEANUP),
    "a small object": Hang("PutObject", lambda storage, _: storage.write_bytes("key", b"x")),
    "a download": Hang("GetObject", download),
    "a listing": Hang("ListObjectsV2", lambda storage, _: storage.list_files()),
    "a stream of a listing": Hang("ListObjectsV2", lambda storage, _: count(storage.iter_files())),
    "a deletion": Hang("DeleteObject", lambda storage, _: storage.delete_file("key")),
    "a sync": Hang("ListObjectsV2", lambda storage, here: sync(here, (storage, ""))),
    "a part of many files": Hang("UploadPart", lambda storage, here: upload_many(storage, [here / "source"])),
}


def storage_of(server: ScriptedS3) -> S3Storage:
    endpoint = server.endpoint
    return S3Storage(
        config={
            "bucket_name": server.bucket,
            "endpoint_url": endpoint.url,
            "region": "us-east-1",
            "access_key_id": endpoint.access_key_id,
            "secret_access_key": endpoint.secret_access_key,
            "part_size": 5 * MIB,
            "multipart_threshold": 5 * MIB,
        }
    )


def slow(within: float) -> Any:
    return [pytest.mark.slow] if within > AT_ONCE else []


@pytest.mark.parametrize("way", ["task", "scope", "deadline"])
@pytest.mark.parametrize(
    "hang", [pytest.param(hang, id=name, marks=slow(hang.within)) for name, hang in HANGS.items()]
)
async def test_a_cancelled_call_to_a_server_that_hangs_is_quiet_soon(
    scripted_s3: ScriptedS3, tmp_path: Path, fault_full: bool, hang: Hang, way: Way
):
    if (hang.within == WITH_CLEANUP or (hang.within > AT_ONCE and way != "task")) and not fault_full:
        pytest.skip("each takes ten seconds: with --fault-full")
    here = tmp_path / "here"
    here.mkdir()
    (here / "source").write_bytes(BODY)
    scripted_s3.put("key", BODY, '"e"')
    silent = hang.operation.split()

    def script(request: Request) -> Answer | None:
        if request.operation in silent:
            scripted_s3.stopped.wait()
        return None

    async with storage_of(scripted_s3) as storage:
        tasks = len(asyncio.all_tasks())
        scripted_s3.script = script
        scope = anyio.CancelScope()

        async def run() -> object:
            if way == "task":
                return await hang.call(storage, here)
            with scope:
                return await hang.call(storage, here)
            return "cancelled"

        task = asyncio.get_running_loop().create_task(run())
        with anyio.fail_after(20):
            while scripted_s3.count(silent[0]) == 0:
                await anyio.sleep(0.001)
        begun = time.monotonic()
        if way == "task":
            task.cancel()
        elif way == "scope":
            scope.cancel()
        else:
            scope.deadline = anyio.current_time()
        await asyncio.wait([task])
        seconds = time.monotonic() - begun
        assert task.cancelled() if way == "task" else await task == "cancelled"
        assert seconds < hang.within, f"quiet only after {seconds:.1f} seconds"
        await anyio.lowlevel.checkpoint()
        assert len(asyncio.all_tasks()) <= tasks, asyncio.all_tasks()
        assert [name for _, _, names in os.walk(tmp_path) for name in names if is_partial(name)] == []
        scripted_s3.script = lambda _request: None
        assert (await storage.write_bytes("afterwards", b"x")).success
        if "CreateMultipartUpload" not in silent and "AbortMultipartUpload" not in silent:
            assert scripted_s3.uploads == {}
