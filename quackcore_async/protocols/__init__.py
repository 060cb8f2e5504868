"""What an integration, a provider and a storage must offer."""

from quackcore_async.protocols.core import (
    AuthProviderProtocol,
    ConfigProviderProtocol,
    IntegrationProtocol,
    StorageIntegrationProtocol,
    contract_violations,
)
from quackcore_async.protocols.storage import (
    ByteStream,
    DownloadResult,
    ObjectStorageProtocol,
    ProgressCallback,
    RemoteFile,
    StorageCapabilities,
    UploadOptions,
    Verification,
)

__all__ = [
    "AuthProviderProtocol",
    "ByteStream",
    "ConfigProviderProtocol",
    "DownloadResult",
    "IntegrationProtocol",
    "ObjectStorageProtocol",
    "ProgressCallback",
    "RemoteFile",
    "StorageCapabilities",
    "StorageIntegrationProtocol",
    "UploadOptions",
    "Verification",
    "contract_violations",
]
