"""How long the talk with an authorization server may take."""

import anyio
import httpx
import pytest
from trio.testing import MockClock

from quackcore_async.auth import OAuthProvider
from quackcore_async.errors import ErrorKind

TRIO_AT_ONCE = [pytest.param(("trio", {"clock": MockClock(autojump_threshold=0)}), id="trio")]


class Slow(httpx.AsyncBaseTransport):
    """Answers after some seconds that it has no time, and says when it was asked."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.asked_at: list[float] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked_at.append(anyio.current_time())
        await anyio.sleep(self.seconds)
        return httpx.Response(503)


def provider_for(wire: Slow) -> OAuthProvider:
    return OAuthProvider(
        "id", "s3cret-word", token_url="https://idp.example/token", flow="client_credentials", wire=wire
    )


@pytest.mark.parametrize("anyio_backend", TRIO_AT_ONCE)
async def test_a_request_takes_ten_seconds_at_most():
    begun = anyio.current_time()
    result = await provider_for(Slow(60)).authenticate()
    assert result.error_info.kind is ErrorKind.TIMEOUT
    assert anyio.current_time() - begun == pytest.approx(10)


@pytest.mark.parametrize("anyio_backend", TRIO_AT_ONCE)
async def test_all_attempts_together_take_a_quarter_more():
    wire = Slow(9)
    begun = anyio.current_time()
    result = await provider_for(wire).authenticate()
    assert not result.success
    assert len(wire.asked_at) == 2
    assert anyio.current_time() - begun == pytest.approx(12.5)
