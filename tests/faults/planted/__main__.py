"""Plants bugs one at a time, and tells which test finds each: `python -m tests.faults.planted --help`."""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from tests.faults.planted.bug import Bug
from tests.faults.planted.bugs import BUGS
from tests.faults.planted.garden import Finding, Garden


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; 1 when a bug was not found, or a test failed without one."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.planted", description=__doc__)
    parser.add_argument("words", nargs="*", help="plant only the bugs whose name or file contains one of these")
    parser.add_argument("--processes", type=int, default=2, choices=(1, 2), help="bugs at a time (default: 2)")
    parser.add_argument("--list", action="store_true", help="name the bugs and plant none")
    parser.add_argument("--unplanted", action="store_true", help="plant none: see that their tests pass then")
    options = parser.parse_args(arguments)
    bugs = [bug for bug in BUGS if not options.words or any(w in bug.name or w in bug.file for w in options.words)]
    if options.list:
        say(*(f"{bug.file}: {bug.name}" for bug in bugs))
        return 0
    started = time.monotonic()
    findings = []
    for finding in try_all(bugs, options.processes, planted=not options.unplanted):
        findings.append(finding)
        say(row(finding))
    say(summary(findings, time.monotonic() - started))
    return 0 if all(finding.is_fine for finding in findings) else 1


def try_all(bugs: Sequence[Bug], processes: int, *, planted: bool) -> Iterator[Finding]:
    """Yield what was found, in the order of the bugs."""
    with tempfile.TemporaryDirectory(prefix="planted-") as place, ThreadPoolExecutor(processes) as pool:
        gardens: SimpleQueue[Garden] = SimpleQueue()
        for number in range(processes):
            gardens.put(Garden(Path(place) / str(number)))

        def with_garden(bug: Bug) -> Finding:
            garden = gardens.get()
            try:
                return garden.try_out(bug, planted=planted)
            finally:
                gardens.put(garden)

        yield from pool.map(with_garden, bugs)


def row(finding: Finding) -> str:
    """Return the line of a table."""
    if finding.mistake:
        told = f"NOT RUN: {finding.mistake}"
    elif not finding.planted:
        told = f"{finding.found_by} FAILS WITHOUT IT" if finding.found_by else "pass without it"
    elif finding.bug.why_not_found:
        told = f"{finding.found_by} FINDS IT, and the list says that nothing can" * bool(finding.found_by)
        told = told or f"not found: {finding.bug.why_not_found}"
    else:
        told = finding.found_by or "NOT FOUND"
    return f"| {finding.bug.name} | {told} | {finding.seconds:.0f} s |"


def summary(findings: Sequence[Finding], seconds: float) -> str:
    """Return the last line."""
    planted = [finding for finding in findings if finding.planted]
    found = sum(bool(finding.found_by) for finding in planted)
    reasons = sum(bool(finding.bug.why_not_found) for finding in planted)
    fine = sum(finding.is_fine for finding in findings)
    told = (
        f"{len(planted)} planted, {found} found, {reasons} that nothing can see" if planted else "nothing planted"
    )
    return f"{told}; {fine} of {len(findings)} as they should be, in {seconds / 60:.1f} minutes"


def say(*lines: str) -> None:
    """Print lines at once: a run takes minutes."""
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
