"""A process that forks one child for each run of an operation, so that killing one costs little.

It reads one request as a line of JSON and answers with one: how the child ended and which calls it made.
"""

import importlib
import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

import anyio

from tests.faults.crashing.counting import Counter

_fork, _pipe, _read, _write, _close, _waitpid = os.fork, os.pipe, os.read, os.write, os.close, os.waitpid


def run_child(operation: Callable[..., Any], request: dict[str, Any], report: int) -> None:
    counter = Counter(request["point"], request["moment"])
    answer: dict[str, Any] = {}
    try:
        answer["outcome"] = anyio.run(operation, counter, request["arguments"])
    except BaseException:
        answer["error"] = traceback.format_exc()
    counter.uninstall()
    answer["log"] = counter.log
    data = json.dumps(answer).encode()
    while data:
        data = data[_write(report, data) :]
    os._exit(0)


def run(operation: Callable[..., Any], request: dict[str, Any]) -> dict[str, Any]:
    reading, writing = _pipe()
    pid = _fork()
    if pid == 0:
        _close(reading)
        run_child(operation, request, writing)
    _close(writing)
    data = bytearray()
    while chunk := _read(reading, 1 << 16):
        data += chunk
    _close(reading)
    _, status = _waitpid(pid, 0)
    answer: dict[str, Any] = json.loads(data) if data else {}
    return {"log": [], "outcome": None, "error": None, **answer, "status": os.waitstatus_to_exitcode(status)}


def main() -> None:
    operations = importlib.import_module("tests.faults.crashing.operations")
    for line in sys.stdin:
        request = json.loads(line)
        operation = getattr(operations, request["operation"])
        if request["warm"]:  # in this process itself: the children need not import anything then
            counter = Counter()
            answer: dict[str, Any] = {"error": None}
            try:
                anyio.run(operation, counter, request["arguments"])
            except Exception:
                answer["error"] = traceback.format_exc()
            counter.uninstall()
        else:
            answer = run(operation, request)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
