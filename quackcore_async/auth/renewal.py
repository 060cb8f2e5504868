"""How a login is renewed: one at a time over all tasks and processes, and not torn between sending and storing."""

from functools import partial
from typing import Final, cast

from quackcore_async.auth.grants import (
    check_token,
    checked,
    grant_of,
    guard_of,
    issued,
    news,
    renewal_of,
    take_stored,
    tokens_of,
    usable,
)
from quackcore_async.auth.login import Login
from quackcore_async.auth.persistence import adopt, is_gone, keep, mark_revoked, read
from quackcore_async.auth.refresh_failure import REAUTH_CODES
from quackcore_async.auth.shared_login import Grant, Outcome, Work
from quackcore_async.auth.stored_login import StoredLogin
from quackcore_async.concurrency import protected
from quackcore_async.errors import CredentialsMissingError, TimedOutError
from quackcore_async.redaction import Secret
from quackcore_async.results import to_quack_error

__all__ = ["CLOSING_SECONDS", "SHIELD_SECONDS", "renew"]

SHIELD_SECONDS: Final = 15.0
"""How long a login or a refresh goes on after its caller was cancelled, and how long a refresh may take in all."""

CLOSING_SECONDS: Final = 2.0
"""How long a refresh that nobody waits for goes on when its provider is closed: its answer may hold a token."""


async def renew(login: Login, outcomes: list[Outcome] | None) -> Outcome:
    """Renew the login at the service, or take up what another process stored meanwhile."""
    try:
        return await _renew(login, outcomes)
    except Exception as exc:  # noqa: BLE001 - the one place where it becomes a result
        return _failed(login, exc)


async def _renew(login: Login, outcomes: list[Outcome] | None) -> Outcome:
    known = await _known(login)
    if (final := _called_off(login, known)) is not None:
        return final
    landed: list[Outcome] = []
    async with login.lock():
        stored = await read(login)
        if is_gone(login, stored):
            login.forget()
            raise CredentialsMissingError(f"{login.name} was logged out elsewhere: call authenticate() again")
        found = news(login, stored)
        if found is not None and usable(login, found):
            return await adopt(login, found)
        if found is not None or _is_revoked(stored, known):
            known = take_stored(login, cast("StoredLogin", stored))
        if (final := _called_off(login, known)) is not None:
            return final
        await protected(
            partial(_ask_and_keep, login, known, landed, outcomes),
            limit=SHIELD_SECONDS,
            grace=CLOSING_SECONDS if login.in_background else SHIELD_SECONDS,
        )
    if landed:
        return landed[0]
    raise TimedOutError(
        f"the service of {login.name} did not answer within {SHIELD_SECONDS:g} seconds",
        retryable=True,
        indeterminate=True,
    )


async def _known(login: Login) -> Grant:
    """Return the login that is to be renewed, from memory or from the store."""
    if login.grant is None or login.needs_reload or login.shared.refresh_failure.is_final:
        stored = None if login.is_logged_out else news(login, await read(login))
        if stored is not None:
            take_stored(login, stored)
        login.needs_reload = False
    if login.grant is None or login.grant.credentials is None:
        raise CredentialsMissingError(f"{login.name} is not logged in: call authenticate() first")
    return login.grant


def _is_revoked(stored: StoredLogin | None, known: Grant) -> bool:
    """Tell whether another process noted that the service called this very login off."""
    if stored is None or stored.revoked_at is None or known.credentials is None:
        return False
    return stored.credentials.refresh_token == known.credentials.refresh_token


def _called_off(login: Login, known: Grant) -> Outcome | None:
    """Return the failure of a login that the service will never renew."""
    refresh_failure = login.shared.refresh_failure
    failure = refresh_failure.last() if refresh_failure.refused == renewal_of(known) else None
    return None if failure is None else Outcome(Work.REFRESH, failure)


async def _ask_and_keep(login: Login, known: Grant, landed: list[Outcome], outcomes: list[Outcome] | None) -> None:
    """Renew a login, store what came, and publish it: what must not be torn in the middle."""
    try:
        outcome = await keep(login, await _ask(login, known), Work.REFRESH, "refreshed")
    except Exception as exc:  # noqa: BLE001 - the one place where it becomes a result
        outcome = _failed(login, exc)
    landed.append(outcome)
    if outcomes is not None:
        outcomes.append(outcome)


async def _ask(login: Login, known: Grant) -> Grant:
    """Ask the service; when it calls the login off, see whether the store has got another one."""
    try:
        return await _ask_once(login, known)
    except Exception as exc:
        if to_quack_error(exc).code not in REAUTH_CODES:
            raise
        stored = await read(login)
        if stored is not None and Secret(stored.credentials.refresh_token or "") != renewal_of(known):
            login.shared.seen = tokens_of(stored.credentials)
            if usable(login, stored):
                return grant_of(login, stored, guard=guard_of(login))
            if stored.revoked_at is None:
                return await _ask_once(login, grant_of(login, stored))
        await mark_revoked(login, stored)
        raise


async def _ask_once(login: Login, known: Grant) -> Grant:
    old = known.credentials
    if old is None:
        raise CredentialsMissingError(f"{login.name} is not logged in: call authenticate() first")
    sent = login.clocks.now()
    fresh = checked(login, await login.owner._refresh(old), "_refresh")
    check_token(login, fresh, needed=bool(old.token))
    extra = {**old.extra, **fresh.extra}
    if "expires_in" not in fresh.extra:
        extra.pop("expires_in", None)
    fresh = fresh.replaced(refresh_token=fresh.refresh_token or old.refresh_token, extra=extra)
    return issued(login, fresh, sent, guard=guard_of(login), generation=known.generation + 1)


def _failed(login: Login, exc: Exception) -> Outcome:
    """Take note of a refresh that failed."""
    result = login.failure(exc, "refresh_credentials")
    code = result.error_info.code if result.error_info else None
    if code != CredentialsMissingError.default_code:
        refused = renewal_of(login.grant) if code in REAUTH_CODES else None
        login.shared.refresh_failure.note(result, login.clocks.monotonic(), refused=refused)
    login.set_fast_path()
    login.tell("refresh", result)
    return Outcome(Work.REFRESH, result)
