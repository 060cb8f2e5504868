"""Storages: the base class, and those that come with the package."""

from typing import TYPE_CHECKING

from quackcore_async.exports import lazy_exports
from quackcore_async.storage.base import BaseStorageIntegration
from quackcore_async.storage.local import LocalStorage
from quackcore_async.storage.memory import MemoryStorage
from quackcore_async.storage.s3 import S3Config, S3Storage

if TYPE_CHECKING:
    from quackcore_async.storage.azure import AzureConfig, AzureStorage
    from quackcore_async.storage.gcs import GCSConfig, GCSStorage
else:
    __getattr__, __dir__ = lazy_exports(
        __name__, {"azure": ("AzureConfig", "AzureStorage"), "gcs": ("GCSConfig", "GCSStorage")}
    )

__all__ = [
    "AzureConfig",
    "AzureStorage",
    "BaseStorageIntegration",
    "GCSConfig",
    "GCSStorage",
    "LocalStorage",
    "MemoryStorage",
    "S3Config",
    "S3Storage",
]
