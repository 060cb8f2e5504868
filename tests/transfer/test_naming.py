import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quackcore_async.errors import ConflictError, InvalidNameError, QuackError
from quackcore_async.transfer.naming import TargetFolder, folds_case, name_parts

HOSTILE = [
    "",
    "/",
    "/etc/passwd",
    "..",
    "../a",
    "a/../../b",
    "a/..",
    "./a",
    "a/./b",
    "a//b",
    "a/",
    "C:/x",
    "C:\\x",
    "c:",
    "a\0b",
    "s3://bucket/../x",
    "s3://bucket//x",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_that_leads_elsewhere_is_refused(name):
    with pytest.raises(InvalidNameError):
        name_parts(name)


@pytest.mark.parametrize(
    "name", ["a", "a/b.c", "...", "a..b/c", "ü/é", "a b+c%2F", "-", "~", "~/x", "a:b", "*?[x]"]
)
def test_an_ordinary_name_is_kept_as_it_is(name):
    assert "/".join(name_parts(name)) == name


def test_of_a_url_the_path_counts():
    assert name_parts("s3://bucket/a/b") == ("a", "b")


@given(st.text("a./\\\0:Cü ~", max_size=8))
def test_no_name_leads_out_of_the_folder(name):
    folder = TargetFolder("/some/where")
    try:
        path = folder.place(name)
    except QuackError:
        return
    assert os.path.normpath(path) == path
    assert path.startswith("/some/where/")


def test_a_folder_of_the_path_that_is_a_link_is_refused(here, there):
    (here / "link").symlink_to(there)
    folder = TargetFolder(here)
    with pytest.raises(ConflictError, match="symbolic link"):
        folder.prepare(folder.place("link/deep/file"))
    assert list(there.iterdir()) == []


def test_a_target_that_is_a_link_or_a_folder_is_refused(here, there):
    (here / "link").symlink_to(there)
    (here / "folder").mkdir()
    folder = TargetFolder(here)
    for name, code in (("link", "symlink"), ("folder", "is_a_folder")):
        with pytest.raises(ConflictError) as caught:
            folder.prepare(folder.place(name))
        assert caught.value.code == code


def test_a_file_that_is_needed_as_a_folder_is_refused(here):
    (here / "a").write_text("")
    folder = TargetFolder(here)
    with pytest.raises(ConflictError) as caught:
        folder.prepare(folder.place("a/b"))
    assert caught.value.code == "not_a_folder"


def test_the_target_folder_itself_may_be_a_link(here, there):
    (here / "link").symlink_to(there)
    folder = TargetFolder(here / "link")
    assert folder.prepare(folder.place("a/b")) is None
    assert (there / "a").is_dir()


def test_nothing_is_made_when_nothing_is_to_be_changed(here):
    folder = TargetFolder(here / "new")
    assert folder.prepare(folder.place("a/b"), create=False) is None
    assert list(here.iterdir()) == []


def test_a_file_system_that_keeps_case_apart_is_told(here):
    (here / "Abc").mkdir()
    expected = (here / "aBC").exists()
    assert folds_case(str(here / "Abc")) is expected


def test_names_are_the_same_where_case_is_folded(here):
    folder = TargetFolder(here)
    folder._folds_case = True
    assert folder.identity(folder.place("ÄB")) == folder.identity(folder.place("äb"))
    folder._folds_case = False
    assert folder.identity(folder.place("ÄB")) != folder.identity(folder.place("äb"))
