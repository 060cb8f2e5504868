"""Running what an author wrote in place of the hooks: whole, as nobody knows where in it a request is sent."""

import math
from collections.abc import Awaitable, Callable

from quackcore_async.auth.credentials import Credentials
from quackcore_async.auth.grants import guard_of
from quackcore_async.auth.login import Login
from quackcore_async.auth.refresh_failure import REAUTH_CODES
from quackcore_async.auth.renewal import SHIELD_SECONDS
from quackcore_async.auth.secret_causes import without_secret_causes
from quackcore_async.auth.shared_login import Grant, Outcome, Work
from quackcore_async.auth.validity import Moment, expiry_of, validity_of
from quackcore_async.concurrency import protected
from quackcore_async.errors import ContractError, TimedOutError
from quackcore_async.redaction import Secret, find_secrets
from quackcore_async.results import AuthResult

__all__ = ["Call", "run_author_method"]

Call = Callable[[], Awaitable[AuthResult]]


async def run_author_method(login: Login, call: Call, work: Work, outcomes: list[Outcome] | None) -> Outcome:
    """Run an author's `authenticate` or `refresh_credentials` as a flight, and take note of how it went."""
    if outcomes is None:
        return Outcome(work, await call())
    sent, publications = login.clocks.now(), login.publications
    is_login = work is Work.LOGIN

    async def run() -> None:
        result = await call()
        outcomes.append(
            Outcome(work, _settled(login, result, work, sent, again=login.publications != publications))
        )

    grace = 0.0 if is_login and login.owner.interactive else SHIELD_SECONDS
    await protected(run, limit=math.inf if is_login else SHIELD_SECONDS, grace=grace)
    if not outcomes:
        late = AuthResult.from_exception(TimedOutError(f"{login.name} did not answer in time", retryable=True))
        outcomes.append(Outcome(work, _settled(login, late, work, sent)))
    return outcomes[0]


def _settled(login: Login, result: object, work: Work, sent: Moment, *, again: bool = False) -> AuthResult:
    """Take note of how a login or a refresh went.

    Args:
        login: The login.
        result: What the author's method returned.
        work: Which method it was.
        sent: When it was called.
        again: Whether the base class has published a login meanwhile.
    """
    if not isinstance(result, AuthResult):
        label = f"{type(login.owner).__name__}.{'authenticate' if work is Work.LOGIN else 'refresh_credentials'}"
        result = AuthResult.from_exception(
            ContractError(f"{label} returned {type(result).__name__}: return an AuthResult")
        )
    if not result.success:
        without_secret_causes(result)
        if work is Work.REFRESH:
            code = result.error_info.code if result.error_info else None
            refused = Secret("") if code in REAUTH_CODES else None
            login.shared.refresh_failure.note(result, login.clocks.monotonic(), refused=refused)
            login.set_fast_path()
    elif not (again and login.grant and login.grant.credentials and login.grant.credentials.token == result.token):
        login.publish(_granted(login, result, work, sent))
    login.tell(work.value, result)
    return result


def _granted(login: Login, result: AuthResult, work: Work, sent: Moment) -> Grant:
    # What a refresh gave is new, whatever its expiry says; what a login gave may come from an author's own file.
    expiry = result.expiry or expiry_of(result.content, sent.wall)
    return Grant(
        Credentials(result.token, expires_at=expiry) if result.token else None,
        validity_of(expiry, obtained_at=sent.wall, now=sent, issued_now=work is Work.REFRESH),
        sent,
        guard=0.0 if work is Work.LOGIN else guard_of(login),
        secrets=find_secrets(result.content),
    )
