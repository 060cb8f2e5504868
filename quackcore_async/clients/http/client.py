"""`HttpClient`: one long-lived client of one service."""

from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self, Unpack

import httpx

from quackcore_async.clients.http.answers import response_json
from quackcore_async.clients.http.building import RequestBuilder
from quackcore_async.clients.http.cookieless import CookielessClient
from quackcore_async.clients.http.layers import LayerSettings
from quackcore_async.clients.http.options import BodyOptions, HeaderOptions, Params, RequestOptions, SendOptions
from quackcore_async.clients.http.origins import checked_url, origin_of, origins_of, parsed_url, shown_url
from quackcore_async.clients.http.provider import ProviderSecrets, RenewalEvent
from quackcore_async.clients.http.sending import Sender
from quackcore_async.concurrency import cleanup_timeout, shielded
from quackcore_async.errors import LifecycleError, QuackError
from quackcore_async.logging import get_logger
from quackcore_async.protocols import AuthProviderProtocol
from quackcore_async.retry import RetryBudget, RetryEvent, RetryPolicy
from quackcore_async.transport import error_from_httpx
from quackcore_async.transport.breaker import BreakerPolicy
from quackcore_async.transport.gate import HostGate, Throttle
from quackcore_async.transport.tls import Verification

__all__ = ["DEFAULT_MAX_RESPONSE_BYTES", "DEFAULT_TIMEOUT", "HttpClient"]

DEFAULT_TIMEOUT: Final = httpx.Timeout(30.0, connect=10.0, pool=None)
"""Seconds for a connection, and without a byte read or written; calls queue in front of the pool."""

DEFAULT_MAX_RESPONSE_BYTES: Final = 64 * 1024**2
"""Bytes of a body, decoded, that is read into memory."""


class HttpClient:
    """A client of one service that lives as long as its integration: httpx's methods, made to last.

    Failed attempts are repeated where that does no harm, calls queue in front of a pool of connections,
    credentials are added at the last moment and renewed when they are refused, and failures are `QuackError`s.
    Credentials, and headers that hold secrets, go to the origin of `base_url` and to `allowed_origins` only,
    wherever a redirect or an absolute address leads; without a `base_url`, to the origin that the caller named.
    The requests and responses that callers see hold none of them. Cookies are not kept.

    It may be used from many tasks and needs no `async with`; then close it with `aclose`. It belongs to the event
    loop that it is used in; in a later one it connects anew.

    Args:
        base_url: What relative addresses are appended to.
        auth: Logs in, and says what goes into requests. One that needs no person logs in at the first request.
        retry: How often and how patiently a call is tried; None is `RetryPolicy()`. Its `timeout` bounds a call
            with the reading of its body, once it has its turn.
        transport: What sends the requests in place of pooled connections; closed with the client.
        headers: Headers of every request.
        params: Query parameters of every request.
        timeout: Seconds for each connect, and without a byte read or written; or `httpx.Timeout`.
        max_concurrency: Requests in flight.
        queue_timeout: Seconds that a call may wait for its turn; None waits as long as its caller does.
        rate: Requests a second to each origin, in the long run; None sets no limit of ours.
        breaker: When a service counts as down and is left alone for a while; None never does.
        follow_redirects: Whether redirects are followed, up to 20.
        max_response_bytes: Bytes of a body, decoded, that is read into memory; streams have no limit.
        allowed_origins: Further origins that credentials are for.
        raise_for_status: Whether a status of 400 and above raises `ResponseError`.
        verify: Which certificates are trusted: True for the usual authorities, a path to others, or a context.
        proxy: Address of the proxy that everything goes through; None looks into the environment.
        on_retry: Told of each attempt that is to be repeated.
        on_refresh: Told of each renewal of credentials.
        on_throttle: Told of each call that waits for its time, by `rate` or by the service's own limits.
        log_level: Level of `self.logger`, as a number or a name; None leaves it alone.

    Raises:
        TransportError: if an address or a header cannot be used.
        ContractError: if `auth` breaks its protocol.
    """

    def __init__(
        self,
        base_url: str | httpx.URL = "",
        *,
        auth: AuthProviderProtocol | None = None,
        retry: RetryPolicy | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        headers: HeaderOptions | None = None,
        params: Params | None = None,
        timeout: float | httpx.Timeout = DEFAULT_TIMEOUT,
        max_concurrency: int = 100,
        queue_timeout: float | None = None,
        rate: float | None = None,
        breaker: BreakerPolicy | None = BreakerPolicy(),  # noqa: B008 - frozen
        follow_redirects: bool = False,
        max_response_bytes: int = DEFAULT_MAX_RESPONSE_BYTES,
        allowed_origins: Iterable[str] = (),
        raise_for_status: bool = True,
        verify: Verification = True,
        proxy: str | None = None,
        on_retry: Callable[[RetryEvent], None] | None = None,
        on_refresh: Callable[[RenewalEvent], None] | None = None,
        on_throttle: Callable[[Throttle], None] | None = None,
        log_level: int | str | None = None,
    ) -> None:
        self.logger = get_logger(f"{__name__}.HttpClient", log_level)
        self._base_url = checked_url(parsed_url(base_url)) if str(base_url) else httpx.URL("")
        self._allowed = origins_of(allowed_origins)
        if str(base_url):
            self._allowed |= {origin_of(self._base_url)}
        self._builder = RequestBuilder(self._base_url, headers, params)
        self._timeout = timeout
        self._sender = Sender(follow_redirects, raise_for_status, max_response_bytes)
        self._budget = RetryBudget()
        self._layers = LayerSettings(
            retry=retry or RetryPolicy(),
            transport=transport,
            provider=ProviderSecrets(auth, self.logger, on_refresh) if auth is not None else None,
            allowed=self._allowed or None,
            gate=HostGate(
                max_concurrency=max_concurrency,
                max_connections=max_concurrency,
                queue_timeout=queue_timeout,
                rate=rate,
                breaker=breaker,
                on_throttle=on_throttle,
            ),
            max_connections=max_concurrency,
            verify=verify,
            proxy=proxy,
            on_retry=on_retry,
        )
        self._opened: _Opened | None = None
        self._closed = False

    @property
    def base_url(self) -> httpx.URL:
        """What relative addresses are appended to."""
        return self._base_url

    @property
    def headers(self) -> httpx.Headers:
        """Headers of every request, which may be changed; those that hold secrets go where credentials go."""
        return self._builder.headers

    def allows(self, url: str | httpx.URL) -> bool:
        """Tell whether credentials go to an address; without a `base_url`, whether it is in `allowed_origins`."""
        return origin_of(parsed_url(url)) in self._allowed

    def build_request(self, method: str, url: str | httpx.URL, **options: Unpack[BodyOptions]) -> httpx.Request:
        """Make a request for `send`; it shows no secret header.

        Args:
            method: HTTP method.
            url: Address, absolute or relative to `base_url`.
            **options: As those of `request`.

        Raises:
            TransportError: if the address, a header or the body cannot be sent.
            TypeError: if an option is unknown.
        """
        return self._builder.build(self._open(), method, url, options)

    async def send(
        self, request: httpx.Request, *, stream: bool = False, **options: Unpack[SendOptions]
    ) -> httpx.Response:
        """Send a request of `build_request`, or one made elsewhere.

        Args:
            request: The request.
            stream: Return the response with its body unread; close it then.
            **options: As those of `request`.

        Raises:
            QuackError: as `request` does.
        """
        http = self._open()
        send = self._sender.open if stream else self._sender.send
        return await send(http, self._builder.adopt(request), **options)

    async def request(self, method: str, url: str | httpx.URL, **options: Unpack[BodyOptions]) -> httpx.Response:
        """Send a request and read its answer.

        Args:
            method: HTTP method.
            url: Address, absolute or relative to `base_url`.
            **options: See `BodyOptions`.

        Raises:
            ResponseError: if the status is 400 or above, unless that is not to be raised. It knows the status,
                when to come back, the service's name for the request, and how often it was sent.
            ConnectFailedError: if no connection could be made.
            TimedOutError: if it took too long.
            TransportError: if there is no answer for another reason, or one that is too long.
            AuthError: if there are no credentials.
            LifecycleError: if the client is closed, or in use in another event loop.
            TypeError: if an option is unknown.
        """
        http = self._open()
        request = self._builder.build(http, method, url, options)
        return await self._sender.send(
            http,
            request,
            follow_redirects=options.get("follow_redirects"),
            raise_for_status=options.get("raise_for_status"),
        )

    async def get(self, url: str | httpx.URL, **options: Unpack[RequestOptions]) -> httpx.Response:
        """Send a GET request; see `request`."""
        return await self.request("GET", url, **options)

    async def head(self, url: str | httpx.URL, **options: Unpack[RequestOptions]) -> httpx.Response:
        """Send a HEAD request; see `request`."""
        return await self.request("HEAD", url, **options)

    async def options(self, url: str | httpx.URL, **options: Unpack[RequestOptions]) -> httpx.Response:
        """Send an OPTIONS request; see `request`."""
        return await self.request("OPTIONS", url, **options)

    async def post(self, url: str | httpx.URL, **options: Unpack[BodyOptions]) -> httpx.Response:
        """Send a POST request; see `request`."""
        return await self.request("POST", url, **options)

    async def put(self, url: str | httpx.URL, **options: Unpack[BodyOptions]) -> httpx.Response:
        """Send a PUT request; see `request`."""
        return await self.request("PUT", url, **options)

    async def patch(self, url: str | httpx.URL, **options: Unpack[BodyOptions]) -> httpx.Response:
        """Send a PATCH request; see `request`."""
        return await self.request("PATCH", url, **options)

    async def delete(self, url: str | httpx.URL, **options: Unpack[BodyOptions]) -> httpx.Response:
        """Send a DELETE request; see `request`."""
        return await self.request("DELETE", url, **options)

    async def get_json(self, url: str | httpx.URL, **options: Unpack[RequestOptions]) -> Any:  # noqa: ANN401 - JSON
        """Send a GET request and return the JSON of its answer.

        Raises:
            TransportError: with code `decode`, if the answer is none.
            QuackError: as `request` does.
        """
        return response_json(await self.request("GET", url, **options))

    @asynccontextmanager
    async def stream(
        self, method: str, url: str | httpx.URL, **options: Unpack[BodyOptions]
    ) -> AsyncGenerator[httpx.Response, None]:
        """Send a request and give its answer with the body unread: `async with client.stream("GET", url) as r`.

        The policy's `timeout` bounds the time up to the head of the answer; the body may take as long as it does,
        with no longer pause than the read time-out.

        Args:
            method: HTTP method.
            url: Address, absolute or relative to `base_url`.
            **options: See `BodyOptions`.

        Raises:
            QuackError: as `request` does, and while the body is read.
        """
        http = self._open()
        response = await self._sender.open(
            http,
            self._builder.build(http, method, url, options),
            follow_redirects=options.get("follow_redirects"),
            raise_for_status=options.get("raise_for_status"),
        )
        try:
            yield response
        except Exception as exc:
            error = None if isinstance(exc, QuackError) else error_from_httpx(exc)
            if error is None:
                raise
            raise error from exc
        finally:
            await shielded(response.aclose)

    async def aclose(self) -> None:
        """Close the connections, also under cancellation. Idempotent; `async with` opens the client again.

        Raises:
            LifecycleError: if it is in use in another event loop.
        """
        opened, self._opened = self._opened, None
        self._closed = True
        if opened is None:
            return
        try:
            await shielded(opened.transport.aclose, timeout=cleanup_timeout())
        except LifecycleError:
            self._opened, self._closed = opened, False
            raise

    async def __aenter__(self) -> Self:
        if self._closed and self._layers.transport is not None:
            await self._layers.transport.__aenter__()  # which was closed with the client
        self._closed = False
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        base = getattr(self, "_base_url", None)  # a traceback may show one whose construction failed
        return f"<HttpClient {shown_url(base)}>" if base is not None and base.host else "<HttpClient>"

    def _open(self) -> httpx.AsyncClient:
        """Return httpx's client, made when it is first needed; what it sends over finds its loop by itself."""
        if self._opened is not None:
            return self._opened.http
        if self._closed:
            raise LifecycleError("the client is closed: make a new one, or enter it with `async with`")
        transport = self._layers.build(self._budget)
        http = CookielessClient(
            transport=transport,
            headers={"accept-encoding": "gzip, deflate"},  # of others, it cannot be bounded what comes out
            timeout=self._timeout,
            trust_env=False,
        )
        self._opened = _Opened(http, transport)
        return http


@dataclass(frozen=True, slots=True)
class _Opened:
    http: httpx.AsyncClient
    transport: httpx.AsyncBaseTransport
