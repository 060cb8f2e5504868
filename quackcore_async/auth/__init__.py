"""Logging in: credentials, where they are kept, and the base class of providers."""

from quackcore_async.auth.base import BaseAuthProvider
from quackcore_async.auth.credentials import Credentials
from quackcore_async.auth.file_store import FileStore

__all__ = ["BaseAuthProvider", "Credentials", "FileStore"]
