"""One object of 1 GiB to SeaweedFS and back, in parts: throughput and memory."""

import os
import statistics
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks.object_store import BUCKET, object_store
from benchmarks.probe import Figures
from benchmarks.report import MIB, Table
from benchmarks.rounds import alternate, measure, median
from benchmarks.scratch import scratch_folder

CONCURRENCY = 8
PART_SIZE = 8 * MIB


def run(*, quick: bool) -> Iterator[Table]:
    """Move the object by us and by the peer in turn."""
    size, rounds = (64 * MIB, 1) if quick else (1024 * MIB, 7)
    with object_store(quick=quick) as environment, scratch_folder() as folder:
        path = write_file(Path(folder, "large.bin"), size)
        pairs = [(str(path), "large.bin")]
        for direction in ("upload", "download"):
            contestants: dict[str, Callable[[], Figures]] = {
                name: partial(
                    measure,
                    f"benchmarks.{name}",
                    direction,
                    environment=environment,
                    bucket=BUCKET,
                    pairs=pairs,
                    part_size=PART_SIZE,
                    concurrency=CONCURRENCY,
                )
                for name in ("ours", "peer")
            }
            if direction == "download":
                contestants = {name: partial(to_free_name, path, run) for name, run in contestants.items()}
            runs = alternate(list(contestants.values()), rounds)
            table = Table(
                f"{direction} of 1 x {size // MIB} MiB at concurrency {CONCURRENCY}, parts of 8 MiB, SeaweedFS",
                ["client", "MiB a second", "wall s", "CPU s", "memory MiB, worst"],
            )
            for name, own in zip(contestants, runs, strict=True):
                wall = median(own, "wall")
                worst = max(run.memory for run in own) / MIB
                rate = size / MIB / wall
                table.rows.append(
                    [name, f"{rate:.0f}", f"{wall:.2f}", f"{median(own, 'cpu'):.2f}", f"{worst:.0f}"]
                )
            ratio = statistics.median(peer.wall / own.wall for own, peer in zip(*runs, strict=True))
            memory = max(run.memory for run in runs[0]) / max(run.memory for run in runs[1])
            table.notes.append(
                f"Throughput, ours by the peer's, median of {rounds} pairs: {ratio:.2f} (bar: 0.95). "
                f"Memory: {memory:.2f} of the peer's (bar: 0.4, and 180 MiB)."
            )
            yield table


def to_free_name(path: Path, download: Callable[[], Figures]) -> Figures:
    """Remove the target, then download.

    A client that writes into an existing file gets the memory of its old content back; one that replaces it at the
    end needs new memory. In a virtual machine that returns free memory to its host, writing a GiB to new memory
    took 2.8 s of CPU, to memory in use before 0.4 s: more than all the rest of a download.
    """
    path.unlink()
    return download()


def write_file(path: Path, size: int) -> Path:
    """Write a file of random bytes."""
    with path.open("wb") as file:
        for _ in range(size // MIB):
            file.write(os.urandom(MIB))
    return path
