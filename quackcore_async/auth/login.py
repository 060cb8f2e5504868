"""One login for many tasks: single flight, generations, back-off after a failed refresh."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import anyio

from quackcore_async.auth.credentials import Credentials
from quackcore_async.concurrency import Flight, SingleFlight
from quackcore_async.errors import ContractError, LifecycleError, TimedOutError
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
        self.generation = 0

    async def authenticate(self, call: Call, *, cancellable: bool) -> AuthResult:
        """Run one login for all who ask. It always tries, also within a back-off."""
        if self._flight.inside is not None:
            return await call()
        deadline = 0.0 if cancellable else None
        while True:
            outcome = await self._join(call, is_login=True, grace=deadline)
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
            return self._failure.model_copy()
        return (await self._join(call, is_login=False, grace=None)).result

    async def credentials(self, call: Callable[[], Awaitable[object]]) -> object:
        """Return what the provider has, renewed once when it has expired.

        Memory is always a store: a provider that has nothing, such as one without a file, gets its last login.
        """
        credentials = await call() or self._memory
        if self._flight.inside is not None or not self.is_expired(expiry_of(credentials) or self._expiry):
            return credentials
        renewed = await self._owner.refresh_credentials()
        return await call() or self._memory if renewed.success else credentials

    def is_expired(self, expiry: int | None) -> bool:
        """Tell whether a token expires so soon that it is to be renewed; one of unknown expiry is not."""
        if expiry is None:
            return False
        lifetime = (
            max(expiry - self._obtained_at, 0.0) if self._obtained_at else _LEEWAY_SECONDS / _LEEWAY_FRACTION
        )
        return expiry - min(_LEEWAY_SECONDS, lifetime * _LEEWAY_FRACTION) <= self._clock()

    async def _join(self, call: Call, *, is_login: bool, grace: float | None) -> _Outcome:
        async def lead(flight: Flight[_Outcome]) -> _Outcome:
            async def work() -> None:
                flight.outcomes.append(_Outcome(is_login, self._settle(await call(), is_login=is_login)))

            await _protected(work, limit=None if is_login else SHIELD_SECONDS, grace=grace)
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
        return outcome if outcome.result.success else _Outcome(outcome.is_login, outcome.result.model_copy())

    def _settle(self, result: object, *, is_login: bool) -> AuthResult:
        """Take note of how a login or a refresh went."""
        if not isinstance(result, AuthResult):
            label = type(self._owner).__name__
            result = AuthResult.from_exception(
                ContractError(f"{label} returned {type(result).__name__}: return an AuthResult")
            )
        self._owner.authenticated = result.success
        if result.success:
            self._failure, self._failures = None, 0
            self.generation += 1
            self._obtained_at = self._clock()
            self._expiry = result.expiry or expiry_of(result.content)
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


async def _protected(work: Callable[[], Awaitable[None]], *, limit: float | None, grace: float | None) -> None:
    """Run `work` so that a cancellation of the caller leaves it time to finish.

    It runs in a task of its own: a native `Task.cancel` reaches only the caller, which then waits for it.

    Args:
        work: What is not to be torn in the middle.
        limit: Seconds that it may take in all; None is unlimited.
        grace: Seconds that it may go on after a cancellation; None is `SHIELD_SECONDS`.
    """
    grace = SHIELD_SECONDS if grace is None else grace
    scope = anyio.CancelScope(shield=grace > 0)
    if limit is not None:
        scope.deadline = anyio.current_time() + limit

    async def run() -> None:
        with scope:
            await work()
        group.cancel_scope.cancel()

    async def watch() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            scope.deadline = min(scope.deadline, anyio.current_time() + grace)

    async with anyio.create_task_group() as group:
        group.start_soon(watch)
        group.start_soon(run)


def expiry_of(credentials: object) -> int | None:
    """Read the expiry from what a provider returned: a mapping or an object with `expiry` or `expires_at`."""
    for name in ("expiry", "expires_at"):
        value: Any = (
            credentials.get(name) if isinstance(credentials, Mapping) else getattr(credentials, name, None)
        )
        if value:
            return parse_expiry(value)
    return None
