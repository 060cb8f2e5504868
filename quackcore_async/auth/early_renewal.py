"""Getting the current login: at once while it is fresh, renewed early on the side, waited for at the end."""

from functools import partial
from typing import TYPE_CHECKING

import anyio

from quackcore_async.auth.login import Login
from quackcore_async.auth.persistence import load, save_again
from quackcore_async.auth.shared_login import Work
from quackcore_async.auth.validity import Phase, Validity, expiry_of, validity_of
from quackcore_async.concurrency import LoopBinding, comes_from_outside, own_error
from quackcore_async.errors import LifecycleError
from quackcore_async.results import AuthResult

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

__all__ = ["EarlyRenewal"]


class EarlyRenewal:
    """Keeps a login fresh for those who ask for it.

    With a task group it renews early in the background; without one, the first caller who notices does it. The
    others go on with the token that they have.

    Args:
        login: The login.
    """

    def __init__(self, login: Login) -> None:
        self._login = login
        self._group: TaskGroup | None = None
        self._binding: LoopBinding | None = None
        self._holder: int | None = None
        self._visits: dict[int, int] = {}
        self._early = False
        self._scope: anyio.CancelScope | None = None
        self._ended: anyio.Event | None = None
        self._foreign: tuple[int | None, int, Validity] | None = None

    async def current(self) -> object:
        """Return the login that this package keeps; None before the first one.

        Raises:
            QuackError: if it has expired and cannot be renewed, or the store cannot be read.
        """
        login = self._login
        shared = login.bind_to_loop()
        if login.is_inside():
            return login.credentials
        if login.needs_reload or (login.grant is None and not login.is_logged_out):
            (await login.join(Work.LOAD, partial(load, login))).unwrap()
        if login.grant is None:
            return None
        due = shared.unsaved is not None and shared.saving.is_over(login.clocks.monotonic())
        if due and shared.flight.current is None:
            await login.join(Work.SAVE, partial(save_again, login))
        failure = await self.keep(login.grant.validity)
        if failure is not None:
            failure.unwrap()
        return login.credentials

    async def keep(self, validity: Validity) -> AuthResult | None:
        """Renew the login when it is time; return the failure when it is of no use any more.

        Args:
            validity: Of the credentials that the caller is about to get.
        """
        login = self._login
        phase = validity.phase(login.clocks.now())
        if phase is Phase.FRESH:
            login.set_fast_path()
            return None
        login.bind_to_loop()
        if phase is Phase.STALE:
            await self._renew_early()
            return None
        result = await login.owner.refresh_credentials()
        if result.success or not validity.end.is_past(login.clocks.now()):
            return None
        return result

    def validity_of(self, credentials: object) -> Validity:
        """Return the validity of what a provider keeps by itself, by the expiry that it gives."""
        login, grant = self._login, self._login.grant
        obtained_at = grant.obtained.wall if grant else None
        expiry = expiry_of(credentials, obtained_at or 0.0)
        ours = grant.credentials.expires_at if grant and grant.credentials else None
        if grant is not None and expiry in (None, ours):
            return grant.validity
        if self._foreign is None or self._foreign[:2] != (expiry, login.generation):
            validity = validity_of(expiry, obtained_at=obtained_at, now=login.clocks.now())
            self._foreign = (expiry, login.generation, validity)
        return self._foreign[2]

    async def _renew_early(self) -> None:
        """Renew the login unless somebody does, or it failed a moment ago."""
        login = self._login
        refresh_failure = login.shared.refresh_failure
        held = refresh_failure.is_final or refresh_failure.standing(login.clocks.monotonic()) is not None
        if held or self._early or login.shared.flight.current is not None:
            login.set_fast_path()
            return
        self._early = True
        if self._group is None or self._binding is None or not self._binding.is_here():
            await self._renew_quietly()
            return
        login.in_background = True
        self._scope, self._ended = anyio.CancelScope(), anyio.Event()
        self._group.start_soon(self._work, self._scope, self._ended, name="early refresh of a login")

    async def _renew_quietly(self) -> None:
        owner = self._login.owner
        authenticated = owner.authenticated
        try:
            result = await owner.refresh_credentials()
        finally:
            self._early = False
        if not result.success:
            owner.authenticated = authenticated
            owner.logger.info("an early refresh failed, the token is used on: %s", result.error)
        self._login.set_fast_path()

    async def _work(self, scope: anyio.CancelScope, ended: anyio.Event) -> None:
        try:
            with scope:
                await self._renew_quietly()
        except BaseException as exc:
            if comes_from_outside(exc):
                raise
            error = own_error("the refresh", exc)
            self._login.owner.logger.error("the early refresh failed unexpectedly: %s", error)  # noqa: TRY400 - no frames
        finally:
            self._login.in_background = self._early = False
            ended.set()

    # Where the background is.

    async def enter(self) -> None:
        """Open the task group, which the calling task holds until it leaves; others who enter go without."""
        task = anyio.get_current_task().id
        if self._binding is None or not self._binding.is_alive():
            self._group, self._visits = None, {}
        self._visits[task] = self._visits.get(task, 0) + 1
        if self._group is not None:
            return
        self._binding, self._holder = LoopBinding.current(), task
        self._group = anyio.create_task_group()
        await self._group.__aenter__()

    async def leave(self) -> None:
        """Close the task group, which is empty once `stop` returned, when its holder leaves for the last time.

        Raises:
            LifecycleError: if the calling task has not entered.
        """
        task = anyio.get_current_task().id
        visits = self._visits.pop(task, 0) - 1
        if visits < 0:
            raise LifecycleError(
                f"{self._login.name} is left in another task than the one that entered it", code="wrong_task"
            )
        if visits:
            self._visits[task] = visits
        elif task == self._holder and self._group is not None:
            group, self._group, self._holder = self._group, None, None
            await group.__aexit__(None, None, None)

    def is_held(self) -> bool:
        """Tell whether the group stays when the calling task leaves: it is another's, or was entered twice."""
        task = anyio.get_current_task().id
        mine = task == self._holder
        return self._group is not None and task in self._visits and not (mine and self._visits[task] == 1)

    async def stop(self) -> None:
        """Cancel the background work and wait for its end; what was sent gets a moment to be answered."""
        if self._scope is None or self._ended is None or self._binding is None or not self._binding.is_here():
            return
        scope, ended = self._scope, self._ended
        scope.cancel()
        with anyio.CancelScope(shield=True):
            await ended.wait()
