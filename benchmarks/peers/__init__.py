"""Bulk transfer against the other clients of S3: CPU, rate, memory, and how late the event loop calls."""

from collections.abc import Iterator, Sequence

from benchmarks.peers import small
from benchmarks.peers.contestants import ENGINES, line_up
from benchmarks.report import Table

PARTS = {"small": small.run, "signed": small.run_signed}


def run(
    *, quick: bool, engines: Sequence[str] = ENGINES, parts: Sequence[str] = (), clients: Sequence[str] = ()
) -> Iterator[Table]:
    """Run every part, or those that are named, with every client, or those whose name begins with one of these."""
    contestants, left_out = line_up(engines)
    if clients:
        contestants = [each for each in contestants if each.name.startswith(tuple(clients))]
    for line in left_out:
        print(line)
    for part in parts or PARTS:
        for made in PARTS[part](contestants, quick=quick):
            if isinstance(made, Table):
                yield made
