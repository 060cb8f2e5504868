"""What goes up is compared by the service, and its checksum is kept."""

import base64
import hashlib
import os
import zlib
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quackcore_async.clients.s3.checksums import expectation_of, hasher_of
from quackcore_async.clients.s3.crc import CRCS, crc_function
from quackcore_async.clients.s3.names import S3Address
from quackcore_async.clients.s3.upload_checksums import UploadAlgorithm, UploadChecksums

MIB = 1024**2
HERE = [name for name in get_args(UploadAlgorithm) if name not in CRCS or crc_function(name) is not None]


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def whole(algorithm: str, data: bytes) -> bytes:
    hasher = hasher_of(algorithm)
    hasher.update(data)
    return hasher.digest()


def test_an_object_of_one_request_has_its_checksum():
    assert UploadChecksums("sha256").of_object(b"abc") == {"ChecksumSHA256": b64(hashlib.sha256(b"abc").digest())}
    crc = zlib.crc32(b"abc").to_bytes(4, "big")
    assert UploadChecksums("crc32").of_object(memoryview(bytearray(b"abc"))) == {"ChecksumCRC32": b64(crc)}


@given(
    st.sampled_from(HERE),
    st.lists(st.binary(max_size=50), min_size=1, max_size=6),
    st.randoms(use_true_random=False),
)
def test_parts_in_any_order_make_the_checksum_of_the_object_where_it_can_be_put_together(algorithm, parts, random):
    checksums = UploadChecksums(algorithm)
    numbered = list(enumerate(parts, 1))
    random.shuffle(numbered)
    for number, data in [(1, b"an earlier attempt"), *numbered]:
        sent = checksums.of_part(number, data)
    assert sent == checksums.of_sent_part(numbered[-1][0]) == checksums.of_object(numbered[-1][1])
    completion = checksums.of_completion()
    assert completion["ChecksumType"] == checksums.of_upload()["ChecksumType"]
    if algorithm in CRCS:
        assert completion[f"Checksum{algorithm.upper()}"] == b64(whole(algorithm, b"".join(parts)))
    else:
        assert completion == {"ChecksumType": "COMPOSITE"}


def test_a_checksum_for_which_there_is_no_code_is_refused_at_once(monkeypatch):
    monkeypatch.setattr("quackcore_async.clients.s3.checksums.crc_function", lambda _name: None)
    with pytest.raises(LookupError, match="checksums"):
        UploadChecksums("crc64nvme")


@pytest.mark.parametrize("algorithm", HERE)
async def test_a_service_takes_the_checksums_of_parts_and_keeps_that_of_the_object(
    algorithm, seaweed, seaweed_client
):
    raw = seaweed_client.requester.client()
    place = {"Bucket": seaweed.bucket, "Key": "in parts"}
    content = os.urandom(11 * MIB)
    checksums = UploadChecksums(algorithm)
    upload = {
        **place,
        "UploadId": (await raw.create_multipart_upload(**place, **checksums.of_upload()))["UploadId"],
    }
    entries = []
    for number in (1, 2, 3):
        data = content[(number - 1) * 5 * MIB : number * 5 * MIB]
        described = checksums.of_part(number, data)
        etag = (await raw.upload_part(**upload, PartNumber=number, Body=data, **described))["ETag"]
        entries.append({"PartNumber": number, "ETag": etag, **checksums.of_sent_part(number)})
    await raw.complete_multipart_upload(**upload, MultipartUpload={"Parts": entries}, **checksums.of_completion())
    info = await seaweed_client.head(S3Address(seaweed.bucket, "in parts"), checksums=True)
    if algorithm in CRCS:
        assert info.checksums == {algorithm: b64(whole(algorithm, content))}
        assert expectation_of(info).digest == whole(algorithm, content)
    else:
        assert info.checksums == {}


@pytest.mark.parametrize("algorithm", HERE)
async def test_a_service_refuses_what_arrives_otherwise_than_it_was_read(algorithm, seaweed, seaweed_client):
    raw = seaweed_client.requester.client()
    described = UploadChecksums(algorithm).of_object(b"as it was read")
    with pytest.raises(Exception, match=r"BadDigest|Checksum|checksum"):
        await raw.put_object(Bucket=seaweed.bucket, Key="k", Body=b"as it is sent", **described)
    await raw.put_object(Bucket=seaweed.bucket, Key="k", Body=b"as it was read", **described)
