"""Which proxy a request goes through."""

from typing import Final
from urllib.request import getproxies, proxy_bypass

import httpx

from quackcore_async.errors import ErrorKind, TransportError

__all__ = ["Proxies"]

_SCHEMES: Final = frozenset({"http", "https"})


class Proxies:
    """Chooses the proxy for each origin: the one given, or what the environment says.

    `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` are read once, when the first request is sent.

    Args:
        proxy: For everything, whatever the environment says; its user and password are sent to it.
        trust_env: Whether to look into the environment when none is given.

    Raises:
        TransportError: if `proxy` is of a kind that is not supported.
    """

    def __init__(self, proxy: httpx.Proxy | httpx.URL | str | None = None, *, trust_env: bool = True) -> None:
        self._given = None if proxy is None else _checked(proxy)
        self._environ: dict[str, str] | None = None if trust_env and proxy is None else {}
        self._chosen: dict[tuple[str, str, int | None], httpx.Proxy | None] = {}

    def choose(self, url: httpx.URL) -> httpx.Proxy | None:
        """Return the proxy for an address, None to go there directly.

        Raises:
            TransportError: if the environment names one that is not supported.
        """
        if self._given is not None or self._environ == {}:
            return self._given
        if self._environ is None:
            self._environ = getproxies()
            return self.choose(url)
        origin = (url.scheme, url.host, url.port)
        if origin not in self._chosen:
            self._chosen[origin] = self._from_environ(url)
        return self._chosen[origin]

    def _from_environ(self, url: httpx.URL) -> httpx.Proxy | None:
        environ = self._environ or {}
        address = environ.get(url.scheme) or environ.get("all")
        port = url.port or (443 if url.scheme == "https" else 80)
        if not address or proxy_bypass(f"{url.host}:{port}"):
            return None
        return _checked(address if "://" in address else f"http://{address}")


def _checked(proxy: httpx.Proxy | httpx.URL | str) -> httpx.Proxy:
    try:
        if not isinstance(proxy, httpx.Proxy):
            proxy = httpx.Proxy(proxy)
    except (ValueError, httpx.InvalidURL) as exc:
        raise _refused(f"the proxy's address is none: {type(exc).__name__}") from None
    if proxy.url.scheme not in _SCHEMES:
        raise _refused(f"proxies of kind {proxy.url.scheme}:// are not supported: give an http:// or https:// one")
    return proxy


def _refused(reason: str) -> TransportError:
    return TransportError(reason, kind=ErrorKind.MISCONFIGURED, code="proxy")
