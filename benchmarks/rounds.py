"""Runs contestants in child processes, in turn, and takes medians."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.probe import Figures

__all__ = ["alternate", "measure", "median", "spread"]


def measure(
    module: str, function: str, *, environment: Mapping[str, str] | None = None, **options: Any
) -> Figures:
    """Run `function` of `module` in a process of its own and return what it measured."""
    command = [sys.executable, "-m", "benchmarks.child", module, function]
    done = subprocess.run(
        command,
        env={**os.environ, **(environment or {})},
        input=json.dumps(options),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Figures(**json.loads(done.stdout.splitlines()[-1]))


def alternate(contestants: Sequence[Callable[[], Figures]], rounds: int) -> list[list[Figures]]:
    """Let every contestant run once in each round, in an order that turns round from one to the next."""
    runs: list[list[Figures]] = [[] for _ in contestants]
    for number in range(rounds):
        order = range(len(contestants)) if number % 2 == 0 else reversed(range(len(contestants)))
        for index in order:
            runs[index].append(contestants[index]())
    return runs


def median(runs: Sequence[Figures], field: str) -> float:
    """Return the median of one figure."""
    return float(statistics.median(getattr(run, field) for run in runs))


def spread(runs: Sequence[Figures], field: str) -> str:
    """Show the lowest and the highest of one figure."""
    values = [getattr(run, field) for run in runs]
    return f"{min(values):.3f} to {max(values):.3f}"
