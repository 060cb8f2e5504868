"""Logging in: credentials, where they are kept, and the base class of providers."""

from typing import TYPE_CHECKING

from quackcore_async.auth.base import BaseAuthProvider
from quackcore_async.auth.credentials import Credentials
from quackcore_async.exports import lazy_exports

if TYPE_CHECKING:
    from quackcore_async.auth.events import RefreshEvent
    from quackcore_async.auth.stores.chain import ChainStore
    from quackcore_async.auth.stores.environment import EnvironmentStore
    from quackcore_async.auth.stores.file import FileStore
    from quackcore_async.auth.stores.keyring import KeyringStore
    from quackcore_async.auth.stores.memory import MemoryStore
    from quackcore_async.auth.stores.protocol import CredentialStore

__all__ = [
    "BaseAuthProvider",
    "ChainStore",
    "CredentialStore",
    "Credentials",
    "EnvironmentStore",
    "FileStore",
    "KeyringStore",
    "MemoryStore",
    "RefreshEvent",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "events": ("RefreshEvent",),
        "stores.chain": ("ChainStore",),
        "stores.environment": ("EnvironmentStore",),
        "stores.file": ("FileStore",),
        "stores.keyring": ("KeyringStore",),
        "stores.memory": ("MemoryStore",),
        "stores.protocol": ("CredentialStore",),
    },
)
