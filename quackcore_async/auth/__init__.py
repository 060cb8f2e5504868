"""Logging in: credentials and where they are kept, the base class of providers, and ready providers."""

from typing import TYPE_CHECKING

from quackcore_async.auth.base import BaseAuthProvider
from quackcore_async.auth.credentials import Credentials
from quackcore_async.exports import lazy_exports

if TYPE_CHECKING:
    from quackcore_async.auth.aws import AwsCredentialsProvider
    from quackcore_async.auth.events import RefreshEvent
    from quackcore_async.auth.oauth import (
        AuthorizationRequest,
        CallbackRefusedError,
        DeviceAuthorization,
        OAuthProvider,
    )
    from quackcore_async.auth.static import ApiKeyProvider, BasicAuthProvider, BearerTokenProvider
    from quackcore_async.auth.status import LoginStatus
    from quackcore_async.auth.stores.chain import ChainStore
    from quackcore_async.auth.stores.environment import EnvironmentStore
    from quackcore_async.auth.stores.file import FileStore
    from quackcore_async.auth.stores.keyring import KeyringStore
    from quackcore_async.auth.stores.memory import MemoryStore
    from quackcore_async.auth.stores.protocol import CredentialStore
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "aws": ("AwsCredentialsProvider",),
            "events": ("RefreshEvent",),
            "oauth": ("AuthorizationRequest", "CallbackRefusedError", "DeviceAuthorization", "OAuthProvider"),
            "status": ("LoginStatus",),
            "static": ("ApiKeyProvider", "BasicAuthProvider", "BearerTokenProvider"),
            "stores.chain": ("ChainStore",),
            "stores.environment": ("EnvironmentStore",),
            "stores.file": ("FileStore",),
            "stores.keyring": ("KeyringStore",),
            "stores.memory": ("MemoryStore",),
            "stores.protocol": ("CredentialStore",),
        },
    )

__all__ = [
    "ApiKeyProvider",
    "AuthorizationRequest",
    "AwsCredentialsProvider",
    "BaseAuthProvider",
    "BasicAuthProvider",
    "BearerTokenProvider",
    "CallbackRefusedError",
    "ChainStore",
    "CredentialStore",
    "Credentials",
    "DeviceAuthorization",
    "EnvironmentStore",
    "FileStore",
    "KeyringStore",
    "LoginStatus",
    "MemoryStore",
    "OAuthProvider",
    "RefreshEvent",
]
