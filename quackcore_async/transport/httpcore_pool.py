"""The connections on trio: httpcore's."""

import ssl
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final, cast

import httpcore
import httpx

from quackcore_async.transport.attempt import Attempt, seconds
from quackcore_async.transport.outgoing import BufferedBody, body_of

__all__ = ["HTTPCORE_ERRORS", "HttpcorePool"]

_STEPS: Final = ("connect", "read", "write")
Trace = Callable[[str, Mapping[str, Any]], Awaitable[None]]

HTTPCORE_ERRORS: Final[dict[str, type[httpx.TransportError]]] = {
    "ConnectError": httpx.ConnectError,
    "ConnectTimeout": httpx.ConnectTimeout,
    "ConnectionNotAvailable": httpx.PoolTimeout,
    "LocalProtocolError": httpx.LocalProtocolError,
    "NetworkError": httpx.NetworkError,
    "PoolTimeout": httpx.PoolTimeout,
    "ProtocolError": httpx.ProtocolError,
    "ProxyError": httpx.ProxyError,
    "ReadError": httpx.ReadError,
    "ReadTimeout": httpx.ReadTimeout,
    "RemoteProtocolError": httpx.RemoteProtocolError,
    "TimeoutException": httpx.TimeoutException,
    "UnsupportedProtocol": httpx.UnsupportedProtocol,
    "WriteError": httpx.WriteError,
    "WriteTimeout": httpx.WriteTimeout,
}
"""Each exception class of httpcore by name."""


class HttpcorePool:
    """Sends over httpcore's connections, one pool for each proxy.

    It is driven directly, because httpx's transport over it hands a whole body to a single write, so that a slow
    upload runs into its time-out, and keeps a connection on which the server sent more than the answer, so that
    the rest is taken for the next answer.

    Args:
        context: For TLS.
        max_connections: Connections at a time; the caller sees to it that no more are asked for, because a pool
            that requests queue in stays exhausted after enough cancellations (encode/httpcore#1093).
        keepalive_expiry: Seconds that an idle connection is kept.

    Attributes:
        reclaims: Whether the connection of an answer that nobody closed comes back when the answer is collected.
    """

    reclaims = False

    def __init__(self, context: ssl.SSLContext, max_connections: int, keepalive_expiry: float) -> None:
        self._options: dict[str, Any] = {
            "ssl_context": context,
            "max_connections": max_connections,
            "max_keepalive_connections": max_connections,
            "keepalive_expiry": keepalive_expiry,
        }
        self._pools: dict[httpx.Proxy | None, httpcore.AsyncConnectionPool] = {}

    async def send(self, request: httpx.Request, proxy: httpx.Proxy | None, attempt: Attempt) -> httpx.Response:
        """Send a request once.

        Raises:
            httpx.TransportError: of the true class.
        """
        body = _OutgoingBody(body_of(request))
        url = request.url
        outgoing = httpcore.Request(
            method=request.method,
            url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=body,
            extensions={
                **request.extensions,
                "timeout": {step: seconds(request, step) for step in _STEPS},
                "trace": _noting(attempt, request.extensions.get("trace")),
            },
        )
        try:
            response = await self._pool(proxy).handle_async_request(outgoing)
        except Exception as exc:  # noqa: BLE001 - what is not in the table goes on as it is
            await body.aclose()
            raise _true(exc, request, proxy)  # noqa: B904 - it has its cause
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_Body(response, request),
            extensions=response.extensions,
        )

    def _pool(self, proxy: httpx.Proxy | None) -> httpcore.AsyncConnectionPool:
        if proxy not in self._pools:
            self._pools[proxy] = self._make(proxy)
        return self._pools[proxy]

    def _make(self, proxy: httpx.Proxy | None) -> httpcore.AsyncConnectionPool:
        if proxy is None:
            return httpcore.AsyncConnectionPool(**self._options)
        return httpcore.AsyncHTTPProxy(
            proxy_url=str(proxy.url),
            proxy_auth=proxy.raw_auth,
            proxy_headers=proxy.headers.raw,
            proxy_ssl_context=proxy.ssl_context,
            **self._options,
        )

    async def aclose(self) -> None:
        """Close the connections."""
        for pool in self._pools.values():
            await pool.aclose()


class _OutgoingBody(httpx.AsyncByteStream):
    """A body on its way out, which httpcore leaves in the middle when sending it fails."""

    def __init__(self, body: bytes | httpx.AsyncByteStream) -> None:
        self._stream = BufferedBody(body) if isinstance(body, bytes) else body
        self._pieces: AsyncIterator[bytes] | None = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        self._pieces = aiter(self._stream)
        return self._pieces

    async def aclose(self) -> None:
        close = getattr(self._pieces, "aclose", None)
        if close is not None:
            await close()


class _Body(httpx.AsyncByteStream):
    """The body of an answer. A connection on which more than the answer came is not used again."""

    def __init__(self, response: httpcore.Response, request: httpx.Request) -> None:
        self._response = response
        self._request = request
        self._pieces = aiter(cast("AsyncIterable[bytes]", response.stream))

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._pieces)
        except StopAsyncIteration:
            if _with_surplus(self._response) is not None:
                raise httpx.RemoteProtocolError(
                    "the server sent more than the length that it declared", request=self._request
                ) from None
            raise
        except Exception as exc:  # noqa: BLE001 - what is not in the table goes on as it is
            raise _true(exc, self._request, None)  # noqa: B904 - it has its cause

    async def aclose(self) -> None:
        spoilt = _with_surplus(self._response)
        await self._response.aclose()
        if spoilt is not None:
            await spoilt.aclose()


def _with_surplus(response: httpcore.Response) -> httpcore.AsyncConnectionInterface | None:
    """Return the connection if more than the answer came on it: httpcore would take that for the next answer."""
    connection = getattr(getattr(response.stream, "_stream", None), "_connection", None)
    state = getattr(connection, "_h11_state", None)
    return connection if state is not None and state.trailing_data[0] else None


def _noting(attempt: Attempt, also: Trace | None) -> Trace:
    async def trace(event: str, info: Mapping[str, Any]) -> None:
        if event == "connection.connect_tcp.started":
            attempt.fresh = True
        if also is not None:
            await also(event, info)

    return trace


def _true(exc: Exception, request: httpx.Request, proxy: httpx.Proxy | None) -> Exception:
    meaning = next((HTTPCORE_ERRORS[base.__name__] for base in type(exc).__mro__ if _is_in_table(base)), None)
    if meaning is None:
        return exc
    text = str(exc) or type(exc).__name__
    if meaning is httpx.ConnectError and proxy is not None and not _is_tls(exc):
        meaning, text = httpx.ProxyError, f"the proxy cannot be reached: {text}"
    error = meaning(text, request=request)
    error.__cause__ = exc
    return error


def _is_in_table(base: type) -> bool:
    return base.__module__.partition(".")[0] in {"httpcore", "h11"} and base.__name__ in HTTPCORE_ERRORS


def _is_tls(exc: BaseException | None) -> bool:
    while exc is not None:
        if isinstance(exc, ssl.SSLError):
            return True
        exc = exc.__cause__ or exc.__context__
    return False
