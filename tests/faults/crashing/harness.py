"""Running an operation once for each of its file-system calls, killed at that call."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import quackcore_async
from tests.faults.crashing.counting import WRITES, Moment

Answer = dict[str, Any]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(quackcore_async.__file__).parents[1])}


COMMAND = (sys.executable, "-m", "tests.faults.crashing.server")


class Crasher:
    """Talks to the process that forks the children."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def run(
        self,
        operation: str,
        arguments: Mapping[str, Any],
        *,
        point: int = 0,
        moment: Moment = "before",
        warm: bool = False,
    ) -> Answer:
        """Run an operation, killed at a point; 0 is none."""
        request = {
            "operation": operation,
            "arguments": arguments,
            "point": point,
            "moment": moment,
            "warm": warm,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer: Answer = json.loads(self._process.stdout.readline())
        assert answer["error"] is None, answer["error"]
        return answer

    def whole(self, operation: str, arguments: Mapping[str, Any]) -> Answer:
        """Run an operation to its end."""
        answer = self.run(operation, arguments)
        assert answer["status"] == 0
        return answer

    def everywhere(
        self, operation: str, arguments: Mapping[str, Any], prepare: Callable[[], object], *, every: int = 1
    ) -> Iterator[str]:
        """Kill an operation at each of its calls; yield after each death what it was that killed it.

        Args:
            operation: Its name in `operations`.
            arguments: What it gets.
            prepare: Called before each run.
            every: Take every so-many-th point only.
        """
        prepare()
        self.run(operation, arguments, warm=True)
        prepare()
        log = self.whole(operation, arguments)["log"]
        points = [(point, name, moment) for point, (name, _) in enumerate(log, 1) for moment in moments_of(name)]
        sys.stdout.write(f"{operation}: {len(points)} points, every {every}\n")
        for point, name, moment in points[::every]:
            prepare()
            answer = self.run(operation, arguments, point=point, moment=moment)
            if answer["status"] == 0 and len(answer["log"]) < point:
                continue  # pieces that came together were written together
            assert answer["status"] == -signal.SIGKILL, f"{moment} call {point}, {name}: {answer}"
            yield f"killed {moment} call {point} of {len(log)}, {name}"


def moments_of(name: str) -> tuple[Moment, ...]:
    return ("before", "torn", "after") if name in WRITES else ("before", "after")


@contextmanager
def crasher_running(*before: str) -> Iterator[Crasher]:
    """Run the forking process, behind the words of a tracer if there are any."""
    process = subprocess.Popen(
        [*before, *COMMAND], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
    )
    try:
        yield Crasher(process)
        process.communicate(timeout=30)  # which tells it that nothing more comes
    finally:
        process.kill()
        process.communicate()
