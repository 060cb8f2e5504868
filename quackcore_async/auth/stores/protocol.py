"""What a store of logins is."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, runtime_checkable

__all__ = ["CredentialStore"]


@runtime_checkable
class CredentialStore(Protocol):
    """Keeps logins by key. What it keeps is a mapping in the clear, which can be written as JSON.

    A store may also have a method `identity(key)` that returns something hashable: providers of one event loop
    whose stores have the same identity share one login, and one refresh.
    """

    async def load(self, key: str) -> Mapping[str, Any] | None:
        """Return what is kept, None when there is nothing.

        Raises:
            QuackError: if it cannot be read, or is not fit to be used.
        """
        ...

    async def save(self, key: str, data: Mapping[str, Any]) -> bool:
        """Keep a mapping in place of what was kept; True once it is durable, False when this store is read-only.

        Raises:
            QuackError: if it could not be kept.
        """
        ...

    async def delete(self, key: str) -> bool:
        """Forget what is kept; False when there was nothing, or this store is read-only.

        Raises:
            QuackError: if it could not be deleted.
        """
        ...

    def lock(self, key: str) -> AbstractAsyncContextManager[object]:
        """Return what keeps others, also in other processes, from changing what is kept while it is entered.

        Raises:
            QuackError: when it is entered, if it cannot be had in time.
        """
        ...
