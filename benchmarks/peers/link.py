"""One object of 1 GiB, up and down over a link of 40 MB/s: peak memory, where the network is what is slow."""

from collections.abc import Iterator, Sequence

from benchmarks.object_store import BUCKET
from benchmarks.peers.comparison import compare
from benchmarks.peers.contestants import Contestant, few
from benchmarks.peers.large import CONCURRENCY, PART_SIZE, PEAK_BAR, measures
from benchmarks.peers.moves import DIRECTIONS, Place
from benchmarks.peers.work import Work
from benchmarks.report import MIB, Table
from benchmarks.scratch import scratch_folder
from benchmarks.sink import run_sink
from benchmarks.slow_link import paced_relay

__all__ = ["run"]

SPEED = 40_000_000


def run(contestants: Sequence[Contestant], *, quick: bool) -> Iterator[Table]:
    """Move the object between us and the sink, which is at the other end of the link."""
    size = (32 if quick else 1024) * MIB
    work = Work(BUCKET, "link", count=1, size=size, concurrency=CONCURRENCY, part_size=PART_SIZE)
    with (
        run_sink(BUCKET) as sink,
        scratch_folder() as folder,
        paced_relay(("127.0.0.1", sink.port), bytes_per_second=SPEED) as (host, port),
    ):
        place = Place({**sink.environ(), "AWS_ENDPOINT_URL": f"http://{host}:{port}"}, folder, sink)
        for direction in DIRECTIONS:
            results = place.move(few(contestants), direction, work, rounds=1)
            title = (
                f"{direction.capitalize()} of 1 x {size // MIB} MiB over a link of {SPEED // 10**6} MB/s, the sink"
            )
            yield compare(title, results, *measures(size / MIB), peak_bar=PEAK_BAR)
