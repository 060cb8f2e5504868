"""Transfers against SeaweedFS: a real store that checks signatures and checksums and honours conditions."""

import asyncio
import hashlib
import os
import socket
import urllib.error
import urllib.request

import anyio
import pytest

from quackcore_async.clients.s3 import (
    S3Client,
    S3Keys,
    copy_object,
    download,
    upload_bytes,
    upload_file,
    upload_stream,
)
from quackcore_async.errors import (
    AuthError,
    ConflictError,
    ErrorKind,
    QuackError,
    RemoteNotFoundError,
    StorageError,
)
from quackcore_async.protocols import UploadOptions
from quackcore_async.redaction import Secret
from quackcore_async.storage.files import SourceFile

MIB = 1024**2
PART = 8 * MIB


async def downloaded(client, address, tmp_path, **options):
    path = tmp_path / "downloaded"
    with path.open("w+b") as out:
        outcome = await download(
            client, address, lambda _info: out.fileno(), finish=lambda _verified: None, **options
        )
    return path.read_bytes(), outcome


async def uploads_left(client, bucket):
    return await client.list_multipart_uploads(bucket)


@pytest.mark.parametrize(
    "size", [0, 1, 256 * 1024, 256 * 1024 + 1, PART - 1, PART, PART + 1, 2 * PART, 2 * PART + 1]
)
async def test_a_file_of_any_size_comes_back_byte_for_byte(seaweed, seaweed_client, make_file, tmp_path, size):
    path = make_file(size)
    told_up, told_down = [], []
    await upload_file(seaweed_client, SourceFile(path), seaweed.address("file"), progress=told_up.append)
    content, outcome = await downloaded(
        seaweed_client, seaweed.address("file"), tmp_path, progress=told_down.append
    )
    assert content == path.read_bytes()
    assert outcome.verified == ("length" if size > PART else "full")
    assert told_up == sorted(told_up)
    assert told_up[-1] == size
    assert (told_down or [0])[-1] == size
    assert await uploads_left(seaweed_client, seaweed.bucket) == []


async def test_time_mode_type_and_own_metadata_are_stored(seaweed, seaweed_client, make_file):
    path = make_file(10, "page.html")
    path.chmod(0o600)
    os.utime(path, ns=(0, 1_700_000_000_123_456_789))
    options = UploadOptions(metadata={"owner": "tests"}, cache_control="no-store")
    await upload_file(seaweed_client, SourceFile(path), seaweed.address("page.html"), options=options)
    info = await seaweed_client.head(seaweed.address("page.html"))
    assert info.content_type == "text/html"
    assert info.metadata == {"mtime": "1700000000.123456789", "mode": "600", "owner": "tests"}
    raw = seaweed.raw_client()
    assert raw.head_object(Bucket=seaweed.bucket, Key="page.html")["CacheControl"] == "no-store"
    raw.close()


@pytest.mark.parametrize("size", [10, PART + 1], ids=["put", "multipart"])
async def test_without_overwriting_an_existing_object_stays(seaweed, seaweed_client, make_file, size):
    await upload_bytes(seaweed_client, b"first", seaweed.address("key"))
    with pytest.raises(ConflictError) as caught:
        await upload_file(seaweed_client, SourceFile(make_file(size)), seaweed.address("key"), overwrite=False)
    assert caught.value.code == "exists"
    async with seaweed_client.stream(seaweed.address("key")) as stream:
        assert await stream.read() == b"first"
    assert await uploads_left(seaweed_client, seaweed.bucket) == []


async def test_twenty_racing_conditional_writes_have_one_winner(seaweed, seaweed_client):
    won, lost = [], []

    async def write(number):
        try:
            await upload_bytes(
                seaweed_client, f"content {number}".encode(), seaweed.address("key"), overwrite=False
            )
            won.append(number)
        except ConflictError:
            lost.append(number)

    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(write, number)
    assert (len(won), len(lost)) == (1, 19)
    async with seaweed_client.stream(seaweed.address("key")) as stream:
        assert await stream.read() == f"content {won[0]}".encode()


async def test_a_write_under_a_condition_happens_only_while_the_tag_is_the_same(seaweed, seaweed_client):
    first = await upload_bytes(seaweed_client, b"1", seaweed.address("key"))
    options = UploadOptions(if_match=first.etag)
    await upload_bytes(seaweed_client, b"2", seaweed.address("key"), options=options)
    with pytest.raises(ConflictError) as caught:
        await upload_bytes(seaweed_client, b"3", seaweed.address("key"), options=options)
    assert caught.value.code == "changed"


@pytest.mark.parametrize("size", [0, 5, PART, PART + 1, 3 * PART + 17])
async def test_a_stream_of_unknown_length_is_stored_whole(seaweed, seaweed_client, tmp_path, size):
    content = os.urandom(size)

    async def chunks():
        for start in range(0, size, 700_001):
            yield content[start : start + 700_001]

    told = []
    await upload_stream(seaweed_client, chunks(), seaweed.address("stream"), progress=told.append)
    stored, _ = await downloaded(seaweed_client, seaweed.address("stream"), tmp_path)
    assert hashlib.sha256(stored).digest() == hashlib.sha256(content).digest()
    assert told[-1] == size


async def test_bytes_of_any_length_are_stored(seaweed, seaweed_client, tmp_path):
    content = os.urandom(PART + 3)
    await upload_bytes(seaweed_client, content, seaweed.address("key"))
    assert (await downloaded(seaweed_client, seaweed.address("key"), tmp_path))[0] == content


async def test_a_stored_checksum_of_the_whole_object_is_compared(seaweed, seaweed_client, make_file, tmp_path):
    path = make_file(PART + 5)
    raw = seaweed.raw_client()
    raw.put_object(Bucket=seaweed.bucket, Key="key", Body=path.read_bytes(), ChecksumAlgorithm="CRC32")
    raw.close()
    content, outcome = await downloaded(seaweed_client, seaweed.address("key"), tmp_path)
    assert (content, outcome.verified) == (path.read_bytes(), "full")


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (None, None, b"0123456789"),
        (3, None, b"3456789"),
        (None, 4, b"0123"),
        (2, 5, b"234"),
        (5, 100, b"56789"),
        (10, None, b""),
        (50, 60, b""),
    ],
)
async def test_a_range_reads_like_a_slice(seaweed, seaweed_client, start, end, expected):
    await upload_bytes(seaweed_client, b"0123456789", seaweed.address("key"))
    async with seaweed_client.stream(seaweed.address("key"), start=start, end=end) as stream:
        assert b"".join([chunk async for chunk in stream]) == expected
        assert stream.info.size == 10


async def test_a_reader_that_stops_early_lets_go_of_its_connection(seaweed, seaweed_client, make_file):
    await upload_file(seaweed_client, SourceFile(make_file(4 * MIB)), seaweed.address("key"))
    for _ in range(150):
        async with seaweed_client.stream(seaweed.address("key")) as stream:
            assert await stream.read()


@pytest.mark.parametrize("overwrite", [True, False])
async def test_a_large_copy_goes_in_parts_and_keeps_type_and_metadata(
    seaweed, seaweed_client, make_file, tmp_path, overwrite
):
    path = make_file(11 * MIB, "photo.png")
    await upload_file(seaweed_client, SourceFile(path), seaweed.address("photo.png"))
    for target, limit in (("whole", 100 * MIB), ("parts", MIB)):
        await copy_object(
            seaweed_client, seaweed.address("photo.png"), seaweed.address(target),
            overwrite=overwrite, single_limit=limit, part_size=5 * MIB,
        )  # fmt: skip
        content, outcome = await downloaded(seaweed_client, seaweed.address(target), tmp_path)
        assert content == path.read_bytes()
        assert outcome.info.content_type == "image/png"
        assert outcome.info.metadata["mode"] == f"{path.stat().st_mode & 0o777:o}"


async def test_a_copy_does_not_replace_what_exists(seaweed, seaweed_client):
    await upload_bytes(seaweed_client, b"a", seaweed.address("a"))
    await upload_bytes(seaweed_client, b"b", seaweed.address("b"))
    with pytest.raises(ConflictError):
        await copy_object(seaweed_client, seaweed.address("a"), seaweed.address("b"), overwrite=False)
    with pytest.raises(RemoteNotFoundError):
        await copy_object(seaweed_client, seaweed.address("missing"), seaweed.address("c"))


async def test_a_thousand_objects_are_deleted_with_one_request_missing_ones_included(seaweed, seaweed_client):
    await upload_bytes(seaweed_client, b"a", seaweed.address("k0"))
    assert await seaweed_client.delete_batch(seaweed.bucket, [f"k{number}" for number in range(1000)]) == []
    assert (await seaweed_client.list_page(seaweed.bucket)).objects == []
    await seaweed_client.delete(seaweed.address("k0"))
    with pytest.raises(StorageError):
        await seaweed_client.delete_batch(seaweed.bucket, ["k"] * 1001)


async def test_a_listing_has_all_pages(seaweed, seaweed_client):
    async with anyio.create_task_group() as group:
        for number in range(25):
            group.start_soon(upload_bytes, seaweed_client, b"", seaweed.address(f"d{number % 2}/k{number}"))
    first = await seaweed_client.list_page(seaweed.bucket, "d0/", limit=5)
    assert first.token is not None
    second = await seaweed_client.list_page(seaweed.bucket, "d0/", limit=5, token=first.token)
    assert {entry.key for entry in first.objects}.isdisjoint(entry.key for entry in second.objects)
    assert len([entry async for page in seaweed_client.pages(seaweed.bucket) for entry in page.objects]) == 25
    folders = await seaweed_client.list_page(seaweed.bucket, delimiter="/")
    assert sorted(folders.prefixes) == ["d0/", "d1/"]


async def test_a_presigned_url_works_for_whoever_has_it_and_only_unchanged(seaweed, seaweed_client):
    await upload_bytes(seaweed_client, b"content", seaweed.address("key"))
    url = await seaweed_client.presign(seaweed.address("key"), expires_in=60)
    assert "X-Amz-Signature" in url

    def fetch(address):
        with urllib.request.urlopen(address) as response:
            return response.read()

    assert await anyio.to_thread.run_sync(fetch, url) == b"content"
    with pytest.raises(urllib.error.HTTPError) as caught:
        await anyio.to_thread.run_sync(fetch, url.replace("/key?", "/other?"))
    assert caught.value.code == 403
    caught.value.close()


@pytest.mark.parametrize(("method", "seconds"), [("POST", 60), ("GET", 0), ("GET", 8 * 24 * 3600)])
async def test_a_url_that_cannot_be_signed_is_refused(seaweed, seaweed_client, method, seconds):
    with pytest.raises(StorageError) as caught:
        await seaweed_client.presign(seaweed.address("key"), method=method, expires_in=seconds)
    assert caught.value.kind is ErrorKind.INVALID_INPUT


@pytest.mark.parametrize(
    ("key_id", "secret"), [("AKIDEXAMPLE1", "wrongsecret1"), ("AKIDUNKNOWN1", "secretexample1")]
)
async def test_wrong_keys_need_a_login_or_are_denied_and_are_not_repeated(seaweed, key_id, secret):
    async with S3Client(seaweed.settings(keys=S3Keys(key_id, Secret(secret)))) as client:
        with pytest.raises(AuthError) as caught:
            await client.list_page(seaweed.bucket)
    assert caught.value.attempts == 1
    assert secret not in str(caught.value)


def listen(path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


@pytest.mark.parametrize(
    ("make_odd", "kind"),
    [
        (os.mkfifo, ErrorKind.INVALID_INPUT),
        (os.mkdir, ErrorKind.INVALID_INPUT),
        (listen, ErrorKind.INVALID_INPUT),
        (lambda path: path.symlink_to("/dev/zero"), ErrorKind.INVALID_INPUT),
        (lambda path: path.symlink_to("nowhere"), ErrorKind.NOT_FOUND),
        (lambda path: path.symlink_to(path), ErrorKind.INVALID_INPUT),
    ],
    ids=["pipe", "folder", "socket", "device", "dangling", "loop"],
)
async def test_an_odd_source_is_refused_before_any_request(seaweed, seaweed_client, tmp_path, make_odd, kind):
    make_odd(tmp_path / "odd")
    with anyio.fail_after(5), pytest.raises(QuackError) as caught:
        await upload_file(seaweed_client, SourceFile(tmp_path / "odd"), seaweed.address("key"))
    assert caught.value.kind is kind


def grow(path):
    with path.open("ab") as file:
        file.write(b"more")


def shrink(path):
    os.truncate(path, path.stat().st_size - 1)


def touch(path):
    os.utime(path, ns=(1, 1))


def vanish(path):
    path.unlink(missing_ok=True)


def replace(path):
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)


@pytest.mark.parametrize("change", [grow, shrink, touch, vanish, replace])
async def test_a_source_that_changes_while_it_goes_up_leaves_no_object(seaweed, seaweed_client, make_file, change):
    path = make_file(3 * PART)

    with pytest.raises(ConflictError) as caught:
        await upload_file(
            seaweed_client, SourceFile(path), seaweed.address("key"), progress=lambda _done: change(path)
        )
    assert caught.value.code == "source_changed"
    with pytest.raises(RemoteNotFoundError):
        await seaweed_client.head(seaweed.address("key"))
    assert await uploads_left(seaweed_client, seaweed.bucket) == []


@pytest.mark.parametrize("native", [False, True], ids=["scope", "task"])
@pytest.mark.parametrize("after_parts", [1, 2, 3])
async def test_a_cancelled_upload_leaves_no_object_no_upload_no_task_and_no_buffer(
    seaweed, seaweed_client, make_file, no_new_tasks, after_parts, native
):
    path = make_file(4 * PART)
    scope = anyio.CancelScope()
    tasks = []

    def progress(done):
        if done >= after_parts * PART:
            (tasks[0] if native else scope).cancel()

    async def upload():
        tasks.append(asyncio.current_task())
        with scope:
            await upload_file(seaweed_client, SourceFile(path), seaweed.address("key"), progress=progress)

    no_new_tasks(begin=True)
    task = asyncio.create_task(upload())
    await asyncio.wait([task])
    assert task.cancelled() == native
    no_new_tasks()
    assert await uploads_left(seaweed_client, seaweed.bucket) == []
    assert seaweed_client.buffers.lent == 0
    with pytest.raises(RemoteNotFoundError):
        await seaweed_client.head(seaweed.address("key"))


async def test_a_cancelled_download_leaves_no_task_and_the_client_usable(
    seaweed, seaweed_client, make_file, tmp_path, no_new_tasks
):
    path = make_file(5 * PART)
    await upload_file(seaweed_client, SourceFile(path), seaweed.address("key"))
    no_new_tasks(begin=True)
    scope = anyio.CancelScope()
    with (tmp_path / "out").open("w+b") as out, scope:
        await download(
            seaweed_client,
            seaweed.address("key"),
            lambda _info: out.fileno(),
            finish=lambda _verified: None,
            progress=lambda _done: scope.cancel(),
        )
    assert scope.cancelled_caught
    no_new_tasks()
    assert (await downloaded(seaweed_client, seaweed.address("key"), tmp_path))[0] == path.read_bytes()


async def test_part_buffers_stay_within_their_bound(seaweed, make_file):
    peak = 0
    path = str(make_file(6 * PART))
    async with S3Client(seaweed.settings(max_memory=2 * PART)) as client:

        def watch(_done):
            nonlocal peak
            peak = max(peak, client.buffers.lent)

        async with anyio.create_task_group() as group:
            for number in range(2):
                address = seaweed.address(f"key{number}")
                group.start_soon(lambda to: upload_file(client, SourceFile(path), to, progress=watch), address)
    assert 0 < peak <= 2 * PART


async def test_no_more_requests_are_in_flight_than_the_client_allows(seaweed, make_file):
    path = str(make_file(10))
    async with S3Client(seaweed.settings(max_concurrency=3)) as client:
        source = client.requester._source
        peak = 0
        original = source.current.engine.send

        async def watched(*args):
            nonlocal peak
            peak = max(peak, source.current.in_flight)
            return await original(*args)

        source.current.engine.send = watched
        async with anyio.create_task_group() as group:
            for number in range(30):
                group.start_soon(upload_file, client, SourceFile(path), seaweed.address(f"key{number}"))
    assert peak == 3
