"""Interrupting transfers with a `ScriptedS3` at a point that the test chooses."""

import signal
import subprocess
import threading
from collections.abc import Callable

from tests.servers.ports import wait_until
from tests.servers.scripted import Answer, Request, ScriptedS3, error_answer


class Gate:
    """Lets so many requests of an operation through; the others hang until it is opened.

    Attributes:
        holds: Set once one hangs.
    """

    def __init__(self, server: ScriptedS3, operation: str, count: int) -> None:
        self._server = server
        self._operation = operation
        self._left = count
        self._lock = threading.Lock()
        self._opened = threading.Event()
        self.holds = threading.Event()
        server.script = self

    def open(self) -> None:
        self._opened.set()
        self._server.requests.clear()

    def __call__(self, request: Request) -> Answer | None:
        if request.operation != self._operation or self._opened.is_set():
            return
        with self._lock:
            self._left -= 1
            blocked = self._left < 0
        if blocked:
            self.holds.set()
            self._opened.wait()
        return


class Failing:
    """Refuses all requests of an operation after so many."""

    def __init__(self, server: ScriptedS3, operation: str, count: int, answer: Answer | None = None) -> None:
        self._operation = operation
        self.left = count
        self._answer = answer or error_answer(403, "AccessDenied")
        self._lock = threading.Lock()
        server.script = self

    def __call__(self, request: Request) -> Answer | None:
        if request.operation != self._operation:
            return None
        with self._lock:
            self.left -= 1
            return self._answer if self.left < 0 else None


def kill_when(process: subprocess.Popen, ready: Callable[[], bool], what: str) -> None:
    """Kill a process, so that it can clean nothing up, as soon as something is true."""
    wait_until(ready, seconds=30, what=what, alive=lambda: process.poll() is None)
    process.send_signal(signal.SIGKILL)
    process.wait()
