"""Credentials for an object store from an authentication provider."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from quackcore_async.clients.objectstore import ObjectStoreSettings
from quackcore_async.protocols.core import AuthProviderProtocol, call_method
from quackcore_async.protocols.credentials import member_of, token_of

__all__ = ["with_login"]

_SECRETS = ("bearer_token", "account_key", "sas_key", "token", "client_secret", "use_azure_cli")
"""Options that a login takes the place of; a service account stays, since only its key can sign."""


async def with_login(settings: ObjectStoreSettings, provider: AuthProviderProtocol | None) -> ObjectStoreSettings:
    """Return settings that take a bearer token from a provider that has one; else as they were.

    obstore asks for the token again when the one that it has expires; the provider renews it then. A token that
    does not say when it expires is kept for as long as the storage is open.

    Raises:
        QuackError: if the provider fails.
    """
    if provider is None or not token_of(await call_method(provider, "get_credentials")):
        return settings
    options = {name: value for name, value in settings.options.items() if name not in _SECRETS}
    return replace(settings, options=options, credential_provider=_asking(provider))


def _asking(provider: AuthProviderProtocol) -> Callable[[], Awaitable[Mapping[str, Any]]]:
    async def ask() -> Mapping[str, Any]:
        credentials = await call_method(provider, "get_credentials")
        expires_at = member_of(credentials, "expires_at")
        return {
            "token": token_of(credentials) or "",
            "expires_at": datetime.fromtimestamp(float(expires_at), UTC) if expires_at else None,
        }

    return ask
