"""Blocking file work written as a plain generator, run in worker threads a slice at a time."""

import time
from collections.abc import Callable, Generator
from functools import partial
from typing import Final, TypeVar

from quackcore_async.concurrency import run_in_thread, shielded

__all__ = ["CHUNK_BYTES", "Steps", "run_steps"]

CHUNK_BYTES: Final = 1024**2
"""Bytes read or written at once."""

_SLICE: Final = 0.1  # seconds of work in one thread hop: how long a cancellation waits at most

R = TypeVar("R")
Steps = Generator[int, None, R]
"""Work that yields how many bytes are done and returns its outcome; closing it cleans up."""


async def run_steps(steps: Steps[R], progress: Callable[[int], None]) -> R:
    """Run a generator to its end in worker threads: one hop when it is short, one for each 0.1 s of it otherwise.

    `progress` is called in the event loop. On failure and on cancellation the generator is closed in a thread, so
    its `finally` blocks remove what it left behind.
    """
    outcome: list[R] = []
    try:
        while not outcome:
            done = await run_in_thread(_advance, steps, outcome)
            if done is not None:
                progress(done)
    except BaseException:
        await shielded(partial(run_in_thread, steps.close))
        raise
    return outcome[0]


def _advance(steps: Steps[R], outcome: list[R]) -> int | None:
    deadline = time.monotonic() + _SLICE
    done = None
    while done is None or time.monotonic() < deadline:
        try:
            done = next(steps)
        except StopIteration as end:
            outcome.append(end.value)
            return done
    return done
