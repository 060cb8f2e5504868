"""Logging in: credentials, where they are kept, and the base class of providers."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from quackcore_async.auth.base import BaseAuthProvider
from quackcore_async.auth.credentials import Credentials

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

_HOME: Final = {
    "ChainStore": "stores.chain",
    "CredentialStore": "stores.protocol",
    "EnvironmentStore": "stores.environment",
    "FileStore": "stores.file",
    "KeyringStore": "stores.keyring",
    "MemoryStore": "stores.memory",
    "RefreshEvent": "events",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    return value
