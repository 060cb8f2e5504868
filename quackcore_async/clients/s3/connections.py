"""Connections that end when they are closed, also when the peer has stopped to read."""

import functools
from typing import Any

__all__ = ["drop_unsent", "session_class"]


def drop_unsent(connector: Any) -> None:  # noqa: ANN401 - so that aiohttp is imported when it is needed
    """Have the connections of an aiohttp connector not wait for a peer that reads nothing.

    asyncio closes a connection once all is sent that was written to it. A request that is given up because nothing
    goes out would keep its socket and its bytes until the peer goes away; so what is unsent is dropped.
    """
    connector._factory = functools.partial(_connection_class(), loop=connector._loop)  # noqa: SLF001 - it has no public name


@functools.cache
def session_class() -> Any:  # noqa: ANN401 - aiobotocore is untyped
    """Return aiobotocore's HTTP session over such connections; it imports the libraries: call it in a thread."""
    from aiobotocore.httpsession import AIOHTTPSession

    class Session(AIOHTTPSession):
        def _create_connector(self, proxy_url: str | None) -> Any:  # noqa: ANN401 - aiohttp's connector
            connector = super()._create_connector(proxy_url)  # type: ignore[misc]  # not in the stubs
            drop_unsent(connector)
            return connector

    return Session


@functools.cache
def _connection_class() -> Any:  # noqa: ANN401 - a subclass made once aiohttp is there
    from aiohttp.client_proto import ResponseHandler

    class Connection(ResponseHandler):
        def close(self) -> None:
            if self.transport is not None and self.transport.get_write_buffer_size():
                self.abort()
            super().close()

    return Connection
