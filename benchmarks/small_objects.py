"""2000 objects of 16 KiB to SeaweedFS and back: CPU of the client for each object."""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.object_store import BUCKET, object_store
from benchmarks.report import MIB, Table
from benchmarks.rounds import alternate, measure, median
from benchmarks.scratch import scratch_folder

SIZE = 16 * 1024
CONCURRENCY = 32
BARS = {"upload": 1.0, "download": 0.65}


def run(*, quick: bool) -> Iterator[Table]:
    """Move the objects by us and by the peer in turn."""
    count, rounds = (50, 1) if quick else (2000, 5)
    with object_store(quick=quick) as environment, scratch_folder() as folder:
        pairs = write_files(folder, count)
        for direction, bar in BARS.items():
            contestants = {
                name: partial(
                    measure,
                    f"benchmarks.{name}",
                    direction,
                    environment=environment,
                    bucket=BUCKET,
                    pairs=pairs,
                    part_size=None,
                    concurrency=CONCURRENCY,
                )
                for name in ("ours", "peer")
            }
            runs = alternate(list(contestants.values()), rounds)
            table = Table(
                f"{direction} of {count} x 16 KiB at concurrency {CONCURRENCY}, SeaweedFS",
                ["client", "CPU us an object", "wall s", "memory MiB"],
            )
            for name, own in zip(contestants, runs, strict=True):
                cpu = 1e6 * median(own, "cpu") / count
                memory = median(own, "memory") / MIB
                table.rows.append([name, f"{cpu:.0f}", f"{median(own, 'wall'):.2f}", f"{memory:.1f}"])
            ratio = median(runs[0], "cpu") / median(runs[1], "cpu")
            table.notes.append(f"CPU, ours by the peer's: {ratio:.2f}. Bar: {bar}. Median of {rounds}, in turn.")
            yield table


def write_files(folder: Path, count: int) -> list[tuple[str, str]]:
    """Write files of random bytes and return them with their keys."""
    pairs = []
    for number in range(count):
        path = folder / f"{number:05d}.bin"
        path.write_bytes(os.urandom(SIZE))
        pairs.append((str(path), f"small/{path.name}"))
    return pairs
