"""What a run came to: a table, each survivor, and whether that is good enough."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from tests.mutation.campaign import Campaign
from tests.mutation.plan import Mutant
from tests.mutation.survivors import Survivors
from tests.mutation.verdicts import Status, Verdict

BAR = 0.85  # share of the mutants of a target that its tests have to kill


@dataclass(frozen=True)
class Judged:
    """What is known of a target.

    Attributes:
        name: The target's.
        drawn: How many mutants were drawn.
        verdicts: Those that were judged, with what became of them.
    """

    name: str
    drawn: int
    verdicts: tuple[tuple[Mutant, Verdict], ...]

    def count(self, status: Status) -> int:
        """Return how many came to this."""
        return Counter(verdict.status for _, verdict in self.verdicts)[status]

    @property
    def share(self) -> float:
        """The share that was killed; a mutant that makes its tests hang is one that they notice."""
        noticed = self.count(Status.KILLED) + self.count(Status.TIMED_OUT)
        return noticed / len(self.verdicts) if self.verdicts else 0.0

    def survivors(self) -> list[tuple[Mutant, Verdict]]:
        """Return the survivors in the order of the source."""
        alive = (item for item in self.verdicts if item[1].status is Status.SURVIVED)
        return sorted(alive, key=lambda item: (item[0].file, item[0].change.start))


class Summary:
    """What a campaign came to, so far."""

    def __init__(self, campaign: Campaign, listed: Survivors) -> None:
        self._campaign = campaign
        self._listed = listed
        self.targets = [self._judged(name, mutants) for name, mutants in campaign.drawn.items()]

    def _judged(self, name: str, mutants: list[Mutant]) -> Judged:
        known = ((mutant, self._campaign.verdict_on(mutant)) for mutant in mutants)
        return Judged(name, len(mutants), tuple((mutant, verdict) for mutant, verdict in known if verdict))

    def complaints(self) -> list[str]:
        """Return why this is not good enough: a target below the bar, with survivors that nobody has looked at."""
        return [
            f"{target.name}: {target.share:.1%} killed, {BAR:.0%} wanted, and {unlisted} survivors are not listed"
            for target in self.targets
            if target.share < BAR
            and (unlisted := sum(not self._listed.find(mutant) for mutant, _ in target.survivors()))
        ]

    def lines(self) -> Iterator[str]:
        """Yield the survivors and the table, as they are printed."""
        for target in self.targets:
            for mutant, verdict in target.survivors():
                yield from self._survivor(mutant, verdict)
        for entry in self._listed.outdated(self._campaign.plan.root):
            yield f"listed, and no longer there: {entry.file}: {entry.before}"
        yield f"seed {self._campaign.seed}"
        yield f"{'':12}{'drawn':>8}{'judged':>8}{'killed':>8}{'timed out':>11}{'survived':>10}{'listed':>8}{'share':>8}"
        for target in self.targets:
            listed = sum(self._listed.find(mutant) is not None for mutant, _ in target.survivors())
            yield (
                f"{target.name:12}{target.drawn:8}{len(target.verdicts):8}{target.count(Status.KILLED):8}"
                f"{target.count(Status.TIMED_OUT):11}{target.count(Status.SURVIVED):10}{listed:8}{target.share:8.1%}"
            )

    def _survivor(self, mutant: Mutant, verdict: Verdict) -> Iterator[str]:
        entry = self._listed.find(mutant)
        what = f"{entry.why}: {entry.reason}" if entry else "not listed"
        tests = f"{verdict.tests} tests" if verdict.tests else "no test executes it"
        yield f"survived: {mutant.file}:{mutant.change.line} ({mutant.change.operator}, {tests}) {what}"
        yield mutant.diff
        yield ""
