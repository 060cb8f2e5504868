"""Single flight: an operation that runs once however many tasks ask for it at the same time."""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any, Generic, TypeVar

import anyio

from quackcore_async.concurrency.loops import LoopBinding, wrong_loop
from quackcore_async.errors import LifecycleError

__all__ = ["Flight", "SingleFlight"]

R = TypeVar("R")


class Flight(Generic[R]):
    """One run of an operation. Its own tasks recognise each other by it for as long as it runs.

    Attributes:
        frames: Classes whose implementation is running, the innermost last: what tells a call of `super()` from a
            call that starts again at the top.
        awaited: Other flights that its tasks wait for.
        outcomes: What it came to: one, or none when its leader was cancelled. An operation whose work goes on
            under a shield puts its outcome here by itself, so that it reaches the others all the same.
    """

    __slots__ = ("_binding", "_landed", "awaited", "frames", "outcomes")

    def __init__(self) -> None:
        self._binding = LoopBinding.current()
        self._landed = anyio.Event()
        self.awaited: list[Flight[Any]] = []
        self.frames: list[type] = []
        self.outcomes: list[R] = []

    def is_abandoned(self) -> bool:
        """Tell whether nobody can land it any more: its loop ended, or it was left behind by a fork."""
        return not self._binding.is_here() and not self._binding.is_alive()

    def land(self) -> None:
        """Let those who wait go on."""
        self._landed.set()

    async def wait_landed(self, what: str) -> None:
        """Wait until it is over.

        Raises:
            LifecycleError: if waiting for it would hang: it runs in another event loop, or it waits itself for a
                flight that the caller belongs to.
        """
        if not self._binding.is_here():
            raise wrong_loop(f"{what} is busy in another running event loop: make one for each loop")
        mine = [flight for flight in _inside.get() if not flight.has_landed()]
        if any(self.waits_for(flight) for flight in mine):
            raise LifecycleError(
                f"{what} waits for what is waiting for it: let one of the two not need the other", code="cycle"
            )
        for flight in mine:
            flight.awaited.append(self)
        try:
            await self._landed.wait()
        finally:
            for flight in mine:
                flight.awaited.remove(self)

    def has_landed(self) -> bool:
        """Tell whether it is over."""
        return self._landed.is_set()

    def waits_for(self, other: "Flight[Any]") -> bool:
        """Tell whether it cannot land before `other` has, being that one or waiting for it."""
        return self is other or any(flight.waits_for(other) for flight in self.awaited)


_inside: ContextVar[tuple[Flight[Any], ...]] = ContextVar("quackcore_async_flights", default=())


class SingleFlight(Generic[R]):
    """Runs an operation once for all the tasks that ask at the same time.

    The first one in leads; the others wait and share what it returned. When the leader is cancelled, one of those
    who wait leads anew. A task that the flight itself started is inside of it, and stops being so when the flight
    is over, however long the task lives on.

    Args:
        what: Names the operation in messages.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._flight: Flight[R] | None = None

    @property
    def current(self) -> Flight[R] | None:
        """The flight that is under way."""
        if self._flight is not None and self._flight.is_abandoned():
            self._flight = None
        return self._flight

    @property
    def inside(self) -> Flight[R] | None:
        """The flight that is under way, if the calling task belongs to it."""
        flight = self._flight
        return flight if flight is not None and flight in _inside.get() else None

    async def wait(self) -> None:
        """Wait until no flight is under way.

        Raises:
            LifecycleError: if one is under way in another event loop.
        """
        while (flight := self.current) is not None:
            await flight.wait_landed(self._what)

    async def run(self, operation: Callable[[Flight[R]], Awaitable[R]]) -> R:
        """Lead a flight of `operation`, or wait for the one under way and return what that returned.

        Args:
            operation: Gets the flight. It returns its failures: after one that it raises, those who wait try anew.

        Raises:
            LifecycleError: if a flight is under way in another event loop.
        """
        while (flight := self.current) is not None:
            await flight.wait_landed(self._what)
            if flight.outcomes:
                return flight.outcomes[0]
        return await self._lead(operation)

    async def _lead(self, operation: Callable[[Flight[R]], Awaitable[R]]) -> R:
        flight = self._flight = Flight[R]()
        token = _inside.set((*_inside.get(), flight))
        try:
            outcome = await operation(flight)
            if not flight.outcomes:
                flight.outcomes.append(outcome)
            return outcome
        finally:
            if self._flight is flight:
                self._flight = None
            _inside.reset(token)
            flight.land()
