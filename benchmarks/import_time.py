"""Seconds that an import and `quack --help` take above a bare interpreter."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial

from benchmarks.probe import Figures
from benchmarks.report import Table
from benchmarks.rounds import alternate, median

IMPORT = (
    "from quackcore_async import BaseIntegrationService, BaseConfigProvider, BaseAuthProvider, "
    "IntegrationResult, registry"
)
COMMANDS = {
    "bare interpreter": ["-c", "pass"],
    IMPORT: ["-c", IMPORT],
    "quack --help": ["-m", "quackcore_async", "--help"],
}


def run(*, quick: bool) -> Iterator[Table]:
    """Start interpreters in turn."""
    with tempfile.TemporaryDirectory(prefix="quack-bench-") as folder:
        starts: list[Callable[[], Figures]] = [
            partial(start, arguments, bytecode=folder) for arguments in COMMANDS.values()
        ]
        alternate(starts, 1)
        runs = alternate(starts, 5 if quick else 21)
    table = Table("Import and help, above a bare interpreter", ["what", "wall ms", "CPU ms"])
    bare = runs[0]
    for name, own in zip(COMMANDS, runs, strict=True):
        above = [
            1000 * (median(own, field) - (0 if own is bare else median(bare, field))) for field in ("wall", "cpu")
        ]
        table.rows.append([name, *(f"{value:.0f}" for value in above)])
    table.notes.append("Bars: 120 ms for the import, 200 ms for the help. Medians of starts in turn.")
    yield table


def start(arguments: list[str], *, bytecode: str) -> Figures:
    """Run an interpreter to its end; whatever the settings here, the first one leaves bytecode for the others."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = bytecode
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, env=environment, stdout=subprocess.DEVNULL)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Figures(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 0)
