"""The stand-in for S3 answers as the service does, as far as clients of bulk transfer ask."""

import hashlib
import http.client
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from benchmarks.sink import Sink, run_sink
from benchmarks.sink.objects import Bucket, Object, Stamp, invented
from quackcore_async.clients.s3 import S3Client, upload_bytes
from tests.servers.endpoint import S3Endpoint

KEEP_BELOW = 100_000
MIB = 1024**2


@pytest.fixture(scope="module")
def running() -> Iterator[Sink]:
    with run_sink("bucket", keep_below=KEEP_BELOW) as sink:
        yield sink


@pytest.fixture
def sink(running: Sink) -> Sink:
    running.clear()
    return running


@pytest.fixture
def client(sink: Sink) -> Any:
    return S3Endpoint(f"http://127.0.0.1:{sink.port}").raw_client()


def put(client: Any, key: str, body: bytes = b"content", **options: Any) -> Any:
    return client.put_object(Bucket="bucket", Key=key, Body=body, **options)


def get(client: Any, key: str, **options: Any) -> bytes:
    return client.get_object(Bucket="bucket", Key=key, **options)["Body"].read()


def refused(call: Any, **options: Any) -> tuple[int, str]:
    with pytest.raises(ClientError) as caught:
        call(Bucket="bucket", **options)
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


def test_an_object_comes_back_with_its_bytes_metadata_and_md5(client: Any) -> None:
    written = put(client, "ä b/c+d.txt", b"hello", Metadata={"mtime": "12"}, ContentType="text/plain")
    answer = client.get_object(Bucket="bucket", Key="ä b/c+d.txt")
    assert answer["Body"].read() == b"hello"
    assert answer["Metadata"] == {"mtime": "12"}
    assert answer["ContentType"] == "text/plain"
    assert answer["ETag"] == written["ETag"] == f'"{hashlib.md5(b"hello").hexdigest()}"'


def test_head_tells_the_size_without_the_body(client: Any) -> None:
    put(client, "key", b"12345")
    assert client.head_object(Bucket="bucket", Key="key")["ContentLength"] == 5
    assert get(client, "key") == b"12345"  # over the same connection


@pytest.mark.parametrize(
    ("asked", "expected"),
    [("bytes=2-4", b"234"), ("bytes=7-", b"789"), ("bytes=-3", b"789"), ("bytes=8-99", b"89")],
)
def test_a_range_is_answered_with_that_part(client: Any, asked: str, expected: bytes) -> None:
    put(client, "key", b"0123456789")
    answer = client.get_object(Bucket="bucket", Key="key", Range=asked)
    assert answer["Body"].read() == expected
    assert answer["ContentRange"].endswith("/10")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206


def test_a_range_behind_the_end_is_refused(client: Any) -> None:
    put(client, "key", b"0123456789")
    assert refused(client.get_object, Key="key", Range="bytes=10-") == (416, "InvalidRange")


def test_what_is_not_there_is_refused(client: Any) -> None:
    assert refused(client.get_object, Key="key") == (404, "NoSuchKey")
    assert refused(client.head_object, Key="key") == (404, "404")
    assert refused(client.complete_multipart_upload, Key="key", UploadId="none") == (404, "NoSuchUpload")


def test_a_condition_that_does_not_hold_is_refused(client: Any) -> None:
    put(client, "key")
    assert refused(client.put_object, Key="key", Body=b"", IfNoneMatch="*") == (412, "PreconditionFailed")
    assert refused(client.get_object, Key="key", IfMatch='"other"') == (412, "PreconditionFailed")
    put(client, "other", IfNoneMatch="*")


def test_a_checksum_goes_out_only_where_it_is_asked_for_and_not_with_a_range(client: Any) -> None:
    put(client, "key", b"0123456789", ChecksumAlgorithm="CRC32")
    asked = client.head_object(Bucket="bucket", Key="key", ChecksumMode="ENABLED")
    assert asked["ChecksumCRC32"] == "poTHxg=="
    assert "ChecksumCRC32" not in client.head_object(Bucket="bucket", Key="key")
    assert get(client, "key", Range="bytes=0-1", ChecksumMode="ENABLED") == b"01"


def test_parts_become_one_object_in_the_order_that_is_asked_for(client: Any) -> None:
    place = {"Bucket": "bucket", "Key": "key"}
    upload = client.create_multipart_upload(**place, Metadata={"a": "b"})["UploadId"]
    sent = {
        number: client.upload_part(**place, UploadId=upload, PartNumber=number, Body=body)["ETag"]
        for number, body in ((2, b"two"), (1, b"one"))
    }
    parts = [{"PartNumber": number, "ETag": sent[number]} for number in (1, 2)]
    done = client.complete_multipart_upload(**place, UploadId=upload, MultipartUpload={"Parts": parts})
    assert done["ETag"].endswith('-2"')
    assert get(client, "key") == b"onetwo"
    assert client.head_object(**place)["Metadata"] == {"a": "b"}
    assert refused(client.abort_multipart_upload, Key="key", UploadId=upload) == (404, "NoSuchUpload")


def test_a_part_that_never_came_is_refused(client: Any) -> None:
    upload = client.create_multipart_upload(Bucket="bucket", Key="key")["UploadId"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": '"x"'}]}
    complete = client.complete_multipart_upload
    assert refused(complete, Key="key", UploadId=upload, MultipartUpload=parts) == (400, "InvalidPart")
    client.abort_multipart_upload(Bucket="bucket", Key="key", UploadId=upload)


def test_a_listing_comes_in_pages_of_a_thousand_in_the_order_of_names(sink: Sink, client: Any) -> None:
    keys = [f"many/{number:04d}" for number in range(2500)]
    sink.invent(reversed([*keys, "other"]), 3)
    pages = list(client.get_paginator("list_objects_v2").paginate(Bucket="bucket", Prefix="many/"))
    assert [page["KeyCount"] for page in pages] == [1000, 1000, 500]
    assert [entry["Key"] for page in pages for entry in page["Contents"]] == keys


def test_a_page_says_that_there_is_more_only_when_there_is(sink: Sink, client: Any) -> None:
    sink.invent([f"{number:04d}" for number in range(1000)], 3)
    assert not client.list_objects_v2(Bucket="bucket")["IsTruncated"]


@pytest.mark.parametrize("operation", ["list_objects_v2", "list_objects"])
@pytest.mark.parametrize("limit", [1, 2, 1000])
def test_folders_are_told_once_whatever_the_size_of_a_page(client: Any, operation: str, limit: int) -> None:
    for key in ("a/1", "a/2", "a/b/3", "b", "c/", "c/4", "d é&<"):
        put(client, key)
    names: list[str] = []
    pages = client.get_paginator(operation).paginate(
        Bucket="bucket", Delimiter="/", PaginationConfig={"PageSize": limit}
    )
    for page in pages:
        names += [entry["Key"] for entry in page.get("Contents", ())]
        names += [entry["Prefix"] for entry in page.get("CommonPrefixes", ())]
    assert sorted(names) == ["a/", "b", "c/", "d é&<"]


def test_a_listing_begins_with_the_name_that_is_its_prefix() -> None:
    bucket = Bucket()
    for key in ("a", "a/", "a/1", "b"):
        bucket.put(key, Object(0, b"", "", Stamp("", "")))
    assert bucket.page("a/", "", "", 1000).keys == ["a/", "a/1"]
    assert bucket.page("a/", "", "a/", 1000).keys == ["a/1"]


def test_many_are_deleted_at_once(client: Any) -> None:
    for key in ("a", "b&", "c"):
        put(client, key)
    objects = [{"Key": key} for key in ("a", "b&", "gone")]
    answer = client.delete_objects(Bucket="bucket", Delete={"Objects": objects})
    assert [entry["Key"] for entry in answer["Deleted"]] == ["a", "b&", "gone"]
    client.delete_object(Bucket="bucket", Key="none")
    assert [entry["Key"] for entry in client.list_objects_v2(Bucket="bucket")["Contents"]] == ["c"]


def test_a_bucket_is_found_and_one_that_is_not_there_is_not(client: Any) -> None:
    client.head_bucket(Bucket="bucket")
    assert client.get_bucket_location(Bucket="bucket")["LocationConstraint"] == "us-east-1"
    assert "bucket" in [entry["Name"] for entry in client.list_buckets()["Buckets"]]
    with pytest.raises(ClientError, match="404"):
        client.head_bucket(Bucket="absent")


def test_a_body_above_the_limit_is_dropped_and_reads_as_a_pattern(sink: Sink, client: Any) -> None:
    put(client, "large", os.urandom(KEEP_BELOW + 1))
    body = get(client, "large")
    assert body == b"".join(invented(0, KEEP_BELOW + 1))
    assert sink.sizes() == {"large": KEEP_BELOW + 1}


def test_parts_above_the_limit_are_dropped_together(sink: Sink, client: Any) -> None:
    place = {"Bucket": "bucket", "Key": "key"}
    upload = client.create_multipart_upload(**place)["UploadId"]
    for number in (1, 2):
        client.upload_part(**place, UploadId=upload, PartNumber=number, Body=b"x" * (KEEP_BELOW - 1))
    parts = [{"PartNumber": number, "ETag": '"x"'} for number in (1, 2)]
    client.complete_multipart_upload(**place, UploadId=upload, MultipartUpload={"Parts": parts})
    assert sink.sizes() == {"key": 2 * KEEP_BELOW - 2}


def test_an_object_of_many_mib_is_made_up_and_read_in_any_place(sink: Sink, client: Any) -> None:
    sink.invent(["huge"], 4096 * MIB)
    start = 3 * 1024 * MIB + MIB - 10
    body = get(client, "huge", Range=f"bytes={start}-{start + 300_000}")
    assert body == b"".join(invented(start, start + 300_001))
    assert len(get(client, "huge", Range="bytes=0-33554431")) == 32 * MIB


def test_a_small_object_that_is_made_up_has_the_md5_of_its_bytes(sink: Sink, client: Any) -> None:
    sink.invent(["small"], 16 * 1024)
    answer = client.get_object(Bucket="bucket", Key="small")
    assert answer["ETag"] == f'"{hashlib.md5(answer["Body"].read()).hexdigest()}"'


def ask(sink: Sink, headers: dict[str, str], body: Any, method: str = "PUT") -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", sink.port, timeout=10)
    connection.request(method, "/bucket/raw", body, headers, encode_chunked="Transfer-Encoding" in headers)
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    answer.read()
    connection.request("GET", "/bucket/raw")
    content = connection.getresponse().read()
    connection.close()
    return content


SIGNED_CHUNKS = (
    b"5;chunk-signature=aa\r\nhello\r\n6;chunk-signature=bb\r\n world\r\n"
    b"0;chunk-signature=cc\r\nx-amz-checksum-crc32:DUoRhQ==\r\nx-amz-trailer-signature:dd\r\n\r\n"
)


def test_chunks_with_signatures_are_taken_apart(sink: Sink) -> None:
    headers = {
        "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        "Content-Encoding": "aws-chunked",
        "x-amz-decoded-content-length": "11",
    }
    assert ask(sink, headers, SIGNED_CHUNKS) == b"hello world"


def test_of_a_body_in_chunks_that_is_dropped_the_size_without_them_is_kept(sink: Sink) -> None:
    content = b"x" * (KEEP_BELOW + 1)
    headers = {
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-decoded-content-length": str(len(content)),
    }
    ask(sink, headers, b"%x\r\n%b\r\n0\r\n\r\n" % (len(content), content))
    assert sink.sizes() == {"raw": len(content)}


def test_chunks_within_chunks_are_taken_apart(sink: Sink) -> None:
    headers = {
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "Transfer-Encoding": "chunked",
        "x-amz-decoded-content-length": "11",
    }
    pieces = [SIGNED_CHUNKS[offset : offset + 7] for offset in range(0, len(SIGNED_CHUNKS), 7)]
    assert ask(sink, headers, iter(pieces)) == b"hello world"


def test_a_client_that_waits_for_leave_gets_it(sink: Sink) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", sink.port, timeout=10)
    connection.putrequest("PUT", "/bucket/raw")
    connection.putheader("Content-Length", "5")
    connection.putheader("Expect", "100-continue")
    connection.endheaders()
    assert connection.sock.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.send(b"hello")
    assert connection.getresponse().status == 200
    connection.close()


def test_requests_that_come_together_are_answered_one_after_the_other(sink: Sink, client: Any) -> None:
    put(client, "second", b"b")
    sink.invent(["first"], 16 * MIB)  # more than fits on the way: its answer takes turns
    connection = http.client.HTTPConnection("127.0.0.1", sink.port, timeout=10)
    connection.connect()
    head = "GET /bucket/{} HTTP/1.1\r\nHost: x\r\n{}\r\n"
    connection.send((head.format("first", "") + head.format("second", "Connection: close\r\n")).encode())
    received = bytearray()
    while chunk := connection.sock.recv(65536):
        received += chunk
    connection.close()
    assert len(received) > 16 * MIB
    assert received.count(b"HTTP/1.1 200 OK") == 2
    assert received.endswith(b"\r\n\r\nb")


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_our_own_client_works_with_it(anyio_backend: str, sink: Sink) -> None:
    endpoint = replace(S3Endpoint(f"http://127.0.0.1:{sink.port}"), bucket="bucket")
    async with S3Client(endpoint.settings()) as client:
        await upload_bytes(client, b"content", endpoint.address("ours"))
    assert sink.sizes() == {"ours": 7}
