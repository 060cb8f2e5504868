"""Connections that are trusted and end when closed, and requests that aiohttp sends once, to one place."""

import functools
import ssl
from typing import Any

from quackcore_async.errors import ConfigError
from quackcore_async.transport.tls import tls_context

__all__ = ["session_class", "trust"]


async def trust(verify: bool | str) -> ssl.SSLContext:
    """Return the TLS context for a setting `verify_tls`.

    Raises:
        ConfigError: with code `tls`, if the bundle cannot be read or holds no certificate.
    """
    try:
        return await tls_context(verify)
    except OSError as exc:  # also what the ssl module raises
        raise ConfigError(
            f"cannot read the CA bundle {verify}: {exc}; check `verify_tls` and AWS_CA_BUNDLE", code="tls"
        ) from exc


def _drop_unsent(connector: Any) -> None:  # noqa: ANN401 - so that aiohttp is imported when it is needed
    """Have the connections of an aiohttp connector not wait for a peer that reads nothing.

    asyncio closes a connection once all is sent that was written to it. A request that is given up because nothing
    goes out would keep its socket and its bytes until the peer goes away; so what is unsent is dropped.
    """
    from quackcore_async.transport.aiohttp_connection import use_connection

    use_connection(connector, _connection_class())


def _send_once(session: Any) -> None:  # noqa: ANN401 - so that aiohttp is imported when it is needed
    """Have an aiohttp session not send GET, HEAD, PUT and DELETE again by itself when a connection breaks.

    Nobody would know of the second sending: when that one met a closed port, the write would count as never sent.
    What is tried again is decided above, in one place.
    """
    session._retry_connection = False  # noqa: SLF001 - aiohttp's own test client does the same


class _Straight:
    """An aiohttp session that follows no redirect, as botocore by itself follows none.

    aiohttp would take body and session token to any origin that an answer names, and what answers there, such as a
    log-in page, would be taken for the word of the service.
    """

    def __init__(self, session: Any) -> None:  # noqa: ANN401 - aiohttp's session
        self._session = session

    def request(self, method: str, **options: Any) -> Any:  # noqa: ANN401 - as aiohttp takes and returns it
        return self._session.request(method, allow_redirects=False, **options)


@functools.cache
def session_class() -> Any:  # noqa: ANN401 - aiobotocore is untyped
    """Return aiobotocore's HTTP session of that kind; it imports the libraries: call it in a thread."""
    from aiobotocore.httpsession import AIOHTTPSession

    class Session(AIOHTTPSession):
        def _create_connector(self, proxy_url: str | None) -> Any:  # noqa: ANN401 - aiohttp's connector
            connector = super()._create_connector(proxy_url)  # type: ignore[misc]  # not in the stubs
            _drop_unsent(connector)
            return connector

        async def _get_session(self, proxy_url: str | None) -> Any:  # noqa: ANN401 - aiohttp's session
            session = await super()._get_session(proxy_url)  # type: ignore[misc]  # not in the stubs
            _send_once(session)
            return _Straight(session)

    return Session


@functools.cache
def _connection_class() -> Any:  # noqa: ANN401 - a subclass made once aiohttp is there
    from quackcore_async.transport.aiohttp_connection import Connection

    class DroppingConnection(Connection):
        def close(self) -> None:
            if self.transport is not None and self.transport.get_write_buffer_size():
                self.abort()
            super().close()

    return DroppingConnection
