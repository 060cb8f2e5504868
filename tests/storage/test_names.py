"""Remote names: patterns, folders, and what may lie on a disk."""

import os

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quackcore_async.errors import InvalidNameError
from quackcore_async.storage.names import as_folder, base_name, check_component, check_name, is_partial, matches

anything = st.text(st.characters(exclude_categories=()), max_size=30)


@given(anything)
@example("..")
@example("a/b")
@example("\0")
def test_an_accepted_component_is_one_entry_of_its_directory(name):
    try:
        check_component(name)
    except InvalidNameError:
        return
    assert os.path.normpath(os.path.join("/base", name)) == f"/base/{name}"
    assert os.path.basename(f"/base/{name}") == name
    assert "\0" not in name


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/", "nul\0", ".0123456789abcdef.quack-part"])
def test_components_that_lead_elsewhere_are_refused(name):
    with pytest.raises(InvalidNameError):
        check_component(name)


@pytest.mark.parametrize("name", ["a", "...", "C:", "C:\\x", "con", "trailing.", "~", "-rf", "a b", ".quack-part"])
def test_components_that_only_look_odd_are_names(name):
    assert check_component(name) == name


@pytest.mark.parametrize("name", ["CON", "nul.txt", "a:b", "a?", "trailing.", "trailing ", "com1", "\x01"])
def test_windows_refuses_its_own_names(name, monkeypatch):
    monkeypatch.setattr("quackcore_async.storage.names.os.name", "nt")
    with pytest.raises(InvalidNameError, match="Windows"):
        check_component(name)


def test_a_name_is_measured_in_bytes():
    assert check_name("ü" * 512, 1024) == "ü" * 512
    with pytest.raises(InvalidNameError) as caught:
        check_name("ü" * 512 + "x", 1024)
    assert caught.value.code == "name_too_long"
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("name", ["", "\ud800"])
def test_a_name_is_text(name):
    with pytest.raises(InvalidNameError):
        check_name(name, None)


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("*.txt", "folder/sub/a.txt", True),
        ("*.TXT", "folder/sub/a.txt", False),
        ("report*", "folder/report1", True),
        ("folder*", "folder/report1", False),
        ("sub/*", "folder/sub/a.txt", True),
        ("*/a.txt", "folder/sub/a.txt", True),
        ("folder/*", "folder/sub/a.txt", False),
        ("sub", "folder/sub/", True),
        ("[ab]", "folder/a", True),
        (None, "anything", True),
    ],
)
def test_patterns(pattern, path, expected):
    assert matches(pattern, path, "folder/") is expected


def test_folders_end_in_one_slash():
    assert [as_folder(name) for name in ("", "a", "a/", "a//")] == ["", "a/", "a/", "a//"]
    assert [base_name(path) for path in ("a", "a/b", "a/b/", "a//")] == ["a", "b", "b", ""]


def test_only_our_own_unfinished_files_are_partial():
    assert is_partial(".0123456789abcdef.quack-part")
    assert not any(map(is_partial, ("0123456789abcdef.quack-part", ".x.quack-part", ".0123456789abcdef.part")))
