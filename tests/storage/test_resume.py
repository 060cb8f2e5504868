"""Transfers of large files that are interrupted go on where they stopped: also in another process, after a kill -9."""

import asyncio
import contextlib
import errno
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from quackcore_async.clients.s3.attributes import WRITE_KEY
from quackcore_async.protocols import UploadOptions
from quackcore_async.storage import S3Storage
from quackcore_async.storage.journal import append_line
from quackcore_async.storage.names import is_partial
from quackcore_async.storage.resumable import resumable_name
from quackcore_async.storage.upload_journal import journaled_uploads, uploads_folder
from tests.servers.interruptions import Failing, Gate, kill_when
from tests.servers.ports import wait_until
from tests.servers.scripted import Answer, error_answer

MIB = 1024**2
PART = 5 * MIB  # the smallest that S3 takes
SIZE = 6 * PART + 1000
PARTS = 7

CHILD = """
import json, sys, anyio
from quackcore_async.storage import S3Storage

async def main(config, verb, *args):
    async with S3Storage(config=json.loads(config)) as storage:
        result = await getattr(storage, verb)(*args, resume=True)
        print(result.success, flush=True)

anyio.run(main, *sys.argv[1:])
"""


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("QUACK_HOME", str(tmp_path / "home"))


@pytest.fixture
def content():
    return os.urandom(SIZE)


@pytest.fixture
def config_of():
    def config(endpoint, **changes):
        own = {
            "bucket_name": endpoint.bucket,
            "endpoint_url": endpoint.url,
            "region": "us-east-1",
            "access_key_id": endpoint.access_key_id,
            "secret_access_key": endpoint.secret_access_key,
            "part_size": PART,
            "multipart_threshold": PART,
            "transfer_concurrency": 1,
        }
        return own | changes

    return config


@pytest.fixture
def child():
    """Start a transfer in a process of its own."""
    started = []

    def start(config, verb, *args):
        environ = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
        process = subprocess.Popen(
            [sys.executable, "-c", CHILD, json.dumps(config), verb, *map(str, args)],
            env=environ,
            stdout=subprocess.PIPE,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def ranges_asked(server):
    """Return the ranges; one that a client has died of may be seen late, and is asked for again."""
    asked = [request.headers["range"] for request in server.requests if request.operation == "GetObject"]
    return list(dict.fromkeys(asked))


def part_file(folder):
    return folder / resumable_name("target")


def lines_kept(folder):
    path = part_file(folder)
    return path.read_bytes()[SIZE:].count(b"\n") if path.exists() else 0


async def interrupted_download(server, config, folder, *, after=3):
    """Let some ranges come, and then none."""
    Failing(server, "GetObject", after)
    async with S3Storage(config=config) as storage:
        result = await storage.download_file("key", str(folder / "target"), resume=True)
    assert not result.success
    server.script = lambda request: None
    server.requests.clear()


async def download(config, folder, **options):
    async with S3Storage(config=config) as storage:
        return await storage.download_file("key", str(folder / "target"), **{"resume": True, **options})


def test_a_killed_download_goes_on_where_it_stopped(scripted_s3, config_of, child, tmp_path, content):
    config = config_of(scripted_s3.endpoint)
    scripted_s3.put("key", content)
    gate = Gate(scripted_s3, "GetObject", 4)
    running = child(config, "download_file", "key", tmp_path / "target")
    kill_when(running, lambda: lines_kept(tmp_path) == 5, "4 ranges on the disk")
    gate.open()
    second = child(config, "download_file", "key", tmp_path / "target")
    assert second.stdout.read() == b"True\n"
    assert (tmp_path / "target").read_bytes() == content
    assert len(ranges_asked(scripted_s3)) == PARTS - 4
    assert [name for name in os.listdir(tmp_path) if is_partial(name)] == []


def test_each_of_many_killed_downloads_goes_on_where_the_one_before_stopped(
    scripted_s3, config_of, child, tmp_path, content
):
    config = config_of(scripted_s3.endpoint)
    scripted_s3.put("key", content)
    for kept in range(1, PARTS):
        gate = Gate(scripted_s3, "GetObject", 1)
        running = child(config, "download_file", "key", tmp_path / "target")
        kill_when(running, lambda kept=kept: lines_kept(tmp_path) == kept + 1, f"{kept} ranges on the disk")
        gate.open()
    last = child(config, "download_file", "key", tmp_path / "target")
    assert last.stdout.read() == b"True\n"
    assert len(ranges_asked(scripted_s3)) == 1
    assert (tmp_path / "target").read_bytes() == content


def test_a_killed_download_from_a_real_store_goes_on(seaweed, config_of, child, tmp_path, content):
    raw = seaweed.raw_client()
    raw.put_object(Bucket=seaweed.bucket, Key="key", Body=content)
    raw.close()
    config = config_of(seaweed)
    running = child(config | {"max_bandwidth": 4 * PART}, "download_file", "key", tmp_path / "target")
    kill_when(running, lambda: lines_kept(tmp_path) >= 3, "2 ranges on the disk")
    kept = part_file(tmp_path).stat().st_ino
    second = child(config, "download_file", "key", tmp_path / "target")
    assert second.stdout.read() == b"True\n"
    assert (tmp_path / "target").read_bytes() == content
    assert (tmp_path / "target").stat().st_ino == kept


async def test_a_failed_download_keeps_what_came_and_goes_on(scripted_s3, config_of, tmp_path, content):
    config = config_of(scripted_s3.endpoint)
    scripted_s3.put("key", content)
    await interrupted_download(scripted_s3, config, tmp_path)
    told = []
    result = await download(config, tmp_path, progress=told.append)
    assert result.verified == "full"
    assert (tmp_path / "target").read_bytes() == content
    assert len(ranges_asked(scripted_s3)) == PARTS - 3
    assert told[0] >= 3 * PART
    assert (told[-1], sorted(told)) == (SIZE, told)


async def test_the_ranges_may_have_another_size_the_second_time(scripted_s3, config_of, tmp_path, content):
    config = config_of(scripted_s3.endpoint)
    scripted_s3.put("key", content)
    await interrupted_download(scripted_s3, config, tmp_path)
    (await download(config | {"part_size": 7 * MIB}, tmp_path)).unwrap()
    assert (tmp_path / "target").read_bytes() == content
    asked = [spec.removeprefix("bytes=").split("-") for spec in ranges_asked(scripted_s3)]
    assert sum(int(last) - int(first) + 1 for first, last in asked) == SIZE - 3 * PART


@pytest.mark.parametrize("change", ["content", "entity tag only", "size"])
async def test_nothing_of_another_version_is_used(scripted_s3, config_of, tmp_path, content, change):
    config = config_of(scripted_s3.endpoint)
    scripted_s3.put("key", content, '"one"')
    await interrupted_download(scripted_s3, config, tmp_path)
    new = {"content": os.urandom(SIZE), "entity tag only": content, "size": os.urandom(SIZE + PART)}[change]
    scripted_s3.put("key", new, '"two"')
    (await download(config, tmp_path)).unwrap()
    assert (tmp_path / "target").read_bytes() == new
    assert len(ranges_asked(scripted_s3)) == -(-len(new) // PART)


async def test_an_object_replaced_while_it_is_gone_on_with_is_begun_anew(
    scripted_s3, config_of, tmp_path, content
):
    config = config_of(scripted_s3.endpoint)
    scripted_s3.put("key", content, '"one"')
    await interrupted_download(scripted_s3, config, tmp_path)
    new = os.urandom(SIZE)

    def script(request):
        if request.operation == "GetObject" and scripted_s3.count("GetObject") == 2:
            scripted_s3.put("key", new, '"two"')

    scripted_s3.script = script
    (await download(config, tmp_path)).unwrap()
    assert (tmp_path / "target").read_bytes() == new


async def test_kept_bytes_that_are_damaged_are_found_and_all_is_read_again(
    scripted_s3, config_of, tmp_path, content
):
    config = config_of(scripted_s3.endpoint)
    scripted_s3.put("key", content)
    await interrupted_download(scripted_s3, config, tmp_path)
    with part_file(tmp_path).open("r+b") as file:
        file.write(b"damaged")
    (await download(config, tmp_path)).unwrap()
    assert (tmp_path / "target").read_bytes() == content


@pytest.mark.parametrize("torn", [b"00000000 0 10\n", b"0000", b"\xff" * 100])
async def test_a_torn_last_line_of_the_journal_is_ignored(scripted_s3, config_of, tmp_path, content, torn):
    config = config_of(scripted_s3.endpoint)
    scripted_s3.put("key", content)
    await interrupted_download(scripted_s3, config, tmp_path)
    with part_file(tmp_path).open("ab") as file:
        file.write(torn)
    (await download(config, tmp_path)).unwrap()
    assert (tmp_path / "target").read_bytes() == content
    assert len(ranges_asked(scripted_s3)) == PARTS - 3


async def test_a_journal_cut_anywhere_costs_ranges_and_nothing_else(scripted_s3, config_of, tmp_path, content):
    config = config_of(scripted_s3.endpoint)
    scripted_s3.put("key", content)
    await interrupted_download(scripted_s3, config, tmp_path)
    whole = part_file(tmp_path).read_bytes()
    header = whole.index(b"\n", SIZE) + 1
    for end in (SIZE - 1, SIZE, SIZE + 5, header, header + 5, len(whole) - 1):
        part_file(tmp_path).write_bytes(whole[:end])
        (await download(config, tmp_path)).unwrap()
        assert (tmp_path / "target").read_bytes() == content


@pytest.mark.parametrize("resume", [False, True])
async def test_only_a_resumed_download_leaves_anything_behind(scripted_s3, config_of, tmp_path, content, resume):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "target").write_bytes(b"before")
    scripted_s3.put("key", content)
    Failing(scripted_s3, "GetObject", 3)
    result = await download(config_of(scripted_s3.endpoint), folder, resume=resume)
    assert not result.success
    assert (folder / "target").read_bytes() == b"before"
    assert sorted(os.listdir(folder)) == sorted(["target", *([resumable_name("target")] if resume else [])])


async def test_a_cancelled_download_is_kept_and_goes_on(scripted_s3, config_of, tmp_path, content):
    import anyio

    config = config_of(scripted_s3.endpoint)
    scripted_s3.put("key", content)
    gate = Gate(scripted_s3, "GetObject", 4)

    async def cancel_when_kept(scope):
        while lines_kept(tmp_path) < 5:
            await anyio.sleep(0.001)
        scope.cancel()

    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:
            group.start_soon(cancel_when_kept, scope)
            await download(config, tmp_path)
    assert scope.cancelled_caught
    gate.open()
    (await download(config, tmp_path)).unwrap()
    assert (tmp_path / "target").read_bytes() == content
    assert len(ranges_asked(scripted_s3)) == PARTS - 4


async def test_a_download_that_got_nothing_leaves_nothing(scripted_s3, config_of, tmp_path, content):
    folder = tmp_path / "folder"
    folder.mkdir()
    scripted_s3.put("key", content)
    Failing(scripted_s3, "GetObject", 0)
    assert not (await download(config_of(scripted_s3.endpoint), folder)).success
    assert os.listdir(folder) == []


async def test_a_small_file_is_downloaded_with_one_request_and_nothing_is_kept(scripted_s3, config_of, tmp_path):
    scripted_s3.put("key", b"small")
    config = config_of(scripted_s3.endpoint)
    async with S3Storage(config=config) as storage:
        scripted_s3.requests.clear()
        (await storage.download_file("key", str(tmp_path / "target"), resume=True)).unwrap()
    assert scripted_s3.operations() == ["GetObject"]


async def test_what_another_process_is_at_is_left_alone(scripted_s3, config_of, child, tmp_path, content):
    """The first one has the lock: the second one loads the file by itself, and both come to an end."""
    config = config_of(scripted_s3.endpoint)
    scripted_s3.put("key", content)
    gate = Gate(scripted_s3, "GetObject", 4)
    running = child(config, "download_file", "key", tmp_path / "target")
    wait_until(
        lambda: lines_kept(tmp_path) == 5, seconds=30, what="4 ranges", alive=lambda: running.poll() is None
    )
    wait_until(gate.holds.is_set, seconds=30, what="a range that hangs", alive=lambda: running.poll() is None)
    before = part_file(tmp_path).stat()
    scripted_s3.script = lambda request: None
    scripted_s3.requests.clear()
    (await download(config, tmp_path)).unwrap()
    assert (tmp_path / "target").read_bytes() == content
    assert len(ranges_asked(scripted_s3)) == PARTS
    now = part_file(tmp_path).stat()
    assert (now.st_ino, now.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    gate.open()
    assert running.stdout.read() == b"True\n"
    assert (tmp_path / "target").stat().st_ino == before.st_ino


async def test_a_folder_in_the_place_of_the_target_is_named_once(scripted_s3, config_of, tmp_path, content):
    scripted_s3.put("key", content)
    (tmp_path / "target" / "key").mkdir(parents=True)
    result = await download(config_of(scripted_s3.endpoint), tmp_path)
    assert (result.error_info.code, f"{tmp_path}/target/key is a folder" in result.error) == ("is_a_folder", True)


async def test_what_was_kept_is_taken_to_the_new_permissions_and_time(scripted_s3, config_of, tmp_path, content):
    stored = {"x-amz-meta-mtime": "1700000000.5", "x-amz-meta-mode": "640"}
    config = config_of(scripted_s3.endpoint)
    scripted_s3.put("key", content, None, stored)
    await interrupted_download(scripted_s3, config, tmp_path)
    assert part_file(tmp_path).stat().st_mode & 0o777 == 0o600
    (await download(config, tmp_path)).unwrap()
    found = (tmp_path / "target").stat()
    assert (found.st_mode & 0o777, found.st_mtime) == (0o640, 1700000000.5)


async def test_a_conflict_at_the_end_keeps_nothing(scripted_s3, config_of, tmp_path, content):
    folder = tmp_path / "folder"
    folder.mkdir()
    scripted_s3.put("key", content)

    def script(request):
        if request.operation == "GetObject" and scripted_s3.count("GetObject") == PARTS:
            (folder / "target").write_bytes(b"of somebody else")

    scripted_s3.script = script
    result = await download(config_of(scripted_s3.endpoint), folder, overwrite=False)
    assert result.error_info.code == "exists"
    assert os.listdir(folder) == ["target"]
    assert (folder / "target").read_bytes() == b"of somebody else"


@pytest.mark.parametrize("planted", ["link", "hard link", "folder"])
async def test_a_planted_file_is_not_gone_on_with(scripted_s3, config_of, tmp_path, content, planted):
    config = config_of(scripted_s3.endpoint)
    scripted_s3.put("key", content)
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    if planted == "link":
        part_file(tmp_path).symlink_to(victim)
    elif planted == "hard link":
        os.link(victim, part_file(tmp_path))
    else:
        part_file(tmp_path).mkdir()
    (await download(config, tmp_path)).unwrap()
    assert (tmp_path / "target").read_bytes() == content
    assert victim.read_bytes() == b"precious"


@pytest.fixture
def source(tmp_path, content):
    path = tmp_path / "source"
    path.write_bytes(content)
    return path


async def upload(config, source, **options):
    async with S3Storage(config=config) as storage:
        return await storage.upload_file(str(source), "key", **{"resume": True, **options})


async def interrupted_upload(server, config, source, *, after=3, **options):
    """Let some parts go, and then none."""
    Failing(server, "UploadPart", after)
    result = await upload(config, source, **options)
    assert not result.success
    server.script = lambda request: None
    server.requests.clear()
    return result


def journals():
    return [name for name in os.listdir(uploads_folder()) if name.endswith(".upload")]


def lines_of_journal():
    folder = Path(uploads_folder())
    return sum(path.read_bytes().count(b"\n") for path in folder.iterdir()) if folder.exists() else 0


def test_a_killed_upload_goes_on_where_it_stopped(scripted_s3, config_of, child, source, content):
    config = config_of(scripted_s3.endpoint)
    gate = Gate(scripted_s3, "UploadPart", 4)
    running = child(config, "upload_file", source, "key")
    kill_when(running, lambda: lines_of_journal() == 5, "4 parts")
    gate.open()
    second = child(config, "upload_file", source, "key")
    assert second.stdout.read() == b"True\n"
    assert scripted_s3.objects["key"][0] == content
    sent = [r.query["partNumber"] for r in scripted_s3.requests if r.operation == "UploadPart" and r.body]
    assert {"6", "7"} <= set(sent) <= {"5", "6", "7"}, "the fifth may have come while its client died"
    assert scripted_s3.count("CreateMultipartUpload") == 0
    assert journals() == []


@pytest.mark.parametrize("server", ["seaweed", "moto_server"])
def test_a_killed_upload_to_a_real_store_goes_on(request, config_of, child, source, content, server):
    store = request.getfixturevalue(server)
    raw = store.raw_client()
    config = config_of(store)
    running = child(config | {"max_bandwidth": 4 * PART}, "upload_file", source, "key")
    kill_when(running, lambda: lines_of_journal() >= 3, "2 parts")
    (left,) = raw.list_multipart_uploads(Bucket=store.bucket)["Uploads"]
    there = raw.list_parts(Bucket=store.bucket, Key="key", UploadId=left["UploadId"])["Parts"]
    second = child(config, "upload_file", source, "key")
    assert second.stdout.read() == b"True\n"
    body = raw.get_object(Bucket=store.bucket, Key="key")["Body"].read()
    uploads = raw.list_multipart_uploads(Bucket=store.bucket).get("Uploads", [])
    raw.close()
    assert (body == content, uploads, journals(), len(there) >= 2) == (True, [], [], True)


async def test_a_failed_upload_keeps_its_parts_and_goes_on(scripted_s3, config_of, source, content):
    config = config_of(scripted_s3.endpoint)
    await interrupted_upload(scripted_s3, config, source)
    assert len(scripted_s3.uploads["upload1"]) == 3
    told = []
    (await upload(config, source, progress=told.append)).unwrap()
    assert scripted_s3.objects["key"][0] == content
    assert scripted_s3.count("UploadPart") == PARTS - 3
    assert (told[-1], sorted(told)) == (SIZE, told)
    assert (journals(), scripted_s3.uploads) == ([], {})


async def test_without_resume_a_failed_upload_is_aborted(scripted_s3, config_of, source):
    config = config_of(scripted_s3.endpoint)
    await interrupted_upload(scripted_s3, config, source, resume=False)
    assert scripted_s3.uploads == {}
    assert not Path(uploads_folder()).exists()


async def test_a_cancelled_upload_is_kept(scripted_s3, config_of, source, content):
    import anyio

    config = config_of(scripted_s3.endpoint)
    gate = Gate(scripted_s3, "UploadPart", 4)

    async def cancel_when_kept(scope):
        while lines_of_journal() < 5:
            await anyio.sleep(0.001)
        scope.cancel()

    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:
            group.start_soon(cancel_when_kept, scope)
            await upload(config, source)
    assert scope.cancelled_caught
    assert scripted_s3.count("AbortMultipartUpload") == 0
    gate.open()
    (await upload(config, source)).unwrap()
    assert scripted_s3.objects["key"][0] == content


@pytest.mark.parametrize(
    "operation", ["CreateMultipartUpload", "UploadPart", "ListParts", "CompleteMultipartUpload"]
)
async def test_a_task_cancelled_the_asyncio_way_holds_nothing_and_can_be_gone_on_with(
    scripted_s3, config_of, source, content, operation
):
    config = config_of(scripted_s3.endpoint)
    if operation == "ListParts":
        await interrupted_upload(scripted_s3, config, source)
    loop = asyncio.get_running_loop()

    def script(request):
        if request.operation == operation:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(task.cancel)
                loop.call_soon_threadsafe(task.cancel)

    scripted_s3.script = script
    async with S3Storage(config=config) as storage:
        task = asyncio.ensure_future(storage.upload_file(str(source), "key", resume=True))
        await asyncio.wait([task])
    scripted_s3.script = lambda request: None
    if task.cancelled():
        assert not any(found.in_use for found in journaled_uploads())
        assert not any(".upload" in os.readlink(f"/proc/self/fd/{fd}") for fd in open_descriptors())
        (await upload(config, source)).unwrap()
    assert scripted_s3.objects["key"][0] == content
    assert (scripted_s3.uploads, journals()) == ({}, [])


def open_descriptors():
    return [fd for fd in os.listdir("/proc/self/fd") if os.path.lexists(f"/proc/self/fd/{fd}")]


async def test_a_part_whose_bytes_changed_is_sent_again(scripted_s3, config_of, source, content):
    """Size and time are the same: only the bytes tell."""
    config = config_of(scripted_s3.endpoint)
    await interrupted_upload(scripted_s3, config, source)
    before = source.stat()
    changed = bytearray(content)
    changed[PART + 5] ^= 1
    source.write_bytes(changed)
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    (await upload(config, source)).unwrap()
    assert scripted_s3.objects["key"][0] == bytes(changed)
    assert scripted_s3.count("UploadPart") == PARTS - 2


@pytest.mark.parametrize("change", ["file", "part size", "options", "condition"])
async def test_an_upload_of_anything_else_is_begun_anew(scripted_s3, config_of, source, change):
    config = config_of(scripted_s3.endpoint)
    await interrupted_upload(scripted_s3, config, source)
    options = {}
    match change:
        case "file":
            source.write_bytes(os.urandom(SIZE + 1))
        case "part size":
            config["part_size"] = 6 * MIB
        case "options":
            options = {"options": UploadOptions(metadata={"more": "1"})}
        case "condition":
            options = {"overwrite": False}
    (await upload(config, source, **options)).unwrap()
    assert scripted_s3.objects["key"][0] == source.read_bytes()
    assert scripted_s3.count("CreateMultipartUpload") == 1
    assert scripted_s3.uploads == {}, "the upload that nobody can go on with is aborted"


async def test_parts_of_opaque_entity_tags_are_known_by_the_journal(scripted_s3, config_of, source, content):
    config = config_of(scripted_s3.endpoint)
    failing = Failing(scripted_s3, "UploadPart", 3)

    def opaque(request):
        refusal = failing(request)
        if request.operation == "UploadPart" and refusal is None:
            number = int(request.query["partNumber"])
            scripted_s3.uploads[request.query["uploadId"]][number] = request.body
            return Answer(headers={"ETag": f'"opaque-{number}"'})
        if request.operation == "ListParts":
            rows = "".join(
                f'<Part><PartNumber>{n}</PartNumber><ETag>"opaque-{n}"</ETag><Size>{len(data)}</Size></Part>'
                for n, data in scripted_s3.uploads[request.query["uploadId"]].items()
            )
            return Answer(
                200, {"Content-Type": "application/xml"}, f"<ListPartsResult>{rows}</ListPartsResult>".encode()
            )
        return refusal

    scripted_s3.script = opaque
    assert not (await upload(config, source)).success
    scripted_s3.requests.clear()
    failing.left = 100
    (await upload(config, source)).unwrap()
    assert scripted_s3.objects["key"][0] == content
    assert scripted_s3.count("UploadPart") == PARTS - 3


async def test_an_upload_that_was_completed_unheard_is_found(scripted_s3, config_of, source, content):
    """All answers to the completion are lost, and nobody may look: the next run finds the object by its token."""
    config = config_of(scripted_s3.endpoint)

    def script(request):
        if request.operation == "HeadObject":
            return Answer(403)
        return Answer(forget=True) if request.operation == "CompleteMultipartUpload" else None

    scripted_s3.script = script
    result = await upload(config, source)
    assert (result.success, result.error_info.indeterminate) == (False, True)
    assert len(journals()) == 1
    scripted_s3.script = lambda request: None
    scripted_s3.requests.clear()
    (await upload(config, source)).unwrap()
    assert (scripted_s3.count("UploadPart"), scripted_s3.count("CreateMultipartUpload")) == (0, 0)
    assert (scripted_s3.objects["key"][0], journals()) == (content, [])


async def test_an_upload_that_somebody_aborted_is_begun_anew(scripted_s3, config_of, source, content):
    config = config_of(scripted_s3.endpoint)
    await interrupted_upload(scripted_s3, config, source)
    scripted_s3.uploads.clear()
    scripted_s3.put("key", content, None, {f"x-amz-meta-{WRITE_KEY}": "another"})
    (await upload(config, source)).unwrap()
    assert scripted_s3.count("UploadPart") == PARTS
    assert scripted_s3.objects["key"][0] == content


@pytest.mark.parametrize(
    "answer", [error_answer(403, "AccessDenied"), error_answer(501, "NotImplemented"), error_answer(400, "Bad")]
)
async def test_who_may_not_look_at_the_parts_begins_anew(scripted_s3, config_of, source, content, answer):
    config = config_of(scripted_s3.endpoint)
    await interrupted_upload(scripted_s3, config, source)
    scripted_s3.script = lambda request: answer if request.operation == "ListParts" else None
    (await upload(config, source)).unwrap()
    assert scripted_s3.objects["key"][0] == content
    assert (scripted_s3.uploads, journals()) == ({}, []), "the one that nobody goes on with is aborted"


async def test_a_login_that_ran_out_costs_no_part(scripted_s3, config_of, source, content):
    config = config_of(scripted_s3.endpoint)
    await interrupted_upload(scripted_s3, config, source)
    Failing(scripted_s3, "ListParts", 0, error_answer(400, "ExpiredToken"))
    assert not (await upload(config, source)).success
    scripted_s3.script = lambda request: None
    (await upload(config, source)).unwrap()
    assert scripted_s3.count("UploadPart") == PARTS - 3


async def test_an_upload_is_done_although_its_journal_cannot_be_removed(
    scripted_s3, config_of, source, content, monkeypatch, caplog
):
    def unlink(path, **_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    monkeypatch.setattr("quackcore_async.storage.upload_journal.os.unlink", unlink)
    (await upload(config_of(scripted_s3.endpoint), source)).unwrap()
    assert scripted_s3.objects["key"][0] == content
    assert "cannot be removed" in caplog.text
    (await upload(config_of(scripted_s3.endpoint), source)).unwrap()
    assert scripted_s3.count("UploadPart") == PARTS, "what is there is known by its token"


@pytest.mark.parametrize("interrupted", [False, True])
@pytest.mark.parametrize("lines", [0, 1, 3])
async def test_where_no_journal_can_be_written_an_upload_goes_as_it_always_did(
    scripted_s3, config_of, source, content, monkeypatch, caplog, lines, interrupted
):
    written = []

    def append(fd, offset, text):
        if len(written) >= lines:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(text)
        return append_line(fd, offset, text)

    monkeypatch.setattr("quackcore_async.storage.upload_journal.append_line", append)
    if interrupted:
        Failing(scripted_s3, "UploadPart", 4)
    result = await upload(config_of(scripted_s3.endpoint), source)
    assert "free some space" in caplog.text
    assert result.success is not interrupted
    kept = interrupted and lines > 0
    assert len(scripted_s3.uploads) == kept
    if kept:
        assert [found.upload_id for found in journaled_uploads()] == list(scripted_s3.uploads)


async def test_an_upload_that_can_never_be_completed_is_aborted(scripted_s3, config_of, source):
    config = config_of(scripted_s3.endpoint)
    Failing(scripted_s3, "CompleteMultipartUpload", 0, error_answer(412, "PreconditionFailed"))
    result = await upload(config, source, overwrite=False)
    assert result.error_info.code == "exists"
    assert (scripted_s3.uploads, journals()) == ({}, [])


async def test_what_another_process_uploads_is_left_alone(scripted_s3, config_of, child, source, content):
    config = config_of(scripted_s3.endpoint)
    gate = Gate(scripted_s3, "UploadPart", 4)
    running = child(config, "upload_file", source, "key")
    wait_until(lambda: lines_of_journal() == 5, seconds=30, what="4 parts", alive=lambda: running.poll() is None)
    assert [found.in_use for found in journaled_uploads()] == [True]
    wait_until(gate.holds.is_set, seconds=30, what="a part that hangs", alive=lambda: running.poll() is None)
    scripted_s3.script = lambda request: None
    (await upload(config, source)).unwrap()
    assert list(scripted_s3.uploads) == ["upload1"]
    gate.open()
    assert running.stdout.read() == b"True\n"
    assert scripted_s3.uploads == {}
    assert scripted_s3.objects["key"][0] == content


@pytest.mark.parametrize("torn", [b"half a line", b"00000000 []\n"])
async def test_a_torn_journal_costs_nothing_that_the_service_tells(scripted_s3, config_of, source, content, torn):
    config = config_of(scripted_s3.endpoint)
    await interrupted_upload(scripted_s3, config, source)
    (name,) = journals()
    path = Path(uploads_folder()) / name
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2]) + torn)
    (await upload(config, source)).unwrap()
    assert scripted_s3.count("UploadPart") == PARTS - 3
    assert scripted_s3.objects["key"][0] == content


async def test_without_a_home_an_upload_goes_as_it_always_did(
    scripted_s3, config_of, source, content, monkeypatch, caplog
):
    monkeypatch.delenv("QUACK_HOME")
    monkeypatch.delenv("HOME")
    (await upload(config_of(scripted_s3.endpoint), source)).unwrap()
    assert scripted_s3.objects["key"][0] == content
    assert "no home directory" in caplog.text


async def test_a_small_file_is_uploaded_with_one_request_and_nothing_is_kept(scripted_s3, config_of, tmp_path):
    path = tmp_path / "small"
    path.write_bytes(b"small")
    (await upload(config_of(scripted_s3.endpoint), path)).unwrap()
    assert scripted_s3.count("PutObject") == 1
    assert not Path(uploads_folder()).exists()


def test_the_name_of_a_kept_download_is_that_of_an_unfinished_file():
    assert is_partial(resumable_name("target"))
    assert resumable_name("target") != resumable_name("Target")
    assert hashlib.sha256(b"resume/target").hexdigest().startswith(resumable_name("target")[1:17])
