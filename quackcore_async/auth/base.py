"""`BaseAuthProvider`: what every provider of credentials has in common."""

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from quackcore_async.auth.credentials import Credentials
from quackcore_async.auth.overrides import wrap_overrides
from quackcore_async.errors import ContractError, CredentialsMissingError
from quackcore_async.logging import get_logger
from quackcore_async.protocols.core import AuthProviderProtocol
from quackcore_async.results import AuthResult

__all__ = ["BaseAuthProvider"]


class BaseAuthProvider(AuthProviderProtocol, ABC):
    """Base of authentication providers. It owns the concurrency; an author writes only the talk with the service.

    Write a provider in either of two ways. Override `authenticate`, `refresh_credentials`, `get_credentials` and
    `save_credentials`; or write the hooks `_authenticate` and `_refresh`, which return `Credentials` and need no
    locking, and leave keeping and storing to this class. Either way many tasks that ask at the same time cause one
    login or one refresh, exceptions become results, and a cancelled caller does not cut a refresh short.

    Args:
        credentials_file: Where the login is stored; `~` is expanded. None keeps it in memory only.
        log_level: Level of `self.logger`, as a number or a name; None leaves it alone.
        clock: Tells the time in epoch seconds.

    Attributes:
        authenticated: Whether the last login or refresh succeeded.
        interactive: Whether `authenticate` waits for a person, so that a cancellation ends it at once.
    """

    interactive: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        wrap_overrides(cls)

    def __init__(
        self,
        credentials_file: str | None = None,
        log_level: int | str | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        from quackcore_async.auth.login import Login  # anyio comes with it: not at import

        self.logger = get_logger(f"{type(self).__module__}.{type(self).__qualname__}", log_level)
        self.credentials_file = self._resolve_path(credentials_file) if credentials_file else None
        self.authenticated = False
        self._clock = clock
        self._credentials: Credentials | None = None
        self._unsaved: Credentials | None = None
        self._login = Login(self, clock)

    @property
    @abstractmethod
    def name(self) -> str:
        """Name of the provider."""

    @property
    def generation(self) -> int:
        """How often the credentials have changed: what a caller whose token was refused names."""
        return self._login.generation

    async def authenticate(self) -> AuthResult:
        """Log in: take up a stored login that still holds, renew it, or ask the service for a new one."""
        stored = await self._load_stored()
        if stored is not None and stored.token and not self._login.is_expired(stored.expires_at):
            return self._keep(stored, "using the stored login")
        if stored is not None and stored.refresh_token:
            self._credentials = stored
            renewed = await self.refresh_credentials()
            if renewed.success:
                return renewed
        return await self._accept(await self._authenticate(), "logged in")

    async def refresh_credentials(self) -> AuthResult:
        """Renew the login at the service, however valid it looks."""
        current = self._credentials or await self._load_stored()
        if current is None:
            raise CredentialsMissingError(f"{self.name} is not logged in: call authenticate() first")
        return await self._accept(await self._refresh(current), "refreshed")

    async def get_credentials(self) -> object:
        """Return the current login, renewed first when it has expired; None before the first login."""
        if self._credentials is None:
            self._credentials = await self._load_stored()
        elif self._unsaved is not None:
            await self.save_credentials()
        return self._credentials

    async def save_credentials(self) -> bool:
        """Store the login in `credentials_file`; False when there is no file or no login."""
        credentials = self._unsaved or self._credentials
        if self.credentials_file is None or credentials is None:
            return False
        from quackcore_async.auth.file_store import FileStore
        from quackcore_async.concurrency import run_in_thread

        await run_in_thread(FileStore(self.credentials_file).save, credentials.to_mapping())
        self._unsaved = None
        return True

    async def _authenticate(self) -> Credentials:
        """Ask the service for a new login: the hook of a provider that does not override `authenticate`."""
        raise ContractError(f"{type(self).__name__} has neither authenticate() nor the hook _authenticate()")

    async def _refresh(self, credentials: Credentials) -> Credentials:  # noqa: ARG002 - for those who override it
        """Ask the service to renew `credentials`: the hook of one that does not override `refresh_credentials`."""
        raise CredentialsMissingError(f"{self.name} cannot renew its login: call authenticate() again")

    async def _accept(self, credentials: Credentials, message: str) -> AuthResult:
        """Store first, publish then: what other tasks see is on the disk already, or is saved again later."""
        earlier = self._credentials
        if not credentials.refresh_token and earlier is not None and earlier.refresh_token:
            credentials = Credentials.from_mapping(
                {**credentials.to_mapping(), "refresh_token": earlier.refresh_token}
            )
        self._unsaved = credentials
        await self.save_credentials()
        return self._keep(credentials, message)

    def _keep(self, credentials: Credentials, message: str) -> AuthResult:
        self._credentials = credentials
        return AuthResult.success_result(
            message=f"{self.name}: {message}",
            token=credentials.token,
            expiry=credentials.expires_at,
            credentials_path=self.credentials_file,
        )

    async def _load_stored(self) -> Credentials | None:
        if self.credentials_file is None:
            return self._credentials
        from quackcore_async.auth.file_store import FileStore
        from quackcore_async.concurrency import run_in_thread

        try:
            data = await run_in_thread(FileStore(self.credentials_file).load)
        except CredentialsMissingError:
            return self._credentials
        return Credentials.from_mapping(data)

    def _resolve_path(self, path: str | os.PathLike[str]) -> str:
        """Return a path absolute, with `~` and variables expanded."""
        expanded = Path(os.path.expandvars(path)).expanduser()
        return os.path.abspath(expanded)  # noqa: PTH100 - `resolve` would follow the links that the store refuses

    def _ensure_credentials_directory(self) -> bool:
        """Create the directory of `credentials_file`, private; False when it cannot be.

        It blocks: call it in a worker thread when an event loop runs.
        """
        if self.credentials_file is None:
            return False
        from quackcore_async.auth.file_store import make_private_directory

        try:
            make_private_directory(Path(self.credentials_file).parent)
        except OSError as exc:
            self.logger.error("cannot create the directory of %s: %s", self.credentials_file, exc)  # noqa: TRY400
            return False
        return True


wrap_overrides(BaseAuthProvider)
