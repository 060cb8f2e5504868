"""Logging in: credentials, where they are kept, and the base class of providers."""

from typing import TYPE_CHECKING

from quackcore_async.auth.base import BaseAuthProvider
from quackcore_async.auth.credentials import Credentials
from quackcore_async.exports import lazy_exports

if TYPE_CHECKING:
    from quackcore_async.auth.file_store import FileStore
else:
    __getattr__, __dir__ = lazy_exports(__name__, {"file_store": ("FileStore",)})

__all__ = ["BaseAuthProvider", "Credentials", "FileStore"]
