"""The checksum of a file that several threads write is there when they have ended."""

import base64
import hashlib
import os
import threading
import zlib

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quackcore_async.clients.s3.checksums import ALGORITHMS, Expectation, expectation_of, hasher_of
from quackcore_async.clients.s3.crc import CRCS, crc_function
from quackcore_async.clients.s3.names import S3Address
from quackcore_async.clients.s3.running import running_checksum

HERE = [name for name in ALGORITHMS if name.startswith(("sha", "md5")) or crc_function(name) is not None]


def begin(algorithm: str):
    return running_checksum(Expectation(algorithm, b""))


def whole(algorithm: str, data: bytes) -> bytes:
    hasher = hasher_of(algorithm)
    hasher.update(data)
    return hasher.digest()


def reader(content: bytes, log: list[tuple[int, int]]):
    def read(count: int, offset: int) -> bytes:
        log.append((offset, count))
        return content[offset : offset + min(count, 7)]  # files may give less than was asked for

    return read


@given(
    st.sampled_from(HERE),
    st.binary(max_size=60),
    st.lists(st.tuples(st.integers(0, 70), st.binary(max_size=20)), max_size=12),
)
def test_whatever_is_written_and_fed_the_checksum_is_that_of_the_file(algorithm, start, writes):
    """Pieces that overlap, repeat, leave gaps or lie beyond the end."""
    file = bytearray(start)
    checksum = begin(algorithm)
    for offset, data in writes:
        checksum.feed(offset, [data[:5], data[5:]])
        file.extend(bytes(max(0, offset + len(data) - len(file))))
        file[offset : offset + len(data)] = data
    for size in (len(file), len(file) // 2):
        assert checksum.digest_from(reader(bytes(file), []), size) == whole(algorithm, bytes(file[:size]))


@given(
    st.sampled_from(HERE),
    st.binary(min_size=1, max_size=300),
    st.integers(1, 50),
    st.randoms(use_true_random=False),
)
def test_parts_that_are_written_side_by_side_are_not_read_again(algorithm, content, part, random):
    checksum = begin(algorithm)
    positions = {start: start for start in range(0, len(content), part)}
    while positions:
        start = random.choice(sorted(positions))
        position = positions.pop(start)
        end = min(position + random.randint(1, 9), start + part, len(content))
        checksum.feed(position, [content[position:end]])
        if end < min(start + part, len(content)):
            positions[start] = end
    log: list[tuple[int, int]] = []
    assert checksum.digest_from(reader(content, log), len(content)) == whole(algorithm, content)
    if algorithm.startswith("crc"):
        assert log == []


@pytest.mark.parametrize("algorithm", HERE)
def test_one_stream_is_never_read_again(algorithm):
    content = bytes(range(256)) * 50
    checksum = begin(algorithm)
    for offset in range(0, len(content), 100):
        checksum.feed(offset, [content[offset : offset + 60], content[offset + 60 : offset + 100]])
    assert checksum.digest_from(_forbidden, len(content)) == whole(algorithm, content)


def test_only_the_gap_is_read():
    content = bytes(range(256))
    checksum = begin("crc32")
    checksum.feed(0, [content[:100]])
    checksum.feed(150, [content[150:]])
    log: list[tuple[int, int]] = []
    assert checksum.digest_from(reader(content, log), 256) == zlib.crc32(content).to_bytes(4, "big")
    assert {offset for offset, _ in log} == set(range(100, 150, 7))


def test_what_a_hash_cannot_put_together_is_read_from_where_its_sequence_ends():
    content = bytes(range(256))
    checksum = begin("md5")
    checksum.feed(200, [content[200:]])
    checksum.feed(0, [content[:100]])
    log: list[tuple[int, int]] = []
    assert checksum.digest_from(reader(content, log), 256) == hashlib.md5(content).digest()
    assert min(log)[0] == 100


def test_of_bytes_written_twice_those_of_the_file_count():
    checksum = begin("crc32")
    checksum.feed(0, [b"stale"])
    checksum.feed(0, [b"fresh"])
    assert checksum.digest_from(reader(b"fresh", []), 5) == zlib.crc32(b"fresh").to_bytes(4, "big")


@pytest.mark.parametrize("algorithm", ["crc32", "sha256"])
def test_a_file_that_is_shorter_than_it_should_be_has_no_checksum(algorithm, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"short")
    with path.open("rb") as file, pytest.raises(EOFError, match="byte 5"):
        begin(algorithm).digest(file.fileno(), 6)


@pytest.mark.parametrize("algorithm", HERE)
def test_threads_feed_at_the_same_time(algorithm, tmp_path):
    content = bytes(range(251)) * 40_000
    part = 500_000
    path = tmp_path / "file"
    path.write_bytes(content)
    checksum = begin(algorithm)
    barrier = threading.Barrier(8)

    def write(first: int) -> None:
        barrier.wait()
        for start in range(first * part, len(content), 8 * part):
            for offset in range(start, min(start + part, len(content)), 50_000):
                checksum.feed(offset, [content[offset : min(offset + 50_000, start + part)]])

    threads = [threading.Thread(target=write, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with path.open("rb") as file:
        assert checksum.digest(file.fileno(), len(content)) == whole(algorithm, content)


def test_a_checksum_for_which_there_is_no_code_cannot_be_begun(monkeypatch):
    monkeypatch.setattr("quackcore_async.clients.s3.running.crc_function", lambda _name: None)
    with pytest.raises(LookupError, match="checksums"):
        running_checksum(Expectation("crc64nvme", base64.b64decode("AAAA")))


def _forbidden(count: int, offset: int) -> bytes:
    raise AssertionError(f"read {count} bytes at {offset} again")


@pytest.mark.parametrize("algorithm", [name for name in CRCS if crc_function(name) is not None])
async def test_ranges_of_a_real_object_side_by_side_have_the_checksum_that_the_service_keeps(
    algorithm, seaweed, seaweed_client
):
    content = os.urandom(9 * 1024**2)
    digest = base64.b64encode(whole(algorithm, content)).decode()
    described = {f"Checksum{algorithm.upper()}": digest}
    raw = await seaweed_client.requester.connected.raw.get()
    await raw.put_object(Bucket=seaweed.bucket, Key="k", Body=content, **described)
    address = S3Address(seaweed.bucket, "k")
    expectation = expectation_of(await seaweed_client.head(address, checksums=True))
    assert expectation.algorithm == algorithm
    checksum = running_checksum(expectation)

    async def read(start: int) -> None:
        async with seaweed_client.stream(address, start=start, end=start + 1024**2) as stream:
            position = start
            async for chunk in stream:
                checksum.feed(position, [chunk])
                position += len(chunk)

    async with anyio.create_task_group() as group:
        for start in range(0, len(content), 1024**2):
            group.start_soon(read, start)
    assert checksum.digest_from(_forbidden, len(content)) == expectation.digest
