"""What an integration, a provider and a storage must offer."""

from typing import TYPE_CHECKING

from quackcore_async.exports import lazy_exports
from quackcore_async.protocols.core import (
    AuthProviderProtocol,
    ConfigProviderProtocol,
    IntegrationProtocol,
    StorageIntegrationProtocol,
    contract_violations,
)

if TYPE_CHECKING:
    from quackcore_async.protocols.signing import RequestSecrets, RequestSigner
    from quackcore_async.protocols.storage import ByteStream, ObjectStorageProtocol
    from quackcore_async.protocols.values import (
        CleanupOutcome,
        CleanupStatus,
        DownloadResult,
        ProgressCallback,
        RemoteFile,
        StorageCapabilities,
        UploadOptions,
        Verification,
        moment_of,
        nanoseconds_of,
        remote_id_of,
    )
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "signing": ("RequestSecrets", "RequestSigner"),
            "storage": ("ByteStream", "ObjectStorageProtocol"),
            "values": (
                "CleanupOutcome",
                "CleanupStatus",
                "DownloadResult",
                "ProgressCallback",
                "RemoteFile",
                "StorageCapabilities",
                "UploadOptions",
                "Verification",
                "moment_of",
                "nanoseconds_of",
                "remote_id_of",
            ),
        },
    )

__all__ = [
    "AuthProviderProtocol",
    "ByteStream",
    "CleanupOutcome",
    "CleanupStatus",
    "ConfigProviderProtocol",
    "DownloadResult",
    "IntegrationProtocol",
    "ObjectStorageProtocol",
    "ProgressCallback",
    "RemoteFile",
    "RequestSecrets",
    "RequestSigner",
    "StorageCapabilities",
    "StorageIntegrationProtocol",
    "UploadOptions",
    "Verification",
    "contract_violations",
    "moment_of",
    "nanoseconds_of",
    "remote_id_of",
]
