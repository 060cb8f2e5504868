import base64
import hashlib
import zlib

import pytest

from quackcore_async.transfer.comparison import are_equal, digest_algorithms, quick_verdict
from quackcore_async.transfer.entries import Entry, plain_md5

DATA = b"some content"
MD5 = hashlib.md5(DATA).hexdigest()


class FakeSide:
    """A side that counts what it is asked."""

    def __init__(self, data=DATA, *, is_local=False, complete=None):
        self.data = data
        self.is_local = is_local
        self.completed = complete
        self.read = []

    async def complete(self, entry):
        return self.completed or entry

    async def digest(self, entry, algorithm):
        self.read.append(algorithm)
        if algorithm == "crc32":
            return zlib.crc32(self.data).to_bytes(4, "big")
        return hashlib.new(algorithm, self.data).digest()


def entry(**fields):
    return Entry(b"a", **{"size": len(DATA), **fields})


@pytest.mark.parametrize(
    ("source", "target", "compare", "verdict"),
    [
        (entry(size=1, mtime=5.0), entry(size=2, mtime=5.0), "auto", False),
        (entry(size=1), entry(size=2), "size", False),
        (entry(size=1), entry(size=2), "checksum", False),
        (entry(mtime=9.0), entry(mtime=1.0), "size", True),
        (entry(mtime=5.0), entry(mtime=5.0000001), "auto", True),
        (entry(mtime=5.0), entry(written=6.0), "auto", True),
        (entry(mtime=5.0), entry(written=4.0), "auto", None),
        (entry(mtime=5.0), entry(mtime=4.0, written=9.0), "auto", None),
        (entry(mtime=1.0, written=9.0), entry(mtime=5.0), "auto", None),
        (entry(written=5.0), entry(written=5.0), "auto", True),
        (entry(mtime=5.0), entry(mtime=4.5, written=9.0), "auto", None),
        (entry(), entry(), "auto", None),
        (entry(mtime=5.0), entry(mtime=5.0), "checksum", None),
    ],
)
def test_what_listings_alone_say(source, target, compare, verdict):
    assert quick_verdict(source, target, compare) is verdict


async def test_a_time_that_only_a_look_up_tells_counts():
    target = FakeSide(complete=entry(mtime=5.0, written=4.0))
    assert await are_equal(FakeSide(is_local=True), entry(mtime=5.0), target, entry(written=4.0), "auto")


@pytest.mark.parametrize(("etag", "equal"), [(MD5, True), ("0" * 32, False), (f"{MD5}-2", False), (None, False)])
async def test_an_older_target_is_equal_only_by_a_plain_md5(etag, equal):
    local, remote = FakeSide(is_local=True), FakeSide()
    assert await are_equal(local, entry(mtime=5.0), remote, entry(written=4.0, etag=etag), "auto") is equal
    assert (local.read, remote.read) == (["md5"] if plain_md5(etag) else [], [])


@pytest.mark.parametrize("is_upload", [True, False])
async def test_a_file_that_was_replaced_since_its_listing_is_judged_by_what_is_there_now(is_upload):
    local, remote = FakeSide(is_local=True), FakeSide(complete=entry(written=6.0, etag=MD5))
    ours, theirs = entry(mtime=7.0 if is_upload else 5.0), entry(written=6.0, etag="0" * 32)
    sides = (local, ours, remote, theirs) if is_upload else (remote, theirs, local, ours)
    assert await are_equal(*sides, "auto")
    assert remote.read == []


async def test_content_is_compared_by_an_entity_tag_that_is_an_md5_and_the_remote_file_is_not_read():
    for data, equal in ((DATA, True), (b"Some content", False)):
        local, remote = FakeSide(data, is_local=True), FakeSide()
        assert await are_equal(local, entry(), remote, entry(etag=MD5), "checksum") is equal
        assert (local.read, remote.read) == (["md5"], [])


async def test_content_is_compared_by_a_stored_checksum():
    crc = base64.b64encode(zlib.crc32(DATA).to_bytes(4, "big")).decode()
    local, remote = FakeSide(is_local=True), FakeSide()
    theirs = entry(checksums={"crc32": crc, "crc64nvme": "unknown="})
    assert await are_equal(local, entry(), remote, theirs, "checksum")
    assert (local.read, remote.read) == (["crc32"], [])
    assert not await are_equal(FakeSide(b"Some content", is_local=True), entry(), remote, theirs, "checksum")


async def test_content_is_read_when_each_stores_another_checksum():
    sha256 = base64.b64encode(hashlib.sha256(DATA).digest()).decode()
    crc = base64.b64encode(zlib.crc32(DATA).to_bytes(4, "big")).decode()
    for data, equal in ((DATA, True), (b"Some content", False)):
        sides = FakeSide(), FakeSide(data)
        entries = entry(checksums={"sha256": sha256}), entry(checksums={"crc32": crc})
        assert await are_equal(sides[0], entries[0], sides[1], entries[1], "checksum") is equal
        assert [side.read for side in sides] == [["sha256"], ["sha256"]]


async def test_content_is_read_when_only_one_of_two_remote_files_has_an_md5_for_its_entity_tag():
    for etags in ((MD5, f"{MD5}-2"), (None, MD5)):
        sides = FakeSide(), FakeSide()
        ours, theirs = (entry(etag=etag) for etag in etags)
        assert await are_equal(sides[0], ours, sides[1], theirs, "checksum")
        assert [side.read for side in sides] == [["sha256"], ["sha256"]]


async def test_content_is_read_when_nothing_is_stored():
    for data, equal in ((DATA, True), (b"Some content", False)):
        remote = FakeSide(data)
        assert await are_equal(FakeSide(is_local=True), entry(), remote, entry(etag="x-2"), "checksum") is equal
        assert remote.read == ["sha256"]


@pytest.mark.parametrize(
    ("etag", "md5"), [(MD5, MD5), (f"{MD5}-3", None), (MD5.upper(), None), ("", None), (None, None)]
)
def test_only_32_hex_digits_are_a_plain_md5(etag, md5):
    assert plain_md5(etag) == md5


@pytest.mark.parametrize("algorithm", sorted(digest_algorithms))
def test_digests_are_those_that_services_give(algorithm):
    digest = digest_algorithms[algorithm]()
    digest.update(DATA[:5])
    digest.update(DATA[5:])
    known = zlib.crc32(DATA).to_bytes(4, "big") if algorithm == "crc32" else None
    assert digest.digest() == (known or hashlib.new(algorithm, DATA).digest())
