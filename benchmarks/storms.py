"""What happens to many callers at once: an expired token, an outage, cancellations, too few connections."""

import json
import statistics
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import anyio
import httpx

from benchmarks.http_server import http_server
from benchmarks.probe import Probe
from benchmarks.report import Table

CALLERS = 1000


def run(*, quick: bool) -> Iterator[Table]:
    """Run each storm against a server in another process."""
    table = Table("Storms, over loopback", ["what", "seen", "bar"])
    rounds = 1 if quick else 5
    for storm in (expired_token, outage, cancellations, few_connections):
        with http_server() as address:
            seen = [anyio.run(storm, address, quick) for _ in range(1 if storm is few_connections else rounds)]
        table.rows += [[what, worst(values), bar] for what, bar, values in by_row(seen)]
    with http_server() as address:
        for what, function, bar in (
            ("ten clients made, with the TLS context that they share", "make_clients", "35 ms"),
            ("the same, opened, one GET by each, and closed", "use_clients", "none"),
        ):
            table.rows.append([what, f"{fresh(function, address, rounds):.0f} ms", bar])
    yield table


async def expired_token(address: str, _quick: bool) -> list[tuple[str, float, str]]:
    """Let many callers ask for a token that has expired."""
    from quackcore_async import OAuthProvider

    later = 0.0
    provider = OAuthProvider(
        "id",
        "secret-of-the-client",
        "",
        f"{address}/token",
        flow="client_credentials",
        clock=lambda: time.time() + later,
    )
    before = await count(address, "/token")
    answered: list[float] = []

    async def ask() -> None:
        assert await provider.get_credentials() is not None
        answered.append(time.perf_counter())

    assert (await provider.authenticate()).success
    later = 4000.0
    await together(ask, CALLERS)
    asked = await count(address, "/token") - before - 1
    await provider.aclose()
    return [
        (f"{CALLERS} callers, expired token: token requests", asked, "1"),
        ("first to last caller, ms", 1000 * (max(answered) - min(answered)), "200"),
    ]


async def outage(address: str, _quick: bool) -> list[tuple[str, float, str]]:
    """Let many callers meet a service that answers 503."""
    from quackcore_async import HttpClient, QuackError, RetryPolicy

    before = await count(address, "/broken")

    async with HttpClient(address, retry=RetryPolicy(wait_initial=0.01, wait_max=0.05), breaker=None) as client:

        async def ask() -> None:
            try:
                await client.get("/broken")
            except QuackError:
                return
            raise AssertionError("503 was no error")

        await together(ask, CALLERS)
    sent = await count(address, "/broken") - before
    return [(f"{CALLERS} callers, 503 each time: requests by callers", sent / CALLERS, "1.2")]


async def cancellations(address: str, quick: bool) -> list[tuple[str, float, str]]:
    """Cancel very many requests, then send some ordinary ones."""
    from quackcore_async import HttpClient

    storm = 500 if quick else 25000
    succeeded = 0
    async with HttpClient(address, max_concurrency=10) as client:

        async def doomed() -> None:
            with anyio.move_on_after(0.002):
                await client.get("/slow")

        async def work(share: int) -> None:
            for _ in range(share):
                await doomed()

        async with anyio.create_task_group() as group:
            for _ in range(100):
                group.start_soon(work, storm // 100)
        for _ in range(30):
            succeeded += (await client.get("/json")).status_code == 200
    return [(f"{storm} requests cancelled: of 30 ordinary ones succeed", succeeded, "30")]


async def few_connections(address: str, quick: bool) -> list[tuple[str, float, str]]:
    """Send far more slow calls than there are connections."""
    from quackcore_async import HttpClient

    calls = 20 if quick else 700
    succeeded = 0
    async with HttpClient(address, max_concurrency=10) as client:

        async def ask() -> None:
            nonlocal succeeded
            response = await client.get("/slow")
            succeeded += response.status_code == 200

        await together(ask, calls)
    return [(f"{calls} calls of 1 s over 10 connections: succeed", succeeded, str(calls))]


def fresh(function: str, address: str, rounds: int) -> float:
    """Return the milliseconds that a function takes in a process of its own, where no TLS context is made yet."""
    from benchmarks.rounds import measure, median

    return 1000 * median([measure(__name__, function, url=address) for _ in range(rounds)], "wall")


async def make_clients(probe: Probe, *, url: str) -> None:
    """Make ten clients up to their first request."""
    from quackcore_async import HttpClient
    from quackcore_async.transport.tls import tls_context

    await import_all(url)
    with probe:
        await tls_context(True)
        clients = [HttpClient(url) for _ in range(10)]
        for client in clients:
            client.build_request("GET", "/json")
    for client in clients:
        await client.aclose()


async def use_clients(probe: Probe, *, url: str) -> None:
    """Make ten clients, and let each of them get something."""
    from quackcore_async import HttpClient

    await import_all(url)
    with probe:
        for _ in range(10):
            async with HttpClient(url) as client:
                await client.get("/json")


async def import_all(url: str) -> None:
    """Import what a first request does, with the one TLS context that is not measured."""
    from quackcore_async import HttpClient

    async with HttpClient(url, verify=False) as client:
        await client.get("/json")


async def count(address: str, path: str) -> int:
    async with httpx.AsyncClient() as client:
        return int(json.loads((await client.get(f"{address}/counts")).content).get(path, 0))


async def together(function: Callable[[], Coroutine[Any, Any, None]], times: int) -> None:
    async with anyio.create_task_group() as group:
        for _ in range(times):
            group.start_soon(function)


def by_row(seen: list[list[tuple[str, float, str]]]) -> Iterator[tuple[str, str, list[float]]]:
    for index, (what, _value, bar) in enumerate(seen[0]):
        yield what, bar, [rows[index][1] for rows in seen]


def worst(values: list[float]) -> str:
    """Return the median, and the range where the runs differ."""
    if len(set(values)) == 1:
        return f"{values[0]:g}"
    return f"{statistics.median(values):.3g} ({min(values):.3g} to {max(values):.3g})"
