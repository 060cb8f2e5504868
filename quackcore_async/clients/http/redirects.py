"""Following redirects, within limits."""

from collections.abc import Awaitable, Callable
from typing import Final

import httpx

from quackcore_async.clients.http.bodies import is_replayable
from quackcore_async.clients.http.origins import shown_url
from quackcore_async.errors import ErrorKind, TransportError

__all__ = ["MAX_REDIRECTS", "follow"]

MAX_REDIRECTS: Final = 20
"""How many redirects of one call are followed; browsers follow 20 (https://fetch.spec.whatwg.org/#http-redirect-fetch)."""


async def follow(
    response: httpx.Response, send: Callable[[httpx.Request], Awaitable[httpx.Response]]
) -> httpx.Response:
    """Go where a response leads to, and further, until one leads nowhere.

    Args:
        response: The first answer, which may not be a redirect at all.
        send: Sends one request.

    Raises:
        TransportError: with code `redirect`, if that goes on for too long, leads from https to http or to an
            address with a password in it, or asks for a body once more that can be sent only once.
    """
    history: list[httpx.Response] = []
    while (request := response.next_request) is not None:
        try:
            _check(response.request, request, len(history))
        finally:
            await response.aclose()
        history.append(response)
        request.extensions["quack_spent"] = response.extensions.get("quack_elapsed", 0.0)
        response = await send(request)
        response.history = list(history)
    return response


def _check(before: httpx.Request, after: httpx.Request, followed: int) -> None:
    complaint = None
    if followed >= MAX_REDIRECTS:
        complaint = f"it goes on after {MAX_REDIRECTS} redirects"
    elif after.url.scheme not in ("http", "https") or not after.url.host:
        complaint = "it leads to something other than http and https"
    elif before.url.scheme == "https" and after.url.scheme != "https":
        complaint = "it leads from https to http, where everybody can read along"
    elif after.url.userinfo:
        complaint = "its target has a name or a password in it"
    elif after.stream is before.stream and not is_replayable(after.stream):
        complaint = "the body would have to be sent again, and can be sent only once: give it as body_factory="
    if complaint is not None:
        raise TransportError(
            f"{before.method} {shown_url(before.url)} redirects to {shown_url(after.url)}, "
            f"which is not followed: {complaint}",
            kind=ErrorKind.MISCONFIGURED,
            code="redirect",
        )
