"""Making thousands of lasting objects, as an import does, without passes of the garbage collector."""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["lasting"]


_BORN_FROZEN: Final = 1000  # objects at most that the interpreter itself has frozen: CPython 3.12 begins with 375


class _Pause:
    """Holds the collector off while anybody is at work."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at_work = 0
        self._was_enabled = False

    def begin(self) -> None:
        with self._lock:
            if not self._at_work:
                self._was_enabled = gc.isenabled()
                gc.disable()
            self._at_work += 1

    def end(self) -> None:
        with self._lock:
            self._at_work -= 1
            if self._at_work:
                return
            if gc.get_freeze_count() <= _BORN_FROZEN:  # what the program has frozen stays so
                gc.freeze()
                gc.unfreeze()
            if self._was_enabled:
                gc.enable()


_pause = _Pause()


@contextmanager
def lasting() -> Iterator[None]:
    """Hold the garbage collector off in the block, and count what the block makes as old.

    The collector goes through all objects of a process, for 50 ms and more, when those that have outlived its
    shorter passes since are a quarter of the old ones: it would be due soon after the libraries were imported, in
    the midst of the first requests. To freeze all objects and to thaw them again makes them old without a pass
    (https://docs.python.org/3/library/gc.html#gc.freeze); garbage among them goes with the next full one.
    """
    _pause.begin()
    try:
        yield
    finally:
        _pause.end()
