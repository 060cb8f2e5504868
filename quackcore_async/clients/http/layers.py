"""What a request goes through: retries behind a gate, signing, and the wire, in this order."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import httpx

from quackcore_async.clients.http.origins import Origin
from quackcore_async.clients.http.provider import ProviderSecrets
from quackcore_async.clients.http.signing import SigningTransport
from quackcore_async.logging import get_logger
from quackcore_async.retry import RetryBudget, RetryEvent, RetryPolicy
from quackcore_async.transport.gate import HostGate
from quackcore_async.transport.retrying import RetryTransport
from quackcore_async.transport.tls import Verification
from quackcore_async.transport.wire import Wire

__all__ = ["LayerSettings"]


for _name in ("httpx", *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks"))):
    get_logger(_name)  # puts the filter on it: they log whole addresses and the headers of answers


@dataclass(frozen=True, slots=True)
class LayerSettings:
    """How the layers of one client are made.

    Attributes:
        retry: The policy of its calls.
        transport: What sends the requests; None makes pooled connections.
        provider: Where its credentials come from.
        allowed: Origins that these are for; None is the origin that a caller names.
        gate: What its calls queue in front of.
        max_connections: Connections in the pool.
        verify: Which certificates are trusted.
        proxy: The proxy that everything goes through.
        on_retry: Told of each attempt that is to be repeated.
    """

    retry: RetryPolicy
    transport: httpx.AsyncBaseTransport | None
    provider: ProviderSecrets | None
    allowed: frozenset[Origin] | None
    gate: HostGate
    max_connections: int
    verify: Verification
    proxy: str | None
    on_retry: Callable[[RetryEvent], None] | None

    def build(self, budget: RetryBudget) -> httpx.AsyncBaseTransport:
        """Make the layers, for the event loop that runs.

        Credentials are added below the retries, so that each attempt has fresh ones.
        """
        wire = self.transport or Wire(verify=self.verify, proxy=self.proxy, max_connections=self.max_connections)
        signing = SigningTransport(wire, self.provider, allowed=self.allowed)
        retrying = partial(RetryTransport, signing, self.retry, budget=budget, on_retry=self.on_retry)
        gated = retrying(gate=self.gate)
        return gated if self.provider is None else _SideDoor(gated, retrying(), self.provider)


class _SideDoor(httpx.AsyncBaseTransport):
    """Lets a provider that renews credentials over the client itself past the gate.

    Those who hold its slots may all be waiting for that.
    """

    def __init__(self, gated: RetryTransport, ungated: RetryTransport, provider: ProviderSecrets) -> None:
        self._gated = gated
        self._ungated = ungated
        self._provider = provider

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request by the way that is its own."""
        way = self._ungated if self._provider.is_asking() else self._gated
        return await way.handle_async_request(request)

    async def aclose(self) -> None:
        """Close what sends the requests."""
        await self._gated.aclose()
