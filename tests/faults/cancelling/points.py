"""Every moment at which a cancellation can arrive: between any two callbacks of asyncio, after any step of trio."""

import asyncio
from asyncio.events import Handle
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import trio


class Points:
    """Counts moments while it is active, and calls a function at the chosen one."""

    def __init__(self) -> None:
        self.count = 0
        self.at = 0
        self.then: Callable[[], object] = lambda: None
        self.active = False

    def note(self) -> None:
        if self.active:
            self.count += 1
            if self.count == self.at:
                self.active = False
                self.then()


@contextmanager
def points_of_asyncio() -> Iterator[Points]:
    """Count the callbacks that the running loop calls: steps of all its tasks, ends of threads, what sockets bring."""
    points = Points()
    loop = asyncio.get_running_loop()
    run = Handle._run

    def counted(handle: Handle) -> None:
        run(handle)
        if handle._loop is loop:
            points.note()

    Handle._run = counted  # type: ignore[method-assign]
    try:
        yield points
    finally:
        Handle._run = run  # type: ignore[method-assign]


class _Steps(trio.abc.Instrument):
    def __init__(self, points: Points) -> None:
        self._points = points

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        self._points.note()


@contextmanager
def points_of_trio() -> Iterator[Points]:
    """Count the steps of all tasks."""
    points = Points()
    instrument = _Steps(points)
    trio.lowlevel.add_instrument(instrument)
    try:
        yield points
    finally:
        trio.lowlevel.remove_instrument(instrument)
