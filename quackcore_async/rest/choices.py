"""The provider and the paginator that a configuration asks for."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr

from quackcore_async.protocols import AuthProviderProtocol
from quackcore_async.rest.config import (
    ApiKeyAuth,
    BasicAuth,
    BearerAuth,
    CursorStyle,
    LinkStyle,
    NextUrlStyle,
    OAuthAuth,
    OffsetStyle,
    PageStyle,
    SingleStyle,
)

if TYPE_CHECKING:
    from quackcore_async.clients.http import Paginator

__all__ = ["make_paginator", "make_provider"]


_PROVIDERS: Final = {
    "bearer": "BearerTokenProvider",
    "api_key": "ApiKeyProvider",
    "basic": "BasicAuthProvider",
    "oauth": "OAuthProvider",
}
"""Providers by the `type` of a section, whose other keys are named as their parameters."""


def make_provider(
    auth: BearerAuth | ApiKeyAuth | BasicAuth | OAuthAuth, *, name: str, log_level: int | str | None = None
) -> AuthProviderProtocol:
    """Make the provider that a section asks for.

    Args:
        auth: The section.
        name: Name of the provider.
        log_level: Level of its logger; None leaves it alone.

    Raises:
        InvalidConfigError: if a key or a password cannot be sent, or something is missing.
    """
    providers = import_module("quackcore_async.auth")
    make = getattr(providers, _PROVIDERS[auth.type])
    options: dict[str, Any] = {field: getattr(auth, field) for field in type(auth).model_fields if field != "type"}
    revealed = {
        field: value.get_secret_value() if isinstance(value, SecretStr) else value
        for field, value in options.items()
    }
    if isinstance(auth, OAuthAuth) and auth.flow != "client_credentials" and not auth.credentials_file:
        revealed["credentials_file"] = _file_of(auth, name)  # or a person would log in at each start
    provider: AuthProviderProtocol = make(**revealed, name=name, log_level=log_level)
    return provider


def _file_of(auth: OAuthAuth, name: str) -> str:
    """Return a file of this login's own: instances of one name in two configurations are two logins."""
    from quackcore_async.auth.stored_login import login_key

    key = login_key(name, server=auth.issuer or auth.token_url, client_id=auth.client_id, scope=auth.scope)
    return f"{key}.json"


def make_paginator(
    pagination: SingleStyle | LinkStyle | NextUrlStyle | CursorStyle | PageStyle | OffsetStyle,
) -> "Paginator":
    """Make the paginator that a section asks for."""
    from quackcore_async.clients import http

    kinds: dict[str, type[Paginator]] = {
        "none": http.SinglePage,
        "link": http.LinkPages,
        "next_url": http.NextUrlPages,
        "cursor": http.CursorPages,
        "page": http.PageNumbers,
        "offset": http.OffsetPages,
    }
    return kinds[pagination.style](**pagination.model_dump(exclude={"style"}))
