"""The plugin of a run that judges a mutant: the tests that are wanted, the cheapest first."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest


class Judge:
    """Runs the given tests in the order of their costs, and reports the one that failed.

    hypothesis does not look for a simpler example: a failure is all that is asked for.
    """

    def __init__(self, report: Path, costs: Mapping[str, float]) -> None:
        self._report = report
        self._costs = costs

    def pytest_collection(self) -> None:
        """Turn shrinking off for the tests that are imported now."""
        import hypothesis

        phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
        hypothesis.settings.register_profile("judging", phases=phases, database=None, deadline=None)
        hypothesis.settings.load_profile("judging")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the wanted tests, and order them."""
        items[:] = sorted(
            (item for item in items if item.nodeid in self._costs),
            key=lambda item: self._costs[item.nodeid],
        )

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note the test that tells the mutant from the original."""
        if report.failed:
            self._report.write_text(json.dumps(report.nodeid), encoding="utf-8")
