"""Listing 100 000 keys, in pages of 1000."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from benchmarks.object_store import BUCKET
from benchmarks.peers.comparison import Bar, Measure, compare
from benchmarks.peers.contestants import Contestant
from benchmarks.peers.race import race, runner
from benchmarks.peers.work import Work
from benchmarks.report import Table
from benchmarks.sink import run_sink

__all__ = ["run"]

PAGINATOR = "aiobotocore paginator"
BARS = (Bar(PAGINATOR, "cpu", 0.3),)


def run(contestants: Sequence[Contestant], *, quick: bool) -> Iterator[Table]:
    """List what the sink made up."""
    count, rounds = (2000, 1) if quick else (100_000, 5)
    work = Work(BUCKET, "listing", count=count)
    chosen = [
        replace(each, name=PAGINATOR) if each.module == "aioboto" else each for each in contestants if each.lists
    ]
    with run_sink(BUCKET) as sink:
        sink.invent(work.keys(), 100)
        entries = {each: runner(each, "list_keys", work, sink.environ()) for each in chosen}
        results = race(entries, rounds)
    cpu = Measure("CPU µs a key", lambda seconds: f"{1e6 * seconds / count:.1f}")
    rate = Measure("keys a second", lambda seconds: f"{count / seconds:.0f}")
    yield compare(f"Listing {count} keys, the sink", results, cpu, rate, BARS)
