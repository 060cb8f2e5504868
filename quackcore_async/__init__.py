"""Connect an async Python program to outside services through one small set of coroutine protocols.

Every public name can be imported from here. Each is loaded from its module when it is first asked for
(PEP 562), so that importing this package stays cheap.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from quackcore_async.exports import lazy_exports

if TYPE_CHECKING:
    from quackcore_async import registry
    from quackcore_async.auth import (
        ApiKeyProvider,
        AwsCredentialsProvider,
        BaseAuthProvider,
        BasicAuthProvider,
        BearerTokenProvider,
        Credentials,
        OAuthProvider,
    )
    from quackcore_async.clients import HttpClient
    from quackcore_async.config import BaseConfigProvider
    from quackcore_async.errors import ErrorKind, QuackError
    from quackcore_async.logging import LOG_LEVELS, LogLevel
    from quackcore_async.protocols import (
        AuthProviderProtocol,
        ConfigProviderProtocol,
        IntegrationProtocol,
        ObjectStorageProtocol,
        StorageIntegrationProtocol,
    )
    from quackcore_async.registry import IntegrationRegistry
    from quackcore_async.rest import RestIntegration
    from quackcore_async.results import AuthResult, ConfigResult, ErrorInfo, IntegrationResult
    from quackcore_async.retry import RetryPolicy
    from quackcore_async.service import BaseIntegrationService
    from quackcore_async.storage import (
        AzureConfig,
        AzureStorage,
        GCSConfig,
        GCSStorage,
        LocalStorage,
        MemoryStorage,
        S3Config,
        S3Storage,
    )
    from quackcore_async.transfer import delete_many, download_many, sync, upload_many

    __version__: str

__all__ = [
    "LOG_LEVELS",
    "ApiKeyProvider",
    "AuthProviderProtocol",
    "AuthResult",
    "AwsCredentialsProvider",
    "AzureConfig",
    "AzureStorage",
    "BaseAuthProvider",
    "BaseConfigProvider",
    "BaseIntegrationService",
    "BasicAuthProvider",
    "BearerTokenProvider",
    "ConfigProviderProtocol",
    "ConfigResult",
    "Credentials",
    "ErrorInfo",
    "ErrorKind",
    "GCSConfig",
    "GCSStorage",
    "HttpClient",
    "IntegrationProtocol",
    "IntegrationRegistry",
    "IntegrationResult",
    "LocalStorage",
    "LogLevel",
    "MemoryStorage",
    "OAuthProvider",
    "ObjectStorageProtocol",
    "QuackError",
    "RestIntegration",
    "RetryPolicy",
    "S3Config",
    "S3Storage",
    "StorageIntegrationProtocol",
    "__version__",
    "delete_many",
    "download_many",
    "registry",
    "sync",
    "upload_many",
]

if not TYPE_CHECKING:
    _load, __dir__ = lazy_exports(
        __name__,
        {
            "auth": (
                "ApiKeyProvider",
                "AwsCredentialsProvider",
                "BaseAuthProvider",
                "BasicAuthProvider",
                "BearerTokenProvider",
                "Credentials",
                "OAuthProvider",
            ),
            "clients": ("HttpClient",),
            "config": ("BaseConfigProvider",),
            "errors": ("ErrorKind", "QuackError"),
            "logging": ("LOG_LEVELS", "LogLevel"),
            "protocols": (
                "AuthProviderProtocol",
                "ConfigProviderProtocol",
                "IntegrationProtocol",
                "ObjectStorageProtocol",
                "StorageIntegrationProtocol",
            ),
            "registry": ("IntegrationRegistry",),
            "rest": ("RestIntegration",),
            "results": ("AuthResult", "ConfigResult", "ErrorInfo", "IntegrationResult"),
            "retry": ("RetryPolicy",),
            "service": ("BaseIntegrationService",),
            "storage": (
                "AzureConfig",
                "AzureStorage",
                "GCSConfig",
                "GCSStorage",
                "LocalStorage",
                "MemoryStorage",
                "S3Config",
                "S3Storage",
            ),
            "transfer": ("delete_many", "download_many", "sync", "upload_many"),
        },
    )

    def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
        if name == "registry":
            return import_module("quackcore_async.registry")  # which binds it here
        if name == "__version__":
            from importlib.metadata import version

            globals()[name] = version("quackcore-async")
            return globals()[name]
        return _load(name)
