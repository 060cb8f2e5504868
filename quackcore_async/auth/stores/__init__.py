"""Where logins are kept: files, the environment, the system's keyring, memory, or several of them."""

from typing import TYPE_CHECKING

from quackcore_async.exports import lazy_exports

if TYPE_CHECKING:
    from quackcore_async.auth.stores.chain import ChainStore
    from quackcore_async.auth.stores.environment import EnvironmentStore
    from quackcore_async.auth.stores.file import FileStore
    from quackcore_async.auth.stores.keyring import KeyringStore
    from quackcore_async.auth.stores.memory import MemoryStore
    from quackcore_async.auth.stores.protocol import CredentialStore

__all__ = ["ChainStore", "CredentialStore", "EnvironmentStore", "FileStore", "KeyringStore", "MemoryStore"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "chain": ("ChainStore",),
        "environment": ("EnvironmentStore",),
        "file": ("FileStore",),
        "keyring": ("KeyringStore",),
        "memory": ("MemoryStore",),
        "protocol": ("CredentialStore",),
    },
)
