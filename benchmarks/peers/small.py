"""2000 objects of 16 KiB up and down: against the sink, and against SeaweedFS, which checks signatures."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from benchmarks.object_store import BUCKET, object_store
from benchmarks.peers.charts import BarChart
from benchmarks.peers.comparison import Bar, Measure, compare
from benchmarks.peers.contestants import Contestant
from benchmarks.peers.files import write_files
from benchmarks.peers.race import Results, race, runner
from benchmarks.peers.work import Work
from benchmarks.report import Table
from benchmarks.rounds import median
from benchmarks.scratch import scratch_folder
from benchmarks.sink import Sink, run_sink

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


def run(contestants: Sequence[Contestant], *, quick: bool) -> Iterator[Table | BarChart]:
    """Move the objects to and from the sink."""
    count, rounds = (100, 1) if quick else (2000, 5)
    with run_sink(BUCKET) as sink, scratch_folder() as folder:
        for direction in ("upload", "download"):
            results = move(contestants, direction, count, rounds, sink.environ(), folder, sink=sink)
            title = f"{direction} of {count} x 16 KiB, 32 at a time, the sink"
            yield table_of(title, results, count, BARS[direction])
            yield BarChart(
                f"small-{direction}",
                f"CPU per object: {direction} of {count} x 16 KiB",
                "µs",
                [
                    (each.name, 1e6 * median(runs, "cpu") / count, each.is_ours)
                    for each, runs in results.runs.items()
                ],
            )


def run_signed(contestants: Sequence[Contestant], *, quick: bool) -> Iterator[Table | BarChart]:
    """Move the objects to and from SeaweedFS, for those that matter most."""
    count, rounds = (100, 1) if quick else (2000, 5)
    chosen = [each for each in contestants if each.is_ours or each.name in SIGNED]
    with object_store() as environment, scratch_folder() as folder:
        for direction in ("upload", "download"):
            results = move(chosen, direction, count, rounds, environment, folder)
            title = f"{direction} of {count} x 16 KiB, 32 at a time, SeaweedFS with signatures"
            yield table_of(title, results, count, ())


def move(
    contestants: Sequence[Contestant],
    direction: str,
    count: int,
    rounds: int,
    environment: Mapping[str, str],
    folder: Path,
    *,
    sink: Sink | None = None,
) -> Results:
    """Move the objects by each contestant in turn; what is downloaded is what was made up, or uploaded by all."""
    source = folder / "source"
    if not source.exists():
        write_files(source, count, SIZE)
    work = Work(BUCKET, "small", str(source), count, SIZE)
    if direction == "download":
        work = Work(BUCKET, "small", str(folder / "target"), count, SIZE)
        if sink is not None:
            sink.clear()
            sink.invent(work.keys(), SIZE)
    run_one = partial(runner, function=direction, work=work, environment=environment, sink=sink)
    return race({each: run_one(each) for each in contestants}, rounds)


def table_of(title: str, results: Results, count: int, bars: Sequence[Bar]) -> Table:
    """Make the table of small objects."""
    cpu = Measure("CPU us an object", lambda seconds: f"{1e6 * seconds / count:.0f}")
    rate = Measure("objects a second", lambda seconds: f"{count / seconds:.0f}")
    return compare(title, results, cpu, rate, bars)
