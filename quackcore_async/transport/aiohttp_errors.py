"""The one table of aiohttp's errors: which error of httpx each truly is.

httpx-aiohttp 0.2.0 has a table of its own, by which a refused connection, a failed look-up and a server that hung
up in the middle of its answer are all a `ConnectTimeout`. What retries then sends a request twice that may have
been done.
"""

from typing import Final

import httpx

__all__ = ["AIOHTTP_ERRORS", "httpx_error"]

AIOHTTP_ERRORS: Final[dict[str, type[httpx.TransportError]]] = {
    # Nothing was sent: there was no connection.
    "ClientConnectorError": httpx.ConnectError,
    "ClientConnectorDNSError": httpx.ConnectError,
    "ClientConnectorSSLError": httpx.ConnectError,
    "ClientConnectorCertificateError": httpx.ConnectError,
    "ClientSSLError": httpx.ConnectError,
    "UnixClientConnectorError": httpx.ConnectError,
    "ServerFingerprintMismatch": httpx.ConnectError,
    "ConnectionTimeoutError": httpx.ConnectTimeout,
    "ClientProxyConnectionError": httpx.ProxyError,
    "ClientHttpProxyError": httpx.ProxyError,
    # It may have been sent, and the answer did not come or did not end.
    "ServerDisconnectedError": httpx.RemoteProtocolError,
    "ServerTimeoutError": httpx.ReadTimeout,
    "SocketTimeoutError": httpx.ReadTimeout,
    "ServerConnectionError": httpx.ReadError,
    "ClientConnectionError": httpx.ReadError,
    "ClientOSError": httpx.ReadError,
    "ClientConnectionResetError": httpx.WriteError,
    "UploadAbortedError": httpx.WriteError,
    "ClientPayloadError": httpx.RemoteProtocolError,
    "ClientResponseError": httpx.RemoteProtocolError,
    "ContentTypeError": httpx.RemoteProtocolError,
    "WSServerHandshakeError": httpx.RemoteProtocolError,
    "WSMessageTypeError": httpx.RemoteProtocolError,
    "TooManyRedirects": httpx.RemoteProtocolError,
    "RedirectClientError": httpx.RemoteProtocolError,
    "InvalidUrlRedirectClientError": httpx.RemoteProtocolError,
    "NonHttpUrlRedirectClientError": httpx.RemoteProtocolError,
    "ClientError": httpx.ReadError,
    # The request was wrong.
    "InvalidURL": httpx.UnsupportedProtocol,
    "InvalidUrlClientError": httpx.UnsupportedProtocol,
    "NonHttpUrlClientError": httpx.UnsupportedProtocol,
}
"""Each exception class of aiohttp's client by name."""


def httpx_error(exc: Exception) -> httpx.TransportError | None:
    """Return the error of httpx that an exception out of aiohttp truly is, None when it is none of aiohttp's."""
    known = next((base.__name__ for base in type(exc).__mro__ if _is_in_table(base)), None)
    meaning = AIOHTTP_ERRORS[known] if known else _from_builtin(exc)
    if meaning is None:
        return None
    if meaning is httpx.RemoteProtocolError and isinstance(exc.__cause__, OSError):
        meaning = httpx.ReadError  # a body that a reset of the connection cut short
    error = meaning(_message(exc))
    error.__cause__ = exc.__cause__ if known else exc  # aiohttp's own text may hold the address with its query
    return error


def _is_in_table(base: type) -> bool:
    return base.__module__.partition(".")[0] == "aiohttp" and base.__name__ in AIOHTTP_ERRORS


def _message(exc: Exception) -> str:
    text = getattr(exc, "message", None) or str(exc)
    if not isinstance(text, str):  # what had come of the answer
        return "the server hung up in the middle of its answer"
    if "://" in text or not text:
        text = str(exc.__cause__ or "")
    return f"{text} ({type(exc).__name__})" if text else type(exc).__name__


def _from_builtin(exc: Exception) -> type[httpx.TransportError] | None:
    """Look at what gets through aiohttp as it is."""
    if isinstance(exc, TimeoutError):
        return httpx.ReadTimeout
    if isinstance(exc, OSError):
        return httpx.ReadError
    if isinstance(exc, ValueError):  # it checks the method and the headers before it sends them
        return httpx.LocalProtocolError
    return None
