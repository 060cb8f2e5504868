import base64
import hashlib
import zlib

import pytest

from quackcore_async.clients.s3.checksums import expectation_of, hasher_of, load_checksums
from quackcore_async.clients.s3.crc import crc_function
from quackcore_async.clients.s3.objects import ObjectInfo, object_info

CONTENT = b"some content" * 200_000


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    ("checksums", "etag"),
    [
        ({"crc32": b64(zlib.crc32(CONTENT).to_bytes(4, "big"))}, '"x-2"'),
        ({"sha256": b64(hashlib.sha256(CONTENT).digest())}, '"x-2"'),
        ({"sha1": b64(hashlib.sha1(CONTENT).digest())}, None),
        ({}, f'"{hashlib.md5(CONTENT).hexdigest()}"'),
        ({"crc64nvme": "AAAA"}, f'"{hashlib.md5(CONTENT).hexdigest()}"'),
    ],
)
def test_the_checksum_of_the_bytes_is_that_which_the_service_keeps(checksums, etag):
    expectation = expectation_of(ObjectInfo("k", len(CONTENT), etag=etag, checksums=checksums))
    assert expectation is not None
    hasher = hasher_of(expectation.algorithm)
    hasher.update(CONTENT)
    assert hasher.digest() == expectation.digest


@pytest.mark.parametrize(
    "info",
    [
        ObjectInfo("k", 1, etag='"d41d8cd98f00b204e9800998ecf8427e-3"'),
        ObjectInfo("k", 1, etag='"d41d8cd98f00b204e9800998ecf8427e"', encrypted=True),
        ObjectInfo("k", 1, checksums={"crc32c": "AAAA"}),
        ObjectInfo("k", 1, checksums={"crc32": "no base64", "sha256": "AAAA"}),
        ObjectInfo("k", 1),
    ],
)
def test_no_checksum_is_expected_where_none_can_be_computed(info):
    assert expectation_of(info) is None


def test_the_checksum_of_checksums_is_not_taken_for_one_of_the_object():
    answer = {"ContentLength": 1, "ChecksumCRC32": "AAAAAA==", "ChecksumType": "COMPOSITE"}
    assert object_info("k", answer).checksums == {}
    assert object_info("k", {"ContentLength": 1, "ChecksumSHA256": "AAAA-3"}).checksums == {}


@pytest.mark.parametrize(
    ("answer", "trusted"),
    [
        ({"ContentRange": "bytes 0-9/10", "ChecksumType": "FULL_OBJECT"}, True),
        ({"ContentRange": "bytes 0-9/10", "ETag": '"0123"'}, True),
        ({"ContentRange": "bytes 0-9/10", "ETag": '"0123-3"'}, False),  # that of the parts, without their number
        ({"ContentRange": "bytes 0-9/10", "ETag": '"0123-3"', "ChecksumType": "COMPOSITE"}, False),
        ({"ContentRange": "bytes 0-9/20", "ETag": '"0123-2"', "ChecksumType": "FULL_OBJECT"}, False),  # a part's
        ({"ContentRange": "bytes 0-9/20", "ETag": '"0123"'}, False),
        ({"ContentRange": "bytes 10-19/20", "ChecksumType": "FULL_OBJECT"}, False),
        ({"ETag": '"0123"'}, True),
        ({"ETag": '"0123-3"'}, False),  # as services answer that know neither the type nor the number
        ({"ETag": '"0123-3"', "ChecksumType": "FULL_OBJECT"}, True),
    ],
)
def test_what_comes_is_the_checksum_of_the_object_only_when_it_is_that_of_all_its_bytes(answer, trusted):
    info = object_info("k", {"ContentLength": 10, "ChecksumCRC32": "AAAAAA==", **answer})
    assert info.checksums == ({"crc32": "AAAAAA=="} if trusted else {})


def test_the_cheapest_checksum_that_can_be_computed_here_is_compared(monkeypatch):
    info = ObjectInfo(
        "k", 1, checksums={"sha256": b64(bytes(32)), "crc32": b64(bytes(4)), "crc64nvme": b64(bytes(8))}
    )
    available = {"crc32": zlib.crc32, "crc64nvme": zlib.crc32}
    monkeypatch.setattr("quackcore_async.clients.s3.checksums.crc_function", available.get)
    assert expectation_of(info).algorithm == "crc64nvme"
    available.pop("crc64nvme")
    assert expectation_of(info).algorithm == "crc32"
    available.clear()
    assert expectation_of(info).algorithm == "sha256"
    with pytest.raises(LookupError, match="checksums"):
        hasher_of("crc64nvme")


def test_code_that_is_loaded_early_is_not_loaded_later(monkeypatch):
    load_checksums()
    monkeypatch.setattr("quackcore_async.clients.s3.crc.import_module", None)
    assert expectation_of(ObjectInfo("k", 1, checksums={"crc32": b64(bytes(4))})) is not None
    crc_function("crc64nvme")


@pytest.mark.parametrize("answer", [{"ServerSideEncryption": "aws:kms"}, {"SSECustomerAlgorithm": "AES256"}])
def test_an_entity_tag_under_foreign_keys_is_no_md5(answer):
    assert object_info("k", {"ContentLength": 1, **answer}).encrypted
    assert not object_info("k", {"ContentLength": 1, "ServerSideEncryption": "AES256"}).encrypted
