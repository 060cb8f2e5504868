"""CPU that a GET of a small document costs through `HttpClient`, beside httpx alone; and what each layer adds."""

from collections.abc import Iterator, Sequence
from functools import partial

from benchmarks.http_server import http_server
from benchmarks.probe import Figures
from benchmarks.report import Table
from benchmarks.rounds import alternate, measure, median

BARS = {1: 0.8, 32: 0.4, 100: 0.4}
CONTESTANTS = ("ours", "bare", "bare_on_aiohttp")
LOOPS = {"asyncio": 30, "trio": 35}


def run(*, quick: bool) -> Iterator[Table]:
    """Measure over loopback, then over a transport that answers at once."""
    rounds = 1 if quick else 5
    requests = 100 if quick else 2000
    with http_server() as address:
        for concurrency, bar in list(BARS.items())[: 2 if quick else None]:
            yield over_loopback(f"{address}/json", concurrency, requests, rounds, bar)
    for backend, most in LOOPS.items():
        yield over_stub(backend, 4 * requests, rounds, most)
    yield layers(quick=quick)


def over_loopback(url: str, concurrency: int, requests: int, rounds: int, bar: float) -> Table:
    runs = alternate(
        [
            partial(measure, "benchmarks.http_clients", name, url=url, concurrency=concurrency, requests=requests)
            for name in CONTESTANTS
        ],
        rounds,
    )
    table = Table(
        f"GET of 130 bytes, {concurrency} at a time, loopback", ["client", "CPU us a request", "requests/s"]
    )
    for name, own in zip(CONTESTANTS, runs, strict=True):
        table.rows.append([name, f"{per_call(own, requests):.0f}", f"{requests / median(own, 'wall'):.0f}"])
    cost = [per_call(own, requests) for own in runs]
    table.notes.append(
        f"CPU, ours by bare httpx: {cost[0] / cost[1]:.2f} (bar: {bar}); above httpx on aiohttp: "
        f"{cost[0] - cost[2]:.0f} us (bar at 32: 80). Median of {rounds}, in turn."
    )
    return table


def over_stub(backend: str, requests: int, rounds: int, most: int) -> Table:
    names = ("stub_ours", "stub_bare")
    runs = alternate(
        [partial(measure, "benchmarks.http_clients", name, backend=backend, requests=requests) for name in names],
        rounds,
    )
    table = Table(f"GET over a transport that answers at once, {backend}", ["client", "CPU us a request"])
    cost = [per_call(own, requests) for own in runs]
    table.rows += [[name, f"{value:.1f}"] for name, value in zip(names, cost, strict=True)]
    table.notes.append(f"Everything together: {cost[0] - cost[1]:.1f} us (bar: {most}).")
    return table


def layers(*, quick: bool) -> Table:
    calls, rounds = (2000, 1) if quick else (50000, 5)
    names = ("nothing", "retry", "token")
    runs = alternate(
        [partial(measure, "benchmarks.layers", name, calls=calls) for name in names],
        rounds,
    )
    cost = {name: per_call(own, calls) for name, own in zip(names, runs, strict=True)}
    table = Table("Happy path of single layers, asyncio", ["layer", "CPU us a call, above an empty coroutine"])
    table.rows += [[name, f"{cost[name] - cost['nothing']:.2f}"] for name in names[1:]]
    table.notes.append("Bars: 3 us for the retry policy without its deadline, 3 us for a token that holds.")
    return table


def per_call(runs: Sequence[Figures], calls: int) -> float:
    return 1e6 * median(runs, "cpu") / calls
