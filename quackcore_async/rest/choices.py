"""The provider and the paginator that a configuration asks for."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

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


def make_provider(
    auth: BearerAuth | ApiKeyAuth | BasicAuth | OAuthAuth, *, log_level: int | str | None = None
) -> AuthProviderProtocol:
    """Make the provider that a section asks for.

    Raises:
        InvalidConfigError: if a key or a password cannot be sent.
    """
    providers: Any = import_module("quackcore_async.auth")
    made: AuthProviderProtocol
    match auth:
        case BearerAuth():
            made = providers.BearerTokenProvider(auth.token.get_secret_value(), log_level=log_level)
        case ApiKeyAuth():
            made = providers.ApiKeyProvider(
                auth.api_key.get_secret_value(), auth.header, query_param=auth.query_param, log_level=log_level
            )
        case BasicAuth():
            made = providers.BasicAuthProvider(
                auth.username, auth.password.get_secret_value(), log_level=log_level
            )
        case OAuthAuth():
            further = {"grant": auth.grant} if auth.grant is not None else {}
            made = providers.OAuthProvider(
                auth.client_id,
                auth.client_secret.get_secret_value(),
                auth.auth_url,
                auth.token_url,
                auth.redirect_uri,
                auth.scope,
                auth.credentials_file,
                log_level,
                **further,
            )
    return made


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
