"""A journal that is cut or damaged anywhere loses its end and nothing else."""

import os
import tempfile

from hypothesis import given
from hypothesis import strategies as st

from quackcore_async.storage.journal import append_line, line_of, read_lines

LINES = st.lists(st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=20), max_size=6)


def read(data: bytes, offset: int = 0):
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        return read_lines(file.fileno(), offset)


@given(LINES, st.integers(0, 300))
def test_a_cut_leaves_the_whole_lines_before_it(lines, cut):
    data = b"".join(map(line_of, lines))
    found, end = read(data[:cut])
    assert found == lines[: len(found)]
    assert end == sum(len(line_of(line)) for line in found) <= cut
    assert len(found) == len(lines) or cut < end + len(line_of(lines[len(found)]))


@given(LINES.filter(bool), st.data())
def test_a_changed_byte_ends_it_before_its_line(lines, data):
    written = bytearray(b"".join(map(line_of, lines)))
    place = data.draw(st.integers(0, len(written) - 1))
    written[place] ^= data.draw(st.integers(1, 255))
    found, end = read(bytes(written))
    assert found == lines[: len(found)]
    assert end <= place


@given(LINES, st.integers(0, 50))
def test_lines_are_appended_behind_each_other_at_any_offset(lines, offset):
    with tempfile.TemporaryFile() as file:
        os.ftruncate(file.fileno(), offset)
        end = offset
        for line in lines:
            end = append_line(file.fileno(), end, line)
        assert read_lines(file.fileno(), offset) == (lines, end)
