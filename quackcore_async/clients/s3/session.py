"""Opening aioboto3 clients off the event loop's back, and opening fresh ones when credentials expire."""

import functools
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, Final, Literal

import anyio

from quackcore_async.clients.s3.checksums import load_checksums
from quackcore_async.clients.s3.connections import session_class, trust
from quackcore_async.clients.s3.engines import Aioboto3Engine, Engine
from quackcore_async.clients.s3.failures import classify
from quackcore_async.clients.s3.settings import S3Keys, S3Settings
from quackcore_async.concurrency import run_in_thread, shielded
from quackcore_async.errors import ConfigError, ErrorKind, LifecycleError
from quackcore_async.redaction import Secret

__all__ = ["ClientSource", "OpenClient", "require_asyncio"]

_DEFAULT_REGION: Final = "us-east-1"  # what S3-compatible services expect when nobody chose one
_STREAM_CONNECTIONS: Final = 64  # beyond `max_concurrency`, for the streams that callers hold open
_MODELS: Final = ("service-2", "endpoint-rule-set-1", "paginators-1", "waiters-2")


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
    """An aioboto3 client that is open, what sends over it, and how many requests are using it.

    Attributes:
        raw: The client.
        engine: What sends its requests.
        in_flight: Requests that have not finished.
        retired: Whether a newer client has taken its place.
    """

    def __init__(self, raw: Any, engine: Engine, owner: AbstractAsyncContextManager[Any] | None) -> None:  # noqa: ANN401 - untyped
        self.raw = raw
        self.engine = engine
        self.in_flight = 0
        self.retired = False
        self._owner = owner

    async def aclose(self) -> None:
        """Close the client unless it belongs to the caller."""
        owner, self._owner = self._owner, None
        try:
            await self.engine.aclose()
        finally:
            if owner is not None:
                await owner.__aexit__(None, None, None)


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
            self._current = await self._make()
            expired.retired = True
            self._retired.append(expired)
        await self.close_idle()
        return True

    async def close_idle(self) -> None:
        """Close the retired clients that no request uses any more."""
        idle = [client for client in self._retired if client.in_flight == 0]
        self._retired = [client for client in self._retired if client.in_flight]
        for client in idle:
            await shielded(client.aclose)

    async def aclose(self) -> None:
        """Close every client that was made here; also under cancellation."""
        clients = [*self._retired, *([self._current] if self._current else [])]
        self._current, self._retired = None, []
        for client in clients:
            await shielded(client.aclose)

    async def _make(self) -> OpenClient:
        if self._given is not None:
            if self.settings.engine == "lean":
                raise ConfigError("a client of your own is used as it is: leave out `engine: lean`", code="engine")
            return OpenClient(self._given, self._complete_engine(self._given), None)
        keys = self.settings.keys
        if self.settings.keys_provider is not None:
            keys = await self.settings.keys_provider()
        try:
            session, make = await run_in_thread(_prepare, self.settings, keys, self._session)
            manager = make()  # here, as it holds a coroutine that a cancellation on the way would leave unawaited
            raw = await manager.__aenter__()
            _tune(raw)
            try:
                return OpenClient(raw, await self._engine(raw, session), manager)
            except BaseException:
                await shielded(partial(manager.__aexit__, None, None, None))
                raise
        except Exception as exc:
            raise _cannot_open(exc) from exc

    def _complete_engine(self, raw: Any) -> Engine:  # noqa: ANN401 - an aioboto3 client is untyped
        return Aioboto3Engine(raw, self.settings.connect_timeout + self.settings.idle_timeout)

    async def _engine(self, raw: Any, session: Any) -> Engine:  # noqa: ANN401 - aioboto3 is untyped
        """Return the engine that was asked for; hooks on a session of the caller are called by aioboto3 only."""
        complete = self._complete_engine(raw)
        choice = self.settings.engine
        credentials = await session.get_credentials()
        if choice == "aioboto3" or (choice == "auto" and self._session is not None) or credentials is None:
            return complete
        if (raw.meta.config.s3 or {}).get("payload_signing_enabled") is not None:
            return complete
        return await lean_engine(complete, raw, session, credentials, self.settings)


async def lean_engine(complete: Engine, raw: Any, session: Any, credentials: Any, settings: S3Settings) -> Engine:  # noqa: ANN401 - aioboto3 is untyped
    """Make a lean engine that connects as the aioboto3 client does."""
    from quackcore_async.clients.s3.lean.engine import LeanEngine
    from quackcore_async.clients.s3.lean.pool import Pool

    verify = settings.verify_tls
    if verify is True:
        verify = session._session.get_config_variable("ca_bundle") or True  # noqa: SLF001 - where boto3 keeps it
    pool = Pool(await trust(verify), connect_timeout=settings.connect_timeout, idle_timeout=settings.idle_timeout)
    return LeanEngine(complete, raw, credentials, pool)


def _cannot_open(exc: Exception) -> Exception:
    if isinstance(exc, ValueError):  # botocore's answer to an endpoint that is no URL
        return ConfigError(f"cannot open the S3 client: {exc}; check `endpoint_url`", code="endpoint")
    error = classify(exc)
    if error.kind is ErrorKind.INTERNAL and isinstance(exc, ImportError):
        return ConfigError(f"cannot open the S3 client: {exc}; install aioboto3", code="dependency")
    return error


def _prepare(
    settings: S3Settings,
    keys: S3Keys | None,
    session: Any,  # noqa: ANN401
) -> tuple[Any, Callable[[], AbstractAsyncContextManager[Any]]]:
    """Do the slow part in a worker thread: import aioboto3, read botocore's models and the AWS files."""
    import aioboto3
    import aiobotocore.session
    from aiobotocore.config import AioConfig

    load_checksums()
    profile_config: Mapping[str, Any] = {}
    if session is None:
        core = aiobotocore.session.AioSession()
        session = aioboto3.Session(
            botocore_session=core,
            profile_name=settings.profile,
            region_name=settings.region,
            **_key_arguments(keys),
        )
        core.register_component("data_loader", _loader(core.get_config_variable("data_path")))
        profile_config = core.get_scoped_config()
    endpoint = settings.endpoint_url or _configured_endpoint(profile_config)
    region = settings.region or session.region_name or _DEFAULT_REGION
    config = AioConfig(
        http_session_cls=session_class(),
        signature_version="s3v4",
        retries={"mode": "standard", "total_max_attempts": 1},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": _addressing_style(settings, endpoint)},
        max_pool_connections=settings.max_concurrency + _STREAM_CONNECTIONS,
        connect_timeout=settings.connect_timeout,
        read_timeout=settings.idle_timeout,
    )
    make = partial(
        session.client,
        "s3",
        region_name=region,
        endpoint_url=endpoint,
        verify=None if settings.verify_tls is True else settings.verify_tls,
        config=config,
    )
    return session, make


@functools.cache
def _loader(data_path: str | None) -> Any:  # noqa: ANN401 - botocore is untyped
    """Read the description of S3 once in a process: it does not change, and takes longer than all the rest."""
    from botocore.loaders import create_loader

    loader = create_loader(data_path)
    for model in _MODELS:
        loader.load_service_model("s3", model)
    return loader


def _configured_endpoint(profile_config: Mapping[str, Any]) -> str | None:
    """Read the endpoint where the AWS tools do.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
    """
    if os.environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return None
    return (
        os.environ.get("AWS_ENDPOINT_URL_S3")
        or os.environ.get("AWS_ENDPOINT_URL")
        or profile_config.get("endpoint_url")
    )


def _addressing_style(settings: S3Settings, endpoint: str | None) -> Literal["auto", "path", "virtual"]:
    """Choose paths for services that are not AWS's own: few of them have a host name for each bucket."""
    if settings.addressing_style == "auto" and endpoint:
        return "path"
    return settings.addressing_style


def _key_arguments(keys: S3Keys | None) -> dict[str, str | None]:
    if keys is None:
        return {}
    return {
        "aws_access_key_id": keys.access_key_id,
        "aws_secret_access_key": keys.secret_access_key.reveal(),
        "aws_session_token": _reveal(keys.session_token),
    }


def _reveal(secret: Secret | None) -> str | None:
    return secret.reveal() if secret is not None else None


def _tune(raw: Any) -> None:  # noqa: ANN401 - an aioboto3 client is untyped
    """Drop the wait for `100 Continue`, and send `Content-MD5` where older services insist on it."""
    from botocore.handlers import add_expect_header

    raw.meta.events.unregister("before-call.s3", add_expect_header)
    raw.meta.events.register("before-sign.s3.DeleteObjects", _add_content_md5)


def _add_content_md5(request: Any, **_: object) -> None:  # noqa: ANN401 - botocore's request
    """Add the header that S3-compatible services demand: RFC 1864."""
    import base64
    import hashlib

    body = request.data if isinstance(request.data, bytes) else str(request.data).encode()
    headers: Mapping[str, str] = request.headers
    if "Content-MD5" not in headers:
        digest = hashlib.md5(body, usedforsecurity=False).digest()
        request.headers["Content-MD5"] = base64.b64encode(digest).decode()
