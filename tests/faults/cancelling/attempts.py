"""Cancelling a call at each of its points, and looking at what is left."""

import asyncio
import math
import os
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import anyio
import anyio.lowlevel
import sniffio
import trio

from tests.faults.cancelling.points import Points, points_of_asyncio, points_of_trio

Way = Literal["task", "scope", "deadline"]

QUIET_SECONDS = 1.0
PATIENCE_SECONDS = 5.0  # a shared machine may stand still


def nothing() -> None:
    return None


def nobody() -> Sequence[object]:
    return ()


def succeeded(result: object) -> bool:
    """Tell whether a result is no failure; what is no result is none."""
    return getattr(result, "success", True) is True


@dataclass(frozen=True)
class Case:
    """One public coroutine.

    Attributes:
        call: Calls it.
        prepare: Called before each call.
        left: Returns what may not be there after a call that was cancelled.
        again: Checks, after a cancelled call, that what it belongs to is usable; None is the same call again.
        good: Tells whether an outcome is that of an undisturbed call.
    """

    call: Callable[[], Awaitable[object]]
    prepare: Callable[[], object] = nothing
    left: Callable[[], Sequence[object]] = nobody
    again: Callable[[], Awaitable[object]] | None = None
    good: Callable[[object], bool] = succeeded


@dataclass
class Attempt:
    """What came of a call that was to be cancelled.

    Attributes:
        reached: Whether the point was reached.
        cancelled: Whether the cancellation came out.
        outcome: What was returned or raised in place of it.
        seconds: From the cancellation to the end.
        left: What was left when it came out, while its traceback still keeps the garbage collector from helping.
    """

    reached: bool = False
    cancelled: bool = False
    outcome: object = None
    seconds: float = 0.0
    left: list[object] = field(default_factory=list)


async def attempt(case: Case, way: Way, points: Points, at: int) -> Attempt:
    """Call it, cancelled at a point; 0 is none."""
    found = Attempt()
    begun = 0.0
    scope = anyio.CancelScope()
    files = open_files()

    async def call() -> None:
        try:
            found.outcome = await case.call()
        except BaseException:
            points.active = False
            now = open_files()
            found.left = [*case.left(), *(set(now) - set(files) if len(now) > len(files) else ())]
            raise

    def cancel() -> None:
        nonlocal begun
        found.reached = True
        begun = time.monotonic()
        if way == "task":
            task.cancel()
        elif way == "scope":
            scope.cancel()
        else:
            scope.deadline = anyio.current_time()

    async def run() -> None:
        try:
            if way == "task":
                await call()
            else:
                with scope:
                    await call()
                found.cancelled = scope.cancelled_caught
        except Exception as exc:  # noqa: BLE001 - judged by the caller
            found.outcome = exc
        finally:
            points.active = False

    points.count, points.at, points.then, points.active = 0, at, cancel, True
    if way == "task":
        task = asyncio.get_running_loop().create_task(run())
        await asyncio.wait([task])
        found.cancelled = task.cancelled()
    else:
        await run()
    if found.reached:
        found.seconds = time.monotonic() - begun
    return found


DESCRIPTORS = Path("/proc/self/fd")


def open_files() -> list[str]:
    """Return what the open descriptors are, but for sockets, which clients keep for the next request."""
    found = []
    for path in DESCRIPTORS.iterdir():
        with suppress(OSError):  # the listing itself
            target = str(path.readlink())  # looked at once: the server's thread opens sockets meanwhile
            if not target.startswith("socket:"):
                found.append(f"{path.name} {target}")
    return sorted(found)


def sockets() -> int:
    """Return how many sockets are open."""
    return sum(path.is_socket() for path in DESCRIPTORS.iterdir())


def number_of_tasks() -> int:
    if sniffio.current_async_library() == "trio":
        return trio.lowlevel.current_statistics().tasks_living
    return len(asyncio.all_tasks())


async def settled(condition: Callable[[], bool]) -> bool:
    """Wait until a condition holds; False when it does not within a second."""
    until = time.monotonic() + QUIET_SECONDS
    while not condition():
        if time.monotonic() > until:
            return False
        await anyio.lowlevel.checkpoint()
    return True


async def check_point(case: Case, way: Way, points: Points, at: int) -> bool:
    """Cancel a call at one point and check what is left; tell whether the point was reached."""
    case.prepare()
    tasks, files = number_of_tasks(), open_files()
    found = await attempt(case, way, points, at)
    where = f"{way}, point {at}: "
    if not found.reached:
        assert not isinstance(found.outcome, Exception), f"{where}{found.outcome!r}"
        return False
    if not found.cancelled:
        assert way != "task", f"{where}the cancellation was swallowed: {found.outcome!r}"
        assert not isinstance(found.outcome, Exception), f"{where}{found.outcome!r}"
        assert case.good(found.outcome), f"{where}the cancellation became {found.outcome!r}"
    limit = PATIENCE_SECONDS if os.getloadavg()[0] > (os.cpu_count() or 1) else QUIET_SECONDS
    assert found.seconds < limit, f"{where}quiet only after {found.seconds:.2f} seconds"
    assert await settled(lambda: number_of_tasks() <= tasks), f"{where}tasks are left"
    assert await settled(lambda: len(open_files()) <= len(files)), f"{where}open: {set(open_files()) - set(files)}"
    assert not found.left, f"{where}left as it came out: {found.left}"
    left = case.left()
    assert not left, f"{where}left: {left}"
    case.prepare()
    with anyio.fail_after(20):
        outcome = await (case.again or case.call)()
    assert case.good(outcome), f"{where}afterwards: {outcome!r}"
    return True


async def cancel_everywhere(case: Case, way: Way, *, most: float = math.inf, label: str = "") -> int:
    """Cancel a call at each of its points.

    Args:
        case: The call.
        way: How it is cancelled.
        most: Points that are tried; when there are more, every so-many-th is.
        label: What it is, for messages.

    Returns:
        How many points it has.
    """
    with points_of_trio() if sniffio.current_async_library() == "trio" else points_of_asyncio() as points:
        number = 0
        for _ in range(2):  # the first one imports, connects, starts threads
            case.prepare()
            whole = await attempt(case, way, points, 0)
            assert case.good(whole.outcome), whole.outcome
            assert not isinstance(whole.outcome, Exception), whole.outcome
            number = points.count
        every = max(1, math.ceil(number / most))
        offset = {"task": 0, "scope": 1, "deadline": 2}[way] % every
        sys.stdout.write(f"{label} {way}: {number} points, every {every}\n")
        reached = 0
        for at in range(1 + offset, number + 1, every):
            reached += await check_point(case, way, points, at)
        assert reached or number < every, "no point was reached"
    return number


def ways(backend: str) -> list[Way]:
    return ["task", "scope", "deadline"] if backend == "asyncio" else ["scope", "deadline"]
