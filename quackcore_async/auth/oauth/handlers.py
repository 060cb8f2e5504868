"""How a person is asked to log in: a browser, and a line on the standard error stream."""

import inspect
import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from quackcore_async.auth.oauth.addresses import is_loopback
from quackcore_async.auth.oauth.device import DeviceAuthorization
from quackcore_async.concurrency import run_in_daemon

__all__ = ["AuthorizationHandler", "DeviceHandler", "ask", "open_browser", "show_device_code"]

AuthorizationHandler = Callable[[str], Awaitable[str | None] | str | None]
"""Gets the address of the authorization server to a person.

It returns the code or the address that the person was sent back to; None leaves that to the listener.
"""

DeviceHandler = Callable[[DeviceAuthorization], Awaitable[None] | None]
"""Shows a person where to type in which code."""

A = TypeVar("A")


async def ask(handler: Callable[[A], Any], argument: A) -> Any:  # noqa: ANN401 - whatever the handler returns
    """Call a handler: a plain function in a thread of its own, as it may wait for a person."""
    if inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(getattr(handler, "__call__", None)):  # noqa: B004
        return await handler(argument)
    outcome = await run_in_daemon(lambda: handler(argument))
    return await outcome if inspect.isawaitable(outcome) else outcome


def open_browser(url: str) -> None:
    """Say on the standard error stream where to log in, and open it in a browser when there is one."""
    _say(f"Open this address to log in: {url}\n")
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname)):
        import webbrowser

        try:
            webbrowser.open(url)
        except (webbrowser.Error, OSError):
            return  # the line says all that is needed


def show_device_code(authorization: DeviceAuthorization) -> None:
    """Say on the standard error stream where to log in with which code."""
    _say(f"To log in, open {authorization.verification_uri} and enter the code {authorization.user_code}\n")


def _say(line: str) -> None:
    if sys.stderr is not None:  # as in a program without a console
        sys.stderr.write(line)
        sys.stderr.flush()
