"""`GCSStorage` over the conformance suite on a server that speaks the XML interface of the service."""

import json
from functools import cache

import pytest

from quackcore_async.auth import BearerTokenProvider
from quackcore_async.storage.gcs import GCSStorage
from quackcore_async.testing.conformance import STORAGE_CHECKS
from tests.servers.gcs import TOKEN


@pytest.fixture
def anyio_backend():
    return "asyncio"


def config_of(server, **changes):
    return {"bucket_name": server.make_bucket(), "endpoint_url": server.url, "token": TOKEN, **changes}


@cache
def service_account():
    """Return the key file of an account that nobody knows: it cannot log in, but it can sign."""
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = rsa.generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return json.dumps(
        {
            "type": "service_account",
            "client_email": "tests@example.iam.gserviceaccount.com",
            "private_key_id": "1",
            "private_key": key.decode(),
        }
    )


@pytest.fixture
async def gcs(gcs_server):
    """A storage whose requests carry a provider's token, and whose addresses the key of an account signs."""
    config = config_of(gcs_server, token=None, service_account_key=service_account())
    async with GCSStorage(auth_provider=BearerTokenProvider(TOKEN), config=config) as storage:
        yield storage


@pytest.mark.parametrize("check", STORAGE_CHECKS, ids=lambda check: check.__name__)
async def test_conforms(gcs, check, folder):
    await check(gcs, folder)
