"""Memory while an upload of 1 GiB meets a link that stands still for some seconds."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.large_object import CONCURRENCY, PART_SIZE, write_file
from benchmarks.object_store import BUCKET, object_store
from benchmarks.report import MIB, Table
from benchmarks.rounds import measure
from benchmarks.scratch import scratch_folder
from benchmarks.slow_link import stalling_relay


def run(*, quick: bool) -> Iterator[Table]:
    """Upload by us and by the peer, each over a relay of its own."""
    size, seconds = (64 * MIB, 1.0) if quick else (1024 * MIB, 10.0)
    table = Table(
        f"upload of {size // MIB} MiB over a link that stalls for {seconds:g} s",
        ["client", "memory MiB", "wall s", "CPU s"],
    )
    with object_store(quick=quick) as environment, scratch_folder() as folder:
        pairs = [(str(write_file(Path(folder, "large.bin"), size)), "stalled.bin")]
        address = urlsplit(environment["AWS_ENDPOINT_URL"])
        target = (str(address.hostname), int(address.port or 80))
        for name in ("ours", "peer"):
            with stalling_relay(target, after=size // 4, seconds=seconds) as (host, port):
                figures = measure(
                    f"benchmarks.{name}",
                    "upload",
                    environment={**environment, "AWS_ENDPOINT_URL": f"http://{host}:{port}"},
                    bucket=BUCKET,
                    pairs=pairs,
                    part_size=PART_SIZE,
                    concurrency=CONCURRENCY,
                )
            table.rows.append([name, f"{figures.memory / MIB:.0f}", f"{figures.wall:.1f}", f"{figures.cpu:.1f}"])
    table.notes.append("Bar: 180 MiB, and 0.4 of the peer's.")
    yield table
