"""Seconds until 50 integrations are up that each wait for one second."""

from collections.abc import Iterator

import anyio

from benchmarks.probe import Probe
from benchmarks.report import MIB, Table
from benchmarks.rounds import measure, median, spread


def run(*, quick: bool) -> Iterator[Table]:
    """Bring them up in a fresh process each time."""
    runs = [measure(__name__, "ours", count=50) for _ in range(1 if quick else 5)]
    yield Table(
        "Bring-up of 50 integrations that wait 1 s each",
        ["wall s, median", "wall s, spread", "CPU s", "memory MiB"],
        [
            [
                f"{median(runs, 'wall'):.3f}",
                spread(runs, "wall"),
                f"{median(runs, 'cpu'):.3f}",
                f"{median(runs, 'memory') / MIB:.1f}",
            ]
        ],
        ["Bar: 1.5 s."],
    )


async def ours(probe: Probe, *, count: int) -> None:
    """Register integrations that wait, and initialize all of them."""
    from quackcore_async import BaseIntegrationService, IntegrationRegistry

    class Slow(BaseIntegrationService):
        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

        @property
        def name(self) -> str:
            return f"slow-{self.number}"

        async def _setup(self) -> None:
            await anyio.sleep(1)

    registry = IntegrationRegistry()
    for number in range(count):
        registry.register(Slow(number))
    with probe:
        results = await registry.initialize_all()
    assert len(results) == count
    assert all(result.success for result in results.values())
