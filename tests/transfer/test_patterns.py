from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quackcore_async.transfer.patterns import PatternFilter

NAME = st.text("ab.*", min_size=1, max_size=3)
PATH = st.lists(st.text("ab.", min_size=1, max_size=3), min_size=1, max_size=3).map("/".join)
PATTERN = st.one_of(
    NAME,
    st.lists(NAME, min_size=2, max_size=3).map("/".join),
    NAME.map("{}/".format),
    NAME.map("/{}/".format),
    NAME.map("/{}".format),
)


def matches(pattern, path):
    """The rule, written down once more and slowly."""
    parts = path.split("/")
    if pattern.endswith("/"):
        body = pattern.rstrip("/")
        folders = ["/".join(parts[:count]) for count in range(1, len(parts))]
        subjects = folders if "/" in body else parts[:-1]
        return any(fnmatchcase(subject, body.lstrip("/")) for subject in subjects)
    return fnmatchcase(path if "/" in pattern else parts[-1], pattern.lstrip("/"))


@given(st.lists(PATTERN, max_size=3), st.lists(PATTERN, max_size=3), PATH)
def test_a_file_takes_part_when_it_is_included_and_not_excluded(include, exclude, path):
    included = not include or any(matches(pattern, path) for pattern in include)
    excluded = any(matches(pattern, path) for pattern in exclude)
    assert PatternFilter(include, exclude).takes(path) is (included and not excluded)


@given(st.lists(PATTERN, max_size=3), PATH)
def test_a_folder_that_is_not_entered_has_nothing_that_takes_part(exclude, path):
    patterns = PatternFilter((), exclude)
    if not patterns.enters(path):
        assert not patterns.takes(f"{path}/x")


@pytest.mark.parametrize(
    ("pattern", "path", "taken"),
    [
        ("*.jpg", "a/b.jpg", True),
        ("*.jpg", "a/b.JPG", False),
        ("a/*.jpg", "a/b.jpg", True),
        ("a/*.jpg", "x/a/b.jpg", False),
        ("/b.jpg", "b.jpg", True),
        ("/b.jpg", "a/b.jpg", False),
        ("cache/", "x/cache/y/z", True),
        ("cache/", "x/cache", False),
        ("/cache/", "x/cache/y", False),
    ],
)
def test_what_patterns_mean(pattern, path, taken):
    assert PatternFilter(include=[pattern]).takes(path) is taken
    assert PatternFilter(exclude=[pattern]).takes(path) is not taken


def test_a_single_pattern_may_be_given_as_text():
    assert PatternFilter(exclude="*.tmp").takes("a.tmp") is False
    assert PatternFilter(exclude="*.tmp").takes("a") is True


def test_an_empty_folder_takes_part_as_part_of_a_tree_only():
    assert PatternFilter().keeps_folder("a/b")
    assert not PatternFilter(include=["*.jpg"]).keeps_folder("a")
    assert PatternFilter(include=["a/"]).keeps_folder("a/b")
    assert not PatternFilter(exclude=["a/"]).keeps_folder("a/b")
