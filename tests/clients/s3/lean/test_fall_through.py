"""What the lean engine leaves to aioboto3, and how a bucket in another region is found."""

import pytest

from quackcore_async.clients.s3 import S3Client, copy_object, upload_bytes
from quackcore_async.clients.s3.buffers import BodyBuffer
from quackcore_async.clients.s3.lean.messages import MESSAGES, message_for
from quackcore_async.clients.s3.requester import Requester
from quackcore_async.errors import ErrorKind, QuackError, ResponseError, StorageError
from quackcore_async.protocols import UploadOptions
from tests.clients.s3.lean.conftest import engine_of
from tests.servers.scripted import Answer, error_answer

PLACE = {"Bucket": "bucket", "Key": "key"}
PARTS = {"Parts": [{"PartNumber": 1, "ETag": '"e"'}]}
COVERED = {
    "copy_object": {
        "Bucket": "b",
        "Key": "k",
        "CopySource": {"Bucket": "b", "Key": "s"},
        "CopySourceIfMatch": '"e"',
        "IfNoneMatch": "*",
    },
    "upload_part_copy": {
        "Bucket": "b",
        "Key": "k",
        "UploadId": "u",
        "PartNumber": 1,
        "CopySource": {"Bucket": "b", "Key": "s"},
        "CopySourceRange": "bytes=0-9",
        "CopySourceIfMatch": '"e"',
    },
    "put_object": {**PLACE, "Body": b"x"},
    "get_object": PLACE,
    "head_bucket": {"Bucket": "bucket"},
    "head_object": PLACE,
    "delete_object": PLACE,
    "delete_objects": {"Bucket": "bucket", "Delete": {"Objects": [{"Key": "key"}], "Quiet": True}},
    "list_objects_v2": {"Bucket": "bucket"},
    "create_multipart_upload": PLACE,
    "upload_part": {**PLACE, "UploadId": "u", "PartNumber": 1, "Body": b"x"},
    "complete_multipart_upload": {**PLACE, "UploadId": "u", "MultipartUpload": PARTS},
    "abort_multipart_upload": {**PLACE, "UploadId": "u"},
    "list_parts": {**PLACE, "UploadId": "u"},
}


def test_every_covered_operation_is_named_here():
    assert set(COVERED) == set(MESSAGES)


@pytest.mark.parametrize("operation", [name for name in COVERED if name != "upload_part"])
def test_what_is_covered_becomes_a_message(operation):
    assert message_for(operation, COVERED[operation], None) is not None


def test_a_part_in_a_buffer_becomes_a_message():
    params = {name: value for name, value in COVERED["upload_part"].items() if name != "Body"}
    assert message_for("upload_part", params, BodyBuffer(1)) is not None


@pytest.mark.parametrize("operation", COVERED)
@pytest.mark.parametrize(
    "parameter",
    [
        {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32},
        {"RequestPayer": "requester"},
        {"Tagging": "a=b"},
        {"ExpectedBucketOwner": "123456789012"},
        {"ACL": "private"},
        {"ChecksumAlgorithm": "SHA256"},
        {"WhatComesNextYear": "1"},
    ],
    ids=lambda parameter: next(iter(parameter)),
)
def test_a_parameter_that_is_not_known_leaves_the_request_to_the_other_engine(operation, parameter):
    assert message_for(operation, {**COVERED[operation], **parameter}, None) is None


@pytest.mark.parametrize("operation", ["get_bucket_location", "list_multipart_uploads", "get_object_tagging"])
def test_other_operations_are_left_too(operation):
    assert message_for(operation, PLACE, None) is None


def put(**params):
    return message_for("put_object", {**COVERED["put_object"], **params}, None)


@pytest.mark.parametrize("value", ["ü", " a", "a ", "a\u00a0b"])
def test_a_value_that_does_not_arrive_as_it_is_is_left(value):
    assert put(Metadata={"name": value}) is None
    assert put(CacheControl=value) is None


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\tb", "a\x00b", "\x7f", "a\r\nx-amz-acl: public-read"])
def test_a_value_with_control_characters_is_refused(value):
    """No service could be told it, and the other engine would take the refusal for a broken connection."""
    for params in ({"Metadata": {"name": value}}, {"CacheControl": value}, {"IfMatch": value}):
        with pytest.raises(StorageError) as caught:
            put(**params)
        assert (caught.value.kind, caught.value.retryable) == (ErrorKind.INVALID_INPUT, False)


@pytest.mark.parametrize("name", ["", "ü", "a b", "a:b", "a(b)", 'a"b', "a/b"])
def test_a_name_of_metadata_that_is_no_token_is_left(name):
    """RFC 9110 section 5.6.2: with a colon in it, it would be another header."""
    assert put(Metadata={name: "value"}) is None


def test_names_of_metadata_that_differ_in_their_case_only_are_left():
    assert put(Metadata={"Name": "1", "name": "2"}) is None
    assert put(Metadata={"Name": "1"}).headers == {"x-amz-meta-name": "1"}


@pytest.mark.parametrize("key", ["a\x01b", "\x00", "\ufffe", "\uffff", "\ud800", "\x1f"])
def test_a_key_that_xml_cannot_hold_is_left(key):
    batch = {"Objects": [{"Key": "fine"}, {"Key": key}], "Quiet": True}
    assert message_for("delete_objects", {"Bucket": "bucket", "Delete": batch}, None) is None


@pytest.mark.parametrize(
    "batch",
    [
        {"Objects": [{"Key": "key", "VersionId": "v"}], "Quiet": True},
        {"Objects": [{"Key": "key", "ETag": "e"}], "Quiet": True},
        {"Objects": [{"Key": "key"}]},
        {"Objects": [{"Key": "key"}], "Quiet": False},
    ],
)
def test_a_batch_that_is_more_than_keys_is_left(batch):
    assert message_for("delete_objects", {"Bucket": "bucket", "Delete": batch}, None) is None


def test_parts_with_checksums_are_left():
    parts = {"Parts": [{"PartNumber": 1, "ETag": '"e"', "ChecksumCRC32": "AAAAAA=="}]}
    assert (
        message_for(
            "complete_multipart_upload", {**COVERED["complete_multipart_upload"], "MultipartUpload": parts}, None
        )
        is None
    )


@pytest.mark.parametrize("body", ["text", 5, None, object()])
def test_a_body_that_is_neither_bytes_nor_a_buffer_is_left(body):
    assert put(Body=body) is None


async def test_what_is_left_is_sent_by_aioboto3(scripted_s3, scripted):
    scripted_s3.put("source", b"content")
    address = scripted_s3.endpoint.address
    await scripted.list_multipart_uploads("scripted")
    await scripted.head(address("source"))
    await scripted.list_multipart_uploads("scripted")
    agents = [request.headers["user-agent"].partition("/")[0] for request in scripted_s3.requests]
    assert agents == ["aiobotocore", "quackcore-async", "aiobotocore"]


@pytest.mark.parametrize(
    "source",
    ["bucket/key", {"Bucket": "arn:aws:s3:::b", "Key": "k"}, {"Bucket": "b", "Key": "k", "VersionId": "1"}],
)
def test_a_copy_from_elsewhere_or_of_a_version_is_left(source):
    assert message_for("copy_object", {**COVERED["copy_object"], "CopySource": source}, None) is None


async def test_a_copy_carries_its_source_encoded_and_its_condition(scripted_s3, scripted):
    scripted_s3.put("a source+1", b"content")
    copied = b"<CopyObjectResult><ETag>&quot;e&quot;</ETag></CopyObjectResult>"
    scripted_s3.script = lambda request: Answer(body=copied) if request.operation == "CopyObject" else None
    address = scripted_s3.endpoint.address
    await copy_object(scripted, address("a source+1"), address("target"), overwrite=False)
    (request,) = [each for each in scripted_s3.requests if each.operation == "CopyObject"]
    assert request.headers["x-amz-copy-source"].endswith("/a%20source%2B1")
    assert request.headers["if-none-match"] == "*"


async def test_metadata_that_is_not_ascii_is_refused_as_aioboto3_refuses_it(scripted_s3, scripted):
    with pytest.raises(QuackError) as caught:
        await upload_bytes(
            scripted, b"1", scripted_s3.endpoint.address("key"), options=UploadOptions(metadata={"name": "ü"})
        )
    assert caught.value.kind is ErrorKind.INVALID_INPUT
    assert scripted_s3.requests == []


WRONG_REGION = {
    "301": error_answer(301, "PermanentRedirect", x_amz_bucket_region="eu-west-3"),
    "307": error_answer(307, "TemporaryRedirect", x_amz_bucket_region="eu-west-3"),
    "400": error_answer(400, "AuthorizationHeaderMalformed", extra="<Region>eu-west-3</Region>"),
    "400 with a header": error_answer(400, "BadRequest", x_amz_bucket_region="eu-west-3"),
}


def only_in_paris(answer):
    """Answer requests that are signed for another region than eu-west-3 in that way."""

    def script(request):
        there = "/eu-west-3/s3/" in request.headers["authorization"]
        if request.operation == "HeadBucket":
            return Answer(200 if there else 400, {"x-amz-bucket-region": "eu-west-3"})
        return None if there else answer

    return script


@pytest.mark.parametrize("answer", WRONG_REGION.values(), ids=WRONG_REGION)
async def test_a_bucket_in_another_region_is_found_there_and_stays_with_the_lean_engine(
    scripted_s3, scripted, answer
):
    scripted_s3.put("key", b"content")
    scripted_s3.script = only_in_paris(answer)
    for _ in range(2):
        assert (await scripted.head(scripted_s3.endpoint.address("key"))).size == 7
    await upload_bytes(scripted, b"new", scripted_s3.endpoint.address("key"))
    assert scripted_s3.objects["key"][0] == b"new"
    regions = [request.headers["authorization"].split("/")[2] for request in scripted_s3.requests]
    assert regions[-2:] == ["eu-west-3", "eu-west-3"]
    assert scripted_s3.requests[-1].headers["user-agent"].startswith("quackcore")
    assert len(scripted_s3.requests) <= 7


async def test_a_bucket_that_is_nowhere_is_named_and_left_to_aioboto3(scripted_s3, scripted):
    answer = error_answer(301, "PermanentRedirect", extra="<Endpoint>bucket.s3.eu-west-3.amazonaws.com</Endpoint>")
    scripted_s3.script = lambda request: None if request.operation == "HeadBucket" else answer
    for _ in range(2):
        with pytest.raises(ResponseError) as caught:
            await upload_bytes(scripted, b"new", scripted_s3.endpoint.address("key"))
        assert caught.value.code == "region"
    assert "eu-west-3.amazonaws.com" in str(caught.value)
    puts = [request for request in scripted_s3.requests if request.operation == "PutObject"]
    assert [request.headers["user-agent"][:5] for request in puts] == ["quack", "aiobo", "aiobo"]


async def test_a_bare_400_to_a_head_is_asked_of_aioboto3_and_the_bucket_stays(scripted_s3, scripted):
    """It may be the region or an expired key: a HEAD has no body that could say so."""
    scripted_s3.put("key", b"content")
    scripted_s3.script = lambda request: Answer(400) if len(scripted_s3.requests) < 3 else None
    with pytest.raises(QuackError):
        await scripted.head(scripted_s3.endpoint.address("key"))
    scripted_s3.script = lambda request: None
    before = len(scripted_s3.requests)
    await scripted.head(scripted_s3.endpoint.address("key"))
    assert [request.headers["user-agent"][:5] for request in scripted_s3.requests[before:]] == ["quack"]


async def test_a_proxy_in_the_environment_takes_the_request(scripted_s3, impatient, monkeypatch):
    """The scripted server is the proxy: what comes names the whole address."""
    monkeypatch.setenv("HTTP_PROXY", scripted_s3.endpoint.url)
    settings = scripted_s3.endpoint.settings(endpoint_url="http://s3.example.org")
    async with S3Client(settings, retry=impatient) as client:
        await client.delete(scripted_s3.endpoint.address("key"))
        assert engine_of(client)._places == {"scripted": None}
    assert scripted_s3.requests[0].headers["host"] == "s3.example.org"


async def test_payload_signing_that_was_chosen_is_left_to_aioboto3(seaweed, monkeypatch, tmp_path):
    config = tmp_path / "config"
    config.write_text("[default]\ns3 =\n  payload_signing_enabled = true\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    async with S3Client(seaweed.settings()) as client:
        assert type(engine_of(client)).__name__ == "Aioboto3Engine"
        await upload_bytes(client, b"1", seaweed.address("key"))


INJECTION = "a\r\nx-amz-acl: public-read\r\n\r\nDELETE /bucket/other HTTP/1.1\r\n"


@pytest.mark.parametrize(
    "options",
    [
        UploadOptions(metadata={"name": INJECTION}),
        UploadOptions(metadata={INJECTION: "value"}),
        UploadOptions(content_type=INJECTION),
        UploadOptions(cache_control=INJECTION),
        UploadOptions(content_disposition=INJECTION),
        UploadOptions(if_match=INJECTION),
        UploadOptions(storage_class=INJECTION),
        UploadOptions(kms_key_id=INJECTION),
    ],
)
async def test_no_value_becomes_a_header_or_a_request_of_its_own(scripted_s3, scripted, options, monkeypatch):
    monkeypatch.setattr(Requester, "heeds_conditions", True)  # so that no look at the object comes before
    with pytest.raises(QuackError) as caught:
        await upload_bytes(scripted, b"1", scripted_s3.endpoint.address("key"), options=options)
    assert caught.value.kind is ErrorKind.INVALID_INPUT
    assert scripted_s3.requests == []


async def test_no_key_prefix_or_token_becomes_a_header_or_a_request_of_its_own(scripted_s3, scripted):
    scripted_s3.script = lambda request: Answer(body=b"<ListBucketResult/>") if request.method == "GET" else None
    await upload_bytes(scripted, b"1", scripted_s3.endpoint.address(INJECTION))
    await scripted.list_page("scripted", INJECTION, delimiter=INJECTION, token=INJECTION)
    assert [request.method for request in scripted_s3.requests] == ["PUT", "GET"]
    assert list(scripted_s3.objects) == [INJECTION]
