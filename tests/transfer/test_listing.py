from hypothesis import given
from hypothesis import strategies as st

from quackcore_async.transfer.entries import Entry
from quackcore_async.transfer.listing import merge

KEYS = st.sets(st.text("ab/-", min_size=1, max_size=4).map(str.encode).filter(lambda key: not key.endswith(b"/")))


@given(KEYS, KEYS)
def test_every_path_of_both_trees_comes_once_paired(ours, theirs):
    pairs = list(merge([Entry(key) for key in sorted(ours)], [Entry(key, 1) for key in sorted(theirs)]))
    assert {pair.source.key for pair in pairs if pair.source} == ours
    assert {pair.target.key for pair in pairs if pair.target} == theirs
    assert {pair.source.key for pair in pairs if pair.source and pair.target} == ours & theirs
    assert all(pair.source.key == pair.target.key for pair in pairs if pair.source and pair.target)
    assert len(pairs) == len(ours | theirs)


def test_a_folder_without_files_is_no_difference_where_the_other_has_files_in_it():
    assert list(merge([Entry(b"a/")], [Entry(b"a/b")])) == [(None, Entry(b"a/b"))]
    assert list(merge([Entry(b"a/b")], [Entry(b"a/")])) == [(Entry(b"a/b"), None)]
    assert list(merge([Entry(b"a/")], [Entry(b"a/")])) == [(Entry(b"a/"), Entry(b"a/"))]
    assert list(merge([Entry(b"a/")], [Entry(b"a0")])) == [(Entry(b"a/"), None), (None, Entry(b"a0"))]
