"""What a service issued and what a store holds, as grants: how long they last, and which one is newer."""

from typing import Final

from quackcore_async.auth.credentials import Credentials
from quackcore_async.auth.login import Login
from quackcore_async.auth.shared_login import Grant
from quackcore_async.auth.stored_login import StoredLogin
from quackcore_async.auth.validity import Moment, Phase, lifetime_of, validity_of
from quackcore_async.errors import ContractError, ErrorKind, TokenRefreshError
from quackcore_async.redaction import Secret, find_secrets
from quackcore_async.results import AuthResult

__all__ = [
    "check_token",
    "checked",
    "grant_of",
    "guard_of",
    "issued",
    "news",
    "renewal_of",
    "take_stored",
    "tokens_of",
    "usable",
]

REFUSED_GUARD_SECONDS: Final = 10.0
"""A token renewed so recently that is refused all the same is not renewed again: it is not the token's fault."""

REFUSED_AGAIN_GUARD_SECONDS: Final = 60.0
"""The same for a token that came from a refresh after a refusal."""


def guard_of(login: Login) -> float:
    """Return for how long a refusal of the token that is about to be obtained means nothing."""
    return REFUSED_GUARD_SECONDS if login.refused_token is None else REFUSED_AGAIN_GUARD_SECONDS


def renewal_of(grant: Grant | None) -> Secret:
    """Return the refresh token of a grant, an empty one when there is none."""
    renewal = grant.credentials.refresh_token if grant and grant.credentials else None
    return Secret(renewal or "")


def news(login: Login, stored: StoredLogin | None) -> StoredLogin | None:
    """Return what a store has when somebody else put it there: neither the login in memory, nor one it replaced.

    What memory replaced may still be in the store, where storing failed or the store is read-only.
    """
    if stored is None or login.grant is None or login.grant.credentials is None:
        return stored
    pair = tokens_of(stored.credentials)
    return None if pair in (tokens_of(login.grant.credentials), login.shared.seen) else stored


def tokens_of(credentials: Credentials) -> tuple[Secret, Secret]:
    """Return what tells one login from the next."""
    return Secret(credentials.token or ""), Secret(credentials.refresh_token or "")


def grant_of(login: Login, stored: StoredLogin, *, guard: float = 0.0) -> Grant:
    """Return what a store has as a grant.

    Args:
        login: The login.
        stored: What the store has.
        guard: As in `Grant`.
    """
    now = login.clocks.now()
    credentials, obtained_at = stored.credentials, stored.obtained_at
    age = max(now.wall - obtained_at, 0.0) if obtained_at is not None else 0.0
    return Grant(
        credentials,
        validity_of(credentials.expires_at, obtained_at=obtained_at, now=now),
        Moment(now.monotonic - age, now.wall - age),
        guard=guard,
        generation=stored.generation,
        secrets=find_secrets(credentials.extra),
    )


def usable(login: Login, stored: StoredLogin) -> bool:
    """Tell whether a stored login can be used as it is."""
    token = stored.credentials.token
    if not token or stored.revoked_at is not None or login.refused_token == Secret(token):
        return False
    return grant_of(login, stored).validity.phase(login.clocks.now()) in (Phase.FRESH, Phase.STALE)


def take_stored(login: Login, stored: StoredLogin) -> Grant:
    """Make what the store has the current login, as far as it goes."""
    grant = grant_of(login, stored)
    login.shared.latest = grant
    login.shared.seen = tokens_of(stored.credentials)
    login.shared.unsaved = None
    if stored.revoked_at is not None:
        _refuse(login, grant)
    login.take(grant)
    return grant


def _refuse(login: Login, grant: Grant) -> None:
    """Make no further request with a refresh token that a service called off."""
    error = TokenRefreshError(
        f"the service has called off the login of {login.name}: call authenticate() again", code="reauth_required"
    )
    login.shared.refresh_failure.note(
        AuthResult.from_exception(error, service=login.name, operation="refresh_credentials"),
        login.clocks.monotonic(),
        refused=renewal_of(grant),
    )


def checked(login: Login, answer: object, hook: str) -> Credentials:
    """Return what a hook returned.

    Raises:
        ContractError: if it is no `Credentials`.
    """
    if not isinstance(answer, Credentials):
        label = f"{type(login.owner).__name__}.{hook}"
        raise ContractError(f"{label} returned {type(answer).__name__}: return Credentials")
    return answer


def check_token(login: Login, credentials: Credentials, *, needed: bool) -> None:
    """Refuse what a service answered when it gives nothing to present.

    Args:
        login: The login.
        credentials: The answer.
        needed: Whether nothing but a token will do.

    Raises:
        TokenRefreshError: if there is no token, and it is needed.
    """
    if needed and not credentials.token:
        raise TokenRefreshError(
            f"the service of {login.name} answered without a token", kind=ErrorKind.CORRUPTED, code="protocol"
        )


def issued(login: Login, credentials: Credentials, sent: Moment, *, guard: float, generation: int) -> Grant:
    """Return new credentials as a grant; a lifetime in them counts from before the request was sent.

    Args:
        login: The login.
        credentials: What the service issued.
        sent: When it was asked.
        guard: As in `Grant`.
        generation: As in `Grant`.
    """
    if credentials.expires_at is None and credentials.extra.get("expires_in") is not None:
        lifetime = lifetime_of(credentials.extra["expires_in"])
        if lifetime is None:
            login.owner.logger.warning("%s: expires_in makes no sense and is taken as unknown", login.name)
        else:
            credentials = credentials.replaced(expires_at=max(int(sent.wall) + lifetime, 1))
    return Grant(
        credentials,
        validity_of(credentials.expires_at, obtained_at=sent.wall, now=sent, issued_now=True),
        sent,
        guard=guard,
        generation=generation,
        secrets=find_secrets(credentials.extra),
    )
