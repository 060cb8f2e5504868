"""Counting the calls of `os` that touch files, and killing the process at one of them."""

import contextlib
import functools
import os
import signal
import threading
from asyncio import BaseEventLoop
from collections.abc import Callable
from typing import Any, Literal

Moment = Literal["before", "torn", "after"]

BEGIN, END = "/counting-begins", "/counting-ends"
"""Folders that nobody has: that they are to be removed marks, for a tracer, what is counted."""

CALLS = (
    "chmod",
    "close",
    "copy_file_range",
    "fchmod",
    "fdatasync",
    "fsync",
    "ftruncate",
    "link",
    "mkdir",
    "open",
    "posix_fallocate",
    "pwrite",
    "pwritev",
    "remove",
    "rename",
    "replace",
    "rmdir",
    "sendfile",
    "symlink",
    "truncate",
    "unlink",
    "utime",
    "write",
    "writev",
)
WRITES = frozenset({"pwrite", "pwritev", "write"})


def kill_myself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    threading.Event().wait()


class Counter:
    """Counts calls and other points; at the chosen one the process dies.

    Args:
        point: Which one, from 1 on; 0 is none.
        moment: Just before the call, just after it, or in the middle of a write.

    Attributes:
        log: The points so far.
        watch: Called before each call.
    """

    def __init__(self, point: int = 0, moment: Moment = "before") -> None:
        self.point = point
        self.moment = moment
        self.log: list[list[str]] = []
        self._lock = threading.Lock()
        self._originals: dict[str, Callable[..., Any]] = {}
        self.watch: Callable[[], object] = lambda: None

    def install(self) -> None:
        """Take the place of the calls in `os`."""
        self._originals = {name: getattr(os, name) for name in CALLS if hasattr(os, name)}
        self._mark(BEGIN)
        for name, original in self._originals.items():
            setattr(os, name, self._counted(name, original))

    def uninstall(self) -> None:
        """Put them back."""
        self._mark(END)
        for name, original in self._originals.items():
            setattr(os, name, original)

    def count_turns(self) -> None:
        """Count the turns of asyncio's event loop, too."""
        run_once = BaseEventLoop._run_once  # type: ignore[attr-defined]

        def counted(loop: BaseEventLoop) -> None:
            if self.note("turn"):
                kill_myself()
            run_once(loop)

        BaseEventLoop._run_once = counted  # type: ignore[attr-defined]

    def _mark(self, name: str) -> None:
        with contextlib.suppress(OSError):
            self._originals["rmdir"](name)

    def note(self, name: str, detail: str = "") -> bool:
        """Count one point; tell whether it is the chosen one."""
        with self._lock:
            self.log.append([name, detail])
            return len(self.log) == self.point

    def _counted(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def call(*args: Any, **kwargs: Any) -> Any:
            self.watch()
            if not self.note(name, _detail(name, args)):
                return original(*args, **kwargs)
            try:
                if self.moment == "torn" and name in WRITES:
                    _tear(name, original, args)
                elif self.moment == "after":
                    original(*args, **kwargs)
            finally:  # also after a call that failed
                kill_myself()
            return None

        return call


def _detail(name: str, args: tuple[Any, ...]) -> str:
    """Say what a call opens: one that only reads is no concern of who looks for writes."""
    if name != "open":
        return ""
    return "write" if args[1] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC) else "read"


def _tear(name: str, original: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """Write the first half."""
    fd, data, *rest = args
    if name == "pwritev":
        data = b"".join(data)
        half: Any = [data[: len(data) // 2]]
    else:
        half = memoryview(data)[: len(data) // 2]
    original(fd, half, *rest)
