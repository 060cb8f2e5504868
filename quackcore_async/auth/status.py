"""How a login stands, without asking the service."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from quackcore_async.auth.persistence import read

if TYPE_CHECKING:
    from quackcore_async.auth.credentials import Credentials
    from quackcore_async.auth.login import Login

__all__ = ["LoginStatus", "status_of"]


@dataclass(frozen=True, slots=True)
class LoginStatus:
    """How a login stands.

    Attributes:
        state: `valid`; `expired`; `missing`; `refused`, when the service called it off; `unknown`, when the
            provider keeps it by itself and has not logged in yet.
        expires_at: When the token expires, in epoch seconds; None is unknown, or never.
        renewable: Whether it can be renewed, or had anew, without a person.
        kept_in: Where it is stored; None is in memory only.
    """

    state: Literal["valid", "expired", "missing", "refused", "unknown"]
    expires_at: int | None = None
    renewable: bool = False
    kept_in: str | None = None

    @property
    def is_usable(self) -> bool:
        """Whether it serves without a person: it holds, or can be renewed or had anew."""
        return self.state == "valid" or self.renewable


async def status_of(login: "Login", *, authenticated: bool, kept_in: str | None) -> LoginStatus:
    """Look at what is in memory, and else at what is stored; nothing is renewed.

    Raises:
        QuackError: if the store cannot be read.
    """
    login.bind_to_loop()
    grant = login.grant
    if grant is not None and grant.credentials is not None:
        refused = login.shared.refresh_failure.is_final
        return _described(login, grant.credentials, kept_in, refused=refused)
    if not login.owner._shares_login:
        return LoginStatus("valid" if authenticated else "unknown", kept_in=kept_in)
    stored = None if login.is_logged_out else await read(login)
    if stored is None:
        return LoginStatus("missing", renewable=not login.owner.interactive, kept_in=kept_in)
    return _described(login, stored.credentials, kept_in, refused=stored.revoked_at is not None)


def _described(login: "Login", credentials: "Credentials", kept_in: str | None, *, refused: bool) -> LoginStatus:
    expires_at = credentials.expires_at
    has_expired = expires_at is not None and expires_at <= login.clocks.wall()
    holds = bool(credentials.token or credentials.extra) and not has_expired
    state: Literal["valid", "expired", "refused"] = "valid" if holds else "refused" if refused else "expired"
    renewable = not login.owner.interactive or (bool(credentials.refresh_token) and not refused)
    return LoginStatus(state, expires_at, renewable, kept_in)
