"""Writes and deletions whose answers are lost: never a failure that succeeded, never a success that did not happen."""

import hashlib

import pytest

from quackcore_async.clients.s3 import copy_object, delete_objects, upload_bytes, upload_file, upload_stream
from quackcore_async.clients.s3.attributes import WRITE_KEY
from quackcore_async.errors import ConflictError, ErrorKind, QuackError, RemoteNotFoundError
from quackcore_async.protocols import UploadOptions
from quackcore_async.storage.files import SourceFile
from tests.servers.scripted import Answer, error_answer

MIB = 1024**2
LOST = Answer(forget=True)
"""It was done, and nobody hears of it."""

UNDONE = Answer(cut=0, reset=True, headers={"Content-Length": "5"})
"""It was not done, and nobody hears of it."""

LOCK = b"locked"


def in_turn(operation, *answers):
    """Answer the requests of an operation one by one; None does what is asked, and so do those after them."""
    left = list(answers)

    def script(request):
        return left.pop(0) if request.operation == operation and left else None

    return script


def always(operation, answer):
    return lambda request: answer if request.operation == operation else None


@pytest.fixture
def address(scripted_s3):
    return scripted_s3.endpoint.address("key")


async def write_lock(client, address, **options):
    return await upload_bytes(client, LOCK, address, overwrite=False, **options)


@pytest.mark.parametrize("refused", ["412", "409"])
async def test_a_conditional_put_that_meets_itself_has_succeeded(scripted_s3, scripted, address, refused):
    conflicts = [error_answer(409, "ConditionalRequestConflict")] * 3 if refused == "409" else []
    scripted_s3.script = in_turn("PutObject", LOST, *conflicts)
    await write_lock(scripted, address)
    assert scripted_s3.objects["key"][0] == LOCK
    assert scripted_s3.count("HeadObject") == 2  # before and after: this service is not AWS's


@pytest.mark.parametrize("options", [{"overwrite": False}, {"options": UploadOptions(if_match='"stale"')}])
async def test_a_service_that_ignores_conditions_overwrites_nothing(scripted_s3, scripted, address, options):
    scripted_s3.heeds_conditions = False
    scripted_s3.put("key", b"theirs")
    with pytest.raises(ConflictError) as caught:
        await upload_bytes(scripted, b"ours", address, **options)
    assert caught.value.code == ("exists" if "overwrite" in options else "changed")
    assert scripted_s3.objects["key"][0] == b"theirs"
    assert scripted_s3.count("PutObject") == 0


async def test_a_service_that_ignores_conditions_completes_no_upload_over_an_object(
    scripted_s3, scripted, address, make_file
):
    scripted_s3.heeds_conditions = False
    scripted_s3.put("key", b"theirs")
    with pytest.raises(ConflictError, match="exists already"):
        await upload_file(scripted, SourceFile(make_file(9 * MIB)), address, overwrite=False)
    assert (scripted_s3.objects["key"][0], scripted_s3.uploads) == (b"theirs", {})


async def test_a_condition_that_holds_is_written_by_whoever_may_not_look(scripted_s3, scripted, address):
    scripted_s3.script = always("HeadObject", Answer(403))
    await upload_bytes(scripted, b"ours", address, overwrite=False)
    assert scripted_s3.objects["key"][0] == b"ours"


async def test_the_same_content_that_a_rival_wrote_while_our_request_was_lost_is_a_conflict(
    scripted_s3, scripted, address
):
    """Two who lock with the same bytes must not both believe that they have the lock."""

    def script(request):
        if request.operation == "PutObject" and scripted_s3.count("PutObject") == 1:
            scripted_s3.put("key", LOCK, None, {f"x-amz-meta-{WRITE_KEY}": "another"})
            return UNDONE
        return None

    scripted_s3.script = script
    with pytest.raises(ConflictError) as caught:
        await write_lock(scripted, address)
    assert (caught.value.code, caught.value.indeterminate) == ("exists", True)


async def test_an_old_object_of_the_same_content_is_a_conflict_where_no_metadata_is_kept(
    scripted_s3, scripted, address
):
    scripted_s3.put("key", LOCK)
    old = {"ETag": scripted_s3.objects["key"][2], "Last-Modified": "Mon, 01 Jan 2001 00:00:00 GMT"}

    def script(request):
        if request.operation == "PutObject" and scripted_s3.count("PutObject") == 1:
            return UNDONE
        return Answer(200, old, LOCK) if request.operation == "HeadObject" else None

    scripted_s3.script = script
    with pytest.raises(ConflictError, match="exists already"):
        await write_lock(scripted, address)


async def test_a_conditional_put_is_settled_where_entity_tags_are_no_md5(scripted_s3, scripted, address):
    """As they are under keys of a KMS."""

    def script(request):
        if request.operation != "PutObject":
            return None
        if scripted_s3.count("PutObject") == 1:
            scripted_s3.put("key", request.body, '"opaque"', request.headers)
            return UNDONE
        return error_answer(412, "PreconditionFailed")

    scripted_s3.script = script
    assert (await write_lock(scripted, address)).etag == '"opaque"'


async def test_a_put_is_settled_by_a_checksum_where_entity_tags_are_no_md5(scripted_s3, scripted, address):
    import base64
    import zlib

    checksum = base64.b64encode(zlib.crc32(LOCK).to_bytes(4, "big")).decode()
    head = {"ETag": '"opaque"', "x-amz-checksum-crc32": checksum, "x-amz-checksum-type": "FULL_OBJECT"}

    def script(request):
        if request.operation == "PutObject":
            return UNDONE
        return Answer(200, head, LOCK)

    scripted_s3.script = script
    await upload_bytes(scripted, LOCK, address)
    head["x-amz-checksum-crc32"] = base64.b64encode(bytes(4)).decode()
    with pytest.raises(QuackError) as caught:
        await upload_bytes(scripted, LOCK, address)
    assert caught.value.indeterminate


async def test_a_put_without_an_answer_is_no_success_while_the_old_description_is_there(
    scripted_s3, scripted, address
):
    options = UploadOptions(metadata={"of": "now"})
    scripted_s3.put("key", LOCK, None, {"x-amz-meta-of": "before"})
    scripted_s3.script = always("PutObject", UNDONE)
    with pytest.raises(QuackError) as caught:
        await upload_bytes(scripted, LOCK, address, options=options)
    assert (caught.value.indeterminate, caught.value.attempts) == (True, 4)


async def test_a_put_that_happened_and_then_is_refused_for_good_has_succeeded(scripted_s3, scripted, address):
    scripted_s3.script = in_turn("PutObject", LOST, error_answer(403, "AccessDenied"))
    await upload_bytes(scripted, LOCK, address)


async def test_who_may_not_look_is_told_of_the_write_and_that_it_may_have_happened(scripted_s3, scripted, address):
    def script(request):
        if request.operation == "HeadObject":
            return Answer(403)
        return LOST if request.operation == "PutObject" and scripted_s3.count("PutObject") == 1 else None

    scripted_s3.script = script
    with pytest.raises(ConflictError, match="cannot write") as caught:
        await write_lock(scripted, address)
    assert (caught.value.code, caught.value.indeterminate) == ("exists", True)


async def test_the_metadata_of_a_conditional_write_is_the_callers_and_a_token(scripted_s3, scripted, address):
    await write_lock(scripted, address, options=UploadOptions(metadata={"mine": "1"}))
    kept = {
        name.removeprefix("x-amz-meta-"): value
        for name, value in scripted_s3.objects["key"][1].items()
        if name.startswith("x-amz-meta-")
    }
    assert kept.pop(WRITE_KEY)
    assert kept == {"mine": "1"}


async def test_a_plain_put_carries_no_token(scripted_s3, scripted, address):
    await upload_bytes(scripted, LOCK, address)
    assert f"x-amz-meta-{WRITE_KEY}" not in scripted_s3.requests[-1].headers


async def test_a_completion_that_meets_itself_is_settled_where_entity_tags_are_no_md5(
    scripted_s3, scripted, address, make_file
):
    path = make_file(9 * MIB)

    def script(request):
        if request.operation == "UploadPart":
            scripted_s3.uploads["upload1"][int(request.query["partNumber"])] = request.body
            return Answer(headers={"ETag": '"opaque"'})
        return LOST if request.operation == "CompleteMultipartUpload" else None

    scripted_s3.script = script
    await upload_file(scripted, SourceFile(path), address)
    assert scripted_s3.objects["key"][0] == path.read_bytes()
    assert scripted_s3.count("AbortMultipartUpload") == 0


async def test_a_completion_that_somebody_else_aborted_is_a_failure(scripted_s3, scripted, address, make_file):
    """The same content is there, of another upload."""
    content = make_file(9 * MIB).read_bytes()
    tag = hashlib.md5(hashlib.md5(content[: 8 * MIB]).digest() + hashlib.md5(content[8 * MIB :]).digest())

    def script(request):
        if request.operation != "CompleteMultipartUpload" or scripted_s3.count("CompleteMultipartUpload") > 1:
            return None
        del scripted_s3.uploads["upload1"]
        scripted_s3.put("key", content, f'"{tag.hexdigest()}-2"', {f"x-amz-meta-{WRITE_KEY}": "another"})
        return UNDONE

    scripted_s3.script = script
    with pytest.raises(RemoteNotFoundError) as caught:
        await upload_file(scripted, SourceFile(make_file(9 * MIB, "again")), address)
    assert (caught.value.code, caught.value.indeterminate) == ("no_such_upload", True)


async def test_a_completion_that_ends_only_after_the_last_try_is_found_by_the_abort(
    scripted_s3, scripted, address, make_file
):
    """The service puts the object together while it does not answer, and is done before it takes the abort."""
    path = make_file(9 * MIB)
    completions = []

    def script(request):
        if request.operation == "CompleteMultipartUpload":
            completions.append(request)
            return UNDONE
        if request.operation == "AbortMultipartUpload":
            scripted_s3._do_CompleteMultipartUpload(completions[0])
            return error_answer(404, "NoSuchUpload")
        return None

    scripted_s3.script = script
    await upload_file(scripted, SourceFile(path), address)
    assert scripted_s3.objects["key"][0] == path.read_bytes()
    assert scripted_s3.count("AbortMultipartUpload") == 1


async def test_a_completion_that_did_not_happen_fails_and_leaves_no_upload(
    scripted_s3, scripted, address, make_file
):
    scripted_s3.script = always("CompleteMultipartUpload", UNDONE)
    with pytest.raises(QuackError) as caught:
        await upload_file(scripted, SourceFile(make_file(9 * MIB)), address)
    assert caught.value.indeterminate
    assert (scripted_s3.uploads, scripted_s3.objects) == ({}, {})


async def test_a_copy_that_meets_itself_has_succeeded(scripted_s3, scripted, address):
    scripted_s3.put("source", LOCK)

    def script(request):
        if request.operation != "CopyObject":
            return None
        if scripted_s3.count("CopyObject") == 1:
            scripted_s3.put("key", LOCK)
            return UNDONE
        return error_answer(412, "PreconditionFailed")

    scripted_s3.script = script
    await copy_object(scripted, scripted_s3.endpoint.address("source"), address, overwrite=False)


@pytest.mark.parametrize("late", [1, 3, 5])
async def test_parts_that_land_after_the_abort_are_aborted_again(scripted_s3, scripted, address, make_file, late):
    """`late` times a part shows up; the shield has time for all of them."""

    def script(request):
        if request.operation == "UploadPart":
            return error_answer(403, "AccessDenied")
        if request.operation == "ListParts" and scripted_s3.count("ListParts") <= late:
            part = "<Part><PartNumber>1</PartNumber><ETag>e</ETag><Size>1</Size></Part>"
            body = f"<ListPartsResult>{part}</ListPartsResult>"
            return Answer(200, {"Content-Type": "application/xml"}, body.encode())
        return None

    scripted_s3.script = script
    with pytest.raises(QuackError, match="AccessDenied"):
        await upload_file(scripted, SourceFile(make_file(9 * MIB)), address)
    assert scripted_s3.count("AbortMultipartUpload") == late + 1


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("answers", ["first", "all"])
async def test_a_deletion_whose_answer_is_lost_has_succeeded(scripted_s3, scripted, address, conditional, answers):
    scripted_s3.put("key", LOCK)
    tag = scripted_s3.objects["key"][2] if conditional else None
    scripted_s3.script = in_turn("DeleteObject", LOST) if answers == "first" else always("DeleteObject", LOST)
    await scripted.delete(address, if_match=tag)
    assert "key" not in scripted_s3.objects


@pytest.mark.parametrize("looks", ["there", "nobody tells"])
async def test_a_deletion_that_nobody_answers_is_no_success(scripted_s3, scripted, address, looks):
    scripted_s3.put("key", LOCK)

    def script(request):
        if request.operation == "DeleteObject":
            return UNDONE
        return error_answer(403, "AccessDenied") if looks == "nobody tells" else None

    scripted_s3.script = script
    with pytest.raises(QuackError) as caught:
        await scripted.delete(address)
    assert caught.value.indeterminate


async def test_a_conditional_deletion_of_another_version_is_a_conflict(scripted_s3, scripted, address):
    scripted_s3.put("key", LOCK)
    with pytest.raises(ConflictError) as caught:
        await scripted.delete(address, if_match='"before"')
    assert (caught.value.code, caught.value.indeterminate) == ("changed", False)
    assert "key" in scripted_s3.objects


@pytest.mark.parametrize("done", [True, False])
async def test_a_batch_of_deletions_that_nobody_answers_is_settled_key_by_key(scripted_s3, scripted, done):
    keys = [f"key{number}" for number in range(5)]
    for key in keys[:3]:
        scripted_s3.put(key, b"")
    scripted_s3.script = always("DeleteObjects", LOST if done else UNDONE)
    failures = await delete_objects(scripted, "scripted", keys)
    assert sorted(failures) == ([] if done else keys[:3])
    assert all(error.indeterminate for error in failures.values())


async def test_a_service_that_is_gone_is_not_asked_for_each_key_of_a_batch(scripted_s3, scripted):
    scripted_s3.script = lambda request: error_answer(503, "SlowDown") if request.method == "HEAD" else UNDONE
    keys = [f"key{number}" for number in range(1000)]
    failures = await delete_objects(scripted, "scripted", keys)
    assert sorted(failures) == sorted(keys)
    assert len(scripted_s3.requests) < 300


async def test_a_stream_is_settled_as_a_file_is(scripted_s3, scripted, address):
    async def chunks():
        for _ in range(9):
            yield b"x" * MIB

    scripted_s3.script = always("CompleteMultipartUpload", LOST)
    await upload_stream(scripted, chunks(), address, overwrite=False)
    assert scripted_s3.objects["key"][0] == b"x" * 9 * MIB


async def test_a_real_service_shows_the_token_and_the_conflict(seaweed, seaweed_client, make_file):
    """SeaweedFS: a real store that refuses what exists."""
    address = seaweed.address("key")
    await upload_bytes(seaweed_client, LOCK, address, overwrite=False)
    assert len((await seaweed_client.head(address)).metadata[WRITE_KEY]) == 16
    with pytest.raises(ConflictError) as caught:
        await upload_bytes(seaweed_client, LOCK, address, overwrite=False)
    assert (caught.value.kind, caught.value.indeterminate) == (ErrorKind.CONFLICT, False)
