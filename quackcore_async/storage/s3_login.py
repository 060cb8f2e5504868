"""Keys for an S3 client from an authentication provider."""

import inspect
from dataclasses import replace

from quackcore_async.clients.s3 import S3Keys, S3Settings
from quackcore_async.protocols.core import AuthProviderProtocol, call_method
from quackcore_async.protocols.credentials import text_of
from quackcore_async.redaction import Secret
from quackcore_async.results import AuthResult

__all__ = ["with_login"]


async def with_login(settings: S3Settings, provider: AuthProviderProtocol | None) -> S3Settings:
    """Return settings that take keys, or the profile, from a provider that has them; else as they were.

    Credentials with `access_key_id` (or a token) and `secret_access_key` are keys, renewed through the provider
    once the service calls them expired; those with `profile` name a section of the AWS files.

    Raises:
        QuackError: if the provider fails.
    """
    if provider is None:
        return settings
    credentials = await call_method(provider, "get_credentials")
    if _keys_of(credentials) is not None:
        return replace(settings, keys=None, keys_provider=_ProviderKeys(provider))
    profile = text_of(credentials, "profile")
    return replace(settings, profile=profile, keys=None) if profile else settings


class _ProviderKeys:
    """Asks for the current keys at first, and for renewed ones from then on."""

    def __init__(self, provider: AuthProviderProtocol) -> None:
        self._provider = provider
        self._refused: int | None = None
        self._asked = False

    async def __call__(self) -> S3Keys | None:
        if self._asked:
            await self._renew()
        self._asked = True
        keys = _keys_of(await call_method(self._provider, "get_credentials"))
        self._refused = getattr(self._provider, "generation", None)
        return keys

    async def _renew(self) -> None:
        """Have the keys renewed, unless somebody else with this provider has done so meanwhile."""
        method = self._provider.refresh_credentials
        options = (
            {"rejected": self._refused}
            if "rejected" in inspect.signature(method, follow_wrapped=False).parameters
            else {}
        )
        result: AuthResult = await method(**options)
        result.unwrap()


def _keys_of(credentials: object) -> S3Keys | None:
    key_id = text_of(credentials, "access_key_id", "token")
    secret, token = text_of(credentials, "secret_access_key"), text_of(credentials, "session_token")
    if not key_id or not secret:
        return None
    return S3Keys(key_id, Secret(secret), Secret(token) if token else None)
