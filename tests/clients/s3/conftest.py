"""S3 runs on asyncio only: aioboto3 does."""

import asyncio
import os

import pytest

from quackcore_async.clients.s3 import S3Client
from quackcore_async.retry import RetryPolicy
from tests.servers.endpoint import S3Endpoint

BOTH_ENGINES = {"test_ambiguity", "test_faults", "test_transfers"}


def pytest_generate_tests(metafunc):
    """Run what a request can meet over both engines."""
    if metafunc.module.__name__.rpartition(".")[2] in BOTH_ENGINES and "anyio_backend" in metafunc.fixturenames:
        metafunc.parametrize("engine", ["lean", "aioboto3"], indirect=True)


@pytest.fixture(autouse=True)
def engine(request, monkeypatch):
    """Have the clients of a test send by this engine: autouse, as pytest sets up no name that is added later."""
    if hasattr(request, "param"):
        monkeypatch.setattr(S3Endpoint, "engine", request.param)
    return S3Endpoint.engine


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def impatient():
    """A policy that waits for nothing between its attempts."""
    return RetryPolicy(jitter=lambda _ceiling: 0.0)


@pytest.fixture
async def scripted(scripted_s3, impatient):
    """A client of the scripted server, with short parts' rules as S3 has them."""
    async with S3Client(scripted_s3.endpoint.settings(), retry=impatient) as client:
        yield client


@pytest.fixture
async def seaweed_client(seaweed):
    async with S3Client(seaweed.settings()) as client:
        yield client


@pytest.fixture
async def moto_client(moto_server):
    async with S3Client(moto_server.settings()) as client:
        yield client


@pytest.fixture
def make_file(tmp_path):
    """Make a file of random bytes."""

    def make(size: int, name: str = "file.bin"):
        path = tmp_path / name
        path.write_bytes(os.urandom(size))
        return path

    return make


@pytest.fixture
def no_new_tasks():
    """Return a check that no task is running but those that were there."""
    before: set[asyncio.Task] = set()

    def check(*, begin: bool = False) -> None:
        if begin:
            before.update(asyncio.all_tasks())
        else:
            assert asyncio.all_tasks() - before == set()

    return check
