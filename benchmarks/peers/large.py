"""32 objects of 16 MiB, and one of 1 GiB, up and down against the sink, which drops what it gets."""

from collections.abc import Iterator, Sequence
from itertools import product

from benchmarks.object_store import BUCKET
from benchmarks.peers.comparison import Bar, Measure, compare
from benchmarks.peers.contestants import Contestant, few
from benchmarks.peers.moves import DIRECTIONS, Place
from benchmarks.peers.work import Work
from benchmarks.report import MIB, Table
from benchmarks.scratch import scratch_folder
from benchmarks.sink import run_sink

__all__ = ["CONCURRENCY", "PART_SIZE", "PEAK_BAR", "measures", "run"]

CONCURRENCY = 8
PART_SIZE = 8 * MIB
PEAK_BAR = 150 * MIB
_LIBRARIES = (Bar("aioboto3 files, gathered", "rate", 0.95), Bar("boto3 transfer manager", "rate", 0.95))
BARS = {
    "upload": (Bar("s5cmd", "rate", 0.95), Bar("rclone", "rate", 0.95), *_LIBRARIES),
    "download": (Bar("s5cmd", "rate", 0.85), Bar("rclone", "rate", 0.85), *_LIBRARIES),
}


def run(contestants: Sequence[Contestant], *, quick: bool) -> Iterator[Table]:
    """Move the objects to and from the sink."""
    shapes = [(32, 16 * MIB), (1, 1024 * MIB)]
    rounds = 7
    if quick:
        shapes, rounds = [(1, 32 * MIB)], 1
        contestants = few(contestants, "boto3 transfer manager", "s5cmd", "rclone")
    with run_sink(BUCKET) as sink, scratch_folder() as folder:
        place = Place(sink.environ(), folder, sink)
        for (count, size), direction in product(shapes, DIRECTIONS):
            work = Work(BUCKET, "large", count=count, size=size, concurrency=CONCURRENCY, part_size=PART_SIZE)
            results = place.move(contestants, direction, work, rounds)
            cpu, rate = measures(count * size / MIB)
            title = (
                f"{direction.capitalize()} of {count} x {size // MIB} MiB, {CONCURRENCY} at a time, "
                f"parts of {PART_SIZE // MIB} MiB, the sink"
            )
            yield compare(title, results, cpu, rate, BARS[direction], peak_bar=PEAK_BAR)


def measures(volume: float) -> tuple[Measure, Measure]:
    """Return how CPU and rate are told when so many MiB are moved."""
    return (
        Measure("CPU s a GiB", lambda seconds: f"{1024 * seconds / volume:.2f}"),
        Measure("MiB a second", lambda seconds: f"{volume / seconds:.0f}"),
    )
