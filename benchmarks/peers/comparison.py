"""Tables that hold our figures against the peers', and both against the bars."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.peers.contestants import Contestant
from benchmarks.peers.race import Results
from benchmarks.probe import Figures
from benchmarks.report import MIB, Table
from benchmarks.rounds import median

__all__ = ["Bar", "Measure", "compare"]


@dataclass(frozen=True, slots=True)
class Bar:
    """What is aimed at: a ratio of ours to a peer's.

    Attributes:
        peer: Name of the contestant.
        figure: `cpu`, which is to be low, or `rate`, which is to be high.
        limit: The ratio that just meets it.
    """

    peer: str
    figure: str
    limit: float

    def is_met(self, ratio: float) -> bool:
        return ratio <= self.limit if self.figure == "cpu" else ratio >= self.limit


@dataclass(frozen=True, slots=True)
class Measure:
    """In what CPU and wall seconds are told: a column's name, and its text for a number of seconds."""

    name: str
    text: Callable[[float], str]


_RATIOS: dict[str, Callable[[Figures, Figures], float]] = {
    "cpu": lambda ours, peer: ours.cpu / max(peer.cpu, 1e-9),
    "rate": lambda ours, peer: peer.wall / max(ours.wall, 1e-9),
}


def compare(
    title: str,
    results: Results,
    cpu: Measure,
    rate: Measure,
    bars: Sequence[Bar] = (),
    *,
    peak_bar: int | None = None,
) -> Table:
    """Make a table: a row for each contestant, and the ratios of the first of ours to each of the others."""
    head = ["client", cpu.name, "wall s", rate.name, "peak MiB", "CPU, ours by its", "rate, ours by its"]
    table = Table(title, head)
    lead = next((each for each in results.runs if each.is_ours), None)
    missed = []
    for each, runs in results.runs.items():
        row = [each.name, cpu.text(median(runs, "cpu")), f"{median(runs, 'wall'):.3f}"]
        row += [rate.text(median(runs, "wall")), f"{max(run.peak for run in runs) / MIB:.0f}"]
        for figure in ("cpu", "rate"):
            if lead is None or each is lead:
                row.append("")
                continue
            ratio = ratio_of(results, lead, each, figure)
            bar = next((bar for bar in bars if (bar.peer, bar.figure) == (each.name, figure)), None)
            row.append(f"{ratio:.2f}" if bar is None else f"{ratio:.2f} (bar {bar.limit:g})")
            if bar is not None and not bar.is_met(ratio):
                missed.append(f"{figure} by {each.name} is {ratio:.2f}, not {bar.limit:g}")
        table.rows.append(row)
    if lead is not None and peak_bar is not None:
        worst = max(run.peak for run in results.runs[lead])
        table.notes.append(f"Peak memory of {lead.name}: {worst / MIB:.0f} MiB (bar {peak_bar / MIB:.0f} MiB).")
        if worst > peak_bar:
            missed.append(f"peak memory is {worst / MIB:.0f} MiB, not {peak_bar / MIB:.0f} MiB")
    table.notes += results.failures
    if bars or peak_bar is not None:
        table.notes.append(verdict(lead, missed))
    return table


def ratio_of(results: Results, lead: Contestant, peer: Contestant, figure: str) -> float:
    """Return the median of the ratios of the rounds."""
    pairs = zip(results.runs[lead], results.runs[peer], strict=True)
    return statistics.median(_RATIOS[figure](ours, theirs) for ours, theirs in pairs)


def verdict(lead: Contestant | None, missed: Sequence[str]) -> str:
    """Say whether the bars are met."""
    if lead is None:
        return "No bar was tried: ours did not take part."
    return f"Missed by {lead.name}: {'; '.join(missed)}." if missed else f"{lead.name} meets all bars."
