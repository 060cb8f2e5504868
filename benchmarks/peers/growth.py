"""How CPU and memory grow with the number of objects, and with the size of one."""

from collections.abc import Callable, Iterator, Sequence

from benchmarks.object_store import BUCKET
from benchmarks.peers.charts import LineChart, Series
from benchmarks.peers.contestants import Contestant, few
from benchmarks.peers.large import CONCURRENCY, PART_SIZE
from benchmarks.peers.moves import DIRECTIONS, Place
from benchmarks.peers.small import SIZE
from benchmarks.peers.work import Work
from benchmarks.probe import Figures
from benchmarks.report import MIB, Table
from benchmarks.rounds import median
from benchmarks.scratch import scratch_folder
from benchmarks.sink import run_sink

__all__ = ["run_in_number", "run_in_size"]

BESIDE = ("s5cmd", "obstore")
_OFTEN = 10_000  # up to so many objects each number is measured three times

Grown = dict[tuple[Contestant, str], list[tuple[int, list[Figures]]]]
"""The runs at each size, by contestant and direction."""


def run_in_number(contestants: Sequence[Contestant], *, quick: bool) -> Iterator[Table | LineChart]:
    """Move more and more objects of 16 KiB."""
    counts = (100,) if quick else (100, 1000, 10_000, 100_000)
    chosen = few(contestants, *(() if quick else BESIDE))
    works = [Work(BUCKET, "growth", count=count, size=SIZE) for count in counts]
    rounds = [1 if quick or count > _OFTEN else 3 for count in counts]
    runs, failures = _grow(chosen, works, rounds, counts)
    table = Table("Growth with the number of objects of 16 KiB, the sink", ["client", "what", *map(str, counts)])
    for (each, direction), own in _whole(runs, len(counts)):
        cpus = [f"{1e6 * median(figures, 'cpu') / count:.0f}" for count, figures in own]
        grown = [f"{median(figures, 'memory') / MIB:.1f}" for _, figures in own]
        table.rows.append([each.name, f"{direction}, CPU µs an object", *cpus])
        table.rows.append([each.name, f"{direction}, growth of peak memory MiB", *grown])
    table.notes += failures
    yield table
    for direction in DIRECTIONS:
        yield LineChart(
            f"growth-{direction}",
            f"CPU for one object of 16 KiB, {direction}",
            "objects",
            "µs",
            _series(runs, direction, lambda count, figures: 1e6 * median(figures, "cpu") / count),
        )
    yield LineChart(
        "growth-memory",
        "Peak memory of the process, upload of objects of 16 KiB",
        "objects",
        "MiB",
        _series(runs, "upload", lambda _, figures: median(figures, "peak") / MIB),
    )


def run_in_size(contestants: Sequence[Contestant], *, quick: bool) -> Iterator[Table | LineChart]:
    """Move a larger and larger object."""
    sizes = (32,) if quick else (1, 16, 256, 1024, 4096)
    chosen = few(contestants)
    works = [
        Work(BUCKET, "growth", count=1, size=size * MIB, concurrency=CONCURRENCY, part_size=PART_SIZE)
        for size in sizes
    ]
    runs, failures = _grow(chosen, works, [1 if quick else 3] * len(sizes), sizes)
    table = Table(
        "Growth with the size of one object, the sink", ["client", "what", *(f"{size} MiB" for size in sizes)]
    )
    for (each, direction), own in _whole(runs, len(sizes)):
        cpus = [f"{1e3 * median(figures, 'cpu') / size:.2f}" for size, figures in own]
        peaks = [f"{median(figures, 'peak') / MIB:.0f}" for _, figures in own]
        table.rows.append([each.name, f"{direction}, CPU ms a MiB", *cpus])
        table.rows.append([each.name, f"{direction}, peak memory MiB", *peaks])
    table.notes += failures
    yield table
    series = [
        Series(direction, [(size, median(figures, "peak") / MIB) for size, figures in own], is_ours=True)
        for (_, direction), own in runs.items()
    ]
    yield LineChart("growth-size", "Peak memory of the process, one object", "MiB of the object", "MiB", series)


def _grow(
    contestants: Sequence[Contestant], works: Sequence[Work], rounds: Sequence[int], sizes: Sequence[int]
) -> tuple[Grown, list[str]]:
    """Do one work after the other; `sizes` are what tells them apart."""
    runs: Grown = {}
    failures: list[str] = []
    with run_sink(BUCKET) as sink, scratch_folder() as folder:
        place = Place(sink.environ(), folder, sink)
        for work, often, size in zip(works, rounds, sizes, strict=True):
            for direction in DIRECTIONS:
                results = place.move(contestants, direction, work, often)
                failures += results.failures
                for each, figures in results.runs.items():
                    runs.setdefault((each, direction), []).append((size, figures))
    return runs, failures


def _whole(runs: Grown, sizes: int) -> Iterator[tuple[tuple[Contestant, str], list[tuple[int, list[Figures]]]]]:
    """Yield the runs of those that came through at every size."""
    return ((key, own) for key, own in runs.items() if len(own) == sizes)


def _series(runs: Grown, direction: str, value: Callable[[int, list[Figures]], float]) -> list[Series]:
    return [
        Series(each.name, [(size, value(size, figures)) for size, figures in own], is_ours=each.is_ours)
        for (each, own_direction), own in runs.items()
        if own_direction == direction
    ]
