"""Lets contestants do the same work in turn, and sees that it was done."""

import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.peers.contestants import Contestant
from benchmarks.peers.work import Work
from benchmarks.probe import Figures
from benchmarks.rounds import measure
from benchmarks.sink import Sink

__all__ = ["Results", "race", "runner"]


@dataclass(slots=True)
class Results:
    """What came out.

    Attributes:
        runs: A figure for each round, by contestant.
        failures: Lines on those that failed, and take no further part.
    """

    runs: dict[Contestant, list[Figures]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def give_up(self, contestant: Contestant, reason: str) -> None:
        """Let a contestant take no further part."""
        del self.runs[contestant]
        self.failures.append(f"{contestant.name} failed: {reason}.")


def race(entries: Mapping[Contestant, Callable[[], Figures]], rounds: int) -> Results:
    """Let every contestant run once in each round, in an order that turns round from one to the next."""
    results = Results({each: [] for each in entries})
    for number in range(rounds):
        order = list(results.runs) if number % 2 == 0 else list(reversed(results.runs))
        for each in order:
            try:
                results.runs[each].append(entries[each]())
            except subprocess.CalledProcessError as error:
                results.give_up(each, f"its process ended with {error.returncode}")
            except WorkUndoneError as error:
                results.give_up(each, str(error))
    return results


class WorkUndoneError(Exception):
    """A contestant ended without an error, and yet did not do its work."""


def runner(
    contestant: Contestant,
    function: str,
    work: Work,
    environment: Mapping[str, str],
    *,
    sink: Sink | None = None,
    lag: bool = False,
) -> Callable[[], Figures]:
    """Return what lets a contestant do its work once.

    A download goes to an empty folder: see `large_object.to_free_name`.
    What was uploaded is looked up in the sink.
    """
    work = replace(work, variant=contestant.variant)
    backend = contestant.backend or "asyncio"

    def run() -> Figures:
        if function == "upload" and sink is not None:
            sink.clear()
        if function == "download":
            Path(work.folder).mkdir()
        try:
            figures = measure(
                f"benchmarks.peers.clients.{contestant.module}",
                function,
                environment=environment,
                backend=backend,
                lag=lag and contestant.backend is not None,
                **work.options(),
            )
            if function == "upload" and sink is not None:
                check(sink.sizes().items(), work, "at the service")
            if function == "download":
                found = (
                    (f"{work.prefix}/{path.name}", path.stat().st_size) for path in Path(work.folder).iterdir()
                )
                check(found, work, "on disk")
        finally:
            if function == "download":
                shutil.rmtree(work.folder)
        return figures

    return run


def check(found: Iterable[tuple[str, int]], work: Work, where: str) -> None:
    """See that every object is there, has its size, and is there alone."""
    if sorted(found) != [(key, work.size) for _, key in work.pairs()]:
        raise WorkUndoneError(f"what is {where} is not what it should be")
