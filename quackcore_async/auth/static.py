"""Providers of credentials that do not change: an API key, a user name with its password, a bearer token."""

import base64
from typing import TYPE_CHECKING, TypeAlias

from quackcore_async.auth.base import BaseAuthProvider
from quackcore_async.auth.configured_secrets import checked_header_name, checked_header_value, checked_text
from quackcore_async.auth.credentials import Credentials
from quackcore_async.auth.status import LoginStatus
from quackcore_async.errors import AuthError, InvalidConfigError
from quackcore_async.protocols.signing import RequestSecrets
from quackcore_async.redaction import Secret
from quackcore_async.results import AuthResult

if TYPE_CHECKING:
    from pydantic import SecretStr

    SecretText: TypeAlias = str | Secret | SecretStr

__all__ = ["ApiKeyProvider", "BasicAuthProvider", "BearerTokenProvider"]


class _StaticProvider(BaseAuthProvider):
    """What the three have in common: the credentials are known from the start and cannot be renewed."""

    def __init__(self, token: str, token_type: str, *, name: str, log_level: int | str | None) -> None:
        super().__init__(log_level=log_level)
        self._name = name
        self._static = Credentials(token, token_type=token_type)

    @property
    def name(self) -> str:
        """Name of the provider."""
        return self._name

    async def get_credentials(self) -> object:
        """Return the credentials. They are there before the first `authenticate` too."""
        return self._static

    async def save_credentials(self) -> bool:
        """Store nothing: what is configured has its place already."""
        return False

    async def status(self) -> LoginStatus:
        """Tell that the credentials are there: whether they are good, only the service knows."""
        return LoginStatus("valid")

    def request_secrets(self, credentials: object) -> RequestSecrets:
        """Return the headers and the query parameters that present the credentials."""
        token = credentials.token if isinstance(credentials, Credentials) else None
        return self._presented(token or self._static.token or "")

    def _presented(self, token: str) -> RequestSecrets:
        return RequestSecrets(headers={"Authorization": f"{self._static.token_type} {token}"})

    async def _authenticate(self) -> Credentials:
        return self._static

    async def refresh_credentials(self, *, rejected: int | None = None) -> AuthResult:  # noqa: ARG002 - the base's
        """Fail, also before a login: a service that refuses what is configured refuses it again."""
        raise AuthError(
            f"{self.name} cannot renew its credentials: they are configured; give it new ones",
            code="static_credentials",
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r})"


class ApiKeyProvider(_StaticProvider):
    """Presents an API key, in a header or as a query parameter.

    Prefer a header: a query parameter ends up in the logs of servers and proxies.

    Args:
        api_key: The key: a text, a `Secret` or a pydantic `SecretStr`.
        header: Name of the header.
        query_param: Name of the query parameter; given, no header is sent.
        name: Name of the provider.
        log_level: Level of `self.logger`; None leaves it alone.

    Raises:
        InvalidConfigError: if the key or a name cannot be sent. The key is not shown.
    """

    def __init__(
        self,
        api_key: "SecretText",
        header: str = "X-API-Key",
        *,
        query_param: str | None = None,
        name: str = "ApiKey",
        log_level: int | str | None = None,
    ) -> None:
        token = checked_header_value(api_key, "the API key")
        self.header = checked_header_name(header, "the header of the API key")
        self.query_param = (
            None if query_param is None else checked_header_name(query_param, "the query parameter of the API key")
        )
        super().__init__(token, "ApiKey", name=name, log_level=log_level)

    def _presented(self, token: str) -> RequestSecrets:
        if self.query_param is not None:
            return RequestSecrets(params={self.query_param: token})
        return RequestSecrets(headers={self.header: token})


class BasicAuthProvider(_StaticProvider):
    """Presents a user name and a password (RFC 7617), as UTF-8.

    Args:
        username: Without a colon. It may be empty where the service wants that, and then the password may not.
        password: A text, a `Secret` or a pydantic `SecretStr`; it may be empty.
        name: Name of the provider.
        log_level: Level of `self.logger`; None leaves it alone.

    Raises:
        InvalidConfigError: if one of them cannot be sent. Neither is shown.
    """

    def __init__(
        self,
        username: "SecretText",
        password: "SecretText",
        *,
        name: str = "Basic",
        log_level: int | str | None = None,
    ) -> None:
        user = checked_text(username, "the user name", may_be_empty=True)
        if ":" in user:
            raise InvalidConfigError("the user name has a colon in it, which HTTP Basic cannot carry (RFC 7617)")
        if user != user.strip():
            raise InvalidConfigError("the user name begins or ends with a blank")
        word = checked_text(password, "the password", may_be_empty=True)
        if not user and not word:
            raise InvalidConfigError("the user name and the password are both empty")
        self._password = Secret(word)  # alive, it is scrubbed from texts; the base knows the encoded pair only
        pair = base64.b64encode(f"{user}:{word}".encode()).decode()
        super().__init__(pair, "Basic", name=name, log_level=log_level)


class BearerTokenProvider(_StaticProvider):
    """Presents a token that somebody else issued, as a bearer token (RFC 6750).

    Args:
        token: A text, a `Secret` or a pydantic `SecretStr`.
        name: Name of the provider.
        log_level: Level of `self.logger`; None leaves it alone.

    Raises:
        InvalidConfigError: if the token cannot be sent. It is not shown.
    """

    def __init__(
        self, token: "SecretText", *, name: str = "BearerToken", log_level: int | str | None = None
    ) -> None:
        super().__init__(checked_header_value(token, "the token"), "Bearer", name=name, log_level=log_level)
