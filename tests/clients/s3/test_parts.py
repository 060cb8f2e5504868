import pytest
from hypothesis import given
from hypothesis import strategies as st

from quackcore_async.clients.s3.parts import (
    MAX_PART_SIZE,
    MAX_PARTS,
    MIN_PART_SIZE,
    missing_parts,
    part_size_for,
    parts_of,
    stream_part_size,
)
from quackcore_async.errors import StorageError

MIB = 1024**2
LARGEST = MAX_PARTS * MAX_PART_SIZE


@given(st.integers(0, LARGEST), st.integers(1, MAX_PART_SIZE * 2))
def test_any_object_fits_into_10_000_parts_of_an_allowed_size(size, wanted):
    part_size = part_size_for(size, wanted)
    assert MIN_PART_SIZE <= part_size <= MAX_PART_SIZE
    assert -(-size // part_size) <= MAX_PARTS


@given(st.integers(0, 10_000 * 8 * MIB))
def test_the_wanted_size_holds_as_long_as_it_suffices(size):
    assert part_size_for(size, 8 * MIB) == 8 * MIB


@pytest.mark.parametrize("size", [LARGEST, LARGEST - 1, 5 * 1024**3 + 1])
def test_the_largest_objects_still_have_a_part_size(size):
    assert -(-size // part_size_for(size, 8 * MIB)) <= MAX_PARTS


def test_what_no_object_can_hold_is_refused():
    with pytest.raises(StorageError, match="split the file"):
        part_size_for(LARGEST + 1, 8 * MIB)


@given(st.integers(0, 200 * MIB), st.integers(MIN_PART_SIZE, 64 * MIB))
def test_parts_cover_every_byte_once_and_in_order(size, part_size):
    parts = list(parts_of(size, part_size))
    assert [part.number for part in parts] == list(range(1, len(parts) + 1))
    position = 0
    for part in parts:
        assert part.offset == position
        assert 0 < part.size <= part_size
        position += part.size
    assert position == size
    assert all(part.size == part_size for part in parts[:-1])


def test_the_parts_of_a_stream_stay_equal_for_5000_parts_and_grow_to_6_tib():
    sizes = [stream_part_size(number, 8 * MIB) for number in range(1, MAX_PARTS + 1)]
    assert set(sizes[:5000]) == {8 * MIB}
    assert sizes == sorted(sizes)
    assert max(sizes) <= MAX_PART_SIZE
    assert sum(sizes) > 6 * 1024**4


@given(
    st.integers(0, 200),
    st.integers(1, 50),
    st.lists(st.tuples(st.integers(0, 200), st.integers(1, 50)), max_size=8),
)
def test_what_is_done_and_what_is_missing_are_the_whole_and_nothing_twice(size, part_size, pieces):
    done = [(min(start, size), min(start + length, size)) for start, length in pieces]
    covered = {byte for start, end in done for byte in range(start, end)}
    fetched = [
        byte
        for part in missing_parts(size, part_size, done)
        for byte in range(part.offset, part.offset + part.size)
    ]
    assert len(set(fetched)) == len(fetched)
    assert set(fetched) == set(range(size)) - covered
    assert all(1 <= part.size <= part_size for part in missing_parts(size, part_size, done))


@given(st.integers(0, 10**6), st.integers(10**3, 10**5))
def test_with_nothing_done_the_missing_parts_are_the_parts(size, part_size):
    assert list(missing_parts(size, part_size, [])) == list(parts_of(size, part_size))
