"""Downloads of small objects through obstore: one request, whole and checked."""

import os

import pytest

from quackcore_async.clients.objectstore import download_small
from quackcore_async.errors import ErrorKind, QuackError, RemoteNotFoundError
from tests.servers.gcs import Answer

CONTENT = os.urandom(16 * 1024)


class Target:
    """A file that is begun and finished."""

    def __init__(self, path):
        self.path = path
        self.fd = -1
        self.infos = []
        self.verified = []
        self.progress = []

    def begin(self, info):
        self.infos.append(info)
        self.fd = os.open(self.path, os.O_RDWR | os.O_CREAT)
        return self.fd

    def finish(self, verified):
        self.verified.append(verified)
        os.close(self.fd)


@pytest.fixture
def target(tmp_path):
    return Target(tmp_path / "target")


async def fetch(client, address, target, largest=len(CONTENT)):
    return await download_small(
        client, address, target.begin, target.finish, target.progress.append, largest=largest
    )


@pytest.mark.parametrize("size", [0, 1, len(CONTENT)])
async def test_it_comes_with_one_request_and_is_checked(client, gcs_server, address, target, size):
    gcs_server.put(address.bucket, "key", CONTENT[:size], {"x-amz-meta-mtime": "1.5"})
    assert await fetch(client, address, target)
    assert [request.method for request in gcs_server.requests] == ["GET"]
    assert target.path.read_bytes() == CONTENT[:size]
    assert (target.verified, target.progress) == (["full"], [size])
    assert [info.size for info in target.infos] == [size]


async def test_one_that_is_larger_is_left_alone(client, gcs_server, address, target):
    gcs_server.put(address.bucket, "key", CONTENT)
    assert not await fetch(client, address, target, largest=len(CONTENT) - 1)
    assert (target.infos, target.verified, target.progress) == ([], [], [])


async def test_one_whose_answer_breaks_off_is_asked_for_anew(client, gcs_server, address, target):
    stored = gcs_server.put(address.bucket, "key", CONTENT)
    described = {"ETag": stored.etag, "Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}
    broken = [Answer(200, CONTENT, described, cut=1000)]
    gcs_server.script = lambda _request: broken.pop() if broken else None
    assert await fetch(client, address, target)
    assert target.path.read_bytes() == CONTENT
    assert len(target.infos) == 1


async def test_one_whose_answers_all_break_off_fails_and_nothing_is_begun(client, gcs_server, address, target):
    stored = gcs_server.put(address.bucket, "key", CONTENT)
    described = {"ETag": stored.etag, "Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}
    gcs_server.script = lambda _request: Answer(200, CONTENT, described, cut=1000)
    with pytest.raises(QuackError) as caught:
        await fetch(client, address, target)
    assert (caught.value.retryable, caught.value.attempts) == (True, client.retry.attempts)
    assert target.infos == []


async def test_bytes_without_the_checksum_of_the_object_are_refused(client, gcs_server, address, target):
    gcs_server.put(address.bucket, "key", b"content").data = b"damaged"
    with pytest.raises(QuackError) as caught:
        await fetch(client, address, target)
    assert (caught.value.kind, caught.value.code) == (ErrorKind.CORRUPTED, "integrity")
    assert target.infos == []


async def test_without_an_entity_tag_that_is_a_checksum_the_length_counts(client, gcs_server, address, target):
    gcs_server.put(address.bucket, "key", CONTENT).etag = '"one-of-several-parts-3"'
    assert await fetch(client, address, target)
    assert target.verified == ["length"]


async def test_none_is_not_found_and_its_place_in_the_queue_is_free_again(gcs_server, client, address, target):
    places = client.slots.value
    with pytest.raises(RemoteNotFoundError):
        await fetch(client, address, target)
    assert client.slots.value == places
