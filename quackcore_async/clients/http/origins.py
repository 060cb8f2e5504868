"""Origins: where a credential may go, and where a redirect or a next page leads to."""

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

import httpx

from quackcore_async.errors import ErrorKind, TransportError

__all__ = ["Origin", "checked_url", "is_loopback", "origin_of", "origins_of", "parsed_url", "shown_url"]

Origin = tuple[str, str, int | None]
"""Scheme, host and port of a URL (RFC 6454 section 4); the port is None where it is the scheme's own."""

_SCHEMES = frozenset({"http", "https"})


def origin_of(url: httpx.URL) -> Origin:
    """Return the origin of an absolute URL."""
    return url.scheme, url.host, url.port


def origins_of(urls: Iterable[str | httpx.URL]) -> frozenset[Origin]:
    """Return the origins of some URLs.

    Raises:
        TransportError: if one of them is no absolute http or https URL.
    """
    return frozenset(origin_of(checked_url(parsed_url(url))) for url in urls)


def parsed_url(url: str | httpx.URL) -> httpx.URL:
    """Return an address as httpx reads it.

    Raises:
        TransportError: if it is none. It is not shown: nobody knows which part of it is the password.
    """
    try:
        return httpx.URL(url)
    except httpx.InvalidURL as exc:
        raise _refused(f"an address that cannot be read: {exc}") from None


def checked_url(url: httpx.URL) -> httpx.URL:
    """Return a URL that a request may be sent to.

    Raises:
        TransportError: if it is not absolute, not http or https, or has a name and a password in it, which would
            be written to logs with it.
    """
    if url.scheme not in _SCHEMES or not url.host:
        raise _refused(f"{shown_url(url) or 'the empty address'} is no absolute http:// or https:// address")
    if url.userinfo:
        raise _refused(
            f"the address of {url.host} has a name or a password in it: give them to a BasicAuthProvider"
        )
    return url


@lru_cache(maxsize=256)
def is_loopback(origin: Origin) -> bool:
    """Tell whether an origin is this machine, so that what goes there in the clear is read by nobody."""
    host = origin[1]
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def shown_url(url: httpx.URL) -> str:
    """Return a URL for messages: without the parts that may hold secrets."""
    return str(url.copy_with(query=None, fragment=None, userinfo=b""))


def _refused(message: str) -> TransportError:
    return TransportError(message, kind=ErrorKind.INVALID_INPUT, code="url")
