"""Stalls, cuts and answers that no service should send, through the whole client."""

import asyncio
import contextlib
import threading

import pytest

from quackcore_async.clients.s3 import S3Address, S3Client, upload_bytes
from quackcore_async.clients.s3.buffers import BodyBuffer
from quackcore_async.errors import ErrorKind, IntegrityError, QuackError
from quackcore_async.retry import RetryPolicy
from tests.clients.s3.lean.conftest import connections_of
from tests.servers.endpoint import S3Endpoint
from tests.servers.faulty import (
    FaultyServer,
    answer,
    bad_chunk,
    cut_chunk,
    early,
    garbage,
    hang_up,
    head,
    html,
    huge_headers,
    old_http,
    overlong,
    stall,
    stop_reading,
    truncated,
)

ADDRESS = S3Address("bucket", "key")
WRITTEN = answer(headers={"ETag": '"e"'})
PAGE = b"<ListBucketResult><Contents><Key>k</Key><Size>1</Size></Contents></ListBucketResult>"
ONCE = RetryPolicy(attempts=1)


def client_of(server, retry=ONCE, **changes):
    changes = {"engine": "lean", "idle_timeout": 0.3, "connect_timeout": 0.3, **changes}
    return S3Client(S3Endpoint(server.url).settings(**changes), retry=retry)


def filled(size):
    buffer = BodyBuffer(size)
    buffer.size = size
    return buffer


async def listing(client):
    return await client.list_page("bucket")


async def small_put(client):
    return await upload_bytes(client, b"x", ADDRESS)


async def large_put(client):
    return await client.put(ADDRESS, filled(32 * 1024**2))


async def reading(client):
    async with client.stream(ADDRESS) as stream:
        return b"".join([chunk async for chunk in stream])


@pytest.mark.parametrize("request_", [listing, small_put, large_put])
async def test_a_name_that_is_never_resolved_is_a_connect_timeout(request_, monkeypatch):
    async def silence(*_, **__):
        await asyncio.Event().wait()

    with FaultyServer() as server:
        async with client_of(server, idle_timeout=0.1) as client:
            monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", silence)
            with pytest.raises(QuackError) as caught:
                await request_(client)
            assert connections_of(client) == (0, 0)
    assert (caught.value.kind, caught.value.code) == (ErrorKind.TIMEOUT, "connect_timeout")
    assert not caught.value.indeterminate


async def test_a_peer_that_reads_nothing_of_a_large_body_is_idle():
    with FaultyServer(stop_reading()) as server:
        async with client_of(server) as client:
            with pytest.raises(QuackError) as caught:
                await large_put(client)
            await asyncio.sleep(0)
            assert connections_of(client) == (0, 0)
    assert (caught.value.code, caught.value.indeterminate) == ("idle", True)


async def test_a_peer_that_reads_nothing_of_a_small_body_is_idle_too():
    with FaultyServer(stop_reading()) as server:
        async with client_of(server) as client:
            with pytest.raises(QuackError) as caught:
                await upload_bytes(client, b"x" * 256 * 1024, ADDRESS)
    assert caught.value.code == "idle"


@pytest.mark.parametrize("request_", [listing, small_put, large_put, reading])
@pytest.mark.parametrize(
    "silent", [stall(), stall(head(200, {"Content-Length": "100"}) + b"<"), stall(b"HTTP/1.1 200")]
)
async def test_a_peer_that_falls_silent_is_idle(request_, silent):
    with FaultyServer(silent) as server:
        async with client_of(server) as client:
            with pytest.raises(QuackError) as caught:
                await request_(client)
            await asyncio.sleep(0)
            assert connections_of(client) == (0, 0)
    assert caught.value.code == "idle"
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (truncated(PAGE[:20], len(PAGE)), "truncated"),
        (hang_up(head(200, {"Content-Length": "x"})), "protocol"),
        (hang_up(head(200, [("Content-Length", "1"), ("Content-Length", "2")]) + b"ab"), "protocol"),
        (bad_chunk(), "protocol"),
        (cut_chunk(), "truncated"),
        (garbage(), "protocol"),
        (huge_headers(), "protocol"),
        (html(b"<html>Log in</html>"), "protocol"),
        (html(b"<!DOCTYPE html><p>Log in"), "protocol"),
        (hang_up(b"HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\n\x00: d\r\n\r\n"), "protocol"),
        (hang_up(), "reset"),
        (answer(502, b"<html>Bad Gateway</html>"), "server_error"),
        (answer(503, b""), "server_error"),
        (answer(200, b""), "protocol"),
        (answer(204, b""), "protocol"),
    ],
)
async def test_an_answer_that_is_broken_is_tried_again_and_its_connection_is_not(broken, code, impatient):
    with FaultyServer(broken, answer(body=PAGE)) as server:
        async with client_of(server) as client:
            with pytest.raises(QuackError) as caught:
                await listing(client)
            assert caught.value.code == code
            server.script(broken, answer(body=PAGE))
        async with client_of(server, impatient) as client:
            assert [entry.key for entry in (await listing(client)).objects] == ["k"]


async def looking_up(client):
    return await client.head(ADDRESS)


@pytest.mark.parametrize("request_", [looking_up, reading])
async def test_a_length_that_is_said_twice_counts_once(request_):
    twice = hang_up(head(200, [("Content-Length", "2"), ("Content-Length", "2"), ("ETag", '"e"')]) + b"ab")
    with FaultyServer(twice) as server:
        async with client_of(server) as client:
            found = await request_(client)
    assert found == b"ab" or found.size == 2


async def test_two_lengths_of_an_object_are_a_broken_answer():
    with FaultyServer(hang_up(head(200, [("Content-Length", "1"), ("Content-Length", "2")]))) as server:
        async with client_of(server) as client:
            with pytest.raises(QuackError, match="length") as caught:
                await looking_up(client)
    assert (caught.value.kind, caught.value.code) == (ErrorKind.CORRUPTED, "protocol")


@pytest.mark.parametrize("whole", [old_http(PAGE), hang_up(head(200) + PAGE), answer(body=PAGE, keep_alive=False)])
async def test_an_answer_that_ends_with_its_connection_is_read(whole):
    with FaultyServer(whole) as server:
        async with client_of(server) as client:
            for _ in range(2):
                assert len((await listing(client)).objects) == 1
        assert server.connections == 2


async def test_a_chunked_answer_is_read_and_its_connection_used_again():
    def chunked(talk):
        talk.send(head(200, {"Transfer-Encoding": "chunked"}))
        for byte in range(0, len(PAGE), 10):
            piece = PAGE[byte : byte + 10]
            talk.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        talk.send(b"0\r\n\r\n")

    with FaultyServer(chunked) as server:
        async with client_of(server) as client:
            for _ in range(3):
                assert len((await listing(client)).objects) == 1
        assert server.connections == 1


async def test_bytes_after_an_answer_are_never_taken_for_the_next():
    with FaultyServer(
        overlong(PAGE + answer_bytes(b"<ListBucketResult/>"), len(PAGE)), answer(body=PAGE)
    ) as server:
        async with client_of(server) as client:
            for _ in range(3):
                assert len((await listing(client)).objects) == 1


def answer_bytes(body):
    return head(200, {"Content-Length": str(len(body))}) + body


@pytest.mark.parametrize("engine", ["lean", "aioboto3"])
async def test_an_object_of_unknown_length_is_refused_as_such(engine):
    """Nobody could tell whether it came whole."""
    with FaultyServer(hang_up(head(200, {"ETag": '"e"'}) + b"content")) as server:
        async with client_of(server, engine=engine) as client:
            with pytest.raises(IntegrityError) as caught:
                await reading(client)
    assert caught.value.code == "protocol"


@pytest.mark.parametrize("engine", ["lean", "aioboto3"])
async def test_a_part_whose_answer_has_no_entity_tag_is_broken(engine):
    with FaultyServer(answer()) as server:
        async with client_of(server, engine=engine) as client:
            with pytest.raises(IntegrityError) as caught:
                await client.upload_part(ADDRESS, "u", 1, filled(5))
            await small_put(client)
    assert caught.value.code == "protocol"


@pytest.mark.parametrize("status", [200, 403, 503])
async def test_an_answer_before_the_body_was_read_spoils_no_later_request(status, impatient):
    refused = answer(status, b"", {"ETag": '"early"'})
    with FaultyServer(early(refused), WRITTEN) as server:
        async with client_of(server) as client:
            for _ in range(2):
                with contextlib.suppress(QuackError):
                    await client.put(ADDRESS, filled(32 * 1024**2))
            await small_put(client)
        assert server.requests[-1].body == b"x"
        assert server.connections >= 2


async def test_a_hundred_thousand_keys_come_each_once():
    pages = []
    for number in range(100):
        rows = "".join(
            f"<Contents><Key>{number:03}+{row:03}%25</Key><Size>1</Size></Contents>" for row in range(1000)
        )
        more = (
            f"<IsTruncated>true</IsTruncated><NextContinuationToken>t{number}</NextContinuationToken>"
            if number < 99
            else ""
        )
        pages.append(
            answer(
                body=f"<ListBucketResult><EncodingType>url</EncodingType>{rows}{more}</ListBucketResult>".encode()
            )
        )
    with FaultyServer(*pages) as server:
        async with client_of(server, idle_timeout=30.0) as client:
            keys = [entry.key async for page in client.pages("bucket") for entry in page.objects]
    assert keys == [f"{number:03} {row:03}%" for number in range(100) for row in range(1000)]


async def test_an_endless_answer_is_given_up():
    def endless(talk):
        talk.send(head(200) + b"<ListBucketResult>")
        while not talk.wait(0):
            talk.send(b" " * 1024**2)

    with FaultyServer(endless) as server:
        async with client_of(server, idle_timeout=30.0) as client:
            with pytest.raises(QuackError) as caught:
                await listing(client)
            await asyncio.sleep(0)
            assert connections_of(client) == (0, 0)
    assert caught.value.code == "protocol"


async def test_bytes_that_come_late_spoil_their_connection():
    """What a connection brings while nobody has asked for anything must not answer the next request."""

    def twice(talk):
        talk.send(answer_bytes(PAGE))
        talk.wait(0.05)
        talk.send(answer_bytes(b"<ListBucketResult/>")[:30])
        sent.set()
        talk.server.closing.wait(5)

    sent = threading.Event()
    with FaultyServer(twice, answer(body=PAGE)) as server:
        async with client_of(server, idle_timeout=30.0) as client:
            assert len((await listing(client)).objects) == 1
            await asyncio.to_thread(sent.wait)
            await asyncio.sleep(0.05)
            assert connections_of(client) == (0, 0)
            assert len((await listing(client)).objects) == 1


async def test_a_refusal_before_the_body_was_sent_is_what_it_says():
    with FaultyServer(early(answer(403))) as server:
        async with client_of(server) as client:
            with pytest.raises(QuackError) as caught:
                await large_put(client)
    assert (caught.value.code, caught.value.status_code) == ("access_denied", 403)


async def test_an_answer_with_both_lengths_ends_its_connection():
    """RFC 9112 section 6.1: somebody on the way may have read it by the other one."""

    def both(talk):
        talk.send(head(200, {"Transfer-Encoding": "chunked", "Content-Length": "3"}))
        talk.send(b"%x\r\n%s\r\n0\r\n\r\n" % (len(PAGE), PAGE))

    with FaultyServer(both) as server:
        async with client_of(server) as client:
            for _ in range(2):
                assert len((await listing(client)).objects) == 1
        assert server.connections == 2


async def test_a_trailer_without_end_is_given_up():
    def trailing(talk):
        talk.send(head(200, {"Transfer-Encoding": "chunked", "ETag": '"e"'}) + b"0\r\n")
        while not talk.wait(0):
            talk.send(b"a: b\r\n" * 1000)

    with FaultyServer(trailing) as server:
        async with client_of(server, idle_timeout=30.0) as client:
            with pytest.raises(QuackError) as caught:
                await listing(client)
    assert caught.value.code == "protocol"


async def test_interim_answers_are_passed_over():
    def interim(talk):
        talk.send(head(100) + head(103, {"Link": "x"}) + answer_bytes(PAGE))

    with FaultyServer(interim) as server:
        async with client_of(server) as client:
            for _ in range(2):
                assert len((await listing(client)).objects) == 1
        assert server.connections == 1


async def test_an_answer_in_single_bytes_is_read():
    def slowly(talk):
        for byte in answer_bytes(PAGE):
            talk.send(bytes([byte]))

    with FaultyServer(slowly) as server:
        async with client_of(server) as client:
            for _ in range(2):
                assert len((await listing(client)).objects) == 1
        assert server.connections == 1


async def test_a_slow_reader_is_no_silent_service():
    """The service waits while nobody reads: that is not its idleness."""
    content = bytes(8 * 1024**2)
    with FaultyServer(answer(body=content, headers={"ETag": '"e"'})) as server:
        async with client_of(server, idle_timeout=0.2) as client, client.stream(ADDRESS) as stream:
            first = await stream.read()
            await asyncio.sleep(0.7)
            rest = [chunk async for chunk in stream]
        assert len(first) + sum(map(len, rest)) == len(content)
        assert len(server.requests) == 1
