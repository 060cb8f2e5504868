"""One login for many tasks: single flight, generations, back-off after a failed refresh."""

import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import anyio

from quackcore_async.auth.credentials import Credentials
from quackcore_async.concurrency import Flight, SingleFlight, protected
from quackcore_async.errors import ContractError, LifecycleError, TimedOutError
from quackcore_async.redaction import Secret, find_secrets
from quackcore_async.results import AuthResult, parse_expiry, service_name
from quackcore_async.retry import full_jitter

__all__ = ["Login", "expiry_of"]

SHIELD_SECONDS: Final = 15.0
"""How long a login or a refresh goes on after its caller was cancelled, and how long a refresh may take in all."""

_LEEWAY_SECONDS: Final = 60.0  # a token is renewed this long before it expires ...
_LEEWAY_FRACTION: Final = 0.1  # ... but not earlier than in the last tenth of its life, or short ones never rest
_BACKOFF_MAX_SECONDS: Final = 60.0

Call = Callable[[], Awaitable[AuthResult]]


class Owner(Protocol):
    """What a login touches of the provider that it belongs to."""

    logger: logging.Logger
    authenticated: bool

    async def refresh_credentials(self) -> AuthResult:
        """Renew the login."""
        ...


@dataclass(frozen=True, slots=True)
class _Outcome:
    is_login: bool
    result: AuthResult


class Login:
    """Runs the logins and refreshes of one provider one at a time, and shares their outcomes.

    Args:
        owner: The provider.
        clock: Tells the time in epoch seconds.
    """

    def __init__(self, owner: Owner, clock: Callable[[], float]) -> None:
        self._owner = owner
        self._clock = clock
        self._flight: SingleFlight[_Outcome] = SingleFlight("this login")
        self._failure: AuthResult | None = None
        self._failures = 0
        self._retry_at = 0.0
        self._expiry: int | None = None
        self._obtained_at = 0.0
        self._memory: Credentials | None = None
        self._secrets: tuple[Secret, ...] = ()
        self.generation = 0

    async def authenticate(self, call: Call, *, cancellable: bool) -> AuthResult:
        """Run one login for all who ask. It always tries, also within a back-off."""
        if self._flight.inside is not None:
            return await call()
        grace = 0.0 if cancellable else SHIELD_SECONDS
        while True:
            outcome = await self._join(call, is_login=True, grace=grace)
            if outcome.is_login or outcome.result.success:
                return outcome.result

    async def refresh(self, call: Call, *, rejected: int | None) -> AuthResult:
        """Run one refresh for all who ask.

        Args:
            call: Talks to the service.
            rejected: The generation that a service refused; when it is not the current one any more, the current
                login is fresh enough.
        """
        if self._flight.inside is not None:
            return await call()
        if rejected is not None and rejected != self.generation:
            return AuthResult.success_result(message="renewed meanwhile", expiry=self._expiry)
        if self._failure is not None and 0 < self._retry_at - anyio.current_time() <= _BACKOFF_MAX_SECONDS:
            return self._failure.own_copy()
        return (await self._join(call, is_login=False)).result

    async def credentials(self, call: Callable[[], Awaitable[object]]) -> object:
        """Return what the provider has, renewed once when it has expired.

        Memory is always a store: a provider that has nothing, such as one without a file, gets its last login.
        """
        credentials = self._known(await call())
        expiry = expiry_of(credentials, self._obtained_at) or self._expiry
        if self._flight.inside is not None or not self.is_expired(expiry):
            return credentials
        renewed = await self._owner.refresh_credentials()
        return self._known(await call()) if renewed.success else credentials

    def _known(self, credentials: object) -> object:
        self._secrets = find_secrets(credentials)
        return credentials or self._memory

    def is_expired(self, expiry: int | None) -> bool:
        """Tell whether a token expires so soon that it is to be renewed; one of unknown expiry is not."""
        if expiry is None:
            return False
        lifetime = (
            max(expiry - self._obtained_at, 0.0) if self._obtained_at else _LEEWAY_SECONDS / _LEEWAY_FRACTION
        )
        return expiry - min(_LEEWAY_SECONDS, lifetime * _LEEWAY_FRACTION) <= self._clock()

    async def _join(self, call: Call, *, is_login: bool, grace: float = SHIELD_SECONDS) -> _Outcome:
        async def lead(flight: Flight[_Outcome]) -> _Outcome:
            async def work() -> None:
                flight.outcomes.append(_Outcome(is_login, self._settle(await call(), is_login=is_login)))

            await protected(work, limit=math.inf if is_login else SHIELD_SECONDS, grace=grace)
            if not flight.outcomes:
                late = TimedOutError(f"{service_name(self._owner)} did not answer in time", retryable=True)
                flight.outcomes.append(
                    _Outcome(is_login, self._settle(AuthResult.from_exception(late), is_login=is_login))
                )
            return flight.outcomes[0]

        try:
            outcome = await self._flight.run(lead)
        except LifecycleError as error:
            return _Outcome(is_login, AuthResult.from_exception(error, service=service_name(self._owner)))
        return outcome if outcome.result.success else _Outcome(outcome.is_login, outcome.result.own_copy())

    def _settle(self, result: object, *, is_login: bool) -> AuthResult:
        """Take note of how a login or a refresh went."""
        if not isinstance(result, AuthResult):
            label = f"{type(self._owner).__name__}.{'authenticate' if is_login else 'refresh_credentials'}"
            result = AuthResult.from_exception(
                ContractError(f"{label} returned {type(result).__name__}: return an AuthResult")
            )
        self._owner.authenticated = result.success
        if result.success:
            self._failure, self._failures = None, 0
            self.generation += 1
            self._obtained_at = self._clock()
            self._expiry = result.expiry or expiry_of(result.content, self._obtained_at)
            self._secrets = find_secrets(result.content)
            self._memory = Credentials(result.token, expires_at=self._expiry) if result.token else None
            return result
        if not is_login:
            self._back_off(result)
        return result

    def _back_off(self, failure: AuthResult) -> None:
        ceiling = min(_BACKOFF_MAX_SECONDS, 2.0**self._failures)
        self._failure = failure
        self._failures += 1
        hint = failure.error_info.retry_after if failure.error_info else None
        wait = full_jitter(ceiling) if hint is None else min(hint, _BACKOFF_MAX_SECONDS)
        self._retry_at = anyio.current_time() + wait


def expiry_of(credentials: object, obtained_at: float = 0.0) -> int | None:
    """Read the expiry from what a provider returned, a mapping or an object.

    Args:
        credentials: With `expiry` or `expires_at`, or with `expires_in`, the seconds that it lives.
        obtained_at: When it was obtained, in epoch seconds; 0 is unknown, and then `expires_in` says nothing.
    """
    for name in ("expiry", "expires_at"):
        value = _member(credentials, name)
        if value:
            return parse_expiry(value)
    lifetime = parse_expiry(_member(credentials, "expires_in")) if obtained_at else None
    return None if lifetime is None else int(obtained_at) + lifetime


def _member(credentials: object, name: str) -> Any:  # noqa: ANN401 - the members differ in type
    return credentials.get(name) if isinstance(credentials, Mapping) else getattr(credentials, name, None)
