"""Connecting to S3, and anew when credentials expire."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import anyio

from quackcore_async.clients.s3.aws_session import destination_of, open_session, prepare_client
from quackcore_async.clients.s3.checksums import load_checksums
from quackcore_async.clients.s3.connections import trust
from quackcore_async.clients.s3.destination import Destination
from quackcore_async.clients.s3.engines import Aioboto3Engine, Engine
from quackcore_async.clients.s3.failures import classify
from quackcore_async.clients.s3.lean.engine import LeanEngine
from quackcore_async.clients.s3.lean.places import Places
from quackcore_async.clients.s3.lean.pool import Pool
from quackcore_async.clients.s3.raw_client import RawClient, cannot_open
from quackcore_async.clients.s3.settings import S3Keys, S3Settings
from quackcore_async.concurrency import run_in_thread, shielded
from quackcore_async.errors import ConfigError, LifecycleError

__all__ = ["ClientSource", "OpenClient", "require_asyncio"]


def require_asyncio() -> None:
    """Refuse every event loop but asyncio's: aioboto3 runs on no other.

    Raises:
        LifecycleError: with code `unsupported_backend`, on trio.
    """
    import asyncio  # noqa: TID251 - the one question that only asyncio answers

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise LifecycleError(
            "S3 needs asyncio: aioboto3 does not run on this event loop; start the program with asyncio",
            code="unsupported_backend",
        ) from None


class OpenClient:
    """What sends requests with the credentials of now, and how many requests are using it.

    Attributes:
        raw: The aioboto3 client, for what only that can do.
        engine: What sends its requests.
        destination: The service that they go to.
        credentials: botocore's credentials, which renew themselves; None where there are none.
        in_flight: Requests that have not finished, and answers that are still being read.
    """

    def __init__(self, raw: RawClient, engine: Engine, destination: Destination, credentials: Any) -> None:  # noqa: ANN401 - botocore is untyped
        self.raw = raw
        self.engine = engine
        self.destination = destination
        self.credentials = credentials
        self.in_flight = 0

    async def frozen_credentials(self) -> Any:  # noqa: ANN401 - botocore is untyped
        """Return the credentials as they are now, renewed if need be.

        Raises:
            CredentialsMissingError: if there are none.
        """
        if self.credentials is None:
            from botocore.exceptions import NoCredentialsError

            raise classify(NoCredentialsError())
        return await self.credentials.get_frozen_credentials()

    async def aclose(self) -> None:
        """Close what was opened for it."""
        try:
            await self.engine.aclose()
        finally:
            await self.raw.aclose()


class ClientSource:
    """Makes the aioboto3 client, and a new one when its credentials have expired.

    Args:
        settings: How to connect.
        session: An aioboto3 session of the caller to make clients from.
        client: An open client of the caller; it is neither renewed nor closed.
    """

    def __init__(self, settings: S3Settings, *, session: Any = None, client: Any = None) -> None:  # noqa: ANN401
        self.settings = settings
        self._session = session
        self._given = client
        self._current: OpenClient | None = None
        self._retired: list[OpenClient] = []
        self._lock = anyio.Lock()

    @property
    def current(self) -> OpenClient:
        """The client to use now.

        Raises:
            LifecycleError: with code `closed`, before `open` and after `aclose`.
        """
        if self._current is None:
            raise LifecycleError("the S3 client is closed: open it with `async with` first")
        return self._current

    async def open(self) -> None:
        """Open the first client.

        Raises:
            LifecycleError: with code `unsupported_backend`, on trio.
            QuackError: if the settings, the profile or the credentials cannot be used.
        """
        require_asyncio()
        self._current = await self._make()

    async def renew(self, expired: OpenClient) -> bool:
        """Replace a client whose credentials the service calls expired, once however many requests ask.

        Returns:
            Whether there is another one now; False when its keys are fixed or the client is the caller's.
        """
        if self._given is not None or (self.settings.keys and self.settings.keys_provider is None):
            return False
        async with self._lock:
            if self._current is not expired:
                return self._current is not None
            made = await self._make()
            if self._current is not expired:  # closed meanwhile
                await _close([made])
                return False
            self._current = made
            self._retired.append(expired)
        await self.close_idle()
        return True

    @property
    def has_retired(self) -> bool:
        """Whether clients are kept open that have been replaced."""
        return bool(self._retired)

    async def close_idle(self) -> None:
        """Close the retired clients that no request uses any more."""
        idle = [client for client in self._retired if client.in_flight == 0]
        self._retired = [client for client in self._retired if client.in_flight]
        await _close(idle)

    async def aclose(self) -> None:
        """Close every client that was made here; also under cancellation."""
        clients = [*self._retired, *([self._current] if self._current else [])]
        self._current, self._retired = None, []
        await _close(clients)

    async def _make(self) -> OpenClient:
        if self._given is not None:
            return self._use(self._given)
        keys = self.settings.keys
        if self.settings.keys_provider is not None:
            keys = await self.settings.keys_provider()
        try:
            session, destination = await run_in_thread(partial(self._find, keys))
            credentials = await session.get_credentials()
        except Exception as exc:
            raise cannot_open(exc) from exc
        raw = RawClient(partial(prepare_client, self.settings, session, destination))
        engine: Engine = Aioboto3Engine(raw, self._patience)
        try:
            lean = credentials is not None and self._wants_lean
            if not lean or self._session is not None or not destination.is_plain:
                opened = await raw.get()
                destination = destination.as_found_by(opened)
                lean = lean and (opened.meta.config.s3 or {}).get("payload_signing_enabled") is None
            if lean:
                places = Places(raw, destination)
                engine = LeanEngine(engine, places, credentials, await self._pool(session))
        except BaseException:
            await shielded(raw.aclose)
            raise
        return OpenClient(raw, engine, destination, credentials)

    def _find(self, keys: S3Keys | None) -> tuple[Any, Destination]:
        """Do the slow part: import aioboto3, read the AWS files."""
        load_checksums()
        session = self._session or open_session(self.settings, keys)
        return session, destination_of(self.settings, session, is_ours=self._session is None)

    def _use(self, given: Any) -> OpenClient:  # noqa: ANN401 - an aioboto3 client is untyped
        if self.settings.engine == "lean":
            raise ConfigError("a client of your own is used as it is: leave out `engine: lean`", code="engine")
        raw = RawClient.given(given)
        credentials = given._request_signer._credentials  # noqa: SLF001 - where botocore keeps them
        destination = Destination(given.meta.region_name, None).as_found_by(given)
        return OpenClient(raw, Aioboto3Engine(raw, self._patience), destination, credentials)

    @property
    def _wants_lean(self) -> bool:
        """Whether the lean engine was asked for; hooks on a session of the caller are called by aioboto3 only."""
        return self.settings.engine == "lean" or (self.settings.engine == "auto" and self._session is None)

    @property
    def _patience(self) -> float:
        return self.settings.connect_timeout + self.settings.idle_timeout

    async def _pool(self, session: Any) -> Pool:  # noqa: ANN401 - aioboto3 is untyped
        settings = self.settings
        verify = settings.verify_tls
        if verify is True:
            verify = session._session.get_config_variable("ca_bundle") or True  # noqa: SLF001 - where boto3 keeps it
        context = await trust(verify)
        return Pool(context, connect_timeout=settings.connect_timeout, idle_timeout=settings.idle_timeout)


async def _close(clients: Sequence[OpenClient]) -> None:
    """Close clients, each of them whatever the others do."""

    async def close() -> None:
        async with AsyncExitStack() as stack:
            for client in clients:
                stack.push_async_callback(client.aclose)

    if clients:
        await shielded(close)
