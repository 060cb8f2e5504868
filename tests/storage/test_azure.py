"""`AzureStorage` over the conformance suite on Azurite."""

import pytest

from quackcore_async.storage.azure import AzureStorage
from quackcore_async.testing.conformance import STORAGE_CHECKS
from tests.servers.azurite import ACCOUNT, KEY


@pytest.fixture
def anyio_backend():
    return "asyncio"


def config_of(endpoint, **changes):
    return {
        "container_name": endpoint.container,
        "endpoint_url": endpoint.url,
        "account_name": ACCOUNT,
        "account_key": KEY,
        **changes,
    }


@pytest.fixture
async def azure(azurite):
    async with AzureStorage(config=config_of(azurite)) as storage:
        yield storage


@pytest.mark.parametrize("check", STORAGE_CHECKS, ids=lambda check: check.__name__)
async def test_conforms(azure, check, folder):
    await check(azure, folder)
