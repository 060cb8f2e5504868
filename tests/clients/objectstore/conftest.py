"""Clients over the server that speaks Google's XML interface, and over one that misbehaves."""

import contextlib

import pytest

from quackcore_async.clients.objectstore import ObjectAddress, ObjectStoreClient, ObjectStoreSettings, Upload
from quackcore_async.clients.objectstore.settings import MIB
from quackcore_async.redaction import Secret
from quackcore_async.retry import RetryPolicy
from tests.servers.gcs import TOKEN

PART = MIB // 2  # the server of the tests takes parts of any size
QUICK = RetryPolicy(attempts=3, wait_initial=0.001, wait_max=0.002)


@pytest.fixture
def anyio_backend():
    return "asyncio"


def client_of(url, retry=QUICK, **changes):
    options = {"base_url": url, "bearer_token": Secret(TOKEN)}
    small = {"part_size": PART, "multipart_threshold": PART, "transfer_concurrency": 2, "idle_timeout": 10.0}
    settings = {
        "service": "gcs",
        "options": options,
        "allow_http": True,
        "max_memory": 8 * PART,
        **small,
        **changes,
    }
    return ObjectStoreClient(ObjectStoreSettings(**settings), retry=retry)


@pytest.fixture
async def client(gcs_server):
    async with client_of(gcs_server.url) as opened:
        yield opened


@pytest.fixture
def bucket(gcs_server):
    return gcs_server.make_bucket()


@pytest.fixture
def address(bucket):
    return ObjectAddress("gs", bucket, "key")


def upload_to(address, *, overwrite=True, options=None, seen=None):
    hidden = ObjectAddress(address.scheme, address.bucket, ".0123456789abcdef.quack-part")
    return Upload(address, lambda: hidden, overwrite, options, [].append if seen is None else seen.append)


@contextlib.contextmanager
def failure():
    """Catch the error of the block."""
    caught = Failure()
    try:
        yield caught
    except Exception as exc:
        caught.error = exc
    else:
        pytest.fail("nothing was raised")


class Failure:
    error = None

    def __getattr__(self, name):
        return getattr(self.error, name)

    def __str__(self):
        return str(self.error)
