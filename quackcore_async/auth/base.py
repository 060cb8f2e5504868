"""`BaseAuthProvider`: what every provider of credentials has in common."""

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from threading import get_ident
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self

from quackcore_async.auth.credentials import Credentials
from quackcore_async.auth.overrides import is_unwrapped, unwrapped, wrap_overrides
from quackcore_async.errors import (
    AuthError,
    ConfigError,
    ContractError,
    CredentialsMissingError,
    ErrorKind,
)
from quackcore_async.logging import get_logger
from quackcore_async.protocols.core import AuthProviderProtocol, MadeByInit
from quackcore_async.protocols.credentials import token_of
from quackcore_async.results import AuthResult

if TYPE_CHECKING:
    from quackcore_async.auth.events import RefreshEvent
    from quackcore_async.auth.login import Login
    from quackcore_async.auth.operations import LoginOperations
    from quackcore_async.auth.status import LoginStatus
    from quackcore_async.auth.stores.protocol import CredentialStore
    from quackcore_async.protocols.signing import RequestSecrets

__all__ = ["BaseAuthProvider"]


class BaseAuthProvider(AuthProviderProtocol, ABC):
    """Base of authentication providers. It owns the concurrency; an author writes only the talk with the service.

    Write a provider in either of two ways. Override `authenticate`, `refresh_credentials`, `get_credentials` and
    `save_credentials`; or write the hooks `_authenticate` and `_refresh`, which return `Credentials` and need no
    locking, and leave keeping and storing to this class. Either way many tasks that ask at the same time cause one
    login or one refresh, exceptions become results, and a cancelled caller does not cut a refresh short.

    With the hooks a login is stored before it is used, several processes that share a store renew it once between
    them, and a token that is about to expire is renewed early. Enter the provider (`async with provider:`) to have
    that done in the background, and leave it in the task that entered it; otherwise the first caller who notices
    does it. When several enter it, the first one's leaving closes it.

    Args:
        credentials_file: Where the login is stored; `~` is expanded, and a relative path lies in `$QUACK_HOME`,
            else in `~/.quack`. None keeps the login in memory only.
        log_level: Level of `self.logger`, as a number or a name; None leaves it alone.
        store: Where the login is stored instead of in a file.
        store_key: Under which key `store` has it; None derives it from the name. Give one for each account.
        clock: Tells the time in epoch seconds.
        monotonic: Tells the time in seconds from anywhere, and is never set.
        on_refresh: Told how each login, refresh and save went; it must not block.

    Attributes:
        authenticated: Whether the last login or refresh succeeded.
        interactive: Whether `authenticate` waits for a person, so that a cancellation ends it at once.
    """

    interactive: ClassVar[bool] = False

    _operations: "LoginOperations" = MadeByInit()  # type: ignore[assignment]
    _login: "Login" = MadeByInit()  # type: ignore[assignment]

    _shares_login: ClassVar[bool] = True
    _keeps_login: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        wrap_overrides(cls)
        cls._keeps_login = not is_unwrapped(cls, "get_credentials")
        cls._shares_login = all(
            is_unwrapped(cls, name) for name in ("authenticate", "refresh_credentials", "get_credentials")
        )

    def __init__(
        self,
        credentials_file: str | None = None,
        log_level: int | str | None = None,
        *,
        store: "CredentialStore | None" = None,
        store_key: str | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        on_refresh: "Callable[[RefreshEvent], None] | None" = None,
    ) -> None:
        from quackcore_async.auth.login import Login
        from quackcore_async.auth.operations import LoginOperations  # anyio comes with it: not at import
        from quackcore_async.auth.validity import Clocks

        if credentials_file and store is not None:
            raise ConfigError("credentials_file and store are two places for one login: give one of them")
        self.logger = get_logger(f"{type(self).__module__}.{type(self).__qualname__}", log_level)
        self.credentials_file = self._resolve_path(credentials_file) if credentials_file else None
        self.authenticated = False
        self._clock = clock
        self._store = store
        self._store_key = store_key
        self._file_store: CredentialStore | None = None
        self._login = Login(self, Clocks(clock, monotonic), on_refresh)
        self._operations = LoginOperations(self._login)

    @property
    @abstractmethod
    def name(self) -> str:
        """Name of the provider."""

    @property
    def generation(self) -> int:
        """How often the credentials have changed: what a caller whose token was refused names."""
        return self._login.generation

    @property
    def can_revoke(self) -> bool:
        """Whether `logout` can tell the service: whether there is a hook `_revoke`."""
        return type(self)._revoke is not BaseAuthProvider._revoke

    @unwrapped
    async def authenticate(self) -> AuthResult:
        """Log in: take up a stored login that still holds, renew it, or ask the service for a new one.

        A credentials file that holds no JSON object is put aside first, when it is called `*.json`; one that holds
        another one than a login is left as it is, and the result is a failure with code `store`.
        """
        return await self._operations.authenticate()

    @unwrapped
    async def refresh_credentials(self, *, rejected: int | None = None) -> AuthResult:
        """Renew the login at the service, however valid it looks, unless another process has done so just now.

        Args:
            rejected: The generation of a token that a service refused. When it is not the current one any more,
                nothing is done; when that was renewed just now, it is an error, as another one would not help.
        """
        return await self._operations.refresh(rejected=rejected)

    @unwrapped
    async def get_credentials(self) -> object:
        """Return the current login, renewed first when it has expired; None before the first login.

        Raises:
            QuackError: if it has expired and could not be renewed.
        """
        login = self._login
        clocks = login.clocks
        if (
            clocks.monotonic() < login.fresh_until
            and clocks.wall() < login.fresh_until_wall
            and get_ident() == login.thread
        ):
            return login.credentials
        return await self._operations.current()

    async def get_token(self) -> str | None:
        """Return the token of `get_credentials()`, None when there is none.

        Raises:
            QuackError: as `get_credentials`.
        """
        return token_of(await self.get_credentials())

    @unwrapped
    async def save_credentials(self) -> bool:
        """Store the login; False when there is nowhere to store it, no login, or it fails."""
        return await self._operations.save()

    async def status(self) -> "LoginStatus":
        """Tell how the login stands, without asking the service and without renewing it.

        Raises:
            QuackError: if the store cannot be read.
        """
        from quackcore_async.auth.status import status_of

        store = None if self._store is None else type(self._store).__name__
        return await status_of(
            self._login, authenticated=self.authenticated is True, kept_in=self.credentials_file or store
        )

    async def logout(self) -> AuthResult:
        """End the login: tell the service by the hook `_revoke`, and delete it from the store and from memory.

        A refresh that is under way ends first, so that it cannot bring the login back. A class with a
        `get_credentials` of its own clears by itself what it keeps: override `logout` for that, and call this one.

        Returns:
            A success also when the service could not be told, or the class may still have the login; the message
            says so, and the content has `revoked` and `deleted`. A failure when the store still has it.
        """
        return await self._operations.log_out()

    def request_secrets(self, credentials: object) -> "RequestSecrets":
        """Return what `credentials`, as `get_credentials` gave them, put into a request: an authorization.

        Raises:
            AuthError: if the token has characters that no header can carry.
        """
        from quackcore_async.protocols.signing import as_bearer

        secrets = as_bearer(credentials)
        if not all(value.isascii() and value.isprintable() for value in secrets.headers.values()):
            raise AuthError(
                f"the token of {self.name} has characters that no header can carry",
                kind=ErrorKind.MISCONFIGURED,
                code="token_unusable",
            )
        return secrets

    async def aclose(self) -> None:
        """Stop early renewal, and try once more, for two seconds, to store what is not stored yet. Idempotent."""
        await self._operations.aclose()

    async def __aenter__(self) -> Self:
        await self._operations.enter()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if not self._operations.stays_open():
                await self.aclose()
        finally:
            await self._operations.leave()

    async def _authenticate(self) -> Credentials:
        """Ask the service for a new login: the hook of a provider that does not override `authenticate`.

        Credentials with neither a token nor anything in `extra` are no login: `authenticate` fails then.
        """
        raise ContractError(f"{type(self).__name__} has neither authenticate() nor the hook _authenticate()")

    async def _refresh(self, credentials: Credentials) -> Credentials:  # noqa: ARG002 - for those who override it
        """Ask the service to renew `credentials`: the hook of one that does not override `refresh_credentials`.

        Raise an error with the code `invalid_grant` or `reauth_required` when the service will never renew them.
        """
        raise CredentialsMissingError(f"{self.name} cannot renew its login: call authenticate() again")

    async def _revoke(self, credentials: Credentials) -> None:
        """Tell the service that `credentials` are not needed any more: the hook of `logout`."""

    async def _take_up(self, credentials: Credentials) -> AuthResult:
        """Keep a login that came by another way than `authenticate`, such as a callback of a web app."""
        return await self._operations.take_up(credentials)

    @property
    def _credentials(self) -> Credentials | None:
        grant = self._login.grant
        return grant.credentials if grant else None

    def _find_store(self) -> "tuple[CredentialStore, str] | None":
        if self._store is not None:
            from quackcore_async.auth.stored_login import store_key

            return self._store, self._store_key or store_key(self.name)
        if self.credentials_file is None:
            return None
        if self._file_store is None or str(getattr(self._file_store, "path", "")) != self.credentials_file:
            from quackcore_async.auth.stores.file import FileStore

            self._file_store = FileStore(self.credentials_file)
        return self._file_store, ""

    def _resolve_path(self, path: str | os.PathLike[str]) -> str:
        """Return a path absolute, with `~` and variables expanded; a relative one in the folder of credentials."""
        from quackcore_async.auth.paths import resolve_credentials_path

        return resolve_credentials_path(path)

    def _ensure_credentials_directory(self) -> bool:
        """Create the directory of `credentials_file`, private; False when it cannot be.

        It blocks: call it in a worker thread when an event loop runs.
        """
        if self.credentials_file is None:
            return False
        from quackcore_async.auth.stores.private_file import make_private_directory

        try:
            make_private_directory(Path(self.credentials_file).parent)
        except OSError as exc:
            self.logger.error("cannot create the directory of %s: %s", self.credentials_file, exc)  # noqa: TRY400
            return False
        return True
