"""What the credentials of one provider put into requests: asked for, kept, renewed."""

import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar, Token
from dataclasses import dataclass, replace
from typing import Any, Final, cast

import anyio

from quackcore_async.clients.http.presentation import NOTHING, Presentation, present
from quackcore_async.concurrency import Flight, SingleFlight, protected
from quackcore_async.errors import ContractError, CredentialsMissingError, QuackError, TimedOutError
from quackcore_async.protocols import AuthProviderProtocol, RequestSecrets, contract_violations
from quackcore_async.protocols.signing import as_bearer
from quackcore_async.results import AuthResult, service_name, to_quack_error

__all__ = ["ProviderSecrets", "RenewalEvent"]

_SHIELD_SECONDS: Final = 15.0
"""How long the refresh of a provider that does not shield it by itself goes on after a cancellation."""

_FAILURE_SECONDS: Final = 1.0
"""How long the failure of such a refresh is the answer to all who ask again."""

_REFUSED_SECONDS: Final = 10.0
"""How long nothing is renewed after fresh credentials were refused: then the service means something else."""


@dataclass(frozen=True, slots=True)
class RenewalEvent:
    """One renewal of credentials that a client asked for.

    Attributes:
        provider: Name of the provider.
        success: Whether it succeeded.
        error: Why not, for people.
    """

    provider: str
    success: bool
    error: str | None = None


class ProviderSecrets:
    """Asks one provider for what goes into a request, and has it renewed once however many requests were refused.

    A `BaseAuthProvider` counts the generations of its credentials and joins its callers by itself; for any other
    provider this class does so. What the provider sends over the same client while it is asked goes out without
    credentials, so that a renewal never waits for itself.

    Args:
        provider: The provider.
        logger: Told of failed renewals.
        on_refresh: Told of each renewal.

    Raises:
        ContractError: if the provider breaks its protocol.
    """

    def __init__(
        self,
        provider: AuthProviderProtocol,
        logger: logging.Logger,
        on_refresh: Callable[[RenewalEvent], None] | None = None,
    ) -> None:
        violations = list(contract_violations(provider, AuthProviderProtocol))
        if violations:
            raise ContractError("; ".join(violations))
        self._provider = provider
        self._logger = logger
        self._on_refresh = on_refresh
        self._counts = _takes_rejected(provider) and isinstance(getattr(provider, "generation", None), int)
        self._flight: SingleFlight[AuthResult] = SingleFlight(f"a renewal of {service_name(provider)}")
        self._epoch = 0
        self._failure: tuple[int, AuthResult, float] | None = None
        self._login: AuthResult | None = None
        self._last = NOTHING
        self._announced: tuple[int, bool] | None = None
        self._fresh_refused: tuple[int, float] | None = None

    def is_asking(self) -> bool:
        """Tell whether the caller is the provider itself, while it is asked."""
        askings = _askings.get()
        return bool(askings) and any(asking.owner is self and asking.active for asking in askings)

    async def current(self) -> Presentation:
        """Return what goes into a request now.

        Raises:
            CredentialsMissingError: if there are no credentials and none can be had without a person.
            QuackError: if the provider fails, or its credentials cannot be sent.
        """
        with _Asking(self):
            credentials = await self._provider.get_credentials()
        generation = self._generation()
        last = self._last
        if credentials is last.source and credentials is not None and generation == last.generation:
            return last
        if credentials is None or (isinstance(credentials, Mapping) and not credentials):
            credentials = await self._log_in()
            generation = self._generation()
        if credentials is None:
            self._last = replace(NOTHING, generation=generation)
        else:
            self._last = present(credentials, generation, self._secrets_of)
        return self._last

    async def renew(self, refused: Presentation) -> AuthResult | None:
        """Have the credentials renewed that a service refused, unless they were meanwhile.

        Returns:
            How it went; None when it was not tried, because fresh credentials were refused just before.
        """
        if self._fresh_refused is not None:
            generation, until = self._fresh_refused
            if generation == refused.generation and anyio.current_time() < until:
                return None
        if self._counts:
            with _Asking(self):
                result = await cast("Any", self._provider).refresh_credentials(rejected=refused.generation)
        else:
            result = await self._renew_once(refused.generation)
        self._announce(refused.generation, result)
        return _checked(result, self._provider)

    def note_fresh_refused(self, presentation: Presentation) -> None:
        """Take note that renewed credentials were refused too: renewing them again at once would not help."""
        self._fresh_refused = presentation.generation, anyio.current_time() + _REFUSED_SECONDS

    def _generation(self) -> int:
        return cast("Any", self._provider).generation if self._counts else self._epoch

    def _secrets_of(self, credentials: object) -> RequestSecrets:
        method = getattr(self._provider, "request_secrets", None)
        if callable(method) and not inspect.iscoroutinefunction(method):
            secrets = method(credentials)
            if isinstance(secrets, RequestSecrets):
                return secrets
        return as_bearer(credentials)

    async def _log_in(self) -> object:
        """Log in where nobody has yet; return the credentials, or None when there is nothing to present."""
        if self._login is None:
            if getattr(self._provider, "interactive", False) is True:
                name = service_name(self._provider)
                raise CredentialsMissingError(f"{name} is not logged in: call its authenticate() first")
            result = await self._ask_once(self._provider.authenticate, self._logged_in)
            result.own_copy().unwrap()
        with _Asking(self):
            credentials = await self._provider.get_credentials()
        token = self._login.token if self._login is not None else None
        return credentials or ({"token": token} if token else None)

    async def _renew_once(self, epoch: int) -> AuthResult:
        if epoch != self._epoch:
            return AuthResult.success_result(message="renewed meanwhile")
        if self._failure is not None:
            failed, failure, until = self._failure
            if failed == epoch and anyio.current_time() < until:
                return failure.own_copy()
        result = await self._ask_once(self._provider.refresh_credentials, self._renewed)
        return result if result.success else result.own_copy()

    def _logged_in(self, result: AuthResult) -> None:
        if result.success:
            self._login = result

    def _renewed(self, result: AuthResult) -> None:
        if not result.success:
            self._failure = self._epoch, result, anyio.current_time() + _FAILURE_SECONDS
            return
        self._epoch += 1
        if result.token:
            self._login = result

    async def _ask_once(
        self, method: Callable[[], Awaitable[AuthResult]], settle: Callable[[AuthResult], None]
    ) -> AuthResult:
        """Call a method of the provider once for all who ask.

        A cancellation does not tear it in the middle, nor keep what it came to from being noted.
        """

        async def lead(flight: Flight[AuthResult]) -> AuthResult:
            def land(result: AuthResult) -> None:
                settle(result)
                flight.outcomes.append(result)

            async def work() -> None:
                with _Asking(self):
                    land(await self._called(method))

            await protected(work, limit=_SHIELD_SECONDS, grace=_SHIELD_SECONDS)
            if not flight.outcomes:
                error = TimedOutError(f"{service_name(self._provider)} did not answer in time", retryable=True)
                land(AuthResult.from_exception(error))
            return flight.outcomes[0]

        return await self._flight.run(lead)

    async def _called(self, method: Callable[[], Awaitable[AuthResult]]) -> AuthResult:
        try:
            return _checked(await method(), self._provider)
        except Exception as exc:  # noqa: BLE001 - of a provider that does not make results of its exceptions
            return AuthResult.from_exception(to_quack_error(exc), service=service_name(self._provider))

    def _announce(self, refused: int, result: AuthResult) -> None:
        """Tell of a renewal once, not once for each request that waited for it."""
        outcome = refused, result.success
        if self._announced is not None and outcome <= self._announced:
            return
        self._announced = outcome
        name = service_name(self._provider)
        if not result.success:
            self._logger.warning("the credentials of %s could not be renewed: %s", name, result.error)
        if self._on_refresh is not None:
            self._on_refresh(RenewalEvent(name, result.success, result.error))


class _Asking:
    """Marks the calling task, and what it starts, as at work for a provider that is being asked."""

    __slots__ = ("_token", "active", "owner")

    def __init__(self, owner: ProviderSecrets) -> None:
        self.owner = owner
        self.active = True
        self._token: Token[tuple[_Asking, ...]] | None = None

    def __enter__(self) -> None:
        self._token = _askings.set((*_askings.get(), self))

    def __exit__(self, *_exc_info: object) -> None:
        self.active = False
        if self._token is not None:
            _askings.reset(self._token)


_askings: ContextVar[tuple[_Asking, ...]] = ContextVar("quackcore_async_asking", default=())


def _takes_rejected(provider: object) -> bool:
    method = getattr(provider, "refresh_credentials", None)
    try:
        parameters = inspect.signature(cast("Any", method), follow_wrapped=False).parameters
    except (TypeError, ValueError):
        return False
    return "rejected" in parameters


def _checked(result: object, provider: object) -> AuthResult:
    if isinstance(result, AuthResult):
        return result
    error: QuackError = ContractError(
        f"{type(provider).__name__} returned {type(result).__name__}: return an AuthResult"
    )
    return AuthResult.from_exception(error, service=service_name(provider))
