"""Connections that end when they are closed, also when the peer has stopped to read."""

import functools
from typing import Any

__all__ = ["session_class"]


@functools.cache
def session_class() -> Any:  # noqa: ANN401 - aiobotocore is untyped
    """Return aiobotocore's HTTP session, over connections that do not wait for a peer that reads nothing.

    asyncio closes a connection once all is sent that was written to it. A request that is given up because nothing
    goes out would keep its socket and its bytes until the peer goes away; so what is unsent is dropped. It imports
    the libraries: call it in a worker thread.
    """
    from aiobotocore.httpsession import AIOHTTPSession
    from aiohttp.client_proto import ResponseHandler

    class Connection(ResponseHandler):
        def close(self) -> None:
            if self.transport is not None and self.transport.get_write_buffer_size():
                self.abort()
            super().close()

    class Session(AIOHTTPSession):
        def _create_connector(self, proxy_url: str | None) -> Any:  # noqa: ANN401 - aiohttp's connector
            connector = super()._create_connector(proxy_url)  # type: ignore[misc]  # not in the stubs
            connector._factory = functools.partial(Connection, loop=connector._loop)  # noqa: SLF001 - it has no public name
            return connector

    return Session
