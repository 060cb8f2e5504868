"""Keys of AWS from a program: fixed ones, a profile, or temporary ones that are fetched anew when they expire."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from quackcore_async.auth.base import BaseAuthProvider
from quackcore_async.auth.credentials import Credentials
from quackcore_async.errors import ConfigError, CredentialsMissingError
from quackcore_async.redaction import Secret

__all__ = ["AwsCredentialsProvider"]

_SPELLINGS: Final = {
    "access_key_id": ("access_key_id", "AccessKeyId", "aws_access_key_id"),
    "secret_access_key": ("secret_access_key", "SecretAccessKey", "aws_secret_access_key"),
    "session_token": ("session_token", "SessionToken", "aws_session_token", "Token"),
    "expires_at": ("expires_at", "Expiration", "expiration", "expiry"),
}
"""Ours, those of the STS and metadata answers, and those of the credentials file.

https://docs.aws.amazon.com/STS/latest/APIReference/API_Credentials.html
"""

KeySource = Callable[[], Awaitable[Mapping[str, Any]]]


class AwsCredentialsProvider(BaseAuthProvider):
    """Gives an `S3Storage` its keys.

    Without a provider an `S3Storage` finds keys as the AWS tools do; this is for keys that only the program knows.
    Give fixed keys, or a profile of the AWS files, or a source of temporary keys, which is asked again when they
    expire and when the service calls them expired.

    Args:
        access_key_id: Name of the access key.
        secret_access_key: The key.
        session_token: What makes a temporary key valid.
        profile: Section of the AWS configuration files.
        source: Fetches temporary keys: a mapping as STS answers it, with `AccessKeyId`, `SecretAccessKey`,
            `SessionToken` and `Expiration`, or with these names in snake case.
        name: Name of the provider.
        log_level: Level of `self.logger`; None leaves it alone.

    Raises:
        ConfigError: if not exactly one of the three ways is given, or one of the two keys is missing.
    """

    def __init__(
        self,
        access_key_id: str | None = None,
        secret_access_key: str | Secret | None = None,
        session_token: str | Secret | None = None,
        *,
        profile: str | None = None,
        source: KeySource | None = None,
        name: str = "AWS",
        log_level: int | str | None = None,
    ) -> None:
        super().__init__(log_level=log_level)
        ways = (bool(access_key_id or secret_access_key), bool(profile), source is not None)
        if sum(ways) != 1:
            raise ConfigError(f"{name}: give keys, a profile or a source of keys, and only one of them")
        if ways[0] and not (access_key_id and secret_access_key):
            raise ConfigError(f"{name}: access_key_id and secret_access_key belong together: give both")
        self._name = name
        self._access_key_id = access_key_id
        self._secret = _secret(secret_access_key)
        self._session_token = _secret(session_token)
        self._profile = profile
        self._source = source

    @property
    def name(self) -> str:
        """Name of the provider."""
        return self._name

    async def _authenticate(self) -> Credentials:
        if self._source is not None:
            return self._read(await self._source())
        if self._profile:
            return Credentials(None, extra={"profile": self._profile})
        extra = {"secret_access_key": self._secret.reveal()} if self._secret else {}
        if self._session_token is not None:
            extra["session_token"] = self._session_token.reveal()
        return Credentials(self._access_key_id, token_type="AWS", extra=extra)  # noqa: S106 - the name of a scheme

    async def _refresh(self, credentials: Credentials) -> Credentials:
        if self._profile:
            return credentials  # the client reads the files anew
        if self._source is None:
            raise CredentialsMissingError(f"the keys of {self.name} are fixed and cannot be renewed: give others")
        return self._read(await self._source())

    def _read(self, answer: Mapping[str, Any]) -> Credentials:
        found = {
            field: next((answer[name] for name in names if answer.get(name)), None)
            for field, names in _SPELLINGS.items()
        }
        if not found["access_key_id"] or not found["secret_access_key"]:
            raise CredentialsMissingError(f"the source of {self.name} gave no access_key_id and secret_access_key")
        extra = {key: found[key] for key in ("secret_access_key", "session_token") if found[key]}
        return Credentials(
            found["access_key_id"],
            expires_at=found["expires_at"],
            token_type="AWS",  # noqa: S106 - the name of a scheme
            extra=extra,
        )


def _secret(value: str | Secret | None) -> Secret | None:
    return value if isinstance(value, Secret) or value is None else Secret(value)
