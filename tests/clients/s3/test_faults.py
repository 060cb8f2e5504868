"""What no real server can be made to do, against the scripted server: wrong regions, storms, cut and lost answers."""

import asyncio
import contextlib
import dataclasses
import hashlib
import threading
from functools import partial
from pathlib import Path

import anyio
import anyio.abc
import pytest

from quackcore_async.clients.s3 import S3Address, S3Client, download, upload_bytes, upload_file, upload_stream
from quackcore_async.concurrency import for_each
from quackcore_async.errors import (
    AccessDeniedError,
    AuthError,
    ConflictError,
    ErrorKind,
    IntegrityError,
    QuackError,
    RemoteNotFoundError,
    ResponseError,
    TimedOutError,
)
from quackcore_async.retry import RetryPolicy
from quackcore_async.storage.files import SourceFile
from quackcore_async.testing import FaultProxy, InOrder
from tests.servers.endpoint import S3Endpoint
from tests.servers.scripted import Answer, error_answer

MIB = 1024**2


def once(operation, answer, *, nth=1):
    """Answer the nth request of an operation, and no other."""
    seen = 0

    def script(request):
        nonlocal seen
        if request.operation != operation:
            return None
        seen += 1
        return answer if seen == nth else None

    return script


def always(operation, answer):
    return lambda request: answer if request.operation == operation else None


async def read_all(client, address, **options):
    async with client.stream(address, **options) as stream:
        return b"".join([chunk async for chunk in stream])


async def test_the_tests_of_this_file_send_by_the_engine_that_they_are_named_for(scripted, request):
    names = {"lean": "LeanEngine", "aioboto3": "Aioboto3Engine"}
    meant = request.node.callspec.params["engine"]
    assert type(scripted.requester._source.current.engine).__name__ == names[meant]


@pytest.mark.parametrize(
    ("status", "code", "extra"),
    [
        (301, "PermanentRedirect", "<Endpoint>bucket.s3.eu-west-3.amazonaws.com</Endpoint>"),
        (400, "AuthorizationHeaderMalformed", "<Region>eu-west-3</Region>"),
    ],
)
async def test_a_wrong_region_is_a_misconfiguration_that_names_the_right_one(
    scripted_s3, scripted, status, code, extra
):
    scripted_s3.script = lambda request: error_answer(status, code, extra=extra, x_amz_bucket_region="eu-west-3")
    with pytest.raises(ResponseError, match="eu-west-3") as caught:
        await read_all(scripted, scripted_s3.endpoint.address("key"))
    assert (caught.value.kind, caught.value.code) == (ErrorKind.MISCONFIGURED, "region")


@pytest.mark.parametrize(("start", "end"), [(0, 10), (5, 5)])
async def test_an_empty_old_version_is_not_taken_for_the_one_of_now(scripted_s3, scripted, start, end):
    scripted_s3.put("key", b"the one of now", '"now"')

    def old(request):
        if request.query.get("versionId") != "old":
            return None
        if request.operation == "HeadObject":
            return Answer(200, {"ETag": '"old"', "Content-Length": "0"})
        return error_answer(416, "InvalidRange")

    scripted_s3.script = old
    address = scripted_s3.endpoint.address("key")
    async with scripted.stream(address, start=start, end=end, version_id="old") as stream:
        assert ([chunk async for chunk in stream], stream.info.etag) == ([], '"old"')


@pytest.mark.parametrize(("body", "code"), [(b"", None), (b"content", "invalid_range")])
async def test_a_refused_range_is_looked_up_on_the_next_connection_where_its_own_is_gone(
    scripted_s3, scripted, body, code
):
    scripted_s3.put("key", body)

    def close_behind_a_refusal(request):
        if request.operation == "GetObject":
            return error_answer(416, "InvalidRange")
        return LOST if scripted_s3.operations()[-2] == "GetObject" else None

    scripted_s3.script = close_behind_a_refusal
    reading = read_all(scripted, scripted_s3.endpoint.address("key"), start=0, end=9)
    if code is None:
        assert await reading == body
    else:
        with pytest.raises(QuackError) as caught:
            await reading
        assert caught.value.code == code
    assert [scripted_s3.count(each) for each in ("GetObject", "HeadObject")] == [1, 2]


async def test_a_missing_bucket_is_a_misconfiguration_for_every_operation(scripted_s3, scripted, make_file):
    scripted_s3.script = lambda request: error_answer(404, "NoSuchBucket")
    for attempt in (
        scripted.head_bucket("scripted"),
        read_all(scripted, scripted_s3.endpoint.address("key")),
        upload_file(scripted, SourceFile(make_file(9 * MIB)), scripted_s3.endpoint.address("key")),
    ):
        with pytest.raises(QuackError) as caught:
            await attempt
        assert (caught.value.kind, caught.value.code) == (ErrorKind.MISCONFIGURED, "bucket_missing")


async def test_a_wrong_clock_is_reported_at_the_first_attempt(scripted_s3, scripted):
    scripted_s3.script = lambda request: error_answer(403, "RequestTimeTooSkewed")
    with pytest.raises(ResponseError) as caught:
        await read_all(scripted, scripted_s3.endpoint.address("key"))
    assert (caught.value.code, len(scripted_s3.requests)) == ("clock_skew", 1)


async def test_a_wrong_clock_is_reported_where_the_answer_has_no_body_that_says_so(scripted_s3, scripted):
    scripted_s3.script = lambda request: Answer(403, {"Date": "Mon, 01 Jan 2001 00:00:00 GMT"})
    for attempt in (scripted.head(scripted_s3.endpoint.address("key")), scripted.head_bucket("scripted")):
        with pytest.raises(ResponseError, match=r"this machine is \d+ seconds ahead") as caught:
            await attempt
        assert (caught.value.kind, caught.value.code) == (ErrorKind.MISCONFIGURED, "clock_skew")


async def test_a_storm_of_slow_downs_is_waited_out(scripted_s3, scripted, make_file):
    refused = set()

    def script(request):
        if request.key in refused:
            return None
        refused.add(request.key)
        return error_answer(503, "SlowDown")

    scripted_s3.script = script
    path = str(make_file(10))
    async with anyio.create_task_group() as group:
        for number in range(50):
            group.start_soon(upload_file, scripted, SourceFile(path), scripted_s3.endpoint.address(f"key{number}"))
    assert len(scripted_s3.objects) == 50
    assert len(scripted_s3.requests) == 100


async def test_an_endless_storm_does_not_multiply_the_load(scripted_s3, scripted, make_file):
    scripted_s3.script = lambda request: error_answer(503, "SlowDown")
    path = str(make_file(10))
    failed = []

    async def upload(number):
        try:
            await upload_file(scripted, SourceFile(path), scripted_s3.endpoint.address(f"key{number}"))
        except QuackError as error:
            failed.append(error.kind)

    async with anyio.create_task_group() as group:
        for number in range(200):
            group.start_soon(upload, number)
    assert failed == [ErrorKind.RATE_LIMITED] * 200
    assert len(scripted_s3.requests) <= 200 + 100


async def test_the_service_names_the_wait_and_a_long_one_ends_the_call(scripted_s3, scripted):
    scripted_s3.script = lambda request: error_answer(503, "SlowDown", Retry_After="3600")
    with pytest.raises(ResponseError) as caught:
        await scripted.head_bucket("scripted")
    assert (caught.value.retry_after, len(scripted_s3.requests)) == (3600.0, 1)


async def test_expired_credentials_are_asked_for_once_more_and_the_request_is_sent_again(scripted_s3, impatient):
    asked = []

    async def provide():
        asked.append(1)
        return scripted_s3.endpoint.settings().keys

    scripted_s3.put("key", b"content")
    settings = scripted_s3.endpoint.settings(keys=None, keys_provider=provide)
    async with S3Client(settings, retry=impatient) as client:
        scripted_s3.script = once("GetObject", error_answer(400, "ExpiredToken"))
        assert await read_all(client, scripted_s3.endpoint.address("key")) == b"content"
    assert len(asked) == 2


async def test_the_answer_to_a_head_cannot_say_expired_so_a_bare_400_renews_too(scripted_s3, impatient):
    asked = []

    async def provide():
        asked.append(1)
        return scripted_s3.endpoint.settings().keys

    settings = scripted_s3.endpoint.settings(keys=None, keys_provider=provide)
    async with S3Client(settings, retry=impatient) as client:
        scripted_s3.script = lambda request: Answer(400) if len(asked) < 2 else None
        await client.head_bucket("scripted")
    assert len(asked) == 2


async def test_many_requests_with_an_expired_token_renew_it_once(scripted_s3, impatient):
    asked = []

    async def provide():
        asked.append(1)
        return scripted_s3.endpoint.settings().keys

    settings = scripted_s3.endpoint.settings(keys=None, keys_provider=provide)

    def script(request):
        page = Answer(200, {"Content-Type": "application/xml"}, b"<ListBucketResult></ListBucketResult>")
        return error_answer(400, "ExpiredToken") if len(asked) == 1 else page

    async with S3Client(settings, retry=impatient) as client:
        scripted_s3.script = script
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(client.list_page, "scripted")
    assert len(asked) == 2


async def test_fixed_keys_that_expired_need_a_login(scripted_s3, scripted):
    scripted_s3.script = lambda request: error_answer(400, "ExpiredToken")
    with pytest.raises(AuthError) as caught:
        await read_all(scripted, scripted_s3.endpoint.address("key"))
    assert (caught.value.kind, len(scripted_s3.requests)) == (ErrorKind.AUTH_REQUIRED, 1)


@pytest.mark.parametrize(
    "broken",
    [{"cut": 3 * MIB}, {"cut": 3 * MIB, "reset": True}, {"cut": 0}],
    ids=["truncated", "reset", "nothing"],
)
async def test_a_download_goes_on_after_the_last_byte_that_came(
    scripted_s3, scripted, tmp_path, make_file, broken
):
    content = make_file(20 * MIB).read_bytes()
    scripted_s3.put("key", content, '"version-1"')
    broken_once = set()

    def script(request):
        if request.operation != "GetObject" or request.headers["range"] in broken_once:
            return None
        broken_once.add(request.headers["range"])
        if len(broken_once) > 3:
            return None
        answer = scripted_s3._do_GetObject(request)
        return Answer(answer.status, answer.headers, answer.body, **broken)

    scripted_s3.script = script
    with (tmp_path / "out").open("w+b") as out:
        outcome = await download(
            scripted,
            scripted_s3.endpoint.address("key"),
            lambda _info: out.fileno(),
            finish=lambda _verified: None,
        )
    assert (tmp_path / "out").read_bytes() == content
    assert outcome.info.size == len(content)
    gets = [request for request in scripted_s3.requests if request.operation == "GetObject"]
    assert all(request.headers.get("if-match") == '"version-1"' for request in gets[1:])


async def test_a_body_that_stalls_is_given_up_after_the_idle_time_and_resumed(scripted_s3, impatient):
    scripted_s3.put("key", b"x" * MIB)
    stalled = Answer(
        200, {"ETag": scripted_s3.objects["key"][2], "Content-Length": str(MIB)}, b"x" * MIB, cut=1000, stall=True
    )
    scripted_s3.script = once("GetObject", stalled)
    settings = scripted_s3.endpoint.settings(idle_timeout=0.2)
    async with S3Client(settings, retry=impatient) as client:
        assert await read_all(client, scripted_s3.endpoint.address("key")) == b"x" * MIB
    assert scripted_s3.requests[1].headers["range"] == f"bytes=1000-{MIB - 1}"


async def test_a_service_that_never_answers_is_a_timeout(scripted_s3):
    scripted_s3.script = always("HeadBucket", Answer(cut=0, headers={"Content-Length": "5"}, stall=True))
    settings = scripted_s3.endpoint.settings(idle_timeout=0.1, connect_timeout=0.1)
    stalled = Answer(200, {"Content-Length": "100"}, b"x" * 100, cut=10, stall=True)
    scripted_s3.script = lambda request: stalled
    async with S3Client(settings, retry=RetryPolicy(attempts=1)) as client:
        with pytest.raises(TimedOutError) as caught:
            await client.list_page("scripted")
    assert caught.value.retryable


async def test_a_body_that_breaks_again_and_again_ends_the_read(scripted_s3, scripted):
    scripted_s3.put("key", b"x" * 1000)
    tag = scripted_s3.objects["key"][2]

    def script(request):
        answer = scripted_s3._do_GetObject(request)
        return Answer(answer.status, answer.headers, answer.body, cut=0)

    scripted_s3.script = script
    with pytest.raises(IntegrityError) as caught:
        await read_all(scripted, scripted_s3.endpoint.address("key"))
    assert (caught.value.code, caught.value.attempts, tag) == ("truncated", 4, tag)


async def test_an_object_replaced_between_ranges_is_begun_again_and_never_mixed(
    scripted_s3, scripted, tmp_path, make_file
):
    old, new = make_file(17 * MIB, "old").read_bytes(), make_file(17 * MIB, "new").read_bytes()
    scripted_s3.put("key", old, '"old"')

    def script(request):
        if scripted_s3.count("GetObject") == 2:
            scripted_s3.put("key", new, '"new"')

    scripted_s3.script = script
    told = []
    with (tmp_path / "out").open("w+b") as out:
        outcome = await download(
            scripted,
            scripted_s3.endpoint.address("key"),
            lambda _info: out.fileno(),
            finish=lambda _verified: None,
            progress=told.append,
        )
    assert (tmp_path / "out").read_bytes() == new
    assert outcome.info.etag == '"new"'
    assert told == sorted(told)


async def test_versions_never_mix_though_the_service_ignores_if_match(scripted_s3, scripted, tmp_path, make_file):
    old, new = make_file(17 * MIB, "old").read_bytes(), make_file(17 * MIB, "new").read_bytes()
    scripted_s3.put("key", old, '"old-3"')

    def script(request):
        request.headers.pop("if-match", None)
        if scripted_s3.count("GetObject") == 2:
            scripted_s3.put("key", new, '"new-3"')

    scripted_s3.script = script
    with (tmp_path / "out").open("w+b") as out:
        await download(
            scripted,
            scripted_s3.endpoint.address("key"),
            lambda _info: out.fileno(),
            finish=lambda _verified: None,
        )
    assert (tmp_path / "out").read_bytes() == new


async def test_an_object_replaced_twice_is_a_conflict(scripted_s3, scripted, tmp_path, make_file):
    content = make_file(17 * MIB).read_bytes()

    def script(request):
        scripted_s3.put("key", content, f'"version-{len(scripted_s3.requests)}"')

    scripted_s3.script = script
    with (tmp_path / "out").open("w+b") as out, pytest.raises(ConflictError) as caught:
        await download(
            scripted,
            scripted_s3.endpoint.address("key"),
            lambda _info: out.fileno(),
            finish=lambda _verified: None,
        )
    assert caught.value.code == "changed"


@pytest.mark.parametrize("stated", ["bytes 0-9/100", "bytes 5-14/100", "nonsense"])
async def test_a_range_that_is_not_the_one_asked_for_is_refused(scripted_s3, scripted, stated):
    scripted_s3.script = lambda request: Answer(206, {"ETag": '"e"', "Content-Range": stated}, b"0123456789")
    with pytest.raises(IntegrityError) as caught:
        await read_all(scripted, scripted_s3.endpoint.address("key"), start=10, end=20)
    assert caught.value.code == "protocol"


async def test_an_object_of_unknown_length_is_not_taken_for_an_empty_one(scripted_s3, scripted):
    scripted_s3.script = always("HeadObject", Answer(headers={"ETag": '"e"'}, unsized=True))
    scripted_s3.put("key", b"content", '"e"')
    address = scripted_s3.endpoint.address("key")
    for attempt in (scripted.head(address), read_all(scripted, address, start=9)):
        with pytest.raises(IntegrityError, match="how long") as caught:
            await attempt
        assert caught.value.code == "protocol"


async def test_a_download_needs_no_length_beside_that_of_its_bytes(scripted_s3, scripted, make_file, tmp_path):
    content = make_file(9 * MIB).read_bytes()
    scripted_s3.put("key", content)
    etag = scripted_s3.objects["key"][2]
    scripted_s3.script = always("HeadObject", Answer(headers={"ETag": etag}, unsized=True))
    with (tmp_path / "out").open("w+b") as out:
        outcome = await download(
            scripted,
            scripted_s3.endpoint.address("key"),
            lambda _info: out.fileno(),
            finish=lambda _verified: None,
        )
    assert (outcome.verified, scripted_s3.count("HeadObject")) == ("full", 1)


async def test_wrong_bytes_are_found_by_their_checksum(scripted_s3, scripted, tmp_path):
    scripted_s3.put("key", b"damaged", '"d41d8cd98f00b204e9800998ecf8427e"')
    with (tmp_path / "out").open("w+b") as out, pytest.raises(IntegrityError) as caught:
        await download(
            scripted,
            scripted_s3.endpoint.address("key"),
            lambda _info: out.fileno(),
            finish=lambda _verified: None,
        )
    assert caught.value.kind is ErrorKind.CORRUPTED


@pytest.mark.parametrize("operation", ["DeleteObject", "DeleteObjects"])
async def test_a_deletion_whose_answers_are_all_lost_may_have_happened(scripted_s3, scripted, operation):
    scripted_s3.script = lambda request: LOST if request.operation in (operation, "HeadObject") else None
    deletion = (
        scripted.delete(scripted_s3.endpoint.address("key"))
        if operation == "DeleteObject"
        else scripted.delete_batch("scripted", ["key"])
    )
    with pytest.raises(QuackError) as caught:
        await deletion
    assert caught.value.indeterminate


@pytest.mark.parametrize("lost_first", [True, False])
@pytest.mark.parametrize("batch", [True, False])
async def test_a_deletion_that_was_refused_after_an_answer_was_lost_may_have_happened(
    scripted_s3, scripted, lost_first, batch
):
    refusals = [LOST] if lost_first else []
    scripted_s3.script = lambda request: refusals.pop() if refusals else error_answer(503, "SlowDown")
    scripted_s3.put("key", b"content")
    deletion = (
        scripted.delete_batch("scripted", ["key"])
        if batch
        else scripted.delete(scripted_s3.endpoint.address("key"))
    )
    with pytest.raises(ResponseError) as caught:
        await deletion
    assert caught.value.kind is ErrorKind.RATE_LIMITED
    assert caught.value.indeterminate is lost_first
    assert ("key" in scripted_s3.objects) is not lost_first


DAMAGED = {
    "other bytes": Answer(
        206, {"ETag": f'"{hashlib.md5(b"content").hexdigest()}"', "Content-Range": "bytes 0-6/7"}, b"contemt"
    ),
    "too few bytes": Answer(
        206, {"ETag": f'"{hashlib.md5(b"content").hexdigest()}"', "Content-Range": "bytes 0-6/7"}, b"cont"
    ),
    "too many bytes": Answer(
        206,
        {
            "ETag": f'"{hashlib.md5(b"content").hexdigest()}"',
            "Content-Range": "bytes 0-6/7",
            "Content-Length": "14",
        },
        b"contentcontent",
    ),
}


@pytest.mark.parametrize("damage", DAMAGED)
async def test_bytes_that_are_damaged_on_the_way_are_asked_for_once_more(scripted_s3, scripted, tmp_path, damage):
    scripted_s3.put("key", b"content")
    scripted_s3.script = once("GetObject", DAMAGED[damage])
    verified = []
    with (tmp_path / "out").open("w+b") as out:
        await download(
            scripted, scripted_s3.endpoint.address("key"), lambda _info: out.fileno(), finish=verified.append
        )
    assert (tmp_path / "out").read_bytes() == b"content"
    assert (verified, scripted_s3.count("GetObject")) == (["full"], 2)


class LateBrokenChunk:
    """A chunk whose size is no number, after the head has arrived; aiohttp 3.14 waits for ever behind it."""

    async def apply(self, exchange):
        answer = await exchange.forward()
        await answer.body.skip()
        chunked = answer.head.replaced("content-length").replaced(
            "transfer-encoding", "Transfer-Encoding: chunked"
        )
        await exchange.begin(chunked)
        await anyio.sleep(0.2)
        await exchange.client.send(b"zz\r\ncontent")
        await exchange.until_client_leaves()


async def test_a_broken_chunk_ends_the_read_and_the_rest_is_asked_for_again(scripted_s3, impatient):
    scripted_s3.put("key", b"content")
    with FaultProxy(scripted_s3.endpoint.url, InOrder(LateBrokenChunk())) as proxy:
        settings = dataclasses.replace(scripted_s3.endpoint, url=proxy.url).settings(idle_timeout=1.0)
        with anyio.fail_after(20):
            async with S3Client(settings, retry=impatient) as client:
                data = await read_all(client, scripted_s3.endpoint.address("key"), start=0, end=100)
    assert (data, scripted_s3.count("GetObject")) == (b"content", 2)


LOST = Answer(forget=True)


@pytest.mark.parametrize("size", [10, 9 * MIB], ids=["put", "complete"])
@pytest.mark.parametrize("overwrite", [True, False])
async def test_a_write_whose_answer_is_lost_is_settled_by_looking(
    scripted_s3, scripted, make_file, size, overwrite
):
    path = make_file(size)
    operation = "PutObject" if size == 10 else "CompleteMultipartUpload"
    scripted_s3.script = once(operation, LOST)
    await upload_file(scripted, SourceFile(path), scripted_s3.endpoint.address("key"), overwrite=overwrite)
    assert scripted_s3.objects["key"][0] == path.read_bytes()
    assert scripted_s3.count(operation) == 2
    assert scripted_s3.count("AbortMultipartUpload") == 0


@pytest.mark.parametrize("size", [10, 9 * MIB], ids=["put", "complete"])
async def test_a_write_whose_answers_are_all_lost_is_settled_by_looking(scripted_s3, scripted, make_file, size):
    path = make_file(size)
    operation = "PutObject" if size == 10 else "CompleteMultipartUpload"
    scripted_s3.script = always(operation, LOST)
    await upload_file(scripted, SourceFile(path), scripted_s3.endpoint.address("key"))
    assert scripted_s3.objects["key"][0] == path.read_bytes()


async def test_the_same_content_written_by_somebody_else_before_is_a_conflict(scripted_s3, scripted, make_file):
    path = make_file(10)
    scripted_s3.put("key", path.read_bytes())
    old = {"ETag": scripted_s3.objects["key"][2], "Last-Modified": "Mon, 01 Jan 2001 00:00:00 GMT"}
    scripted_s3.script = always("HeadObject", Answer(200, old, path.read_bytes()))
    with pytest.raises(ConflictError) as caught:
        await upload_file(scripted, SourceFile(path), scripted_s3.endpoint.address("key"), overwrite=False)
    assert (caught.value.code, caught.value.indeterminate) == ("exists", False)


async def test_a_write_that_may_have_happened_says_so(scripted_s3, scripted, make_file):
    scripted_s3.script = always("PutObject", Answer(cut=0, reset=True, headers={"Content-Length": "5"}))
    with pytest.raises(QuackError) as caught:
        await upload_file(scripted, SourceFile(make_file(10)), scripted_s3.endpoint.address("key"))
    assert caught.value.indeterminate
    assert caught.value.attempts == 4


async def test_a_conditional_write_that_somebody_else_won_while_the_answer_was_lost_stays_a_conflict(
    scripted_s3, scripted, make_file
):
    def script(request):
        if request.operation == "PutObject" and scripted_s3.count("PutObject") == 1:
            scripted_s3.put("key", b"of somebody else")
            return Answer(cut=0, reset=True, headers={"Content-Length": "5"})
        return None

    scripted_s3.script = script
    with pytest.raises(ConflictError) as caught:
        await upload_file(
            scripted, SourceFile(make_file(10)), scripted_s3.endpoint.address("key"), overwrite=False
        )
    assert (caught.value.code, caught.value.indeterminate) == ("exists", True)
    assert scripted_s3.objects["key"][0] == b"of somebody else"


async def test_an_error_inside_a_200_is_an_error_and_tried_again(scripted_s3, scripted, make_file):
    path = make_file(9 * MIB)
    inside = Answer(200, {"Content-Type": "application/xml"}, error_answer(200, "InternalError").body)
    scripted_s3.script = once("CompleteMultipartUpload", inside)
    await upload_file(scripted, SourceFile(path), scripted_s3.endpoint.address("key"))
    assert scripted_s3.objects["key"][0] == path.read_bytes()


async def test_an_error_inside_every_200_fails_and_aborts(scripted_s3, scripted, make_file):
    inside = Answer(200, {"Content-Type": "application/xml"}, error_answer(200, "InternalError").body)
    scripted_s3.script = always("CompleteMultipartUpload", inside)
    with pytest.raises(ResponseError) as caught:
        await upload_file(scripted, SourceFile(make_file(9 * MIB)), scripted_s3.endpoint.address("key"))
    assert caught.value.kind is ErrorKind.UNAVAILABLE
    assert scripted_s3.uploads == {}
    assert "key" not in scripted_s3.objects


async def test_losing_the_race_of_a_conditional_complete_is_a_conflict_and_aborts(
    scripted_s3, scripted, make_file
):
    def script(request):
        if request.operation == "CompleteMultipartUpload":
            assert request.headers["if-none-match"] == "*"
            scripted_s3.put("key", b"the winner")

    scripted_s3.script = script
    with pytest.raises(ConflictError) as caught:
        await upload_file(
            scripted, SourceFile(make_file(9 * MIB)), scripted_s3.endpoint.address("key"), overwrite=False
        )
    assert (caught.value.code, caught.value.indeterminate) == ("exists", False)
    assert scripted_s3.objects["key"][0] == b"the winner"
    assert scripted_s3.uploads == {}


async def test_a_damaged_part_is_sent_again(scripted_s3, scripted, make_file):
    path = make_file(9 * MIB)
    scripted_s3.script = once("UploadPart", error_answer(400, "BadDigest"))
    await upload_file(scripted, SourceFile(path), scripted_s3.endpoint.address("key"))
    assert scripted_s3.objects["key"][0] == path.read_bytes()
    assert scripted_s3.count("UploadPart") == 3


async def test_a_part_that_lands_after_the_abort_makes_it_abort_again(scripted_s3, scripted, make_file):
    def script(request):
        if request.operation == "UploadPart":
            return error_answer(403, "AccessDenied")
        if request.operation == "ListParts" and scripted_s3.count("AbortMultipartUpload") == 1:
            part = "<Part><PartNumber>1</PartNumber><ETag>e</ETag><Size>1</Size></Part>"
            return Answer(
                200, {"Content-Type": "application/xml"}, f"<ListPartsResult>{part}</ListPartsResult>".encode()
            )
        return None

    scripted_s3.script = script
    with pytest.raises(QuackError, match="AccessDenied"):
        await upload_file(scripted, SourceFile(make_file(9 * MIB)), scripted_s3.endpoint.address("key"))
    assert scripted_s3.count("AbortMultipartUpload") == 2


async def test_an_upload_that_cannot_be_aborted_is_logged_with_its_identifier(
    scripted_s3, scripted, make_file, caplog
):
    def script(request):
        if request.operation in ("UploadPart", "AbortMultipartUpload"):
            return error_answer(403, "AccessDenied")
        return None

    scripted_s3.script = script
    with pytest.raises(QuackError, match="cannot upload part"):
        await upload_file(scripted, SourceFile(make_file(9 * MIB)), scripted_s3.endpoint.address("key"))
    assert [record.levelname for record in caplog.records if "upload1" in record.message] == ["WARNING"]


async def test_a_stream_that_raises_leaves_nothing_and_its_error_comes_out(scripted_s3, scripted):
    async def chunks():
        for _ in range(20):
            yield b"x" * MIB
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="the source broke"):
        await upload_stream(scripted, chunks(), scripted_s3.endpoint.address("key"))
    assert scripted_s3.uploads == {}
    assert scripted_s3.objects == {}
    assert scripted.buffers.lent == 0


@pytest.mark.parametrize("part", range(1, 5))
async def test_a_cancellation_at_any_part_leaves_no_upload_and_no_task(
    scripted_s3, scripted, make_file, no_new_tasks, part
):
    scope = anyio.CancelScope()
    reached = anyio.Event()

    def script(request):
        if request.operation == "UploadPart" and request.query["partNumber"] == str(part):
            loop.call_soon_threadsafe(reached.set)
            return Answer(cut=0, headers={"Content-Length": "5"}, stall=True)
        return None

    loop = asyncio.get_running_loop()
    scripted_s3.script = script
    path = str(make_file(30 * MIB))
    no_new_tasks(begin=True)
    finished = False

    async def upload():
        nonlocal finished
        with scope:
            await upload_file(scripted, SourceFile(path), scripted_s3.endpoint.address("key"))
            finished = True

    async with anyio.create_task_group() as group:
        group.start_soon(upload)
        with anyio.fail_after(20):
            await reached.wait()
        scope.cancel()
    assert not finished
    assert scripted_s3.uploads == {}
    assert scripted_s3.count("AbortMultipartUpload") == 1
    assert scripted.buffers.lent == 0
    await anyio.wait_all_tasks_blocked()
    no_new_tasks()


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("operation", ["CreateMultipartUpload", "UploadPart", "AbortMultipartUpload"])
async def test_a_task_cancelled_the_asyncio_way_leaves_no_upload_wherever_it_is(
    scripted_s3, scripted, make_file, no_new_tasks, operation, times
):
    loop = asyncio.get_running_loop()

    def script(request):
        if request.operation == operation:
            with contextlib.suppress(RuntimeError):  # a part that the server reads when the test is over
                for _ in range(times):
                    loop.call_soon_threadsafe(task.cancel)
        if operation == "AbortMultipartUpload" and request.operation == "UploadPart":
            return error_answer(403, "AccessDenied")
        return None

    scripted_s3.script = script
    path = str(make_file(30 * MIB))
    no_new_tasks(begin=True)
    task = asyncio.create_task(upload_file(scripted, SourceFile(path), scripted_s3.endpoint.address("key")))
    await asyncio.wait([task])
    assert task.cancelled()
    assert (scripted_s3.uploads, scripted_s3.objects) == ({}, {})
    assert scripted.buffers.lent == 0
    await anyio.wait_all_tasks_blocked()
    no_new_tasks()


async def test_an_upload_given_up_while_the_peer_reads_nothing_keeps_no_connection(impatient):
    taken = anyio.Event()
    open_files = Path("/proc/self/fd")

    async def read_nothing(stream):
        async with stream:
            await stream.receive(100)
            taken.set()
            await anyio.sleep_forever()

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    url = f"http://127.0.0.1:{listener.extra(anyio.abc.SocketAttribute.local_port)}"
    settings = S3Endpoint(url).settings()
    async with listener, anyio.create_task_group() as peer, S3Client(settings, retry=impatient) as client:
        peer.start_soon(listener.serve, read_nothing)
        before = len(list(open_files.iterdir()))
        async with client.buffers.buffer(8 * MIB) as buffer, anyio.create_task_group() as group:
            buffer.size = 8 * MIB
            group.start_soon(client.put, S3Address("bucket", "key"), buffer)
            with anyio.fail_after(20):
                await taken.wait()
            await anyio.wait_all_tasks_blocked()
            group.cancel_scope.cancel()
        await anyio.wait_all_tasks_blocked()
        assert len(list(open_files.iterdir())) == before + 1  # the peer's end
        peer.cancel_scope.cancel()


async def test_a_peer_that_reads_nothing_of_a_body_is_given_up_after_the_idle_time():
    async def read_nothing(stream):
        async with stream:
            await anyio.sleep_forever()

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    url = f"http://127.0.0.1:{listener.extra(anyio.abc.SocketAttribute.local_port)}"
    client = S3Client(S3Endpoint(url).settings(idle_timeout=0.3), retry=RetryPolicy(attempts=1))
    async with listener, anyio.create_task_group() as peer, client:
        peer.start_soon(listener.serve, read_nothing)
        async with client.buffers.buffer(8 * MIB) as buffer:
            buffer.size = 8 * MIB
            with anyio.fail_after(20), pytest.raises(TimedOutError) as caught:
                await client.put(S3Address("bucket", "key"), buffer)
        peer.cancel_scope.cancel()
    assert (caught.value.code, caught.value.indeterminate) == ("idle", True)


async def test_entity_tags_with_and_without_quotes_are_the_same(scripted_s3, impatient, tmp_path, make_file):
    content = make_file(3 * MIB).read_bytes()
    tag = "a" * 32 + "-2"
    answers = 0

    def script(request):
        nonlocal answers
        if request.operation == "HeadObject":
            return Answer(200, {"ETag": tag})
        answers += 1
        first, last = request.headers["range"].removeprefix("bytes=").split("-")
        body = content[int(first) : int(last) + 1]
        headers = {
            "ETag": tag if answers % 2 else f'"{tag}"',
            "Content-Range": f"bytes {first}-{int(first) + len(body) - 1}/{len(content)}",
        }
        return Answer(206, headers, body, cut=MIB // 2 if answers == 1 else None)

    scripted_s3.script = script
    settings = dataclasses.replace(scripted_s3.endpoint.settings(), part_size=MIB)
    async with S3Client(settings, retry=impatient) as client:
        with (tmp_path / "out").open("w+b") as out:
            await download(
                client, scripted_s3.endpoint.address("key"), lambda _info: out.fileno(), lambda _verified: None
            )
    assert (tmp_path / "out").read_bytes() == content
    assert answers >= 4


async def test_a_listing_that_repeats_itself_for_ever_is_found_out(scripted_s3, scripted):
    page = b"<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken></ListBucketResult>"
    scripted_s3.script = lambda request: Answer(200, {"Content-Type": "application/xml"}, page)
    with anyio.fail_after(20), pytest.raises(IntegrityError, match="again and again") as caught:
        async for _ in scripted.pages("scripted"):
            pass
    assert caught.value.code == "protocol"


async def test_an_empty_page_in_the_middle_does_not_end_a_listing(scripted_s3, scripted):
    def script(request):
        token = request.query.get("continuation-token")
        key = "<Contents><Key>k</Key><Size>1</Size></Contents>" if token == "2" else ""
        following = {None: "1", "1": "2"}.get(token)
        more = (
            f"<IsTruncated>true</IsTruncated><NextContinuationToken>{following}</NextContinuationToken>"
            if following
            else ""
        )
        return Answer(
            200, {"Content-Type": "application/xml"}, f"<ListBucketResult>{more}{key}</ListBucketResult>".encode()
        )

    scripted_s3.script = script
    assert [entry.key async for page in scripted.pages("scripted") for entry in page.objects] == ["k"]


async def test_a_download_of_a_missing_object_says_so_and_writes_nothing(scripted_s3, scripted, tmp_path):
    path = tmp_path / "precious"
    path.write_bytes(b"precious")
    with path.open("r+b") as out, pytest.raises(RemoteNotFoundError):
        await download(
            scripted,
            scripted_s3.endpoint.address("missing"),
            lambda _info: out.fileno(),
            finish=lambda _verified: None,
        )
    assert path.read_bytes() == b"precious"


async def test_a_batch_delete_reports_each_key_that_failed_and_carries_content_md5(scripted_s3, scripted):
    body = (
        b"<DeleteResult><Error><Key>b</Key><Code>AccessDenied</Code><Message>no</Message></Error></DeleteResult>"
    )
    scripted_s3.script = lambda request: Answer(200, {"Content-Type": "application/xml"}, body)
    failures = await scripted.delete_batch("scripted", ["a", "b"])
    assert [(failure.key, failure.code) for failure in failures] == [("b", "AccessDenied")]
    assert "content-md5" in scripted_s3.requests[0].headers


async def test_a_thousand_objects_go_up_though_the_service_refuses_what_is_more_than_it_can_do(
    scripted_s3,
):
    """It can do eight at a time: the client finds that out, and sends little in vain."""
    places = threading.BoundedSemaphore(8)

    def script(_request):
        if not places.acquire(blocking=False):
            return error_answer(503, "SlowDown")
        try:
            scripted_s3.stopped.wait(0.005)  # what the work takes
        finally:
            places.release()
        return None

    async with S3Client(scripted_s3.endpoint.settings()) as client:
        await for_each(
            lambda number, _item: upload_bytes(client, b"content", scripted_s3.endpoint.address(str(number))),
            range(100),
            max_concurrency=64,
        )
        scripted_s3.script = script
        scripted_s3.requests.clear()
        await for_each(
            lambda number, _item: upload_bytes(client, b"content", scripted_s3.endpoint.address(str(number))),
            range(1000),
            max_concurrency=64,
        )
    assert len(scripted_s3.objects) == 1000
    assert len(scripted_s3.requests) <= 1200


async def test_a_service_that_knows_no_checksums_in_trailers_gets_none(scripted_s3, scripted, make_file):
    async def chunks():
        yield b"x" * (9 * MIB)

    await upload_file(scripted, SourceFile(make_file(10)), scripted_s3.endpoint.address("small"))
    await upload_file(scripted, SourceFile(make_file(9 * MIB)), scripted_s3.endpoint.address("large"))
    await upload_stream(scripted, chunks(), scripted_s3.endpoint.address("stream"))
    assert {"PutObject", "UploadPart", "CompleteMultipartUpload"} <= set(scripted_s3.operations())
    for request in scripted_s3.requests:
        assert "aws-chunked" not in request.headers.get("content-encoding", "")
        assert [name for name in request.headers if name.startswith(("x-amz-trailer", "x-amz-checksum"))] == []
        assert not request.headers.get("x-amz-content-sha256", "").startswith("STREAMING-")


async def test_what_a_service_does_not_offer_is_unsupported_at_the_first_attempt(scripted_s3, scripted, make_file):
    scripted_s3.script = lambda request: error_answer(501, "NotImplemented", "A header implies what is not there")
    with pytest.raises(QuackError, match="does not offer") as caught:
        await upload_file(scripted, SourceFile(make_file(10)), scripted_s3.endpoint.address("key"))
    assert (caught.value.kind, caught.value.attempts) == (ErrorKind.UNSUPPORTED, 1)


async def test_a_listing_that_is_not_all_and_names_no_continuation_is_no_listing(scripted_s3, scripted):
    page = b"<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>a</Key></Contents></ListBucketResult>"
    scripted_s3.script = lambda _: Answer(200, {"Content-Type": "application/xml"}, page)
    with pytest.raises(IntegrityError, match="names no continuation") as caught:
        _ = [page async for page in scripted.pages("scripted")]
    assert caught.value.code == "protocol"


REDIRECTED = {
    "read": read_all,
    "write": lambda client, address: upload_bytes(client, b"content", address),
    "delete": lambda client, address: client.delete(address),
    "look up": lambda client, address: client.head(address),
}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("call", REDIRECTED.values(), ids=REDIRECTED)
async def test_no_request_follows_an_answer_to_where_it_leads(scripted_s3, scripted, call, status):
    elsewhere = f"{scripted_s3.endpoint.url}/elsewhere/login"
    scripted_s3.script = lambda request: Answer(status, {"Location": elsewhere}) if request.key == "key" else None
    scripted_s3.put("key", b"content")
    with pytest.raises(QuackError) as caught:
        await call(scripted, scripted_s3.endpoint.address("key"))
    assert (caught.value.kind, caught.value.attempts) == (ErrorKind.MISCONFIGURED, 1)
    assert caught.value.code == ("redirect" if status in {302, 303} else "region")
    assert not [request for request in scripted_s3.requests if "elsewhere" in request.path]


async def test_who_may_not_ask_for_the_bucket_is_denied_and_told_of_the_policy(scripted_s3, scripted):
    scripted_s3.script = lambda request: Answer(403) if request.method == "HEAD" else None
    scripted_s3.put("key", b"content")
    with pytest.raises(AccessDeniedError, match="s3:ListBucket") as caught:
        await scripted.head_bucket("scripted")
    assert (caught.value.kind, caught.value.attempts) == (ErrorKind.PERMISSION_DENIED, 1)
    assert await read_all(scripted, scripted_s3.endpoint.address("key")) == b"content"


@pytest.mark.parametrize("native", [False, True], ids=["scope", "task"])
@pytest.mark.parametrize("completed", [False, True], ids=["before it", "behind it"])
async def test_a_cancellation_while_an_upload_is_completed_leaves_the_object_or_nothing(
    scripted_s3, scripted, make_file, no_new_tasks, native, completed
):
    loop, scope, tasks = asyncio.get_running_loop(), anyio.CancelScope(), []
    path = make_file(9 * MIB)

    def script(request):
        if request.operation != "CompleteMultipartUpload":
            return None
        cancel = partial(loop.call_soon_threadsafe, (tasks[0] if native else scope).cancel)
        if completed:  # it is there before the client has a chance to abort it
            return Answer(forget=True, done=cancel)
        cancel()
        return Answer(cut=0, headers={"Content-Length": "5"}, stall=True)

    async def upload():
        with scope:
            await upload_file(scripted, SourceFile(path), scripted_s3.endpoint.address("key"))

    scripted_s3.script = script
    no_new_tasks(begin=True)
    tasks.append(asyncio.create_task(upload()))
    with anyio.fail_after(20):
        await asyncio.wait(tasks)
    assert tasks[0].cancelled() if native else scope.cancelled_caught
    assert scripted_s3.uploads == {}
    assert [stored[0] for stored in scripted_s3.objects.values()] == [path.read_bytes()] * completed
    assert scripted.buffers.lent == 0
    await anyio.wait_all_tasks_blocked()
    no_new_tasks()
