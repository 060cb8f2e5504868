"""What the tests of OAuth share: a clock, a browser, providers for the test server."""

import time
from collections.abc import Callable
from typing import Any

import anyio.to_thread
import httpx
import pytest

from quackcore_async.auth import OAuthProvider
from tests.servers.authorization import AuthorizationServer


class Clock:
    """A clock that can be set."""

    def __init__(self) -> None:
        self.now = float(int(time.time()))

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def provide(authorization_server: AuthorizationServer, clock: Clock) -> Callable[..., OAuthProvider]:
    """Make a provider for the test server; what a test does not say is what most need."""

    def make(**options: Any) -> OAuthProvider:
        server = authorization_server
        defaults: dict[str, Any] = {
            "client_id": server.client_id,
            "client_secret": server.client_secret,
            "auth_url": server.auth_url,
            "token_url": server.token_url,
            "device_url": server.device_url,
            "revocation_url": server.revocation_url,
            "redirect_uri": "http://127.0.0.1:0/callback",
            "clock": clock,
            "login_timeout": 20.0,
            "authorization_handler": browser(server),
        }
        return OAuthProvider(**(defaults | options))

    return make


def browser(server: AuthorizationServer) -> Callable[[str], Any]:
    """A browser with a person in front of it: agrees at the server, and follows it back to the listener."""

    async def open_address(url: str) -> None:
        callback = await anyio.to_thread.run_sync(server.authorize, url)
        await visit(callback)

    return open_address


async def visit(url: str, method: str = "GET", **options: Any) -> httpx.Response:
    async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
        return await client.request(method, url, **options)
