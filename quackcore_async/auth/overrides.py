"""What the base class puts around the protocol methods that a provider writes, when the class is made."""

import functools
import inspect
import math
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, TypeVar

from quackcore_async.auth.account import Grant, Outcome, Work
from quackcore_async.auth.credentials import Credentials
from quackcore_async.auth.granting import guard_of
from quackcore_async.auth.login import Login
from quackcore_async.auth.renewal import SHIELD_SECONDS
from quackcore_async.auth.setback import REAUTH_CODES
from quackcore_async.auth.validity import Moment, expiry_of, validity_of
from quackcore_async.concurrency import protected
from quackcore_async.errors import ContractError, TimedOutError
from quackcore_async.protocols.core import (
    AuthProviderProtocol,
    coroutine_methods,
    guard_method,
    guards,
    unguarded_method,
)
from quackcore_async.redaction import Secret, find_secrets
from quackcore_async.results import AuthResult

__all__ = ["is_unwrapped", "unwrapped", "wrap_overrides"]

MethodT = TypeVar("MethodT", bound=Callable[..., Any])
Call = Callable[[], Awaitable[AuthResult]]

_METHODS: Final = coroutine_methods(AuthProviderProtocol)


def unwrapped(method: MethodT) -> MethodT:
    """Mark a method of the base class that takes part in the flights by itself."""
    method.__unwrapped__ = True  # type: ignore[attr-defined]
    return method


def is_unwrapped(cls: type, name: str) -> bool:
    """Tell whether a class has the base class's own method of that name."""
    return hasattr(inspect.getattr_static(cls, name, None), "__unwrapped__")


def wrap_overrides(cls: type) -> None:
    """Wrap the protocol methods that `cls` defines, or takes from a mixin, and no others."""
    wrappers: dict[str, Callable[[type, Callable[..., Any]], Callable[..., Awaitable[Any]]]] = {
        "authenticate": _authenticate,
        "refresh_credentials": _refresh_credentials,
        "get_credentials": _get_credentials,
        "save_credentials": _save_credentials,
    }
    for name in _METHODS:
        method = unguarded_method(cls, name)
        if method is not None and not is_unwrapped(cls, name):
            setattr(cls, name, wrappers[name](cls, method))


def _authenticate(owner: type, method: Callable[..., Any]) -> Callable[..., Awaitable[AuthResult]]:
    guarded = guard_method(owner, method, AuthResult)

    @guards(method)
    async def authenticate(self: Any, *args: Any, **kwargs: Any) -> AuthResult:  # noqa: ANN401 - a provider
        login: Login = self._login
        call = partial(guarded, self, *args, **kwargs)
        return await login.authenticate(partial(_fly, login, call, Work.LOGIN))

    return authenticate


def _refresh_credentials(owner: type, method: Callable[..., Any]) -> Callable[..., Awaitable[AuthResult]]:
    guarded = guard_method(owner, method, AuthResult)

    @guards(method)
    async def refresh_credentials(self: Any, *args: Any, rejected: int | None = None, **kwargs: Any) -> AuthResult:  # noqa: ANN401 - a provider
        login: Login = self._login
        call = partial(guarded, self, *args, **kwargs)
        return await login.refresh(partial(_fly, login, call, Work.REFRESH), rejected=rejected)

    return refresh_credentials


def _get_credentials(owner: type, method: Callable[..., Any]) -> Callable[..., Awaitable[object]]:
    @guards(method)
    async def get_credentials(self: Any) -> object:  # noqa: ANN401 - a provider
        login: Login = self._login
        credentials = _known(login, await _awaited(owner, method, self))
        if login.is_inside():
            return credentials
        generation = login.generation
        await self._freshness.keep(self._freshness.validity_of(credentials))
        return (
            credentials if generation == login.generation else _known(login, await _awaited(owner, method, self))
        )

    return get_credentials


def _save_credentials(owner: type, method: Callable[..., Any]) -> Callable[..., Awaitable[bool]]:
    @guards(method)
    async def save_credentials(self: Any) -> bool:  # noqa: ANN401 - a provider
        try:
            return bool(await _awaited(owner, method, self))
        except Exception as exc:  # noqa: BLE001 - a login that could not be stored is still a login
            self.logger.warning("the login could not be stored: %s", exc)
            return False

    return save_credentials


async def _awaited(owner: type, method: Callable[..., Any], provider: object) -> Any:  # noqa: ANN401 - whatever it returns
    outcome = method(provider)
    if not inspect.isawaitable(outcome):
        name = method.__name__
        raise ContractError(f"{owner.__name__}.{name} is a plain function: write `async def {name}`")
    return await outcome


def _known(login: Login, credentials: object) -> object:
    """Return what a provider has. Memory is always a store: one that has nothing gets its last login."""
    login.foreign_secrets = find_secrets(credentials)
    return credentials or login.credentials


async def _fly(login: Login, call: Call, work: Work, outcomes: list[Outcome] | None) -> Outcome:
    """Run what an author wrote: whole, as nobody knows where in it the request is sent."""
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
        if work is Work.REFRESH:
            code = result.error_info.code if result.error_info else None
            refused = Secret("") if code in REAUTH_CODES else None
            login.account.setback.note(result, login.clocks.monotonic(), refused=refused)
            login.arm()
    elif not (again and login.grant and login.grant.credentials and login.grant.credentials.token == result.token):
        login.publish(_granted(login, result, work, sent))
    login.tell(work.value, result)
    return result


def _granted(login: Login, result: AuthResult, work: Work, sent: Moment) -> Grant:
    expiry = result.expiry or expiry_of(result.content, sent.wall)
    return Grant(
        Credentials(result.token, expires_at=expiry) if result.token else None,
        validity_of(expiry, obtained_at=sent.wall, now=sent, issued_now=True),
        sent,
        guard=0.0 if work is Work.LOGIN else guard_of(login),
        secrets=find_secrets(result.content),
    )
