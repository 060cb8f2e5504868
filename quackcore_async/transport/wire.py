"""The wire under every HTTP client: aiohttp's on asyncio, httpcore's on trio."""

import httpx

__all__ = ["Wire"]


class Wire(httpx.AsyncBaseTransport):
    """Sends single requests over pooled connections, and raises httpx's errors by their true classes."""

    def __init__(self) -> None:
        self._inner = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; nothing is retried, redirected or decoded."""
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()
