"""2000 objects of 16 KiB up and down: against the sink, and against SeaweedFS, which checks signatures."""

from collections.abc import Iterator, Sequence

from benchmarks.object_store import BUCKET, object_store
from benchmarks.peers.charts import BarChart
from benchmarks.peers.comparison import Bar, Measure, compare
from benchmarks.peers.contestants import Contestant, few
from benchmarks.peers.moves import DIRECTIONS, Place
from benchmarks.peers.race import Results
from benchmarks.peers.work import Work
from benchmarks.report import Table
from benchmarks.rounds import median
from benchmarks.scratch import scratch_folder
from benchmarks.sink import run_sink

__all__ = ["SIZE", "lag", "run", "run_signed"]

SIZE = 16 * 1024
BARS = {
    "upload": (
        Bar("aioboto3 files, gathered", "cpu", 0.2),
        Bar("s5cmd", "cpu", 0.75),
        Bar("obstore", "cpu", 1.4),
        Bar("s5cmd", "rate", 0.95),
    ),
    "download": (
        Bar("aioboto3 files, gathered", "cpu", 0.12),
        Bar("s5cmd", "cpu", 1.0),
        Bar("obstore", "cpu", 1.6),
        Bar("s5cmd", "rate", 0.9),
    ),
}
SIGNED = ("aioboto3 files, gathered", "s5cmd", "obstore", "minio, threads")
SLOW_TO_IMPORT = ("aioboto3 requests, limited", "s3fs")
LAG_CONCURRENCY = 64
LAG_BAR = 0.010


def run(contestants: Sequence[Contestant], *, quick: bool) -> Iterator[Table | BarChart]:
    """Move the objects to and from the sink."""
    count, rounds = (50, 1) if quick else (2000, 5)
    if quick:
        contestants = [each for each in contestants if each.name not in SLOW_TO_IMPORT]
    work = Work(BUCKET, "small", count=count, size=SIZE)
    with run_sink(BUCKET) as sink, scratch_folder() as folder:
        place = Place(sink.environ(), folder, sink)
        for direction in DIRECTIONS:
            results = place.move(contestants, direction, work, rounds)
            title = f"{direction.capitalize()} of {count} x 16 KiB, 32 at a time, the sink"
            yield table_of(title, results, count, BARS[direction])
            yield BarChart(
                f"small-{direction}",
                f"CPU for one object, {direction} of {count} x 16 KiB",
                "µs",
                [
                    (each.name, 1e6 * median(runs, "cpu") / count, each.is_ours)
                    for each, runs in results.runs.items()
                ],
            )


def run_signed(contestants: Sequence[Contestant], *, quick: bool) -> Iterator[Table]:
    """Move the objects to and from SeaweedFS, for those that matter most."""
    count, rounds = (50, 1) if quick else (2000, 5)
    work = Work(BUCKET, "small", count=count, size=SIZE)
    chosen = [each for each in contestants if each.is_ours or each.name in SIGNED]
    if quick:
        chosen = few(contestants, "s5cmd", "obstore")
    with object_store(quick=quick) as environment, scratch_folder() as folder:
        place = Place(environment, folder)
        for direction in DIRECTIONS:
            results = place.move(chosen, direction, work, rounds)
            title = f"{direction.capitalize()} of {count} x 16 KiB, 32 at a time, SeaweedFS with signatures"
            yield table_of(title, results, count, ())


def lag(contestants: Sequence[Contestant], *, quick: bool) -> Iterator[Table]:
    """See how late the event loop calls a task while objects move."""
    count, rounds = (50, 1) if quick else (2000, 5)
    work = Work(BUCKET, "small", count=count, size=SIZE, concurrency=LAG_CONCURRENCY)
    chosen = [each for each in contestants if each.backend is not None]
    if quick:
        chosen = few(chosen, "obstore")
    title = f"Event loop: most by which it called a task too late, {count} x 16 KiB, {LAG_CONCURRENCY} at a time"
    table = Table(title, ["client", "upload ms", "download ms", "worst run ms"])
    with run_sink(BUCKET) as sink, scratch_folder() as folder:
        place = Place(sink.environ(), folder, sink)
        results = {direction: place.move(chosen, direction, work, rounds, lag=True) for direction in DIRECTIONS}
    for each in chosen:
        runs = [results[direction].runs.get(each, []) for direction in DIRECTIONS]
        if not all(runs):
            continue
        medians = [median(own, "lag") for own in runs]
        worst = max(figures.lag for own in runs for figures in own)
        table.rows.append([each.name, *(f"{1e3 * value:.1f}" for value in (*medians, worst))])
        if each.is_ours:
            verdict = "meets" if max(medians) <= LAG_BAR else "misses"
            table.notes.append(f"{each.name} {verdict} the bar of {1e3 * LAG_BAR:.0f} ms.")
    for direction in DIRECTIONS:
        table.notes += results[direction].failures
    yield table


def table_of(title: str, results: Results, count: int, bars: Sequence[Bar]) -> Table:
    """Make the table of small objects."""
    cpu = Measure("CPU µs an object", lambda seconds: f"{1e6 * seconds / count:.0f}")
    rate = Measure("objects a second", lambda seconds: f"{count / seconds:.0f}")
    return compare(title, results, cpu, rate, bars)
