"""How a provider logs in: with what is stored, by renewing it, or by asking the service for a new login."""

import math
from functools import partial

from quackcore_async.auth.credentials import Credentials
from quackcore_async.auth.grants import check_token, checked, issued, news, renewal_of, take_stored, usable
from quackcore_async.auth.login import Login
from quackcore_async.auth.persistence import adopt, is_gone, keep, read_whole
from quackcore_async.auth.renewal import SHIELD_SECONDS
from quackcore_async.auth.shared_login import Outcome, Work
from quackcore_async.auth.validity import Moment, Phase
from quackcore_async.concurrency import protected
from quackcore_async.errors import TimedOutError
from quackcore_async.redaction import Secret

__all__ = ["log_in", "take_up"]


async def log_in(login: Login, outcomes: list[Outcome] | None) -> Outcome:
    """Take up a login that still holds, renew it, or ask the service for a new one."""
    try:
        return await _log_in(login, outcomes)
    except Exception as exc:  # noqa: BLE001 - the one place where it becomes a result
        return _failed(login, exc)


async def take_up(login: Login, credentials: Credentials, outcomes: list[Outcome] | None) -> Outcome:
    """Keep a login that came by another way than the hook: stored first, published then."""
    landed: list[Outcome] = []
    work = partial(_keep_new, login, credentials, login.clocks.now(), landed, outcomes, lock=True)
    await protected(work, limit=SHIELD_SECONDS)
    return landed[0] if landed else _failed(login, _cut_short(login))


async def _log_in(login: Login, outcomes: list[Outcome] | None) -> Outcome:
    found = await read_whole(login)
    if is_gone(login, found):
        login.forget()
    stored = news(login, found)
    if stored is not None:
        take_stored(login, stored)
    if _holds(login):
        return Outcome(Work.LOGIN, login.success("using the stored login"))
    renewal = renewal_of(login.grant)
    if renewal and renewal != login.shared.refresh_failure.refused:
        renewed = await login.owner.refresh_credentials()
        # A person is not to be asked because the service is down for a moment.
        later = login.owner.interactive and renewed.error_info is not None and renewed.error_info.retryable
        if renewed.success or later:
            return Outcome(Work.LOGIN, renewed)
    return await _log_in_anew(login, outcomes)


def _holds(login: Login) -> bool:
    grant = login.grant
    if grant is None or grant.credentials is None or not grant.credentials.token:
        return False
    if login.shared.refresh_failure.is_final or login.refused_token == Secret(grant.credentials.token):
        return False
    return grant.validity.phase(login.clocks.now()) in (Phase.FRESH, Phase.STALE)


async def _log_in_anew(login: Login, outcomes: list[Outcome] | None) -> Outcome:
    landed: list[Outcome] = []
    if login.owner.interactive:
        # A person may take minutes, for which no other process is to wait: the lock is for the storing alone.
        sent = login.clocks.now()
        fresh = await login.owner._authenticate()
        work = partial(_keep_new, login, fresh, sent, landed, outcomes, lock=True)
        await protected(work, limit=SHIELD_SECONDS)
    else:
        async with login.lock():
            stored = news(login, await read_whole(login))
            if stored is not None and usable(login, stored):
                return Outcome(Work.LOGIN, (await adopt(login, stored)).result)
            await protected(partial(_ask_and_keep, login, landed, outcomes), limit=math.inf, grace=SHIELD_SECONDS)
    if landed:
        return landed[0]
    raise _cut_short(login)


def _cut_short(login: Login) -> TimedOutError:
    return TimedOutError(f"the login of {login.name} was cut short", retryable=True, indeterminate=True)


async def _ask_and_keep(login: Login, landed: list[Outcome], outcomes: list[Outcome] | None) -> None:
    sent = login.clocks.now()
    try:
        fresh = await login.owner._authenticate()
    except Exception as exc:  # noqa: BLE001 - the one place where it becomes a result
        _land(_failed(login, exc), landed, outcomes)
        return
    await _keep_new(login, fresh, sent, landed, outcomes, lock=False)


async def _keep_new(
    login: Login, fresh: object, sent: Moment, landed: list[Outcome], outcomes: list[Outcome] | None, *, lock: bool
) -> None:
    try:
        credentials = checked(login, fresh, "_authenticate")
        check_token(login, credentials, needed=not credentials.extra)  # as a profile of AWS
        generation = (login.grant.generation if login.grant else 0) + 1
        grant = issued(login, credentials, sent, guard=0.0, generation=generation)
        outcome = await keep(login, grant, Work.LOGIN, "logged in", lock=lock)
    except Exception as exc:  # noqa: BLE001 - the one place where it becomes a result
        outcome = _failed(login, exc)
    _land(outcome, landed, outcomes)


def _land(outcome: Outcome, landed: list[Outcome], outcomes: list[Outcome] | None) -> None:
    landed.append(outcome)
    if outcomes is not None:
        outcomes.append(outcome)


def _failed(login: Login, exc: Exception) -> Outcome:
    result = login.failure(exc, "authenticate")
    login.tell("login", result)
    return Outcome(Work.LOGIN, result)
