"""To which event loop, and to which process, something belongs."""

import os
from collections.abc import Callable
from threading import get_ident
from typing import Self

import anyio.lowlevel

from quackcore_async.errors import LifecycleError

__all__ = ["LoopBinding", "wrong_loop"]


class LoopBinding:
    """The event loop and the process in which a client, a lock or a flight was made."""

    __slots__ = ("_is_running", "_pid", "_thread", "_token")

    def __init__(self, token: anyio.lowlevel.EventLoopToken, pid: int) -> None:
        self._token = token
        self._pid = pid
        self._thread = get_ident()
        self._is_running: Callable[[], bool] = getattr(token.native_token, "is_running", _unknown)

    @classmethod
    def current(cls) -> Self:
        """Bind to where the caller runs."""
        return cls(anyio.lowlevel.current_token(), os.getpid())

    def is_here(self) -> bool:
        """Tell whether the caller runs in this loop and this process."""
        if self._pid != os.getpid():
            return False
        if self._thread == get_ident() and self._is_running():
            return True  # one loop at a time runs in a thread; to ask which costs five times as much
        return self._token == anyio.lowlevel.current_token()

    def is_alive(self) -> bool:
        """Tell whether this loop still runs, in this process; a loop that was forked away does not."""
        return self._pid == os.getpid() and _is_running(self._token.native_token)

    def has_ended(self) -> bool:
        """Tell whether this loop is over for good in this process, so that what it left can be taken apart."""
        if self._pid != os.getpid():
            return False
        is_closed = getattr(self._token.native_token, "is_closed", None)
        return is_closed() if is_closed is not None else not self.is_alive()


def wrong_loop(message: str) -> LifecycleError:
    """Make the error of what is used in another event loop than its own: with code `wrong_loop`."""
    return LifecycleError(message, code="wrong_loop")


def _is_running(loop: object) -> bool:
    is_running = getattr(loop, "is_running", None)
    if is_running is not None:
        return bool(is_running())
    try:  # trio's token has no such question: it refuses callbacks once its run is over
        loop.run_sync_soon(_nothing)  # type: ignore[attr-defined]
    except RuntimeError:
        return False
    return True


def _nothing() -> None:
    pass


def _unknown() -> bool:
    return False  # trio's token does not tell
