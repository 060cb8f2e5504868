"""What the providers of one event loop share that keep their login in the same place."""

import os
import weakref
from collections.abc import Hashable
from enum import Enum
from typing import Any, Final, NamedTuple

from quackcore_async.auth.credentials import Credentials
from quackcore_async.auth.refresh_failure import Backoff, RefreshFailure
from quackcore_async.auth.validity import Moment, Validity
from quackcore_async.concurrency import LoopBinding, SingleFlight
from quackcore_async.redaction import Secret
from quackcore_async.results import AuthResult

__all__ = ["Grant", "Outcome", "SharedLogin", "Work", "shared_login_of"]


class Work(Enum):
    """What a flight does. All of them change the login or its store, so only one runs at a time."""

    LOAD = "load"
    LOGIN = "login"
    REFRESH = "refresh"
    SAVE = "save"
    LOGOUT = "logout"


class Grant(NamedTuple):
    """One login that a service granted.

    Attributes:
        credentials: The login; None for a provider that keeps it by itself and gave no token.
        validity: When it is to be renewed.
        obtained: When it was asked for.
        guard: Seconds of its life in which a refusal of it is not worth a refresh.
        generation: Its number in the store.
        secrets: What is scrubbed from texts while it lives.
    """

    credentials: Credentials | None
    validity: Validity
    obtained: Moment
    guard: float = 0.0
    generation: int = 0
    secrets: tuple[Secret, ...] = ()


class Outcome(NamedTuple):
    """What a flight came to."""

    work: Work
    result: AuthResult


class SharedLogin:
    """The state of one login in one event loop.

    Attributes:
        binding: Where it belongs.
        logins: What the providers that share it know of it.
        flight: The work under way.
        refresh_failure: The failure of the last refresh.
        latest: The login that was published last.
        unsaved: The login that is published and could not be stored.
        saving: When to try that again.
        seen: The tokens that the store had when it was last read or written.
        stored: Whether the store has, or had, this login: when it is gone from there, somebody logged out.
    """

    __slots__ = (
        "__weakref__",
        "binding",
        "flight",
        "latest",
        "logins",
        "refresh_failure",
        "saving",
        "seen",
        "stored",
        "unsaved",
    )

    def __init__(self, previous: "SharedLogin | None" = None) -> None:
        self.binding = LoopBinding.current()
        self.logins: weakref.WeakSet[Any] = weakref.WeakSet()
        self.flight: SingleFlight[Outcome] = SingleFlight("this login")
        self.refresh_failure: RefreshFailure = previous.refresh_failure if previous else RefreshFailure()
        self.latest: Grant | None = previous.latest if previous else None
        self.unsaved: Grant | None = previous.unsaved if previous else None
        self.seen: tuple[Secret, Secret] | None = previous.seen if previous else None
        self.saving: Backoff = previous.saving if previous else Backoff()
        self.stored: bool = previous is not None and previous.stored


_accounts: Final[weakref.WeakValueDictionary[Hashable, SharedLogin]] = weakref.WeakValueDictionary()


def shared_login_of(place: Hashable | None, previous: SharedLogin | None) -> SharedLogin:
    """Return what the providers of this event loop share for a login that is stored in a place.

    Args:
        place: Names the store and the key; None is a login that nobody else has.
        previous: What the same provider had in an event loop that is over.
    """
    if place is None:
        return SharedLogin(previous)
    from anyio.lowlevel import current_token

    key = (os.getpid(), current_token(), place)
    shared = _accounts.get(key)
    if shared is None:
        shared = _accounts[key] = SharedLogin(previous)
    return shared
