"""Bulk transfer against the other clients of S3: CPU, rate, memory, and how late the event loop calls."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from benchmarks.peers import growth, large, link, listing, page, small, start
from benchmarks.peers.charts import Chart
from benchmarks.peers.contestants import ENGINES, line_up
from benchmarks.report import Table

__all__ = ["PARTS", "run"]

PARTS: dict[str, Callable[..., Iterator[Any]]] = {
    "small": small.run,
    "signed": small.run_signed,
    "large": large.run,
    "link": link.run,
    "listing": listing.run,
    "lag": small.lag,
    "number": growth.run_in_number,
    "size": growth.run_in_size,
    "start": start.run,
}


def run(
    *,
    quick: bool,
    engines: Sequence[str] = ENGINES,
    parts: Sequence[str] = (),
    clients: Sequence[str] = (),
    write: bool = False,
) -> Iterator[Table]:
    """Run every part, or those that are named.

    Args:
        quick: Small sizes and one round.
        engines: Engines of ours; the tables hold the first of them that there is against the peers.
        parts: Parts to run; all when there are none.
        clients: Beginnings of the names of those that take part; all when there are none.
        write: Put the tables and the charts into the documentation.
    """
    unknown = sorted(set(parts) - PARTS.keys())
    if unknown:
        raise SystemExit(f"no part is called {', '.join(unknown)}: there are {', '.join(PARTS)}")
    contestants, left_out = line_up(engines)
    chosen = [each for each in contestants if not clients or each.name.startswith(tuple(clients))]
    for line in left_out:
        print(line)
    tables: list[Table] = []
    charts: list[Chart] = []
    for part in parts or PARTS:
        for made in PARTS[part](chosen, quick=quick):
            if isinstance(made, Table):
                tables.append(made)
                yield made
            else:
                charts.append(made)
    if write:
        page.write(tables, charts, left_out)
