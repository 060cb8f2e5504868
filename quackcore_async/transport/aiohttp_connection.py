"""aiohttp's connection, mended: who reads a body hears of everything that ends it."""

import functools

import aiohttp
import aiohttp.http_exceptions
from aiohttp.client_proto import ResponseHandler

__all__ = ["Connection", "use_connection"]


class Connection(ResponseHandler):
    """A connection that fails the body under way together with itself.

    In two cases aiohttp 3.14 tells nobody and stops its time-out, so that who waits for the body waits for ever: a
    later piece of a body makes no sense; and the session is closed meanwhile.
    """

    def set_exception(self, exc: BaseException, *cause: BaseException) -> None:
        """Take note of what ended it."""
        payload = self._payload
        super().set_exception(exc, *cause)
        if isinstance(exc, aiohttp.http_exceptions.HttpProcessingError):
            _fail(payload, f"the body makes no sense: {exc!r}", exc)

    def close(self) -> None:
        """Close it."""
        payload = self._payload
        super().close()
        _fail(payload, "the connection was closed in the middle of the body")

    def abort(self) -> None:
        """Close it at once."""
        payload = self._payload
        super().abort()
        _fail(payload, "the connection was closed in the middle of the body")


def _fail(payload: aiohttp.StreamReader | None, reason: str, cause: BaseException | None = None) -> None:
    if payload is not None and not payload.is_eof() and payload.exception() is None:
        error = aiohttp.ClientPayloadError(reason)
        error.__cause__ = cause
        payload.set_exception(error)


def use_connection(connector: aiohttp.BaseConnector, connection: type[ResponseHandler] = Connection) -> None:
    """Have a connector make connections of a class of ours."""
    factory: functools.partial[ResponseHandler] = functools.partial(connection, loop=connector._loop)  # noqa: SLF001
    connector._factory = factory  # noqa: SLF001 - it has no public name
