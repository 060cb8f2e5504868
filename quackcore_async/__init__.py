"""Connect an async Python program to outside services through one small set of coroutine protocols.

Every public name can be imported from here. Each is loaded from its module when it is first asked for
(PEP 562), so that importing this package stays cheap.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from quackcore_async import registry
    from quackcore_async.auth import BaseAuthProvider, Credentials
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
    from quackcore_async.results import AuthResult, ConfigResult, ErrorInfo, IntegrationResult
    from quackcore_async.retry import RetryPolicy
    from quackcore_async.service import BaseIntegrationService
    from quackcore_async.storage import LocalStorage, MemoryStorage, S3Config, S3Storage
    from quackcore_async.transfer import delete_many, download_many, sync, upload_many

    __version__: str

__all__ = [
    "LOG_LEVELS",
    "AuthProviderProtocol",
    "AuthResult",
    "BaseAuthProvider",
    "BaseConfigProvider",
    "BaseIntegrationService",
    "ConfigProviderProtocol",
    "ConfigResult",
    "Credentials",
    "ErrorInfo",
    "ErrorKind",
    "IntegrationProtocol",
    "IntegrationRegistry",
    "IntegrationResult",
    "LocalStorage",
    "LogLevel",
    "MemoryStorage",
    "ObjectStorageProtocol",
    "QuackError",
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

_EXPORTS: Final = {
    "auth": ("BaseAuthProvider", "Credentials"),
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
    "results": ("AuthResult", "ConfigResult", "ErrorInfo", "IntegrationResult"),
    "retry": ("RetryPolicy",),
    "service": ("BaseIntegrationService",),
    "storage": ("LocalStorage", "MemoryStorage", "S3Config", "S3Storage"),
    "transfer": ("delete_many", "download_many", "sync", "upload_many"),
}
_HOME: Final = {name: module for module, names in _EXPORTS.items() for name in names}


def _load(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    if name == "__version__":
        from importlib.metadata import version

        return version("quackcore-async")
    if name == "registry":
        return import_module("quackcore_async.registry")
    if name in _HOME:
        return getattr(import_module(f"quackcore_async.{_HOME[name]}"), name)
    raise AttributeError(f"module 'quackcore_async' has no attribute {name!r}")


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    value = globals()[name] = _load(name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
