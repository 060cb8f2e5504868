"""Short pieces of blocking work that share the way to a worker thread."""

import threading
from collections import deque
from collections.abc import Callable, Hashable
from contextlib import suppress
from time import monotonic, thread_time
from typing import Any, Final, Generic, Protocol, TypeVar, cast

import anyio

from quackcore_async.concurrency.loops import LoopBinding
from quackcore_async.concurrency.shield import protected
from quackcore_async.concurrency.threads import THREADS, run_in_thread

__all__ = ["Hop", "current_hop", "run_briefly"]

T = TypeVar("T")


class Closable(Protocol):
    """What is closed."""

    def close(self) -> None:
        """Close it."""


ClosableT = TypeVar("ClosableT", bound=Closable)

_MOST: Final = 32
"""Pieces that go in one hop at most."""

_SLOW: Final = 0.005
"""Seconds after which a hop is slow: what comes then gets a thread of its own, as slow disks serve several.

Not while the event loop computes meanwhile: then the hop waits for the interpreter, for which another thread would
only wait as well.
"""

_IDLE: Final = 0.2
"""Share of that time below which the event loop has done next to nothing."""


_ENOUGH: Final = 0.05
"""Seconds after which a hop leaves the rest to two others, and they to four: such a disk serves several.

A busy event loop makes the thread wait for the interpreter by the turn of 5 ms, which is not the disk's doing."""


class _Piece(Generic[T]):
    """One call, and what came of it."""

    __slots__ = ("error", "event", "function", "has_left", "is_done", "leads", "outcome", "travels")

    def __init__(self, function: Callable[[], T]) -> None:
        self.function = function
        self.event: anyio.Event | None = None
        self.outcome: T | None = None
        self.error: BaseException | None = None
        self.travels = False
        self.leads = False
        self.has_left = False  # who asked was cancelled; to take it out of the middle of a line would take long
        self.is_done = False

    def run(self) -> None:
        try:
            self.outcome = self.function()
        except BaseException as exc:  # noqa: BLE001 - raised where it is waited for
            self.error = exc

    def result(self) -> T:
        if self.error is not None:
            try:
                raise self.error
            finally:
                self.error = None  # its traceback refers to this piece: a ring that would be kept for a while
        return cast("T", self.outcome)


class Hop:
    """What the pieces that go in one hop have in common; used in its thread only."""

    __slots__ = ("_kept", "_last", "_piece")

    def __init__(self) -> None:
        self._kept: dict[Hashable, Closable] = {}
        self._last: dict[Callable[[], None], list[_Piece[Any]]] = {}
        self._piece: _Piece[Any] | None = None

    def keep(self, key: Hashable, make: Callable[[], ClosableT]) -> ClosableT:
        """Return what the first piece that asked for it has made; it is closed behind the last piece.

        Args:
            key: Its name; pieces that use the same one ask for the same thing.
            make: Makes it.
        """
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = make()
        return cast("ClosableT", kept)

    def at_end(self, action: Callable[[], None]) -> None:
        """Have something done once, behind the last piece; it fails each piece that asked when it fails.

        Args:
            action: What is done; the same method of the same object is the same action.
        """
        asking = self._last.setdefault(action, [])
        if self._piece is not None:
            asking.append(self._piece)

    def run(self, pieces: list[_Piece[Any]]) -> None:
        """Run pieces until they have taken too long."""
        ran: list[_Piece[Any]] = []
        until = monotonic() + _ENOUGH
        _here.hop = self
        try:
            for piece in pieces:
                self._piece = piece
                piece.run()
                ran.append(piece)
                if monotonic() > until:
                    break
            self._end()
        finally:
            _here.hop = self._piece = None
            for piece in ran:
                piece.is_done = True

    def _end(self) -> None:
        for action, asking in self._last.items():
            try:
                action()
            except Exception as exc:  # noqa: BLE001 - raised where it is waited for
                for piece in asking:
                    piece.error = piece.error or exc
        for kept in self._kept.values():
            with suppress(OSError):
                kept.close()


class _Here(threading.local):
    hop: Hop | None = None
    hops: tuple[LoopBinding, "_Hops"] | None = None  # of the event loop that runs in this thread


_here: Final = _Here()


def current_hop() -> Hop | None:
    """Return the hop that this thread makes; None where nobody came along with others."""
    return _here.hop


class _Hops:
    """The hops of one event loop: who is on the way, and who waits for the next one."""

    __slots__ = ("computed", "leaders", "started", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[_Piece[Any]] = deque()
        self.leaders = 0
        self.started = 0.0
        self.computed = 0.0  # seconds, by this thread until the last hop began

    def may_lead(self) -> bool:
        if not self.leaders:
            return True
        taken = monotonic() - self.started
        return taken > _SLOW and thread_time() - self.computed < _IDLE * taken

    async def lead(self, own: _Piece[Any]) -> None:
        """Take along who waits, and see to it that somebody leads those who came meanwhile."""
        batch = [own]
        while len(batch) < _MOST and (piece := self._next()) is not None:
            batch.append(piece)
        for piece in batch:
            piece.travels = True
        self.started = started = monotonic()
        self.computed = thread_time()
        try:
            await run_in_thread(Hop().run, batch)
        finally:
            self._put_back([piece for piece in batch if not piece.is_done and piece is not own])
            for piece in batch:
                if piece.event is not None and (piece.is_done or piece.has_left):
                    piece.event.set()
            if self.waiting and monotonic() - started > _ENOUGH and self.leaders < THREADS:
                self.leaders += 1
                self.pass_on()
            self.pass_on()

    def _put_back(self, left_behind: list[_Piece[Any]]) -> None:
        """Have others take along whom the thread did not come to, or did not even begin with."""
        for piece in left_behind:
            piece.travels = False
        self.waiting.extendleft(piece for piece in reversed(left_behind) if not piece.has_left)

    def pass_on(self) -> None:
        """Let the first of those who wait lead the next hop."""
        following = self._next()
        if following is None:
            self.leaders -= 1
            return
        following.leads = True
        if following.event is not None:
            following.event.set()

    def _next(self) -> _Piece[Any] | None:
        while self.waiting:
            piece = self.waiting.popleft()
            if not piece.has_left:
                return piece
        return None

    def _leave(self, piece: _Piece[Any]) -> None:
        """Go away without having been taken along."""
        while self.waiting and self.waiting[0].has_left:  # behind a disk that hangs nobody else takes them away
            self.waiting.popleft()
        if piece.leads:
            self.pass_on()

    async def ride(self, piece: _Piece[Any]) -> None:
        """Wait until somebody took it along, or it is its turn to lead."""
        piece.event = event = anyio.Event()
        self.waiting.append(piece)
        try:
            await event.wait()
        except BaseException:
            try:
                piece.has_left = True
                if piece.travels and not piece.is_done:
                    await protected(event.wait)
            finally:
                if not piece.is_done:
                    self._leave(piece)
            raise
        if piece.leads and not piece.is_done:
            await self.lead(piece)


def _hops_of_loop() -> _Hops:
    kept = _here.hops
    if kept is None or not kept[0].is_here():
        kept = _here.hops = LoopBinding.current(), _Hops()
    return kept[1]


async def run_briefly(function: Callable[[], T]) -> T:
    """Run a short blocking function in a worker thread, together with others that come at the same time.

    For thousands of small pieces of file work: the way to a thread and back costs more than to read a small file.
    As with `run_in_thread`, a cancellation waits for the end of what has begun, and what the function returned is
    lost then: let it hold what it opens in an object of the caller's. Context variables are another caller's.

    Args:
        function: What to run; it takes milliseconds at most on a disk that is well.
    """
    hops = _hops_of_loop()
    piece = _Piece(function)
    if hops.may_lead():
        hops.leaders += 1
        await hops.lead(piece)
    else:
        await hops.ride(piece)
    return piece.result()
