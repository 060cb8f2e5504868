"""Which addresses credentials may be sent to, and which a person may be sent to."""

import re
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from quackcore_async.errors import InvalidConfigError

__all__ = ["check_endpoint", "check_redirect_uri", "is_loopback", "origin_of", "same_party", "split_url"]

_PRINTABLE = re.compile(r"[!-\[\]-~]+")
"""Visible ASCII but the backslash, which browsers read as a slash."""

_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
_REFUSED_REDIRECTS: Final = frozenset({"about", "blob", "data", "file", "javascript", "vbscript"})


def split_url(url: object, what: str) -> SplitResult:
    """Take an absolute URL apart.

    Raises:
        InvalidConfigError: if it is none, or has a user name, a password or a fragment in it.
    """
    if not isinstance(url, str) or not url:
        raise InvalidConfigError(f"{what} is missing")
    if not _PRINTABLE.fullmatch(url):
        raise InvalidConfigError(f"{what} has characters in it that a URL may not have: escape them")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise InvalidConfigError(f"{what} is no valid URL") from None
    if "@" in parts.netloc:
        raise InvalidConfigError(f"{what} has a user name or a password in it")
    if "#" in url:
        raise InvalidConfigError(f"{what} has a fragment (#) in it, which RFC 6749 forbids")
    return parts


def check_endpoint(url: object, what: str, *, allow_insecure: bool = False) -> str:
    """Return the address of an endpoint that secrets may be sent to: https, or plain http to this machine.

    Args:
        url: The address.
        what: Names it in the error.
        allow_insecure: Take plain http to anywhere.

    Raises:
        InvalidConfigError: if it is no such address.
    """
    parts = split_url(url, what)
    if not parts.hostname:
        raise InvalidConfigError(f"{what} names no host")
    if parts.scheme == "https" or (parts.scheme == "http" and (allow_insecure or is_loopback(parts.hostname))):
        return str(url)
    if parts.scheme == "http":
        raise InvalidConfigError(
            f"{what} is plain http to another machine: use https, or pass allow_insecure=True"
        )
    raise InvalidConfigError(f"{what} is neither https nor http")


def check_redirect_uri(url: object) -> str:
    """Return an address that the authorization server may send the person back to.

    Schemes of one's own (RFC 8252 section 7.1) and the old `urn:ietf:wg:oauth:2.0:oob` are taken: who configured
    them knows how the answer comes back.

    Raises:
        InvalidConfigError: if it is none.
    """
    parts = split_url(url, "redirect_uri")
    if not parts.scheme or parts.scheme in _REFUSED_REDIRECTS:
        raise InvalidConfigError("redirect_uri has no scheme that a browser may be sent back to")
    if parts.scheme in _DEFAULT_PORTS and not parts.hostname:
        raise InvalidConfigError("redirect_uri names no host")
    return str(url)


def is_loopback(host: str | None) -> bool:
    """Tell whether a host is this machine by its name: `localhost`, 127.0.0.0/8 or ::1; nothing is looked up."""
    if host is None:
        return False
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL, in one spelling."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}:{parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)}"


def same_party(url: str, issuer: str) -> bool:
    """Tell whether an address that `issuer` named belongs to it: its own origin, or https on a host below its own.

    A list of public suffixes would allow neighbours too (`login.` and `api.` of one domain); without one, two
    customers of one hosting domain are neighbours as well.
    """
    here, there = urlsplit(issuer), urlsplit(url)
    if origin_of(url) == origin_of(issuer):
        return True
    if is_loopback(here.hostname):
        return is_loopback(there.hostname)
    return there.scheme == "https" and f".{there.hostname}".endswith(f".{here.hostname}")
