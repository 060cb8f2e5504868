"""The list of planted bugs fits the package; `nox -s planted` plants them, each by itself."""

from collections import Counter

import pytest

from tests.faults.planted.bug import ROOT
from tests.faults.planted.bugs import BUGS


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_what_a_planted_bug_edits_is_there_once(bug):
    content = bug.place(ROOT).read_text(encoding="utf-8")
    assert content.count(bug.find) == 1
    planted = content.replace(bug.find, bug.put)
    assert planted != content
    compile(planted, bug.file, "exec")


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_the_tests_that_find_a_planted_bug_are_there(bug):
    for test in bug.tests:
        path, _, name = test.partition("::")
        content = (ROOT / "tests" / path).read_text(encoding="utf-8")
        assert not name or f"def {name}(" in content


def test_no_bug_is_planted_twice():
    assert [name for name, times in Counter(bug.name for bug in BUGS).items() if times > 1] == []
    assert [edit for edit, times in Counter((b.file, b.find, b.put) for b in BUGS).items() if times > 1] == []
