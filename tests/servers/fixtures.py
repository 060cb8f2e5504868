"""Servers for the tests: one of each kind for the session, a fresh bucket for each test."""

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.authorization import AuthorizationServer
from tests.servers.azurite import AzureEndpoint, azurite_running
from tests.servers.endpoint import S3Endpoint
from tests.servers.gcs import GCSServer
from tests.servers.lasting_s3 import Looker, lasting_s3_running
from tests.servers.moto import moto_server_running
from tests.servers.scripted import ScriptedS3
from tests.servers.seaweed import seaweed_server


@pytest.fixture(scope="session")
def seaweed_process() -> Iterator[S3Endpoint]:
    folder = Path(tempfile.mkdtemp(prefix="weed-"))  # short: socket files have at most 107 characters
    try:
        with seaweed_server(folder) as endpoint:
            yield endpoint
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def seaweed(seaweed_process: S3Endpoint, clean_environ: None) -> S3Endpoint:
    """SeaweedFS with a bucket of this test's own."""
    return with_fresh_bucket(seaweed_process)


@pytest.fixture(scope="session")
def moto_process() -> Iterator[S3Endpoint]:
    with moto_server_running() as endpoint:
        yield endpoint


@pytest.fixture
def moto_server(moto_process: S3Endpoint, clean_environ: None) -> S3Endpoint:
    """moto's server with a bucket of this test's own."""
    return with_fresh_bucket(moto_process)


@pytest.fixture(scope="session")
def azurite_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzureEndpoint]:
    with azurite_running(tmp_path_factory.mktemp("azurite")) as endpoint:
        yield endpoint


@pytest.fixture
def azurite(azurite_process: AzureEndpoint, clean_environ: None) -> AzureEndpoint:
    """Azurite with a container of this test's own."""
    return azurite_process.with_fresh_container()


@pytest.fixture
def gcs_server(clean_environ: None) -> Iterator[GCSServer]:
    """A server that speaks the XML interface of Google Cloud Storage."""
    with GCSServer() as server:
        yield server


@pytest.fixture
def scripted_s3(clean_environ: None) -> Iterator[ScriptedS3]:
    """A server that answers what the test tells it to."""
    with ScriptedS3() as server:
        yield server


@pytest.fixture(scope="session")
def lasting_s3_process() -> Iterator[S3Endpoint]:
    with lasting_s3_running() as endpoint:
        yield endpoint


@pytest.fixture
def lasting_s3(lasting_s3_process: S3Endpoint, clean_environ: None) -> S3Endpoint:
    """A small S3 server in a process of its own, empty."""
    looker = Looker(lasting_s3_process)
    looker.clear()
    looker.close()
    return lasting_s3_process


@pytest.fixture
def authorization_server(clean_environ: None) -> Iterator[AuthorizationServer]:
    """An OAuth 2.0 authorization server; its module says what can be set."""
    with AuthorizationServer() as server:
        yield server


def with_fresh_bucket(endpoint: S3Endpoint) -> S3Endpoint:
    name = f"test-{uuid.uuid4().hex[:16]}"
    client = endpoint.raw_client()
    client.create_bucket(Bucket=name)
    client.close()
    return endpoint.with_bucket(name)
