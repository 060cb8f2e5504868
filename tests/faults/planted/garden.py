"""Copies of the project in which bugs are planted, and what its tests say of them."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults.planted.bug import ROOT, Bug

TEST_SECONDS = 60  # of one test, which a bug may let hang
RUN_SECONDS = 600  # of all tests of a bug
COPIED = ("quackcore_async", "tests", "pyproject.toml")
_FAILED = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", re.MULTILINE)
_HUNG = re.compile(r"^\+{5,} Timeout \+{5,}|Failed: Timeout", re.MULTILINE)
_PASSED, _FAILURES = 0, 1


@dataclass(frozen=True, slots=True)
class Finding:
    """What the tests say.

    Attributes:
        bug: Whose tests they are.
        planted: Whether it was planted.
        found_by: The test that failed; empty when all passed.
        mistake: Why the tests say nothing: they did not run.
        seconds: How long they took.
    """

    bug: Bug
    planted: bool
    found_by: str
    mistake: str
    seconds: float

    @property
    def is_fine(self) -> bool:
        """Whether a test failed where one has to, and none where none may."""
        expected = self.planted and not self.bug.why_not_found
        return not self.mistake and bool(self.found_by) is expected


class Garden:
    """One copy of the project, in which one bug at a time is planted."""

    def __init__(self, root: Path) -> None:
        self._root = root
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
            else:
                shutil.copy2(source, root / name)

    def try_out(self, bug: Bug, *, planted: bool = True) -> Finding:
        """Plant a bug, run its tests in a process of their own, and remove it; or run them without it."""
        before = bug.plant(self._root) if planted else ""
        started = time.monotonic()
        try:
            found_by, mistake = self._pytest((*bug.tests, *(("-k", bug.only) if bug.only else ())))
        finally:
            if planted:
                bug.place(self._root).write_text(before, encoding="utf-8")
        return Finding(bug, planted, found_by, mistake, time.monotonic() - started)

    def _pytest(self, selection: Sequence[str]) -> tuple[str, str]:
        """Return the first test that failed, and why the tests could not be run."""
        arguments = [f"tests/{each}" if ".py" in each else each for each in selection]
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-x",
            "-q",
            "--tb=no",
            "-rfE",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:randomly",
        ]
        command += ["--show-capture=no", f"--timeout={TEST_SECONDS}", "--timeout-method=thread", *arguments]
        environ = {**os.environ, "PYTHONPATH": str(self._root)}
        try:
            done = subprocess.run(
                command,
                cwd=self._root,
                env=environ,
                capture_output=True,
                text=True,
                check=False,
                timeout=RUN_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return "", f"its tests took more than {RUN_SECONDS} seconds"
        output = done.stdout + done.stderr
        if done.returncode == _PASSED:
            return "", ""
        failed = _FAILED.search(done.stdout)
        if done.returncode == _FAILURES and failed is not None:
            return failed[1].removeprefix("tests/"), ""
        if _HUNG.search(output):
            return "a test that hung", ""
        return "", f"pytest ended with {done.returncode}: {output.strip()[-500:]}"
