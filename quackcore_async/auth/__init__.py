"""Logging in: credentials, where they are kept, and the base class of providers."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from quackcore_async.auth.base import BaseAuthProvider
from quackcore_async.auth.credentials import Credentials
from quackcore_async.auth.file_store import FileStore

if TYPE_CHECKING:
    from quackcore_async.auth.oauth import (
        AuthorizationRequest,
        CallbackRefusedError,
        DeviceAuthorization,
        OAuthProvider,
    )
    from quackcore_async.auth.static import ApiKeyProvider, BasicAuthProvider, BearerTokenProvider

__all__ = [
    "ApiKeyProvider",
    "AuthorizationRequest",
    "BaseAuthProvider",
    "BasicAuthProvider",
    "BearerTokenProvider",
    "CallbackRefusedError",
    "Credentials",
    "DeviceAuthorization",
    "FileStore",
    "OAuthProvider",
]

_EXPORTS: Final = {
    "oauth": ("AuthorizationRequest", "CallbackRefusedError", "DeviceAuthorization", "OAuthProvider"),
    "static": ("ApiKeyProvider", "BasicAuthProvider", "BearerTokenProvider"),
}
_HOME: Final = {name: module for module, names in _EXPORTS.items() for name in names}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
