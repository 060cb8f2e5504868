"""A run: tests are traced, mutants drawn and judged, several at a time, and what is known already is not asked again."""

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import wait
from pathlib import Path
from time import monotonic

from tests.mutation.copies import Copy
from tests.mutation.judging import Judge
from tests.mutation.plan import Mutant, Plan, draw
from tests.mutation.running import Run, preload, start
from tests.mutation.tracing import Tracer, Traces, TraceStore
from tests.mutation.verdicts import Status, Verdict, Verdicts

TRACE_LIMIT = 900.0  # seconds for one test file
START_UP = 20.0  # seconds before the first test, on a machine that does other things too
SLOWDOWN = 10.0  # times what its tests cost: slower than that is a mutant that hangs
CONTROL_BUDGET = 4.0  # seconds that the control of a target costs
NO_TESTS_RAN = 5  # exit code of pytest


@dataclass(frozen=True)
class Job:
    """One run of pytest: how it begins, and what is done when it is over."""

    begin: Callable[[Copy], Run]
    finish: Callable[[Run], None]


def work_off(copies: Sequence[Copy], jobs: Iterable[Job], until: float = float("inf")) -> None:
    """Do jobs, one at a time in each copy; none is begun after `until`, on the monotonic clock."""
    waiting, idle = iter(jobs), list(copies)
    running: dict[Run, Job] = {}
    try:
        while True:
            while idle and monotonic() < until and (job := next(waiting, None)) is not None:
                running[job.begin(idle.pop())] = job
            if not running:
                return
            patience = min(run.deadline for run in running) - monotonic()
            wait([run.process.sentinel for run in running], timeout=max(0.0, patience))
            for run in [run for run in running if run.is_over()]:
                running.pop(run).finish(run)
                run.clean_up()
                idle.append(run.copy)
    finally:
        for run in running:
            run.end()
            run.clean_up()


@dataclass
class Campaign:
    """A run over some targets of a plan.

    Attributes:
        plan: What is mutated and by what it is judged.
        state: Folder for copies, traces and verdicts.
        count: Mutants that are drawn of each target.
        seed: Of the draw.
        verdicts: What is known already.
        processes: Runs of pytest at a time.
        patience: Seconds that a run may take before its first test.
        say: Told how it goes.
    """

    plan: Plan
    state: Path
    count: int
    seed: int
    verdicts: Verdicts
    processes: int = 2
    patience: float = START_UP
    say: Callable[[str], None] = print
    copies: list[Copy] = field(init=False)
    drawn: dict[str, list[Mutant]] = field(init=False)

    def __post_init__(self) -> None:
        self.copies = [Copy(self.plan, self.state / f"copy-{number}") for number in range(self.processes)]
        for copy in self.copies:
            copy.make()
        self.drawn = {target.name: draw(self.plan, target, self.count, self.seed) for target in self.plan.targets}
        self._store = TraceStore(self.copies[0].tree, self.state / "traces")
        self._judging = {target.name: frozenset(self.plan.files(target.tests)) for target in self.plan.targets}

    def verdict_on(self, mutant: Mutant) -> Verdict | None:
        """Return what is known of a mutant."""
        return self.verdicts.get(mutant.key, hashlib.sha256(mutant.source).hexdigest())

    def run(self, until: float = float("inf")) -> bool:
        """Trace and judge what is not known yet; False when there was no time for all."""
        # One of each target in turn, so that a run that is interrupted knows as much of each.
        turns = itertools.zip_longest(*self.drawn.values())
        pending = [mutant for turn in turns for mutant in turn if mutant and self.verdict_on(mutant) is None]
        self.say(f"{len(pending)} mutants to judge")
        if not pending:
            return True
        preload(self.plan.preloaded)
        traces = self.trace(until)
        if traces is None:
            return False
        self._control(traces)
        work_off(self.copies, self._judgements(pending, traces), until)
        return all(self.verdict_on(mutant) for mutant in pending)

    def trace(self, until: float = float("inf")) -> Traces | None:
        """Ask each test file for the lines that its tests execute; None when there was no time for all."""
        files = sorted(frozenset().union(*self._judging.values()))
        missing = [file for file in files if self._store.load(file) is None]
        self.say(f"{len(missing)} of {len(files)} test files to trace")
        work_off(self.copies, map(self._tracing, missing), until)
        known = [trace for file in files if (trace := self._store.load(file)) is not None]
        return Traces.merged(known) if len(known) == len(files) else None

    def _tracing(self, file: str) -> Job:
        def begin(copy: Copy) -> Run:
            patterns = [pattern for target in self.plan.targets for pattern in target.sources]
            sources = [str(copy.tree / source) for source in self.plan.files(tuple(patterns))]
            return start(copy, [file], partial(Tracer, sources=sources), TRACE_LIMIT)

        def finish(run: Run) -> None:
            reported = run.reported()
            if reported is None:
                raise RuntimeError(f"{file} could not be traced, see {run.copy.log}")
            self._store.save(file, reported, run.copy.tree)
            failed = [test for test, outcome in reported["unusable"].items() if outcome == "failed"]
            self.say(f"traced {file} in {run.seconds:.1f} s" + "".join(f"\n  failed: {test}" for test in failed))

        return Job(begin, finish)

    def _control(self, traces: Traces) -> None:
        """Let the cheapest tests of each target judge the original: else anything could be called killed."""
        work_off(self.copies, (self._controlling(name, traces) for name in self._judging))

    def _controlling(self, name: str, traces: Traces) -> Job:
        ours = (test for test in traces.costs if test.partition("::")[0] in self._judging[name])
        tests = traces.chosen(ours, CONTROL_BUDGET)

        def finish(run: Run) -> None:
            if run.timed_out or run.process.exitcode:
                raise RuntimeError(f"the tests of {name} fail without a mutant, see {run.copy.log}")
            self.say(f"{len(tests)} tests of {name} pass without a mutant in {run.seconds:.1f} s")

        return Job(partial(self._start_judges, tests), finish)

    def _judgements(self, mutants: Sequence[Mutant], traces: Traces) -> Iterator[Job]:
        """Yield a job for each mutant that a test executes; the others survive without one."""
        for number, mutant in enumerate(mutants, start=1):
            judges = traces.judges_of(mutant, self._judging[mutant.target])
            note = partial(self._note, mutant, len(judges), f"{number}/{len(mutants)}")
            if judges:
                yield self._judging_of(mutant, judges, note)
            else:
                note(Status.SURVIVED, 0.0)

    def _judging_of(self, mutant: Mutant, judges: dict[str, float], note: Callable[..., None]) -> Job:
        def begin(copy: Copy) -> Run:
            copy.plant(mutant)
            return self._start_judges(judges, copy)

        def finish(run: Run) -> None:
            run.copy.restore(mutant)
            code = run.process.exitcode
            if code == NO_TESTS_RAN:
                raise RuntimeError(f"none of the tests was found, see {run.copy.log}")
            if run.timed_out:
                note(Status.TIMED_OUT, run.seconds)
            elif code:
                note(Status.KILLED, run.seconds, run.reported() or "importing it fails")
            else:
                note(Status.SURVIVED, run.seconds)

        return Job(begin, finish)

    def _start_judges(self, judges: dict[str, float], copy: Copy) -> Run:
        files = sorted({test.partition("::")[0] for test in judges})
        limit = self.patience + SLOWDOWN * sum(judges.values())
        return start(copy, ["--exitfirst", *files], partial(Judge, costs=judges), limit)

    def _note(self, mutant: Mutant, tests: int, turn: str, status: Status, seconds: float, by: str = "") -> None:
        source = hashlib.sha256(mutant.source).hexdigest()
        self.verdicts.add(Verdict(mutant.key, source, status, tests, round(seconds, 2), by))
        self.say(f"{turn} {status} in {seconds:.1f} s by {tests} tests: {mutant.file}:{mutant.change.line} {by}")
