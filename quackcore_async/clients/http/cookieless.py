"""httpx's client without its cookie jar."""

from typing import Final

import httpx

__all__ = ["CookielessClient"]


class _NoCookies(httpx.Cookies):
    """Keeps nothing: what a service sets for one of many tasks is not for the others."""

    def extract_cookies(self, response: httpx.Response) -> None:
        """Keep none of the cookies of a response."""

    def set_cookie_header(self, request: httpx.Request) -> None:
        """Add none to a request."""


_NONE: Final = _NoCookies()


class CookielessClient(httpx.AsyncClient):
    """Sends requests as httpx does, and keeps no cookies: a login lives in a provider, not in a jar."""

    @property
    def cookies(self) -> httpx.Cookies:
        """None, ever."""
        return _NONE

    @cookies.setter
    def cookies(self, cookies: object) -> None:
        """Keep none."""
