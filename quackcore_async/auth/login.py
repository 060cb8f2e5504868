"""One login for many tasks: fresh without a lock, renewed by one of them, and never by two."""

import logging
import math
import os
import threading
import weakref
from collections.abc import Awaitable, Callable, Hashable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Final, Protocol

from quackcore_async.auth.credentials import Credentials
from quackcore_async.auth.secret_causes import without_secret_causes
from quackcore_async.auth.shared_login import Grant, Outcome, SharedLogin, Work, shared_login_of
from quackcore_async.auth.validity import Clocks, Moment
from quackcore_async.concurrency import Flight, wrong_loop
from quackcore_async.errors import AuthError, LifecycleError, QuackError
from quackcore_async.redaction import Secret
from quackcore_async.results import AuthResult, result_of_exception, service_name

if TYPE_CHECKING:
    from quackcore_async.auth.events import RefreshEvent
    from quackcore_async.auth.stores.protocol import CredentialStore

__all__ = ["Lead", "Login"]

_SATISFYING: Final = {
    Work.REFRESH: frozenset({Work.REFRESH, Work.LOGIN}),
    Work.LOGIN: frozenset({Work.LOGIN}),
    Work.LOGOUT: frozenset({Work.LOGOUT}),
    Work.LOAD: frozenset(Work),
    Work.SAVE: frozenset({Work.SAVE, Work.REFRESH, Work.LOGIN}),
}
"""For whom the work of another task's flight is as good as its own."""

Lead = Callable[[list[Outcome] | None], Awaitable[Outcome]]
"""Does the work of a flight.

It puts the outcome into the list by itself when its caller may be cancelled. It gets None when it is called from
within a flight, whose outcome is not its own.
"""


class Owner(Protocol):
    """What a login touches of the provider that it belongs to."""

    logger: logging.Logger
    authenticated: bool

    @property
    def interactive(self) -> bool:
        """Whether a login waits for a person."""
        ...

    @property
    def _shares_login(self) -> bool: ...

    @property
    def _keeps_login(self) -> bool: ...

    @property
    def can_revoke(self) -> bool:
        """Whether the service can be told of a logout."""
        ...

    async def refresh_credentials(self) -> AuthResult:
        """Renew the login."""
        ...

    def _find_store(self) -> "tuple[CredentialStore, str] | None": ...

    async def _authenticate(self) -> Credentials: ...

    async def _refresh(self, credentials: Credentials) -> Credentials: ...

    async def _revoke(self, credentials: Credentials) -> None: ...


class Login:
    """What one provider knows of its login, and how its tasks come together to renew it.

    Args:
        owner: The provider.
        clocks: Tell the time.
        on_refresh: Told how logins, refreshes and saves went.

    Attributes:
        generation: How often the credentials have changed.
        grant: The current login.
        credentials: The same as credentials, for the fast path.
        fresh_until: Until when the fast path is open, on the monotonic clock ...
        fresh_until_wall: ... and on the wall clock ...
        thread: ... and in which thread.
    """

    def __init__(
        self, owner: Owner, clocks: Clocks, on_refresh: "Callable[[RefreshEvent], None] | None" = None
    ) -> None:
        self.owner = owner
        self.clocks = clocks
        self.on_refresh = on_refresh
        self.foreign_secrets: tuple[Secret, ...] = ()
        self.generation = 0
        self.grant: Grant | None = None
        self.previous: Grant | None = None
        self.credentials: object = None
        self.in_background = False
        self.is_logged_out = False
        self.publications = 0
        self.fresh_until = -math.inf
        self.fresh_until_wall = -math.inf
        self.thread = 0
        self.needs_reload = False
        self.refused_token: Secret | None = None
        self.warned_of_store = False
        self._shared: SharedLogin | None = None
        _logins.add(self)

    # Where it lives.

    @property
    def shared(self) -> SharedLogin:
        """What it shares with others in this event loop: ask `bind_to_loop` first."""
        assert self._shared is not None  # noqa: S101 - set by `bind_to_loop`
        return self._shared

    def bind_to_loop(self) -> SharedLogin:
        """Bind the login to the event loop of the caller, and take up what others published.

        Raises:
            LifecycleError: if it is bound to another one that still runs.
        """
        shared = self._shared
        if shared is None or not shared.binding.is_here():
            shared = self._move(shared)
        if shared.latest is not None and shared.latest is not self.grant:
            self.take(shared.latest)
            self.owner.authenticated = True
        return shared

    def _move(self, shared: SharedLogin | None) -> SharedLogin:
        with _moving:
            if shared is not None and shared.binding.is_alive():
                raise wrong_loop(f"{self.name} belongs to another running event loop: make one for each loop")
            self.thread = threading.get_ident()
            self._shared = shared_login_of(self._place(), shared)
            self._shared.logins.add(self)
            return self._shared

    def find_store(self) -> "tuple[CredentialStore, str] | None":
        """Return the store of the provider and the key of its login there; None when memory is all it has."""
        return self.owner._find_store()

    def _place(self) -> Hashable | None:
        found = self.find_store()
        if found is None or not self.owner._shares_login:
            return None
        store, key = found
        identity = getattr(store, "identity", None)
        return identity(key) if callable(identity) else (id(store), key)

    @property
    def name(self) -> str:
        """Name of the provider."""
        return service_name(self.owner)

    def is_inside(self) -> bool:
        """Tell whether the calling task does the work of a flight."""
        return self._shared is not None and self._shared.flight.inside is not None

    def is_unsaved_here(self) -> bool:
        """Tell whether this event loop has a login that could not be stored yet."""
        shared = self._shared
        return shared is not None and shared.unsaved is not None and shared.binding.is_here()

    def lock(self) -> AbstractAsyncContextManager[object]:
        """Return what keeps other processes from the store meanwhile."""
        found = self.find_store()
        return nullcontext() if found is None else found[0].lock(found[1])

    def after_fork(self) -> None:
        """Look into the store before the next use: parent and child had one login."""
        self.fresh_until = -math.inf
        self.needs_reload = True
        self.in_background = False

    # What it knows.

    def take(self, grant: Grant) -> None:
        """Make a grant the current one."""
        self.previous, self.grant = self.grant, grant
        self.credentials = grant.credentials
        self.generation += 1
        self.refused_token = None
        self.set_fast_path()

    def publish(self, grant: Grant) -> None:
        """Make a grant the current one of everybody who shares the login."""
        shared = self.shared
        shared.latest = grant
        shared.refresh_failure.clear()
        self.owner.authenticated = True
        self.publications += 1
        self.is_logged_out = False
        self.take(grant)

    def forget(self, *, for_good: bool = False) -> None:
        """Be logged out, with all who share the login.

        Args:
            for_good: Until somebody logs in here; otherwise also until the store has a login again.
        """
        shared = self.shared
        shared.latest = shared.unsaved = shared.seen = None
        shared.stored = False
        shared.refresh_failure.clear()
        for login in [login for login in shared.logins if login._shared is shared]:
            login._drop()
            login.is_logged_out = for_good

    def _drop(self) -> None:
        self.previous = self.grant = self.credentials = None
        self.generation += 1
        self.owner.authenticated = False
        self.set_fast_path()

    def set_fast_path(self) -> None:
        """Set until when `get_credentials` may answer without thinking."""
        grant, shared = self.grant, self._shared
        if grant is None or shared is None or self.needs_reload:
            self.fresh_until = self.fresh_until_wall = -math.inf
            return
        now = self.clocks.now()
        until = grant.validity.advisory
        if shared.refresh_failure.is_final:
            until = grant.validity.mandatory
        elif not shared.refresh_failure.backoff.is_over(now.monotonic):
            limit = grant.validity.mandatory
            retry_at = max(shared.refresh_failure.backoff.retry_at, until.monotonic)
            until = Moment(min(retry_at, limit.monotonic), limit.wall)
        saving = shared.saving.retry_at if shared.unsaved is not None else math.inf
        self.fresh_until, self.fresh_until_wall = min(until.monotonic, saving), until.wall

    # What its tasks do together.

    async def join(self, work: Work, lead: Lead) -> AuthResult:
        """Do the work of a flight, or wait for another task that does it, and return what that came to."""
        return await self._join(lead, _SATISFYING[work], work)

    async def accept(self, lead: Lead) -> AuthResult:
        """Do work that nobody else's can stand for: keep a login that came by another way."""
        try:
            self.bind_to_loop()
            return (await lead(None)).result if self.is_inside() else await self._join(lead)
        except LifecycleError as error:
            return AuthResult.from_exception(error, service=self.name, operation=Work.LOGIN.value)

    async def _join(
        self, lead: Lead, satisfying: frozenset[Work] = frozenset(), work: Work | None = None
    ) -> AuthResult:
        shared = self.shared
        own: list[Outcome] = []

        async def fly(flight: Flight[Outcome]) -> Outcome:
            own.append(await lead(flight.outcomes))
            return own[0]

        while True:
            outcome = await shared.flight.run(fly)
            self.bind_to_loop()
            if (
                own
                or outcome.work in satisfying
                or (work is Work.LOGIN and outcome.work is Work.REFRESH and outcome.result.success)
            ):
                return outcome.result.own_copy()

    async def authenticate(self, lead: Lead) -> AuthResult:
        """Run one login for all who ask. It always tries, also within a back-off."""
        return await self._enter(Work.LOGIN, lead)

    async def refresh(self, lead: Lead, *, rejected: int | None, look: Lead | None = None) -> AuthResult:
        """Run one refresh for all who ask.

        Args:
            lead: Talks to the service.
            rejected: The generation that a service refused; when it is not the current one any more, the current
                login is fresh enough, and when that was renewed just now, another refresh would not help.
            look: Takes up what the store has, for the case that another process renewed the login.
        """
        return await self._enter(Work.REFRESH, lead, lambda: self._answer(rejected, look))

    async def _enter(
        self, work: Work, lead: Lead, answer: Callable[[], Awaitable[AuthResult | None]] | None = None
    ) -> AuthResult:
        try:
            self.bind_to_loop()
            if self.is_inside():
                return (await lead(None)).result
            known = await answer() if answer else None
            result = known if known is not None else await self.join(work, lead)
        except QuackError as error:
            return AuthResult.from_exception(error, service=self.name, operation=work.value)
        if work is not Work.LOGOUT and known is None:
            self.owner.authenticated = result.success
        return result

    async def log_out(self, lead: Lead) -> AuthResult:
        """Log out, once what is under way is done.

        What is under way cannot do so itself: the login that it is about to store would be back at once.
        """
        if self.is_inside():
            error = LifecycleError(
                f"{self.name} cannot log out while it logs in or renews its login", code="cycle"
            )
            return AuthResult.from_exception(error, service=self.name, operation=Work.LOGOUT.value)
        return await self._enter(Work.LOGOUT, lead)

    async def _answer(self, rejected: int | None, look: Lead | None) -> AuthResult | None:
        """Return what a refresh comes to without asking the service, where that is known."""
        now = self.clocks.monotonic()
        if rejected is not None and self.grant is not None:
            age = now - self.grant.obtained.monotonic
            guarded = age < self.grant.guard
            if guarded and rejected == self.generation and look is not None:
                await self.join(Work.LOAD, look)
            if rejected != self.generation:
                return self.success("renewed meanwhile")
            if guarded:
                return self._refused_again(age)
            self.refused_token = _token(self.grant)
        return self.shared.refresh_failure.standing(now)

    def _refused_again(self, age: float) -> AuthResult:
        error = AuthError(
            f"the service refuses a token of {self.name} that was renewed {age:.0f} seconds ago: it lacks a "
            "permission, or is meant for something else",
            code="unauthorized",
        )
        return AuthResult.from_exception(error, service=self.name, operation="refresh_credentials")

    # What it says.

    def success(self, message: str) -> AuthResult:
        """Return the result of having the current login."""
        credentials = self.grant.credentials if self.grant else None
        return AuthResult.success_result(
            message=f"{self.name}: {message}",
            token=credentials.token if credentials else None,
            expiry=credentials.expires_at if credentials else None,
            credentials_path=getattr(self.owner, "credentials_file", None),
        )

    def failure(self, exc: Exception, operation: str) -> AuthResult:
        """Return the result of what went wrong."""
        return without_secret_causes(result_of_exception(AuthResult, exc, owner=self.owner, operation=operation))

    def tell(self, kind: Any, result: AuthResult, *, saved: bool = False, error: AuthResult | None = None) -> None:  # noqa: ANN401 - a literal of the event
        """Tell whoever wants to know how something went; what they do wrong is only logged."""
        if self.on_refresh is None:
            return
        from quackcore_async.auth.events import RefreshEvent

        reason = error or result
        event = RefreshEvent(
            provider=self.name,
            kind=kind,
            success=result.success,
            generation=self.generation,
            saved=saved,
            background=self.in_background,
            expires_at=result.expiry,
            error=reason.error,
            error_info=reason.error_info,
        )
        try:
            self.on_refresh(event)
        except Exception:
            self.owner.logger.exception("on_refresh of %s failed", self.name)


def _token(grant: Grant) -> Secret | None:
    token = grant.credentials.token if grant.credentials else None
    return Secret(token) if token else None


_logins: Final[weakref.WeakSet[Login]] = weakref.WeakSet()
_moving = threading.Lock()


def _after_fork() -> None:
    global _moving  # noqa: PLW0603 - a thread that held it does not live on in a forked child
    _moving = threading.Lock()
    for login in list(_logins):
        login.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
