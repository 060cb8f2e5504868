"""The lean engine tells what aioboto3 tells: the same requests to the same services, and the answers side by side."""

import os

import pytest

from quackcore_async.clients.s3 import S3Client
from quackcore_async.clients.s3.buffers import BodyBuffer
from quackcore_async.clients.s3.objects import object_info
from quackcore_async.errors import QuackError
from tests.clients.s3.lean.conftest import engine_of

ENTRY = ["Key", "Size", "ETag", "LastModified", "StorageClass"]
OBJECT = [
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLength",
    "ContentRange",
    "ContentType",
    "ETag",
    "LastModified",
    "Metadata",
    "SSECustomerAlgorithm",
    "ServerSideEncryption",
    "StorageClass",
    "VersionId",
    *(f"Checksum{name}" for name in ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256", "Type")),
]
KEYS = ["a b", "a+b", "a%2Fb", "folder/one", "folder/two", "ü 🦆", "'\"<>&", "?#&=;", "~*", "a,b:c@d", "z"]


@pytest.fixture(params=["seaweed", "moto_server"])
async def both(request, anyio_backend):
    """A client of each engine, with fixed keys, of one bucket."""
    endpoint = request.getfixturevalue(request.param)
    async with (
        S3Client(endpoint.settings(engine="lean")) as lean,
        S3Client(endpoint.settings(engine="aioboto3")) as complete,
    ):
        yield _Both(endpoint.bucket, lean, complete)


class _Both:
    def __init__(self, bucket, *clients):
        self.bucket = bucket
        self.clients = clients

    async def ask(self, operation, body=None, **params):
        """Send a request by each engine and return what both answer."""
        return [
            await client.requester.attempt(operation, "try", {"Bucket": self.bucket, **params}, body=body)
            for client in self.clients
        ]

    async def same(self, fields, operation, **params):
        lean, complete = (
            {name: answer.get(name) for name in fields} for answer in await self.ask(operation, **params)
        )
        assert lean == complete
        return lean

    async def refused(self, operation, **params):
        """Send a request that fails by each engine, and return what the errors say."""
        errors, named = [], []
        for client in self.clients:
            with pytest.raises(QuackError) as caught:
                await client.requester.attempt(operation, "try", {"Bucket": self.bucket, **params})
            error = caught.value
            errors.append((type(error), error.kind, error.code, error.status_code, error.retryable))
            named.append(error.request_id is not None)
        assert errors[0] == errors[1]
        assert named[0] >= named[1]
        return errors[0]


async def test_it_is_the_lean_engine_that_is_compared(both):
    assert [type(engine_of(client)).__name__ for client in both.clients] == ["LeanEngine", "Aioboto3Engine"]


DESCRIBED = {
    "CacheControl": "max-age=60",
    "ContentDisposition": 'attachment; filename="a  b.txt"',
    "ContentEncoding": "identity",
    "ContentType": "text/plain; charset=utf-8",
    "Metadata": {"One": "1", "two-words": "a  b", "empty": "", "mtime": "1.5"},
}


async def test_objects(both):
    buffer = BodyBuffer(5)
    buffer.memory[:] = b"hello"
    buffer.size = 5
    for body in (b"hello", b"", buffer):
        key = {"Key": "described"}
        given = {} if body is buffer else {"Body": body}
        if body is buffer:
            lean, complete = await both.ask("put_object", **key, **DESCRIBED, body=buffer)
        else:
            lean, complete = await both.ask("put_object", **key, **DESCRIBED, **given)
        assert [lean.get(name) for name in ("ETag", "VersionId")] == [
            complete.get(name) for name in ("ETag", "VersionId")
        ]
        assert (await both.same(OBJECT, "head_object", **key, ChecksumMode="ENABLED"))["ETag"] == lean["ETag"]
        answers = await both.ask("get_object", **key)
        assert {name: answers[0].get(name) for name in OBJECT} == {name: answers[1].get(name) for name in OBJECT}
        assert object_info("k", answers[0]) == object_info("k", answers[1])
        assert all(answer["ResponseMetadata"]["HTTPHeaders"]["date"] for answer in answers)
        assert [answer["ResponseMetadata"]["HTTPStatusCode"] for answer in answers] == [200, 200]
        contents = [await answer["Body"].read(100) for answer in answers]
        for answer in answers:
            answer["Body"].close()
        assert contents[0] == contents[1] == (bytes(buffer.body) if body is buffer else body)


async def test_ranges(both):
    await both.ask("put_object", Key="ranged", Body=b"0123456789")
    tag = (await both.same(["ETag"], "head_object", Key="ranged"))["ETag"]
    for text in ("bytes=0-0", "bytes=3-", "bytes=3-5", "bytes=8-100", "bytes=-2"):
        answers = await both.ask("get_object", Key="ranged", Range=text, IfMatch=tag)
        assert {name: answers[0].get(name) for name in OBJECT} == {name: answers[1].get(name) for name in OBJECT}
        contents = [await answer["Body"].read(100) for answer in answers]
        for answer in answers:
            answer["Body"].close()
        assert contents[0] == contents[1]


async def test_listings(both):
    for key in KEYS:
        await both.clients[0].requester.attempt(
            "put_object", "try", {"Bucket": both.bucket, "Key": key, "Body": b"1"}
        )
    for params in (
        {},
        {"Delimiter": "/"},
        {"Prefix": "a"},
        {"Prefix": "folder/", "Delimiter": "/"},
        {"Prefix": "none"},
    ):
        token: dict[str, str] = {}
        seen = []
        while True:
            lean, complete = await both.ask("list_objects_v2", MaxKeys=3, **params, **token)
            ours, theirs = (
                [{name: entry.get(name) for name in ENTRY} for entry in answer.get("Contents", [])]
                for answer in (lean, complete)
            )
            assert ours == theirs
            assert lean["CommonPrefixes"] == complete.get("CommonPrefixes", [])
            assert lean["IsTruncated"] == complete["IsTruncated"]
            assert lean["NextContinuationToken"] == complete.get("NextContinuationToken")
            seen += [entry["Key"] for entry in ours]
            if not lean["IsTruncated"]:
                break
            token = {"ContinuationToken": lean["NextContinuationToken"]}
        if not params:
            assert sorted(seen) == sorted(KEYS)


async def test_a_bucket_is_there_or_not(both):
    await both.ask("head_bucket")
    for client in both.clients:
        with pytest.raises(QuackError) as caught:
            await client.requester.attempt("head_bucket", "try", {"Bucket": "nobody-has-this-one"})
        assert (caught.value.kind, caught.value.status_code) == ("not_found", 404)


async def test_uploads_in_parts(both):
    key = {"Key": "parts"}
    for sender in range(2):
        first, second = await both.ask("create_multipart_upload", **key, **DESCRIBED)
        for upload in (first["UploadId"], second["UploadId"]):
            assert upload
        upload = {**key, "UploadId": (first, second)[sender]["UploadId"]}
        part = BodyBuffer(5 * 1024**2)
        part.memory[:] = os.urandom(part.capacity)
        part.size = part.capacity
        sent = [
            await client.requester.attempt(
                "upload_part", "try", {"Bucket": both.bucket, **upload, "PartNumber": number}, body=part
            )
            for number, client in enumerate(both.clients, start=1)
        ]
        assert sent[0]["ETag"] == sent[1]["ETag"]
        answers = await both.ask("list_parts", **upload)
        parts = [
            [{name: entry[name] for name in ("PartNumber", "ETag", "Size")} for entry in answer["Parts"]]
            for answer in answers
        ]
        assert parts[0] == parts[1]
        assert len(parts[0]) == 2
        assert [answer["IsTruncated"] for answer in answers] == [False, False]
        whole = {"Parts": [{"PartNumber": entry["PartNumber"], "ETag": entry["ETag"]} for entry in parts[0]]}
        written = await both.clients[sender].requester.attempt(
            "complete_multipart_upload", "try", {"Bucket": both.bucket, **upload, "MultipartUpload": whole}
        )
        described = await both.same(OBJECT, "head_object", **key)
        assert described["ETag"] == written["ETag"]
        other = {**key, "UploadId": (second, first)[sender]["UploadId"]}
        await both.clients[sender].requester.attempt(
            "abort_multipart_upload", "try", {"Bucket": both.bucket, **other}
        )
    await both.refused("list_parts", **other)


async def test_deletions(both):
    for sender, client in enumerate(both.clients):
        for key in KEYS:
            await client.requester.attempt("put_object", "try", {"Bucket": both.bucket, "Key": key, "Body": b"1"})
        batch = {"Objects": [{"Key": key} for key in [*KEYS[:-1], "missing"]], "Quiet": True}
        answer = await client.requester.attempt("delete_objects", "try", {"Bucket": both.bucket, "Delete": batch})
        assert answer.get("Errors", []) == []
        left = await both.clients[1 - sender].list_page(both.bucket)
        assert [entry.key for entry in left.objects] == ["z"]
        await both.ask("delete_object", Key="z")


async def test_refusals(both):
    await both.ask("put_object", Key="there", Body=b"1")
    assert (await both.refused("head_object", Key="missing"))[2] == "not_found"
    assert (await both.refused("get_object", Key="missing"))[2] == "not_found"
    assert (await both.refused("get_object", Key="there", Range="bytes=5-"))[2] == "invalid_range"
    assert (await both.refused("get_object", Key="there", IfMatch='"other"'))[2] == "precondition"
    assert (await both.refused("put_object", Key="there", Body=b"2", IfNoneMatch="*"))[2] == "precondition"
    await both.refused(
        "complete_multipart_upload",
        Key="k",
        UploadId="none",
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": '"e"'}]},
    )
    both.bucket += "-missing"
    for operation, params in [
        ("list_objects_v2", {}),
        ("get_object", {"Key": "k"}),
        ("put_object", {"Key": "k", "Body": b"1"}),
        ("create_multipart_upload", {"Key": "k"}),
    ]:
        await both.refused(operation, **params)
