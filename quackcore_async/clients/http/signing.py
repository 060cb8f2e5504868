"""`SigningTransport`: puts credentials into requests at the last moment, and renews them once after a 401."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Final, NoReturn

import anyio
import httpx

from quackcore_async.clients.http.bodies import is_replayable
from quackcore_async.clients.http.call import Call, call_of
from quackcore_async.clients.http.leaks import hide_secrets
from quackcore_async.clients.http.origins import Origin, is_loopback, origin_of, shown_url
from quackcore_async.clients.http.presentation import NOTHING, Presentation
from quackcore_async.clients.http.provider import ProviderSecrets
from quackcore_async.logging import get_logger

__all__ = ["SigningTransport"]

_logger: Final = get_logger(__name__)

_UNAUTHORIZED: Final = 401
_KEPT_BYTES: Final = 64 * 1024
"""Bytes of the body of a 401 that are kept for its error, while the credentials are renewed."""
_READ_SECONDS: Final = 5.0
_NO_HEADERS: Final[Mapping[str, str]] = {}


class SigningTransport(httpx.AsyncBaseTransport):
    """Adds the secrets of each request that goes to an origin they are meant for, to a copy of it.

    The requests and responses that callers see, the log lines of httpx, and exceptions hold none of them. It
    stands below everything that repeats or redirects, so that each attempt carries fresh credentials, and none
    goes where a redirect leads.

    A 401 from such an origin has the credentials renewed, once for all requests that were refused with them, and
    the request sent once more if its body can be. Its body is read before, so that its connection is free.

    Args:
        inner: What sends the requests.
        provider: Whose credentials they carry.
        allowed: The origins that these, and secret headers of the client, are for; None is the origin to which a
            caller sent a call.
    """

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport,
        provider: ProviderSecrets | None = None,
        *,
        allowed: frozenset[Origin] | None = None,
    ) -> None:
        self._inner = inner
        self._provider = provider
        self._allowed = allowed
        self._warned = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request with its secrets, and once more with renewed ones if the first are refused."""
        call = call_of(request)
        if call is None:
            return await self._inner.handle_async_request(request)
        origin = origin_of(request.url)
        own = call.own if call.own and origin == call.origin else _NO_HEADERS
        if not call.authenticate or not self._is_allowed(origin, call):
            return await self._send(request, _NO_HEADERS, NOTHING, own)
        provider = self._provider
        if provider is None or provider.is_asking():
            return await self._send(request, call.common, NOTHING, own)
        presentation = await provider.current()
        response = await self._send(request, call.common, presentation, own)
        if response.status_code != _UNAUTHORIZED or _overridden(own, presentation):
            return response
        return await self._renewed(request, response, presentation, own)

    async def aclose(self) -> None:
        """Close what sends the requests."""
        await self._inner.aclose()

    def _is_allowed(self, origin: Origin, call: Call) -> bool:
        return origin == call.origin if self._allowed is None else origin in self._allowed

    def _warn(self, url: httpx.URL) -> None:
        """Say once that credentials go over the network in the clear; within this machine nobody reads along."""
        if not is_loopback(origin_of(url)):
            self._warned = True
            _logger.warning("credentials are sent to %s in the clear: use https", shown_url(url.join("/")))

    async def _send(
        self,
        request: httpx.Request,
        common: Mapping[str, str],
        presentation: Presentation,
        own: Mapping[str, str],
    ) -> httpx.Response:
        if not (common or own or presentation.headers or presentation.query):
            return await self._inner.handle_async_request(request)
        if request.url.scheme == "http" and not self._warned:
            self._warn(request.url)
        signed = _signed(request, presentation, (common, presentation.headers, own))
        try:
            response = await self._inner.handle_async_request(signed)
        except Exception as exc:
            hide_secrets(exc)
            raise
        response.request = request
        if presentation.query and "location" in response.headers:
            response.headers["location"] = presentation.unsign_location(response.headers["location"])
        return response

    async def _renewed(
        self, request: httpx.Request, response: httpx.Response, refused: Presentation, own: Mapping[str, str]
    ) -> httpx.Response:
        """Have the credentials renewed and send the request again, or return the 401 where that cannot be."""
        call, provider = call_of(request), self._provider
        assert call is not None  # noqa: S101 - it was signed for one
        assert provider is not None  # noqa: S101 - and by one
        response = await _set_free(response)
        call.renewal = await provider.renew(refused)
        if call.renewal is None or not call.renewal.success:
            return response
        if not is_replayable(request.stream):
            call.unreplayed = True
            return response
        renewed = await provider.current()
        again = await self._send(request, call.common, renewed, own)
        if again.status_code == _UNAUTHORIZED:
            call.refused_twice = True
            provider.note_fresh_refused(renewed)
        return again


class _SignedRequest(httpx.Request):
    """A request with secrets in it, which does not show them when a traceback shows what a variable holds."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({self.method!r})>"

    def __getstate__(self) -> NoReturn:
        raise TypeError("a request with credentials in it cannot be pickled: they would be written in the clear")


def _signed(
    request: httpx.Request, presentation: Presentation, headers: Iterable[Mapping[str, str]]
) -> _SignedRequest:
    signed = _SignedRequest.__new__(_SignedRequest)
    added = request.headers.copy()
    for secrets in headers:
        for name, value in secrets.items():
            added[name] = value
    vars(signed).update(vars(request), url=presentation.sign_url(request.url), headers=added)
    if isinstance(request.stream, httpx.ByteStream):
        signed.read()  # transports send what is in memory as one piece
    return signed


def _overridden(own: Mapping[str, str], presentation: Presentation) -> bool:
    """Tell whether the caller's own headers took the place of all credentials."""
    if not own or presentation.query:
        return False
    given = {name.lower() for name in own}
    return all(name.lower() in given for name in presentation.headers)


async def _set_free(response: httpx.Response) -> httpx.Response:
    """Read the body of a response, or close it when that is much or takes long, so that its connection is free.

    Returns:
        The same response, with its body in memory; without one where it could not be kept.
    """
    body = bytearray()
    complete = False
    try:
        with anyio.move_on_after(_READ_SECONDS):
            async with _closing(aiter(_raw(response))) as chunks:
                async for chunk in chunks:
                    body += chunk
                    if len(body) > _KEPT_BYTES:
                        break
                else:
                    complete = True
    except Exception:  # noqa: BLE001 - it is a 401 with or without its body
        complete = False
    finally:
        await response.aclose()
    headers = httpx.Headers(response.headers)
    if not complete:
        body.clear()
        headers.pop("content-encoding", None)
        headers.pop("content-length", None)
    return httpx.Response(
        response.status_code, headers=headers, stream=httpx.ByteStream(bytes(body)), extensions=response.extensions
    )


def _raw(response: httpx.Response) -> AsyncIterable[bytes]:
    """Return the body as it was sent, also of a response that was made with its body in memory."""
    assert isinstance(response.stream, AsyncIterable)  # noqa: S101 - what an asynchronous transport returns
    return response.stream


@asynccontextmanager
async def _closing(chunks: AsyncIterator[bytes]) -> AsyncGenerator[AsyncIterator[bytes], None]:
    """Close an iterator that can be closed: a generator left halfway is cleaned up by nobody."""
    try:
        yield chunks
    finally:
        if isinstance(chunks, AsyncGenerator):
            await chunks.aclose()
