"""Storages: the base class, and those that come with the package."""

from quackcore_async.storage.base import BaseStorageIntegration
from quackcore_async.storage.local import LocalStorage
from quackcore_async.storage.memory import MemoryStorage
from quackcore_async.storage.s3 import S3Config, S3Storage

__all__ = ["BaseStorageIntegration", "LocalStorage", "MemoryStorage", "S3Config", "S3Storage"]
