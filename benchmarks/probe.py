"""Measures one stretch of work inside a process: seconds, CPU seconds, growth of peak memory."""

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
        cpu: User and system seconds of this process.
        memory: Bytes by which the peak of the resident memory went above where it stood at the start.
    """

    wall: float
    cpu: float
    memory: int


class Probe(AbstractContextManager["Probe"]):
    """Use it around what is to be measured, after imports and the making of clients."""

    def __init__(self) -> None:
        self.figures = Figures(0.0, 0.0, 0)

    def __enter__(self) -> Self:
        _forget_peak()
        self._memory = _memory("VmRSS")
        self._cpu = _cpu()
        self._wall = time.perf_counter()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        wall = time.perf_counter() - self._wall
        self.figures = Figures(wall, _cpu() - self._cpu, _memory("VmHWM") - self._memory)


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _memory(field: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"this system does not report {field}: memory is measured on Linux only")


def _forget_peak() -> None:
    # 5 resets the peak of the resident memory: https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
