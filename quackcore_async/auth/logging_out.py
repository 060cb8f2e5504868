"""How a provider logs out: at the service as far as it lets itself, and here in any case."""

from functools import partial
from typing import Final

import anyio

from quackcore_async.auth.credentials import Credentials
from quackcore_async.auth.grants import news
from quackcore_async.auth.login import Login
from quackcore_async.auth.persistence import read
from quackcore_async.auth.shared_login import Outcome, Work
from quackcore_async.auth.stored_login import ForeignDataError
from quackcore_async.concurrency import protected
from quackcore_async.errors import TimedOutError
from quackcore_async.results import AuthResult, to_quack_error

__all__ = ["log_out"]

REVOKE_SECONDS: Final = 10.0
"""How long the service may take to be told."""

END_SECONDS: Final = 20.0


async def log_out(login: Login, outcomes: list[Outcome] | None) -> Outcome:
    """End the login, once no refresh runs in this process or another that could bring it back."""
    landed: list[Outcome] = []
    try:
        async with login.lock():
            await protected(partial(_end, login, landed, outcomes), limit=END_SECONDS)
    except Exception as exc:  # noqa: BLE001 - the one place where it becomes a result
        return Outcome(Work.LOGOUT, login.failure(exc, "logout"))
    if landed:
        return landed[0]
    late = TimedOutError(f"logging {login.name} out took longer than {END_SECONDS:g} seconds", retryable=True)
    return Outcome(Work.LOGOUT, login.failure(late, "logout"))


async def _end(login: Login, landed: list[Outcome], outcomes: list[Outcome] | None) -> None:
    try:
        complaint = await _revoke(login)
        found = login.find_store()
        deleted = False if found is None else await found[0].delete(found[1])
        told = f"; the service could not be told: {complaint}" if complaint else ""
        result = AuthResult.success_result(
            message=f"{login.name}: logged out{told}{_remainder(login)}",
            content={"revoked": complaint == "", "deleted": deleted},
        )
    except Exception as exc:  # noqa: BLE001 - the one place where it becomes a result
        result = login.failure(exc, "logout")
    login.forget(for_good=True)
    login.tell("logout", result)
    outcome = Outcome(Work.LOGOUT, result)
    landed.append(outcome)
    if outcomes is not None:
        outcomes.append(outcome)


def _remainder(login: Login) -> str:
    """Say what a logout cannot reach: the attributes of an author."""
    if not login.owner._keeps_login:
        return ""
    return f"; what get_credentials() of {type(login.owner).__name__} keeps by itself is not cleared by this"


async def _revoke(login: Login) -> str | None:
    """Tell the service; return why it could not be told, an empty text when it was, None when there is no way."""
    try:
        credentials = await _latest(login)
        if credentials is None or not login.owner.can_revoke:
            return None
        with anyio.fail_after(REVOKE_SECONDS):
            await login.owner._revoke(credentials)
    except ForeignDataError:
        raise  # it is not ours to delete
    except Exception as exc:  # noqa: BLE001 - logging out here goes on
        complaint = str(to_quack_error(exc)) or type(exc).__name__
        login.owner.logger.warning("the service of %s could not be told of the logout: %s", login.name, complaint)
        return complaint
    return ""


async def _latest(login: Login) -> Credentials | None:
    stored = news(login, await read(login))
    if stored is not None:
        return stored.credentials
    return login.grant.credentials if login.grant else None
