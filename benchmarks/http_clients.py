"""The contestants of the HTTP benchmarks: `HttpClient` with everything on, and httpx by itself."""

from typing import Any

import anyio
import httpx

from benchmarks.probe import Probe

__all__ = ["bare", "bare_on_aiohttp", "ours", "stub_bare", "stub_ours"]

WARM_UP = 200
ANSWER = b'{"id": 1234, "ok": true}'


class Stub(httpx.AsyncBaseTransport):
    """Answers at once: what is left is what the client itself costs."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:  # noqa: ARG002 - any request
        return httpx.Response(200, headers={"content-type": "application/json"}, content=ANSWER)


async def ours(probe: Probe, *, url: str, concurrency: int, requests: int) -> None:
    """`HttpClient` with a provider, the retry policy, and its limits."""
    async with _client() as client:
        await _drive(client, url, concurrency, WARM_UP)
        with probe:
            await _drive(client, url, concurrency, requests)


async def bare(probe: Probe, *, url: str, concurrency: int, requests: int) -> None:
    """`httpx.AsyncClient` as it comes."""
    async with httpx.AsyncClient() as client:
        await _drive(client, url, concurrency, WARM_UP)
        with probe:
            await _drive(client, url, concurrency, requests)


async def bare_on_aiohttp(probe: Probe, *, url: str, concurrency: int, requests: int) -> None:
    """`httpx.AsyncClient` on the transport that `HttpClient` uses, and nothing else."""
    from httpx_aiohttp import AiohttpTransport

    async with httpx.AsyncClient(transport=AiohttpTransport()) as client:
        await _drive(client, url, concurrency, WARM_UP)
        with probe:
            await _drive(client, url, concurrency, requests)


async def stub_ours(probe: Probe, *, requests: int) -> None:
    """`HttpClient` with everything on, over a transport that answers at once."""
    async with _client(transport=Stub()) as client:
        await _drive(client, "http://stub.test/", 1, WARM_UP)
        with probe:
            await _drive(client, "http://stub.test/", 1, requests)


async def stub_bare(probe: Probe, *, requests: int) -> None:
    """`httpx.AsyncClient` over a transport that answers at once."""
    async with httpx.AsyncClient(transport=Stub()) as client:
        await _drive(client, "http://stub.test/", 1, WARM_UP)
        with probe:
            await _drive(client, "http://stub.test/", 1, requests)


def _client(transport: httpx.AsyncBaseTransport | None = None) -> Any:
    from quackcore_async import HttpClient
    from quackcore_async.auth import BaseAuthProvider, Credentials

    class Provider(BaseAuthProvider):
        name = "benchmark"

        async def _authenticate(self) -> Credentials:
            return Credentials("a-token-that-holds", expires_at=int(self._clock()) + 36000)

    return HttpClient(auth=Provider(), transport=transport)


async def _drive(client: Any, url: str, concurrency: int, requests: int) -> None:
    """Get `url` so often, so many at a time."""

    async def work(share: int) -> None:
        for _ in range(share):
            response = await client.get(url)
            assert response.status_code == 200

    async with anyio.create_task_group() as group:
        for number in range(concurrency):
            group.start_soon(work, requests // concurrency + (number < requests % concurrency))
