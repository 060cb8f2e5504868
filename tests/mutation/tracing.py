"""Which tests execute which lines, and what they cost: asked once, and kept until a file changes."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Self

import coverage
import pytest

from tests.mutation.plan import Mutant

PATIENCE = 3.0  # seconds: a test that costs more is left out where a cheaper one executes the line
BUDGET = 10.0  # seconds that the tests of one mutant cost in all, unmutated


class Tracer:
    """A plugin that has coverage.py note, for each test, the lines that it executes."""

    def __init__(self, report: Path, sources: Sequence[str]) -> None:
        self._report = report
        self._costs: dict[str, float] = {}
        self._unusable: dict[str, str] = {}
        self._shared: dict[str, float] = {}
        self._spent = 0.0
        data = str(report.with_suffix(".coverage"))
        self._coverage = coverage.Coverage(data_file=data, config_file=False, include=list(sources))
        self._coverage.start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Name what is executed from here on after the test; what it shares with others costs each of them."""
        self._coverage.switch_context(item.nodeid)
        self._spent = 0.0
        started = _processor_time()
        result = yield
        own = max(0.0, _processor_time() - started - self._spent)
        names = getattr(item, "fixturenames", ())
        self._costs[item.nodeid] = own + sum(self._shared.get(name, 0.0) for name in names)
        self._coverage.switch_context("")
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[object]) -> Iterator[None]:
        """Measure what is set up once for several tests, such as a server; that is waiting more than working."""
        started, spent = perf_counter(), _processor_time()
        result = yield
        if fixturedef.scope != "function":
            self._shared[fixturedef.argname] = perf_counter() - started
            self._spent += _processor_time() - spent
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember what does not pass by itself: it cannot judge."""
        if not report.passed:
            self._unusable[report.nodeid] = report.outcome

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Write everything down."""
        self._coverage.stop()
        data = self._coverage.get_data()
        lines = {
            file: {
                line: sorted({*tests} - {*self._unusable} - {""})
                for line, tests in data.contexts_by_lineno(file).items()
            }
            for file in data.measured_files()
        }
        costs = {test: cost for test, cost in self._costs.items() if test not in self._unusable}
        report = {"costs": costs, "unusable": self._unusable, "lines": lines}
        self._report.write_text(json.dumps(report), encoding="utf-8")


@dataclass
class Traces:
    """What is known of the tests of a plan.

    Attributes:
        costs: Seconds of the processor that each test takes, which a busy machine changes little.
        lines: For each file and line, the tests that execute it.
    """

    costs: dict[str, float] = field(default_factory=dict)
    lines: dict[str, dict[int, set[str]]] = field(default_factory=dict)

    @classmethod
    def merged(cls, traces: Sequence[Mapping[str, Any]]) -> Self:
        """Put those of several test files together."""
        merged = cls()
        for trace in traces:
            merged.costs.update(trace["costs"])
            for file, lines in trace["lines"].items():
                known = merged.lines.setdefault(file, {})
                for line, tests in lines.items():
                    known.setdefault(int(line), set()).update(tests)
        return merged

    def judges_of(self, mutant: Mutant, files: frozenset[str]) -> dict[str, float]:
        """Return the tests of some files that execute a mutant, cheapest first, with their costs."""
        lines = self.lines.get(mutant.file, {})
        for reach in mutant.change.reach:
            tests = {test for line in reach for test in lines.get(line, ()) if test.partition("::")[0] in files}
            if tests:
                return self.chosen(tests)
        return {}

    def chosen(self, tests: Iterable[str], budget: float = BUDGET) -> dict[str, float]:
        """Return the cheapest of some tests, cheapest first, as far as time reaches; at least one."""
        chosen: dict[str, float] = {}
        total = 0.0
        for test in sorted(tests, key=lambda test: (self.costs[test], test)):
            cost = self.costs[test]
            total += cost
            if chosen and (cost > PATIENCE or total > budget):
                break
            chosen[test] = cost
        return chosen


class TraceStore:
    """The traces of the test files of a tree in a folder, each with what it depends on."""

    def __init__(self, tree: Path, folder: Path) -> None:
        self._tree = tree
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def load(self, test_file: str) -> dict[str, Any] | None:
        """Return the trace of a test file; None when it is not there, or a file was another one then."""
        try:
            kept: dict[str, Any] = json.loads(self._path(test_file).read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        current = all(digest_of(self._tree / file) == digest for file, digest in kept["depends"].items())
        return kept if current else None

    def save(self, test_file: str, reported: Mapping[str, Any], tree: Path) -> None:
        """Keep the trace of a test file that ran in a copy of the tree."""
        lines = {Path(file).relative_to(tree).as_posix(): found for file, found in reported["lines"].items()}
        depends = {file: digest_of(tree / file) for file in (test_file, *lines)}
        self._path(test_file).write_text(
            json.dumps({**reported, "lines": lines, "depends": depends}), encoding="utf-8"
        )

    def _path(self, test_file: str) -> Path:
        return self._folder / f"{test_file.replace('/', '.')}.json"


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, of one that is not there too."""
    return hashlib.sha256(path.read_bytes() if path.exists() else b"").hexdigest()


def _processor_time() -> float:
    children = os.times()
    return process_time() + children.children_user + children.children_system  # of those that have ended
