"""Uploads and downloads through obstore: whole or absent, checked, and nothing left over."""

import os
import time

import anyio
import pytest

from quackcore_async.clients.objectstore import ObjectAddress, download, upload_bytes, upload_file, upload_stream
from quackcore_async.clients.objectstore.settings import MIB
from quackcore_async.errors import ConflictError, ErrorKind, QuackError
from quackcore_async.protocols import UploadOptions
from quackcore_async.storage.files import SourceFile
from tests.clients.objectstore.conftest import PART, client_of, failure, upload_to
from tests.servers.gcs import Answer

LARGE = os.urandom(4 * PART + PART // 2 + 7)  # three rounds: two parts, two parts, and the rest


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    path = tmp_path_factory.mktemp("large") / "large.bin"
    path.write_bytes(LARGE)
    return path


def is_part(request, number=None):
    return "partNumber" in request.query and number in (None, int(request.query["partNumber"]))


def is_begin(request):
    return "uploads" in request.query


def is_complete(request):
    return request.method == "POST" and "uploadId" in request.query


def once(server, condition, answer):
    """Answer the first request of a kind so, and let the server answer the others."""
    seen = []

    def script(request):
        if not condition(request) or seen:
            return None
        seen.append(request)
        return answer

    server.script = script


async def test_a_small_file_is_one_request_with_its_time_and_mode(client, gcs_server, address, tmp_path):
    path = tmp_path / "page.html"
    path.write_bytes(b"<html>")
    path.chmod(0o640)
    os.utime(path, (1_700_000_000.5, 1_700_000_000.5))
    options = UploadOptions(metadata={"colour": "blue"}, cache_control="no-store")
    await upload_file(client, SourceFile(path), upload_to(address, options=options))
    [request] = gcs_server.requests
    assert (request.method, request.body) == ("PUT", b"<html>")
    info = await client.head(address)
    assert info.metadata == {"colour": "blue", "mtime": "1700000000.5", "mode": "640"}
    assert gcs_server.buckets[address.bucket]["key"].headers["cache-control"] == "no-store"


@pytest.mark.parametrize("size", [0, 1, MIB // 4, MIB // 4 + 1, PART, PART + 1, 2 * PART, 3 * PART])
async def test_files_of_every_size_come_back(client, gcs_server, address, tmp_path, size):
    path, target = tmp_path / "source", tmp_path / "target"
    path.write_bytes(LARGE[:size])
    seen = []
    await upload_file(client, SourceFile(path), upload_to(address, seen=seen))
    assert gcs_server.buckets[address.bucket]["key"].data == LARGE[:size]
    assert seen[-1] == size
    fd = os.open(target, os.O_RDWR | os.O_CREAT)
    verified = []
    try:
        await download(client, address, lambda _info: fd, verified.append, lambda _done: None)
    finally:
        os.close(fd)
    assert target.read_bytes() == LARGE[:size]
    assert verified == ["full" if size <= PART else "length"]
    assert client.memory.granted == 0
    assert gcs_server.uploads == {}


async def test_a_stream_goes_up_in_parts_and_bytes_too(client, gcs_server, address):
    async def chunks():
        for start in range(0, len(LARGE), 77_777):
            yield LARGE[start : start + 77_777]

    await upload_stream(client, chunks(), upload_to(address))
    assert gcs_server.buckets[address.bucket]["key"].data == LARGE
    await upload_bytes(client, LARGE, upload_to(ObjectAddress("gs", address.bucket, "other")))
    assert gcs_server.buckets[address.bucket]["other"].data == LARGE


async def test_a_large_file_that_must_not_overwrite_is_put_in_place_by_a_conditional_copy(
    client, gcs_server, address, large
):
    await upload_file(client, SourceFile(large), upload_to(address, overwrite=False))
    assert {name: stored.data for name, stored in gcs_server.buckets[address.bucket].items()} == {"key": LARGE}
    with failure() as caught:
        await upload_file(client, SourceFile(large), upload_to(address, overwrite=False))
    assert caught.code == "exists"


async def test_of_two_large_files_that_race_for_a_name_one_wins_and_nothing_is_left(
    client, gcs_server, address, large
):
    def rival(request):
        if is_complete(request):
            gcs_server.put(address.bucket, "key", b"of the rival")

    gcs_server.script = rival
    with failure() as caught:
        await upload_file(client, SourceFile(large), upload_to(address, overwrite=False))
    assert caught.code == "exists"
    assert {name: stored.data for name, stored in gcs_server.buckets[address.bucket].items()} == {
        "key": b"of the rival"
    }


async def test_an_entity_tag_guards_a_write(client, gcs_server, address):
    old = gcs_server.put(address.bucket, "key", b"old")
    await upload_bytes(client, b"new", upload_to(address, options=UploadOptions(if_match=old.etag)))
    with failure() as caught:
        await upload_bytes(client, b"newer", upload_to(address, options=UploadOptions(if_match=old.etag)))
    assert (caught.kind, caught.code) == (ErrorKind.CONFLICT, "changed")
    with failure() as caught:
        await upload_bytes(client, LARGE, upload_to(address, options=UploadOptions(if_match=old.etag)))
    assert (caught.kind, caught.code) == (ErrorKind.UNSUPPORTED, "capability")
    assert gcs_server.buckets[address.bucket]["key"].data == b"new"


async def test_a_conditional_write_whose_answer_is_lost_recognizes_its_own_work(client, gcs_server, address):
    once(gcs_server, lambda request: request.method == "PUT", Answer(forget=True))
    await client.put(address, b"mine", {}, overwrite=False)
    assert gcs_server.buckets[address.bucket]["key"].data == b"mine"


async def test_a_conditional_write_whose_answer_is_lost_does_not_take_the_work_of_another(
    client, gcs_server, address
):
    def script(request):
        if request.method == "PUT" and len(gcs_server.requests) == 1:
            gcs_server.put(address.bucket, "key", b"ours")
            return Answer(503)
        return None

    gcs_server.script = script
    with failure() as caught:
        await client.put(address, b"mine", {}, overwrite=False)
    assert (caught.kind, caught.code) == (ErrorKind.CONFLICT, "exists")
    assert gcs_server.buckets[address.bucket]["key"].data == b"ours"


@pytest.mark.parametrize("number", [1, 2, 4, 5], ids=["first", "second", "third round", "last"])
@pytest.mark.parametrize("status", [403, 503])
async def test_a_part_that_fails_for_good_leaves_nothing(client, gcs_server, address, large, number, status):
    gcs_server.script = lambda request: Answer(status) if is_part(request, number) else None
    with failure() as caught:
        await upload_file(client, SourceFile(large), upload_to(address))
    assert caught.status_code == status
    assert gcs_server.uploads == {}
    assert gcs_server.buckets[address.bucket] == {}
    assert client.memory.granted == 0


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("condition", [is_begin, is_part], ids=["begin", "part"])
async def test_a_passing_failure_is_tried_again(client, gcs_server, address, large, condition, status):
    once(gcs_server, condition, Answer(status))
    await upload_file(client, SourceFile(large), upload_to(address))
    assert gcs_server.buckets[address.bucket]["key"].data == LARGE
    assert gcs_server.uploads == {}


async def test_an_upload_whose_last_answer_is_lost_is_found_to_be_there(client, gcs_server, address, large):
    gcs_server.put(address.bucket, "key", b"before")
    once(gcs_server, is_complete, Answer(forget=True))
    await upload_file(client, SourceFile(large), upload_to(address))
    assert gcs_server.buckets[address.bucket]["key"].data == LARGE


async def test_an_upload_that_cannot_be_completed_is_not_taken_for_what_was_there(
    client, gcs_server, address, large
):
    gcs_server.put(address.bucket, "key", LARGE)
    gcs_server.script = lambda request: Answer(503) if is_complete(request) else None
    with failure() as caught:
        await upload_file(client, SourceFile(large), upload_to(address))
    assert caught.status_code == 503
    assert gcs_server.uploads == {}


@pytest.mark.parametrize("at", range(1, 9))
async def test_a_cancelled_upload_is_whole_or_absent_and_leaves_no_parts(client, gcs_server, address, large, at):
    """The cancellation comes while the request number `at` is being answered."""
    loop = anyio.lowlevel.current_token().native_token
    with anyio.CancelScope() as scope:

        def script(_request):
            if len(gcs_server.requests) == at:
                loop.call_soon_threadsafe(scope.cancel)
                time.sleep(0.05)

        gcs_server.script = script
        await upload_file(client, SourceFile(large), upload_to(address))
        await anyio.lowlevel.checkpoint()
    assert scope.cancelled_caught
    stored = gcs_server.buckets[address.bucket].get("key")
    assert stored is None or stored.data == LARGE
    with anyio.fail_after(5):
        while gcs_server.uploads:  # the abort was sent; a server in threads has yet to see it
            await anyio.sleep(0.01)
    assert client.memory.granted == 0


async def test_a_cancellation_does_not_wait_for_whole_parts(client, gcs_server, address, tmp_path):
    """Only the shielded end of an upload is waited for, and nothing but a last short part is left for that."""
    path = tmp_path / "four parts"
    path.write_bytes(LARGE[: 4 * PART])
    loop = anyio.lowlevel.current_token().native_token
    with anyio.CancelScope() as scope:

        def script(request):
            if is_part(request, 4):
                time.sleep(0.2)  # until the end of the upload is what is waited for
                loop.call_soon_threadsafe(scope.cancel)
                time.sleep(0.2)

        gcs_server.script = script
        await upload_file(client, SourceFile(path), upload_to(address))
    with anyio.fail_after(5):
        while gcs_server.uploads:
            await anyio.sleep(0.01)
    assert gcs_server.buckets[address.bucket] == {}


async def test_a_native_cancellation_aborts_too(client, gcs_server, address, large):
    import asyncio

    task = asyncio.create_task(upload_file(client, SourceFile(large), upload_to(address)))
    loop = asyncio.get_running_loop()
    gcs_server.script = lambda request: (
        loop.call_soon_threadsafe(task.cancel) and None if is_part(request) else None
    )
    with pytest.raises(asyncio.CancelledError):
        await task
    with anyio.fail_after(5):
        while gcs_server.uploads:
            await anyio.sleep(0.01)
    assert gcs_server.buckets[address.bucket] == {}


async def test_a_file_that_changes_meanwhile_is_not_uploaded(client, gcs_server, address, tmp_path):
    path = tmp_path / "growing"
    path.write_bytes(LARGE)

    def script(request):
        if is_part(request, 3):
            path.write_bytes(LARGE[:100])

    gcs_server.script = script
    with failure() as caught:
        await upload_file(client, SourceFile(path), upload_to(address))
    assert (caught.kind, caught.code) == (ErrorKind.CONFLICT, "source_changed")
    assert (gcs_server.uploads, gcs_server.buckets[address.bucket]) == ({}, {})


async def test_what_a_stream_raises_comes_out_and_nothing_is_left(client, gcs_server, address):
    async def chunks():
        yield LARGE
        raise KeyError("of the stream")

    with pytest.raises(KeyError, match="of the stream"):
        await upload_stream(client, chunks(), upload_to(address))
    assert (gcs_server.uploads, gcs_server.buckets[address.bucket]) == ({}, {})


async def test_uploads_hold_no_more_in_memory_than_allowed(gcs_server, address, large):
    most = 0

    def watch(_request):
        nonlocal most
        most = max(most, client.memory.granted)

    gcs_server.script = watch
    async with client_of(gcs_server.url, max_memory=4 * PART) as client, anyio.create_task_group() as group:
        for number in range(3):
            target = ObjectAddress("gs", address.bucket, str(number))
            group.start_soon(upload_file, client, SourceFile(large), upload_to(target))
    assert 0 < most <= 4 * PART
    assert len(gcs_server.buckets[address.bucket]) == 3


async def test_one_place_in_the_queue_is_enough_for_everything(gcs_server, address, large, tmp_path):
    async with client_of(gcs_server.url, max_concurrency=1) as client:
        with anyio.fail_after(20):
            await upload_file(client, SourceFile(large), upload_to(address, overwrite=False))
            await fetch(client, address, tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == LARGE


async def fetch(client, address, target):
    fd = os.open(target, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    try:
        await download(client, address, lambda _info: fd, lambda _verified: None, lambda _done: None)
    finally:
        os.close(fd)


async def test_a_download_goes_on_after_a_connection_that_broke(gcs_server, address, tmp_path):
    stored = gcs_server.put(address.bucket, "key", LARGE)
    described = {"ETag": stored.etag, "Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}
    once(gcs_server, lambda request: request.method == "GET", Answer(200, LARGE, described, cut=MIB + MIB // 2))
    async with client_of(gcs_server.url, part_size=4 * MIB) as client:
        await fetch(client, address, tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == LARGE
    resumed = gcs_server.requests[1]
    assert resumed.headers["if-match"] == stored.etag
    assert int(resumed.headers["range"].removeprefix("bytes=").partition("-")[0]) >= MIB


async def test_an_object_that_is_replaced_meanwhile_is_begun_once_more(client, gcs_server, address, tmp_path):
    gcs_server.put(address.bucket, "key", LARGE)
    once_replaced = []

    def script(request):
        if "range" in request.headers and not once_replaced:
            once_replaced.append(request)
            gcs_server.put(address.bucket, "key", LARGE[::-1])

    gcs_server.script = script
    await fetch(client, address, tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == LARGE[::-1]


async def test_bytes_of_two_versions_never_mix_though_the_service_ignores_conditions(
    client, gcs_server, address, tmp_path
):
    gcs_server.honours_if_match = False
    gcs_server.put(address.bucket, "key", LARGE)
    once_replaced = []

    def script(request):
        if "range" in request.headers and not once_replaced:
            once_replaced.append(request)
            gcs_server.put(address.bucket, "key", LARGE[::-1])

    gcs_server.script = script
    await fetch(client, address, tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == LARGE[::-1]


async def test_one_that_is_replaced_all_the_time_is_a_conflict(client, gcs_server, address, tmp_path):
    gcs_server.put(address.bucket, "key", LARGE)

    def script(request):
        if "range" in request.headers:
            gcs_server.put(address.bucket, "key", os.urandom(10) + LARGE)

    gcs_server.script = script
    with pytest.raises(ConflictError) as caught:
        await fetch(client, address, tmp_path / "target")
    assert caught.value.code == "changed"


async def test_bytes_without_the_checksum_of_the_object_are_refused(client, gcs_server, address, tmp_path):
    gcs_server.put(address.bucket, "key", b"content").data = b"damaged"
    with pytest.raises(QuackError) as caught:
        await fetch(client, address, tmp_path / "target")
    assert (caught.value.kind, caught.value.code) == (ErrorKind.CORRUPTED, "integrity")


async def test_a_listing_goes_on_where_a_page_failed(client, gcs_server, bucket):
    names = sorted(f"{number:04}" for number in range(2500))
    for name in names:
        gcs_server.put(bucket, name, b"x")
    once(gcs_server, lambda request: "continuation-token" in request.query, Answer(429))
    found = [info.key async for page in client.pages(bucket) for info in page.objects]
    assert found == names


async def test_metadata_that_cannot_travel_is_refused_before_it_is_sent(client, gcs_server, address):
    for metadata in ({"a b": "x"}, {"ü": "x"}, {"a": "ü"}, {"a": "line\nbreak"}, {"Content-Type": "x"}):
        with failure() as caught:
            await upload_bytes(client, b"", upload_to(address, options=UploadOptions(metadata=metadata)))
        assert (caught.kind, caught.code) == (ErrorKind.INVALID_INPUT, "invalid_metadata")
    with failure() as caught:
        await upload_bytes(client, b"", upload_to(address, options=UploadOptions(server_side_encryption="AES256")))
    assert caught.kind is ErrorKind.UNSUPPORTED
    assert gcs_server.requests == []


async def test_a_client_is_for_one_loop_and_says_so_when_it_is_closed(gcs_server, address):
    async with client_of(gcs_server.url) as client:
        stolen = []
        await anyio.to_thread.run_sync(lambda: anyio.run(use_elsewhere, client, address, stolen))
        assert stolen == ["wrong_loop"]
    with failure() as caught:
        await client.head(address)
    assert caught.code == "closed"


async def use_elsewhere(client, address, stolen):
    with failure() as caught:
        await client.head(address)
    stolen.append(caught.code)


@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_on_trio_it_says_that_it_cannot_run(anyio_backend):
    with failure() as caught:
        async with client_of("http://127.0.0.1:1"):
            pass
    assert (caught.kind, caught.code) == (ErrorKind.UNSUPPORTED, "unsupported_backend")


async def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "obstore", None)
    with failure() as caught:
        async with client_of("http://127.0.0.1:1"):
            pass
    assert (caught.kind, caught.code) == (ErrorKind.MISCONFIGURED, "missing_extra")
    assert "quackcore-async[obstore]" in str(caught)
