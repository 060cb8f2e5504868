"""A whole run over a toy: faults are planted, killed, kept and gone on with, and survivors are judged by their list."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="each fault is tried in a forked process"),
]

SOURCE = """
def is_adult(age):
    return age >= 18


def untested(age):
    return age == 7
"""
TESTS = """
from toy.ages import is_adult

def test_boundary():
    assert is_adult(18)
    assert not is_adult(17)
"""
FAULTS, KILLED = 9, 5
HANGING_SOURCE = """
def wait(done):
    while not done:
        pass
"""
HANGING_TESTS = """
from toy.ages import wait

def test_wait():
    wait(True)
"""
PLAN = """
package = "toy"
copied = ["pyproject.toml", "toy", "checks"]
[[target]]
name = "ages"
sources = ["toy/*.py"]
tests = ["checks/test_*.py"]
"""
LISTED = """
[[survivor]]
file = "toy/ages.py"
before = "return age == 7"
after = "{after}"
why = "not worth it"
reason = "it is a toy"
"""


class Toy:
    """A package of one module, with its tests, in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("pyproject.toml", "[tool.pytest.ini_options]\npythonpath = ['.']\n")
        self.write("toy/__init__.py", "")
        self.write("targets.toml", PLAN)
        self.contain(SOURCE, TESTS)

    def write(self, name: str, content: str) -> None:
        path = self.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")

    def contain(self, source: str, tests: str) -> None:
        self.write("toy/ages.py", source)
        self.write("checks/test_ages.py", tests)

    def start(self, *options: str) -> "subprocess.Popen[str]":
        places = ("--root", ".", "--plan", "targets.toml", "--state", "state", "--survivors", "survivors.toml")
        return subprocess.Popen(
            [sys.executable, "-m", "tests.mutation", *places, "--seed=3", *options],
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, *options: str) -> tuple[int, str]:
        process = self.start(*options)
        output, _ = process.communicate()
        return process.returncode, output

    def statuses(self) -> list[str]:
        lines = (self.root / "state" / "verdicts.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line)["status"] for line in lines if "status" in line]


@pytest.fixture
def toy(tmp_path):
    root = tmp_path / "project"
    root.mkdir()
    return Toy(root)


def test_an_interrupted_run_goes_on(toy):
    process = toy.start("--processes=1")
    for line in process.stdout:
        if line.startswith("1/"):
            process.send_signal(signal.SIGINT)
            break
    rest = process.stdout.read()
    process.stdout.close()
    assert process.wait() == 2, rest
    judged = len(toy.statuses())
    assert 1 <= judged < FAULTS

    _, output = toy.run()

    assert "0 of 1 test files to trace" in output
    assert f"{FAULTS - judged} mutants to judge" in output
    assert sorted(toy.statuses()) == ["killed"] * KILLED + ["survived"] * (FAULTS - KILLED)
    assert "\n0 mutants to judge" in toy.run()[1]
    assert (toy.root / "toy/ages.py").read_text(encoding="utf-8") == SOURCE


def test_below_the_bar_each_survivor_has_to_be_listed(toy):
    code, output = toy.run()
    assert (code, "ages: 55.6% killed, 85% wanted, and 4 survivors are not listed" in output) == (1, True), output
    assert "-    return age == 7\n+    return None\n" in output

    survivors = ("return None", "return age != 7", "return age == 6", "return age == 8")
    toy.write("survivors.toml", "".join(LISTED.format(after=after) for after in survivors))
    assert toy.run()[0] == 0

    toy.write("survivors.toml", "".join(LISTED.format(after=after) for after in survivors[1:]))
    assert toy.run()[0] == 1


def test_survivors_are_judged_again_when_asked(toy):
    toy.run()
    toy.contain(SOURCE, f"{TESTS}\ndef test_more():\n    from toy.ages import untested\n    assert untested(7)\n")

    code, output = toy.run("--again")

    assert (code, f"{FAULTS - KILLED} mutants to judge" in output) == (0, True), output
    assert "100.0%" in output


def test_what_hangs_is_ended(toy):
    toy.contain(HANGING_SOURCE, HANGING_TESTS)
    code, output = toy.run("--patience=10")
    assert (code, toy.statuses()) == (0, ["timed out"]), output


def test_tests_that_fail_by_themselves_judge_nothing(toy):
    toy.contain(SOURCE, f"{TESTS}\ndef test_fails():\n    assert is_adult(1)\n")
    _, output = toy.run()
    assert "failed: checks/test_ages.py::test_fails" in output
    assert toy.statuses().count("killed") == KILLED
