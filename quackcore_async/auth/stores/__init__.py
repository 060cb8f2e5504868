"""Where logins are kept: files, the environment, the system's keyring, memory, or several of them."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from quackcore_async.auth.stores.chain import ChainStore
    from quackcore_async.auth.stores.environment import EnvironmentStore
    from quackcore_async.auth.stores.file import FileStore
    from quackcore_async.auth.stores.keyring import KeyringStore
    from quackcore_async.auth.stores.memory import MemoryStore
    from quackcore_async.auth.stores.protocol import CredentialStore

__all__ = ["ChainStore", "CredentialStore", "EnvironmentStore", "FileStore", "KeyringStore", "MemoryStore"]

_HOME: Final = {
    "ChainStore": "chain",
    "CredentialStore": "protocol",
    "EnvironmentStore": "environment",
    "FileStore": "file",
    "KeyringStore": "keyring",
    "MemoryStore": "memory",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    return value
