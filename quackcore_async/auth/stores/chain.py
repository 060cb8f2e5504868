"""Several stores as one."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

from quackcore_async.auth.stored_login import StoredLogin
from quackcore_async.auth.stores.protocol import CredentialStore
from quackcore_async.errors import ConfigError

__all__ = ["ChainStore"]


class ChainStore:
    """Reads from several stores, and writes to the first one that takes it.

    `ChainStore(EnvironmentStore(), FileStore())` begins with what the environment gives and keeps renewals in a
    file. Of several logins the one that was written most often is the current one; one that the service called off
    counts last, so that a new one in the environment is found.

    Args:
        *stores: In the order of preference.
    """

    def __init__(self, *stores: CredentialStore) -> None:
        if not stores:
            raise ConfigError("a chain of stores has at least one store")
        self.stores = stores

    async def load(self, key: str) -> Mapping[str, Any] | None:
        """Return the current login of all that are kept, None when there is none."""
        found = [data for store in self.stores if (data := await store.load(key)) is not None]
        return max(found, key=_rank, default=None)

    async def save(self, key: str, data: Mapping[str, Any]) -> bool:
        """Keep a mapping in the first store that takes it; False when all are read-only."""
        for store in self.stores:
            if await store.save(key, data):
                return True
        return False

    async def delete(self, key: str) -> bool:
        """Forget what is kept, in all stores."""
        return any([await store.delete(key) for store in self.stores])

    def lock(self, key: str) -> AbstractAsyncContextManager[object]:
        """Return the locks of all stores, in their order."""
        return self._locked(key)

    @asynccontextmanager
    async def _locked(self, key: str) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for store in self.stores:
                await stack.enter_async_context(store.lock(key))
            yield

    def __repr__(self) -> str:
        return f"ChainStore({', '.join(map(repr, self.stores))})"


def _rank(data: Mapping[str, Any]) -> tuple[bool, int]:
    stored = StoredLogin.from_mapping(data)
    return stored.revoked_at is None, stored.generation
