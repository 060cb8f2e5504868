"""The first S3 client of a process, and ten more: CPU."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from benchmarks.object_store import BUCKET
from benchmarks.peers.contestants import Contestant
from benchmarks.probe import Figures
from benchmarks.report import MIB, Table
from benchmarks.rounds import alternate, measure, median
from benchmarks.sink import run_sink

__all__ = ["run"]

COUNT, QUICK_COUNT = 11, 3
BAR = 0.130


def run(contestants: Sequence[Contestant], *, quick: bool) -> Iterator[Table]:
    """Make the clients, by us and by aioboto3; what they import is loaded before."""
    count, rounds = (QUICK_COUNT, 1) if quick else (COUNT, 5)
    engines = [each for each in contestants if each.is_ours and each.backend == "asyncio"][: 1 if quick else None]
    makers = [(f"{each.name}: clients", "our_clients", each.variant) for each in engines]
    makers.append(("aioboto3: own sessions", "own_sessions", ""))
    if not quick:
        makers += [
            (f"{each.name}: storages, each looks at its bucket", "our_storages", each.variant) for each in engines
        ]
        makers.append(("aioboto3: one session", "one_session", ""))
    with run_sink(BUCKET) as sink, tempfile.TemporaryDirectory(prefix="quack-bench-") as folder:
        entries: list[Callable[[], Figures]] = []
        for number, (_, function, engine) in enumerate(makers):
            modules = Path(folder, f"{number}.json")
            make = partial(
                measure,
                "benchmarks.peers.clients.starts",
                function,
                environment=sink.environ(),
                bucket=BUCKET,
                engine=engine,
                count=count,
                modules=str(modules),
            )
            make()  # writes down what it imports
            entries.append(make)
        runs = alternate(entries, rounds)
    table = Table(
        f"First S3 client of a process and {count - 1} more", ["clients", "CPU ms", "wall ms", "peak MiB"]
    )
    for (name, function, _), own in zip(makers, runs, strict=True):
        cpu = median(own, "cpu")
        peak = max(figures.peak for figures in own) / MIB
        table.rows.append([name, f"{1e3 * cpu:.0f}", f"{1e3 * median(own, 'wall'):.0f}", f"{peak:.0f}"])
        if function == "our_clients":
            verdict = "meets" if cpu <= BAR else "misses"
            table.notes.append(f"{name}: {verdict} the bar of {1e3 * BAR:.0f} ms CPU.")
    yield table
