"""Several stores as one."""

import pytest

from quackcore_async.auth import (
    ChainStore,
    CredentialStore,
    EnvironmentStore,
    FileStore,
    KeyringStore,
    MemoryStore,
)
from quackcore_async.errors import ConfigError
from tests.auth.service import Clocks, Provider, Service


@pytest.mark.parametrize(
    "store", [MemoryStore(), EnvironmentStore(), KeyringStore(), ChainStore(MemoryStore()), FileStore("/x.json")]
)
def test_every_store_is_one(store: object):
    assert isinstance(store, CredentialStore)


async def test_what_the_environment_begins_the_file_goes_on_with(monkeypatch: pytest.MonkeyPatch):
    clocks = Clocks()
    service = Service(clocks)
    service.valid = "renewal-1-0"
    monkeypatch.setenv("QUACK_EXAMPLE_REFRESH_TOKEN", "renewal-1-0")
    file = FileStore()
    provider = Provider(service, store=ChainStore(EnvironmentStore(), file))
    assert (await provider.authenticate()).token == "access-1-1"
    assert (await file.load("example") or {})["refresh_token"] == "renewal-1-1"
    later = Provider(service, store=ChainStore(EnvironmentStore(), file))
    clocks.advance(3600)
    assert await later.get_token() == "access-1-2"
    assert service.reuses == 0


async def test_a_login_that_was_called_off_counts_last():
    first, second = MemoryStore(), MemoryStore()
    await first.save("k", {"v": 1, "generation": 9, "refresh_token": "dead", "revoked_at": 1.0})
    await second.save("k", {"v": 1, "refresh_token": "alive"})
    assert (await ChainStore(first, second).load("k") or {})["refresh_token"] == "alive"


async def test_all_of_them_forget():
    first, second = MemoryStore(), MemoryStore()
    chain = ChainStore(EnvironmentStore(), first, second)
    assert await chain.delete("k") is False
    await first.save("k", {"token": "a"})
    await second.save("k", {"token": "b"})
    assert await chain.delete("k") is True
    assert await chain.load("k") is None
    assert await chain.save("k", {"token": "c"}) is True
    assert await second.load("k") is None
    assert await ChainStore(EnvironmentStore()).save("k", {}) is False


def test_an_empty_chain_is_refused():
    with pytest.raises(ConfigError):
        ChainStore()
