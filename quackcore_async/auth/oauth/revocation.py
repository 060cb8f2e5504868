"""Telling the authorization server that tokens are not needed any more (RFC 7009)."""

from quackcore_async.auth.credentials import Credentials
from quackcore_async.auth.oauth.token_client import TokenClient
from quackcore_async.errors import QuackError

__all__ = ["revoke_tokens"]


async def revoke_tokens(token_client: TokenClient, credentials: Credentials) -> None:
    """Revoke the refresh token first, with which servers revoke what came from it, and then the access token.

    Args:
        token_client: Whom to talk to.
        credentials: What to revoke.

    Raises:
        QuackError: if one of them could not be revoked; the other was tried all the same.
    """
    failures = []
    for hint, token in (("refresh_token", credentials.refresh_token), ("access_token", credentials.token)):
        if not token:
            continue
        try:
            await token_client.post(
                "revocation_url", {"token": token, "token_type_hint": hint}, f"revoking the {hint} failed"
            )
        except QuackError as error:
            if error.code != "unsupported_token_type":  # RFC 7009 section 2.2.1: it cannot be revoked by itself
                failures.append(error)
    if failures:
        raise failures[0]
