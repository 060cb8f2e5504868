"""Nothing is sent twice but by the retry policy, and whole each time."""

import os
import socket

import pytest

from quackcore_async.clients.s3 import S3Address, S3Client, upload_bytes
from quackcore_async.clients.s3.buffers import BodyBuffer
from quackcore_async.clients.s3.conditional import ConditionalWrite
from quackcore_async.clients.s3.objects import UploadedPart
from quackcore_async.errors import QuackError
from quackcore_async.retry import RetryPolicy
from tests.servers.endpoint import S3Endpoint
from tests.servers.faulty import FaultyServer, answer, hang_up, reset

ENGINES = ["lean", "aioboto3"]
ADDRESS = S3Address("bucket", "key")
WRITTEN = answer(headers={"ETag": '"e"'})
ONCE = RetryPolicy(attempts=1)


def client_of(server, engine, retry, **changes):
    return S3Client(S3Endpoint(server.url).settings(engine=engine, **changes), retry=retry)


def filled(size):
    buffer = BodyBuffer(size)
    buffer.memory[:] = os.urandom(size)
    buffer.size = size
    return buffer


def reads_some_and_resets(size):
    """Break a connection in the middle of the body of a request."""

    def step(talk):
        got = len(talk.body)
        while got < size:
            got += len(talk.sock.recv(65536))
        talk.reset()

    step.leaves_body = True
    return step


REQUESTS = {
    "put": lambda client: upload_bytes(client, b"content", ADDRESS),
    "empty put": lambda client: upload_bytes(client, b"", ADDRESS),
    "delete": lambda client: client.delete(ADDRESS, if_match='"e"'),
    "head": lambda client: client.head(ADDRESS),
    "complete": lambda client: ConditionalWrite(client.requester, ADDRESS, None).complete(
        "id", [UploadedPart(1, '"e"', 1)]
    ),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
@pytest.mark.parametrize("broken", [hang_up(), reset()], ids=["closed", "reset"])
async def test_a_kept_connection_that_breaks_sends_one_request_for_one_attempt(engine, request_, broken):
    with FaultyServer(WRITTEN, broken, WRITTEN) as server:
        async with client_of(server, engine, ONCE) as client:
            await upload_bytes(client, b"first", ADDRESS)
            with pytest.raises(QuackError) as caught:
                await request_(client)
        sent = [seen for seen in server.requests[1:] if seen.method != "HEAD" or request_ is REQUESTS["head"]]
    assert caught.value.code == "reset"
    assert len(sent) == 1
    assert server.requests[1].connection == 0


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_body_that_was_half_sent_is_sent_again_whole(engine, impatient):
    buffer = filled(8 * 1024**2)
    with FaultyServer(WRITTEN, reads_some_and_resets(2_000_000), WRITTEN) as server:
        async with client_of(server, engine, impatient, idle_timeout=5.0) as client:
            await upload_bytes(client, b"first", ADDRESS)
            await client.put(ADDRESS, buffer)
        last = server.requests[-1]
    assert last.body == bytes(buffer.body)
    assert [seen.method for seen in server.requests] == ["PUT", "PUT", "PUT"]


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_write_that_was_lost_before_the_service_went_away_may_have_happened(engine):
    """It would be `not sent` if a second sending, of which nobody knows, were refused the connection."""
    with FaultyServer(WRITTEN) as server:
        async with client_of(server, engine, ONCE) as client:
            await upload_bytes(client, b"first", ADDRESS)

            def leave(talk):
                server._listener.shutdown(socket.SHUT_RDWR)
                talk.close()

            server.script(leave)
            with pytest.raises(QuackError) as caught:
                await upload_bytes(client, b"second", ADDRESS)
    assert caught.value.indeterminate
