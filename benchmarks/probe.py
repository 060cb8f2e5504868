"""Measures one stretch of work inside a process: seconds, CPU seconds, peak memory, lag of the event loop."""

import asyncio
import resource
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["Figures", "Probe"]


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run came to.

    Attributes:
        wall: Seconds on the clock.
        cpu: User and system seconds of this process and of the programs that it ran.
        memory: Bytes by which the peak of the resident memory went above where it stood at the start.
        peak: Bytes of resident memory at the most, the interpreter and what it imported included.
        lag: Seconds by which the event loop called a task too late at the worst; 0.0 when nobody looked.
    """

    wall: float
    cpu: float
    memory: int
    peak: int = 0
    lag: float = 0.0


class Probe(AbstractContextManager["Probe"]):
    """Use it around what is to be measured, after imports and the making of clients.

    Args:
        lag: Look how late asyncio calls, too, which takes a call each millisecond.

    Attributes:
        figures: What was measured.
        program_peak: Bytes of resident memory of a program that does the work in place of this process, which then
            counts for nothing; set it before the end.
    """

    def __init__(self, *, lag: bool = False) -> None:
        self.figures = Figures(0.0, 0.0, 0)
        self.program_peak = 0
        self._looks = lag

    def __enter__(self) -> Self:
        _forget_peak()
        self._memory = _memory("VmRSS")
        self._cpu = _cpu(resource.RUSAGE_SELF)
        self._program_cpu = _cpu(resource.RUSAGE_CHILDREN)
        self._lag = _Lag() if self._looks else None
        self._wall = time.perf_counter()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        wall = time.perf_counter() - self._wall
        cpu = _cpu(resource.RUSAGE_CHILDREN) - self._program_cpu
        if not self.program_peak:
            cpu += _cpu(resource.RUSAGE_SELF) - self._cpu
        lag = self._lag.stop() if self._lag is not None else 0.0
        peak = self.program_peak or _memory("VmHWM")
        memory = self.program_peak or peak - self._memory
        self.figures = Figures(wall, cpu, memory, peak, lag)


class _Lag:
    """Has itself called each millisecond, and keeps by how much the latest call was late."""

    _EVERY = 0.001

    def __init__(self) -> None:
        self._worst = 0.0
        self._loop = asyncio.get_running_loop()
        self._wait()

    def _wait(self) -> None:
        self._due = time.perf_counter() + self._EVERY
        self._timer = self._loop.call_later(self._EVERY, self._called)

    def _called(self) -> None:
        self._worst = max(self._worst, time.perf_counter() - self._due)
        self._wait()

    def stop(self) -> float:
        self._timer.cancel()
        return max(self._worst, time.perf_counter() - self._due)


def _cpu(whose: int) -> float:
    usage = resource.getrusage(whose)
    return usage.ru_utime + usage.ru_stime


def _memory(field: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"this system does not report {field}: memory is measured on Linux only")


def _forget_peak() -> None:
    # 5 resets the peak of the resident memory: https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
