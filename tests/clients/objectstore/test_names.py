import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quackcore_async.clients.objectstore import MAX_KEY_BYTES, check_object_key, names
from quackcore_async.errors import InvalidNameError


@pytest.mark.parametrize(
    "key", ["a", "a/b", "ü", "a b", "a%2Fb", "what?", "#1", ".hidden", "a..b", "x" * MAX_KEY_BYTES]
)
def test_names_that_obstore_keeps_are_taken(key):
    assert check_object_key(key) == key


@pytest.mark.parametrize(
    "key", ["", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", "a\nb", "\0", "a\x7f", "\ud800", "x" * 1025]
)
def test_names_that_it_would_change_or_cannot_carry_are_refused(key):
    with pytest.raises(InvalidNameError):
        check_object_key(key)


@given(st.text(alphabet="ab./\x7f\n ü%", max_size=12))
def test_what_is_taken_comes_back_from_obstore_under_the_same_name(key):
    import obstore
    from obstore.store import MemoryStore

    try:
        check_object_key(key)
    except InvalidNameError:
        return
    store = MemoryStore()
    obstore.put(store, key, b"x")
    assert [meta["path"] for page in obstore.list(store) for meta in page] == [key]


@given(st.text(alphabet="aB9_-./ \nü", max_size=12))
def test_the_quick_look_takes_nothing_that_the_thorough_one_refuses(key):
    def verdict():
        try:
            return check_object_key(key)
        except InvalidNameError as error:
            return str(error)

    quick = verdict()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(names, "_SURELY_FINE", re.compile(r"\Znever"))
        assert verdict() == quick
