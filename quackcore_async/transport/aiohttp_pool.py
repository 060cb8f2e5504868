"""The connections on asyncio: aiohttp's, by way of httpx-aiohttp."""

import ssl
import threading
from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any, Final, Protocol
from weakref import WeakSet

import aiohttp
import anyio
import httpx
from httpx_aiohttp import AiohttpTransport
from yarl import URL

from quackcore_async.transport.aiohttp_connection import use_connection
from quackcore_async.transport.aiohttp_errors import httpx_error
from quackcore_async.transport.attempt import Attempt, seconds
from quackcore_async.transport.outgoing import OutgoingBody, body_of, declared_length

__all__ = ["AiohttpPool"]

_UNSENT: Final = (aiohttp.ClientConnectorError, aiohttp.ClientConnectorSSLError, aiohttp.ConnectionTimeoutError)
_MAX_HEADER_BYTES: Final = 64 * 1024
"""Longest header of an answer; aiohttp's own 8190 bytes are fewer than services send in a policy or a link."""
_AUTOMATIC: Final = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
"""Headers that aiohttp would add; what is sent is what the request has."""


class _BrokenConnectionError(aiohttp.ClientError):
    """Hides what it is raised from, which aiohttp would answer by sending the request again."""


class _Transport(Protocol):
    def abort(self) -> None: ...

    def is_closing(self) -> bool: ...

    def get_write_buffer_size(self) -> int: ...


class _Request(aiohttp.ClientRequest):
    """A request that tells on which connection it goes out."""

    exchange: "_Exchange | None" = None

    async def send(self, conn: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
        if self.exchange is not None:
            self.exchange.goes_out_on(conn)
        return await super().send(conn)


class _Exchange:
    """One sending of a request, and the connection that it went out on."""

    __slots__ = ("_attempt", "_transport", "_used")

    def __init__(self, attempt: Attempt, used: WeakSet[object]) -> None:
        self._attempt = attempt
        self._used = used
        self._transport: _Transport | None = None

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Stand between aiohttp's session and its connections, so that it does not try again by itself."""
        if isinstance(request, _Request):
            request.exchange = self
        try:
            return await handler(request)
        except _UNSENT:
            raise
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as exc:
            raise _BrokenConnectionError from exc

    def goes_out_on(self, connection: aiohttp.connector.Connection) -> None:
        self._transport = connection.transport
        self._attempt.fresh = connection.protocol not in self._used
        self._used.add(connection.protocol)

    def drop(self) -> None:
        """Close the connection at once: in order, it would wait until the server takes what was written."""
        if self._transport is not None:
            _abort(self._transport)

    def ended(self) -> None:
        """Close the connection at once if it is not used again."""
        if self._transport is not None and self._transport.is_closing():
            _abort(self._transport)


def _abort(transport: _Transport) -> None:
    """Close a connection and drop what is unsent.

    One that is closing with nothing left to send may be closed already, and `abort` of asyncio's own raises then.
    """
    if not transport.is_closing() or transport.get_write_buffer_size():
        transport.abort()


class AiohttpPool(AiohttpTransport):
    """Sends over aiohttp's connections what httpx asks for, to the letter, and reports errors as what they are.

    The transport of httpx-aiohttp 0.2.0 has yarl rewrite addresses (`%7E` becomes `~`, which breaks signatures),
    keeps cookies, has no write time-out, hides which error it was, and sends idempotent requests again by itself.

    Args:
        context: For TLS.
        max_connections: Connections at a time; the caller sees to it that no more are asked for.
        keepalive_expiry: Seconds that an idle connection is kept.

    Attributes:
        reclaims: Whether the connection of an answer that nobody closed comes back when the answer is collected.
    """

    reclaims = True

    def __init__(self, context: ssl.SSLContext, max_connections: int, keepalive_expiry: float) -> None:
        connector = aiohttp.TCPConnector(
            ssl=context, limit=max_connections, keepalive_timeout=keepalive_expiry, ttl_dns_cache=10
        )
        use_connection(connector)
        session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            skip_auto_headers=_AUTOMATIC,
            request_class=_Request,
            max_line_size=_MAX_HEADER_BYTES,
            max_field_size=_MAX_HEADER_BYTES,
        )
        super().__init__(verify=context, client=session)
        self._session = session
        self._used: WeakSet[object] = WeakSet()

    async def send(self, request: httpx.Request, proxy: httpx.Proxy | None, attempt: Attempt) -> httpx.Response:
        """Send a request once.

        Raises:
            httpx.TransportError: of the true class.
        """
        body = body_of(request)
        if isinstance(body, bytes):
            return await self._send(request, proxy, attempt, body or None)
        with anyio.CancelScope() as scope:
            outgoing = OutgoingBody(body, declared_length(request), seconds(request, "write"), scope)
            try:
                return await self._send(request, proxy, attempt, outgoing)
            except httpx.TransportError:
                if outgoing.error is None:
                    raise
        if outgoing.error is not None:
            raise outgoing.error
        raise httpx.WriteTimeout("the server does not take the body of the request")

    async def _send(
        self,
        request: httpx.Request,
        proxy: httpx.Proxy | None,
        attempt: Attempt,
        body: bytes | OutgoingBody | None,
    ) -> httpx.Response:
        connect = seconds(request, "connect")
        exchange = _Exchange(attempt, self._used)
        try:
            response = await self._session.request(
                request.method,
                URL(str(_without_userinfo(request.url)), encoded=True),
                headers=_headers(request, body, proxy),
                data=body,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    # `connect` has the look-up of the name in it; there is no waiting for a free connection
                    connect=connect,
                    sock_connect=connect,
                    sock_read=seconds(request, "read"),
                ),
                server_hostname=request.extensions.get("sni_hostname"),
                middlewares=(exchange,),
                **_through(proxy),
            )
        except Exception as exc:  # noqa: BLE001 - aiohttp raises much, and raw errors of Python too
            exchange.drop()
            raise _true(exc, request)  # noqa: B904 - it has the cause that may be shown
        except BaseException:
            exchange.drop()
            raise
        extensions: dict[str, Any] = {"http_version": f"HTTP/{_version(response)}".encode("ascii")}
        if response.reason:
            extensions["reason_phrase"] = response.reason.encode("utf-8", "surrogateescape")
        return httpx.Response(
            response.status,
            headers=response.raw_headers,
            stream=_Body(response, request, exchange),
            extensions=extensions,
        )


class _Body(httpx.AsyncByteStream):
    """The body of an answer, in pieces as they come in."""

    def __init__(self, response: aiohttp.ClientResponse, request: httpx.Request, exchange: _Exchange) -> None:
        self._response = response
        self._exchange = exchange
        self._request = request
        self._thread = threading.get_ident()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            piece = await self._response.content.readany()
        except Exception as exc:  # noqa: BLE001 - aiohttp raises much, and raw errors of Python too
            raise _true(exc, self._request)  # noqa: B904 - it has the cause that may be shown
        if not piece:
            raise StopAsyncIteration
        return piece

    async def aclose(self) -> None:
        self._response.release()
        try:
            await self._response.wait_for_close()
        finally:
            self._exchange.ended()

    def __del__(self) -> None:
        # The stream of a body that goes on coming in keeps aiohttp's own response alive.
        if self._thread == threading.get_ident():
            self._response.release()


def _true(exc: Exception, request: httpx.Request) -> Exception:
    if isinstance(exc, _BrokenConnectionError) and isinstance(exc.__cause__, Exception):
        exc = exc.__cause__
    error = httpx_error(exc)
    if error is None:
        return exc
    error.request = request
    return error


def _headers(request: httpx.Request, body: object, proxy: httpx.Proxy | None) -> list[tuple[str, str]]:
    try:
        # without `Expect` (RFC 9110 section 10.1.1), whose answer aiohttp waits for with no time-out
        raw = [pair for pair in request.headers.raw if pair[0].lower() != b"expect"]
        pairs = [(name.decode("ascii"), value.decode("utf-8")) for name, value in raw]
    except UnicodeDecodeError:
        raise httpx.LocalProtocolError("a header is not UTF-8") from None
    if proxy is not None and request.url.scheme == "http":  # a proxy that is asked for a tunnel gets its own
        pairs.extend(_proxy_headers(proxy).items())
    if isinstance(body, OutgoingBody):  # aiohttp chooses the coding, and refuses to be told
        return [(name, value) for name, value in pairs if name.lower() != "transfer-encoding"]
    return pairs


def _proxy_headers(proxy: httpx.Proxy) -> dict[str, str]:
    headers = dict(proxy.headers)
    if proxy.auth is not None:
        credentials = ":".join(proxy.auth).encode()
        headers["Proxy-Authorization"] = f"Basic {b64encode(credentials).decode()}"
    return headers


def _without_userinfo(url: httpx.URL) -> httpx.URL:
    return url.copy_with(userinfo=b"") if url.userinfo else url


def _version(response: aiohttp.ClientResponse) -> str:
    return f"{response.version.major}.{response.version.minor}" if response.version else "1.1"


def _through(proxy: httpx.Proxy | None) -> dict[str, Any]:
    if proxy is None:
        return {}
    return {"proxy": str(proxy.url), "proxy_headers": _proxy_headers(proxy)}
