"""The login of one provider, with all that is done to it."""

from collections.abc import Awaitable, Callable
from functools import partial

from quackcore_async.auth.author_methods import Call, run_author_method
from quackcore_async.auth.credentials import Credentials
from quackcore_async.auth.early_renewal import EarlyRenewal
from quackcore_async.auth.logging_in import log_in, take_up
from quackcore_async.auth.logging_out import log_out
from quackcore_async.auth.login import Lead, Login
from quackcore_async.auth.persistence import is_stored, load, save_again
from quackcore_async.auth.renewal import CLOSING_SECONDS, renew
from quackcore_async.auth.shared_login import Outcome, Work
from quackcore_async.concurrency import shielded
from quackcore_async.errors import QuackError
from quackcore_async.redaction import find_secrets
from quackcore_async.results import AuthResult

__all__ = ["LoginOperations"]


class LoginOperations:
    """Does for a provider what its class says.

    Args:
        login: Its login.
    """

    def __init__(self, login: Login) -> None:
        self._login = login
        self._early_renewal = EarlyRenewal(login)

    async def authenticate(self, written: Call | None = None) -> AuthResult:
        """Log in by the hooks, or as an author wrote it."""
        return await self._login.authenticate(self._lead(log_in, written, Work.LOGIN))

    async def take_up(self, credentials: Credentials) -> AuthResult:
        """Keep a login that came by another way."""
        return await self._login.accept(partial(take_up, self._login, credentials))

    async def refresh(self, written: Call | None = None, *, rejected: int | None = None) -> AuthResult:
        """Renew the login by the hooks, or as an author wrote it."""
        look = partial(load, self._login) if written is None else None
        return await self._login.refresh(self._lead(renew, written, Work.REFRESH), rejected=rejected, look=look)

    async def current(self) -> object:
        """Return the login that is kept here, renewed where that is needed.

        Raises:
            QuackError: if it has expired and cannot be renewed, or the store cannot be read.
        """
        return await self._early_renewal.current()

    async def foreign(self, call: Callable[[], Awaitable[object]]) -> object:
        """Return the login that an author keeps by itself, renewed where that is needed.

        One that cannot be renewed is returned as it is: what it is good for is the author's to say.

        Args:
            call: The author's `get_credentials`.
        """
        login = self._login
        credentials = self._known(await call())
        if login.is_inside():
            return credentials
        generation = login.generation
        await self._early_renewal.keep(self._early_renewal.validity_of(credentials))
        return credentials if generation == login.generation else self._known(await call())

    def _known(self, credentials: object) -> object:
        """Return what an author has. Memory is always a store: who has nothing gets the last login."""
        self._login.foreign_secrets = find_secrets(credentials)
        return credentials or self._login.credentials or credentials

    async def save(self) -> bool:
        """Store the login; False when there is nowhere to store it, no login, or it fails."""
        login = self._login
        try:
            shared = login.bind_to_loop()
        except QuackError as error:
            login.owner.logger.warning("the login could not be stored: %s", error)
            return False
        if login.find_store() is None or login.grant is None or login.is_inside():
            return False
        result = await login.join(Work.SAVE, partial(save_again, login))
        return result.success and shared.unsaved is None and is_stored(login)

    async def log_out(self) -> AuthResult:
        """End the login."""
        return await self._login.log_out(partial(log_out, self._login))

    async def enter(self) -> None:
        """Open the background; the calling task holds it until `leave`."""
        await self._early_renewal.enter()

    def stays_open(self) -> bool:
        """Tell whether the background goes on for others when the calling task leaves."""
        return self._early_renewal.is_held()

    async def leave(self) -> None:
        """Close the background."""
        await self._early_renewal.leave()

    async def aclose(self) -> None:
        """Stop what runs in the background, and try once more to store what could not be stored."""
        await self._early_renewal.stop()
        if self._login.is_unsaved_here():
            await shielded(self.save, timeout=CLOSING_SECONDS)

    def _lead(self, own: Callable[..., Awaitable[Outcome]], written: Call | None, work: Work) -> Lead:
        return (
            partial(own, self._login)
            if written is None
            else partial(run_author_method, self._login, written, work)
        )
