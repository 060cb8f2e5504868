"""The wire under every HTTP client: aiohttp's on asyncio, httpcore's on trio."""

import re
import ssl
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Final, Protocol, Self

import anyio.lowlevel
import httpx

from quackcore_async.concurrency import LoopBinding, run_in_thread, shielded, wrong_loop
from quackcore_async.errors import LifecycleError
from quackcore_async.results import to_quack_error
from quackcore_async.transport.attempt import Attempt
from quackcore_async.transport.idempotency import is_idempotent
from quackcore_async.transport.outgoing import is_replayable
from quackcore_async.transport.proxies import Proxies
from quackcore_async.transport.slots import Slots
from quackcore_async.transport.tls import Verification, tls_context

__all__ = ["MAX_HEADER_BYTES", "Wire"]

MAX_HEADER_BYTES: Final = 64 * 1024
"""Longest head of a request; servers take 8 to 64 KiB."""

_UNSAFE: Final = re.compile(rb"[\r\n\0]")
_BROKEN: Final = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)


class _Pool(Protocol):
    reclaims: bool

    async def send(
        self, request: httpx.Request, proxy: httpx.Proxy | None, attempt: Attempt
    ) -> httpx.Response: ...

    async def aclose(self) -> None: ...


class _Bound:
    """The connections in one event loop."""

    __slots__ = ("binding", "pool", "slots")

    def __init__(self, pool: _Pool, limit: int) -> None:
        self.binding = LoopBinding.current()
        self.pool = pool
        self.slots = Slots(limit)


class Wire(httpx.AsyncBaseTransport):
    """Sends single requests over pooled connections, and raises httpx's errors by their true classes.

    The transport for `httpx.AsyncClient(transport=Wire())` and for everything of this package that speaks HTTP.
    Nothing is retried, but for an idempotent request that met an idle connection which the server had closed.
    Nothing is redirected or decoded; no cookie is kept. The connections are made at the first request, in the
    event loop that runs then; in a later loop they are made anew.

    Calls wait for a connection in the order in which they came, for as long as their caller lets them: the `pool`
    time-out of httpx is not applied.

    Args:
        verify: True for the usual authorities, a path to one's own, an `ssl.SSLContext`, or False for no check.
        proxy: Address of an HTTP proxy for everything, with user and password if it wants them.
        trust_env: Whether `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` count when there is no `proxy`.
        max_connections: Connections at a time.
        keepalive_expiry: Seconds that an idle connection is kept.

    Raises:
        TransportError: if `proxy` is of a kind that is not supported.
    """

    def __init__(
        self,
        *,
        verify: Verification = True,
        proxy: httpx.Proxy | httpx.URL | str | None = None,
        trust_env: bool = True,
        max_connections: int = 100,
        keepalive_expiry: float = 15.0,
    ) -> None:
        if max_connections < 1:
            raise ValueError(f"max_connections is {max_connections}: without one nothing is ever sent")
        self._verify = verify
        self._proxies = Proxies(proxy, trust_env=trust_env)
        self._max_connections = max_connections
        self._keepalive_expiry = keepalive_expiry
        self._bound: _Bound | None = None
        self._closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request.

        Raises:
            httpx.TransportError: if there is no answer; which class says whether it may have been sent.
            TransportError: if the environment names a proxy that is not supported.
            LifecycleError: if it is closed, or in use in another event loop.
        """
        _check_head(request)
        proxy = self._proxies.choose(request.url)
        bound = self._bound
        if bound is None or not bound.binding.is_here():
            bound = await self._bind()
        slots = bound.slots
        if not slots.try_acquire():
            await slots.acquire()
        try:
            response = await self._send(bound.pool, request, proxy)
        except BaseException:
            slots.release()
            raise
        response.stream = _HoldingStream(response.stream, bound)  # type: ignore[arg-type]
        response.request = request
        return response

    async def _send(self, pool: _Pool, request: httpx.Request, proxy: httpx.Proxy | None) -> httpx.Response:
        attempt = Attempt()
        try:
            if self._closed:
                raise _closed()
            try:
                return await pool.send(request, proxy, attempt)
            except _BROKEN:
                if attempt.fresh or not (is_idempotent(request) and is_replayable(request)):
                    raise
            return await pool.send(request, proxy, Attempt())
        except httpx.RequestError as exc:
            exc.request = request
            if self._closed:
                error = _closed()
                error.indeterminate = to_quack_error(exc).indeterminate
                raise error from exc
            raise

    async def _bind(self) -> _Bound:
        left = self._bound
        self._refuse_other_loop()
        if self._closed:
            raise _closed()
        context = await tls_context(self._verify)
        pool_type = await run_in_thread(_load_pool, _on_trio())
        if self._closed:
            raise _closed()
        if self._bound is left:
            self._bound = _Bound(
                pool_type(context, self._max_connections, self._keepalive_expiry), self._max_connections
            )
            if left is not None:
                await _leave(left)
        self._refuse_other_loop()
        return self._bound or await self._bind()

    def _refuse_other_loop(self) -> None:
        if self._bound is not None and not self._bound.binding.is_here() and self._bound.binding.is_alive():
            raise wrong_loop("the wire is in use in another running event loop: make one for each loop")

    async def aclose(self) -> None:
        """Close the connections; requests under way fail. `async with` opens it again.

        Raises:
            LifecycleError: if it is in use in another event loop, which alone can close it.
        """
        self._refuse_other_loop()
        self._closed = True
        bound, self._bound = self._bound, None
        if bound is None:
            return
        if bound.binding.is_here():
            await shielded(bound.pool.aclose)
        else:
            await _leave(bound)

    async def __aenter__(self) -> Self:
        """Open it, again if it was closed."""
        self._closed = False
        return self


class _HoldingStream(httpx.AsyncByteStream):
    """The body of an answer, and the slot that goes with its connection."""

    def __init__(self, stream: httpx.AsyncByteStream, bound: _Bound) -> None:
        self._stream = stream
        self._bound = bound
        self._thread = threading.get_ident()
        self._held = True

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._stream.__aiter__()

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            self._release()

    def _release(self) -> None:
        if self._held:
            self._held = False
            self._bound.slots.release()

    def __del__(self) -> None:
        # Somebody dropped the answer without closing it. aiohttp takes back its connection by itself then.
        if self._bound.pool.reclaims and self._thread == threading.get_ident():
            self._release()


_abandoned: Final[list[_Bound]] = []
"""What a fork left behind: its sockets and its selector are shared with the parent, and not to be touched."""


async def _leave(bound: _Bound) -> None:
    """Take apart what an event loop left open that has ended."""
    if not bound.binding.has_ended():
        _abandoned.append(bound)
        return
    with suppress(Exception):
        await bound.pool.aclose()


def _load_pool(on_trio: bool) -> Callable[[ssl.SSLContext, int, float], _Pool]:
    if on_trio:
        from quackcore_async.transport.httpcore_pool import HttpcorePool

        return HttpcorePool
    from quackcore_async.transport.aiohttp_pool import AiohttpPool

    return AiohttpPool


def _on_trio() -> bool:
    return type(anyio.lowlevel.current_token().native_token).__module__.startswith("trio")


def _closed() -> LifecycleError:
    return LifecycleError("the wire is closed", code="closed")


def _check_head(request: httpx.Request) -> None:
    head = b"".join([part for pair in request.headers.raw for part in pair])
    if _UNSAFE.search(head):
        raise httpx.LocalProtocolError("a header holds a line break or a NUL", request=request)
    if len(head) + len(request.url.raw_path) > MAX_HEADER_BYTES:
        raise httpx.LocalProtocolError(
            f"the head of the request is longer than {MAX_HEADER_BYTES} bytes", request=request
        )
