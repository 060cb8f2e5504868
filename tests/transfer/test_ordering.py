import pytest
from hypothesis import given
from hypothesis import strategies as st

from quackcore_async.transfer.entries import Entry, path_key
from quackcore_async.transfer.ordering import SortedListing

ENTRY = st.builds(
    Entry,
    st.binary(max_size=6),
    st.integers(0, 2**60),
    st.none() | st.floats(0, 2e9),
    st.none() | st.floats(0, 2e9),
    st.none() | st.text(max_size=3),
    st.none() | st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=1),
    st.text(max_size=4),
)


@given(st.lists(ENTRY, unique_by=lambda entry: entry.key, max_size=60), st.integers(1, 8))
def test_any_order_comes_back_sorted(entries, run_entries):
    listing = SortedListing(run_entries=run_entries)
    listing.add(entries)
    listing.flush()
    expected = sorted(entries, key=lambda entry: entry.key)
    assert list(listing) == expected
    assert list(listing) == expected
    assert listing.is_empty is (not entries)
    assert listing.in_order is (entries == expected)
    listing.close()


def test_an_ordered_listing_is_one_run_however_long():
    listing = SortedListing(run_entries=10)
    listing.add(Entry(b"%06d" % number) for number in range(1000))
    listing.flush()
    assert listing.in_order
    assert len(listing._runs) == 1
    listing.close()


def test_a_path_that_is_listed_twice_comes_once():
    listing = SortedListing(run_entries=2)
    listing.add(Entry(key) for key in (b"a", b"b", b"a", b"a"))
    listing.flush()
    assert [entry.key for entry in listing] == [b"a", b"b"]
    listing.close()


@given(st.lists(st.binary(max_size=3), unique=True, min_size=1, max_size=40), st.data(), st.integers(1, 8))
def test_what_came_first_is_told_from_what_came_after_an_inversion(keys, data, run_entries):
    ordered = sorted(keys[: data.draw(st.integers(0, len(keys)))])
    late = keys[len(ordered) :] + data.draw(st.lists(st.sampled_from(keys), max_size=4))
    marked = data.draw(st.integers(0, len(ordered)))
    listing = SortedListing(run_entries=run_entries)
    listing.add(map(Entry, ordered))
    listing.flush()
    listing.add(map(Entry, late))
    listing.flush()
    told = [(entry.key, is_marked) for entry, is_marked in listing.marked(marked)]
    assert told == [(key, key in ordered[:marked]) for key in sorted(keys)]
    listing.close()


def test_a_short_listing_stays_in_memory_until_it_is_read():
    listing = SortedListing()
    listing.add(map(Entry, (b"a", b"b")))
    assert (listing.is_empty, listing._opened) == (False, None)
    listing.close()


async def test_it_takes_batches():
    listing = SortedListing(run_entries=1)
    for keys in ((b"b",), (b"a", b"c")):
        await listing.put(Entry(key) for key in keys)
    listing.flush()
    assert [entry.key for entry in listing] == [b"a", b"b", b"c"]
    listing.close()


@pytest.mark.parametrize("path", ["ü/é", "a\udcff", "\ud800", "a\nb"])
def test_any_name_has_a_key(path):
    assert isinstance(path_key(path), bytes)
    if path != "\ud800":
        assert Entry(path_key(path)).path == path


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=4)))
def test_keys_sort_as_utf_8_does(paths):
    assert sorted(paths) == sorted(paths, key=path_key)
