"""The authorization server of one provider: where its endpoints are, and how it is talked to."""

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager

import anyio

from quackcore_async.auth.oauth.addresses import origin_of
from quackcore_async.auth.oauth.client_authentication import Client
from quackcore_async.auth.oauth.metadata import Metadata, fetch_metadata
from quackcore_async.auth.oauth.settings import Addresses
from quackcore_async.auth.oauth.token_client import TokenClient, open_wire
from quackcore_async.transport.exchange import Transport

__all__ = ["Server"]


class Server:
    """Asks an issuer for its metadata once, and opens conversations.

    Args:
        wire: Sends the requests; None opens connections for each conversation.
        allowed_origins: Origins beside the issuer's that the endpoints of its metadata may have.
        timeout: Seconds for one request.
    """

    def __init__(self, wire: Transport | None, allowed_origins: Collection[str], timeout: float) -> None:
        self.metadata: Metadata | None = None
        self._wire = wire
        self._allowed_origins = frozenset(map(origin_of, allowed_origins))
        self._timeout = timeout
        self._lock = anyio.Lock()

    async def look_up(self, issuer: str) -> Metadata | None:
        """Return the metadata of an issuer, None when there is no issuer.

        Raises:
            QuackError: if the document cannot be had, or is somebody else's.
        """
        if not issuer:
            return None
        async with self._lock:
            if self.metadata is None or self.metadata.issuer != issuer:
                async with open_wire(self._wire) as wire:
                    self.metadata = await fetch_metadata(
                        wire, issuer, allowed_origins=self._allowed_origins, timeout=self._timeout
                    )
            return self.metadata

    async def locate(self, addresses: Addresses) -> Addresses:
        """Return the addresses with what the issuer's metadata adds.

        Raises:
            QuackError: if they lack a usable token endpoint: nobody is sent to log in then.
        """
        known = addresses.with_metadata(await self.look_up(addresses.issuer))
        known.need("token_url")
        return known

    @asynccontextmanager
    async def token_client(self, client: Callable[[], Client], addresses: Addresses) -> AsyncIterator[TokenClient]:
        """Open a conversation with the token endpoint and its siblings.

        Args:
            client: Makes the client that authenticates, once the metadata is known.
            addresses: Where the endpoints are.
        """
        async with open_wire(self._wire) as wire:
            known = await self.locate(addresses)
            yield TokenClient(wire, client(), known, self._timeout)
