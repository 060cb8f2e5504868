"""Each fault of a body is what a client sees."""

import pytest

from quackcore_async.testing.faults import (
    BrokenChunk,
    CorruptByte,
    CutChunk,
    InOrder,
    Overlong,
    RepeatedChunk,
    Truncated,
    WrongLength,
)
from tests.servers.faulty import answer
from tests.testing.faults.conftest import get
from tests.testing.faults.test_proxy import chunked

FAULTS = [
    Truncated(),
    Overlong(),
    WrongLength(1),
    WrongLength(-1),
    CorruptByte(),
    RepeatedChunk(),
    BrokenChunk(),
    CutChunk(),
]


@pytest.fixture
def abcdef(behind):
    behind.server.script(answer(body=b"abcdef"))
    return behind


def test_a_truncated_body_is_shorter_than_it_says(abcdef):
    seen = abcdef.ask(fault=Truncated(missing=2))
    assert (seen.header("content-length"), seen.body, seen.end) == ("6", b"abcd", "closed")


def test_a_chunked_body_is_truncated_under_a_length(behind):
    behind.server.script(chunked(b"abc", b"def"))
    seen = behind.ask(fault=Truncated())
    assert (seen.header("content-length"), seen.header("transfer-encoding")) == ("6", None)
    assert seen.body == b"abcde"


def test_an_overlong_body_goes_on_behind_its_end(abcdef):
    seen = abcdef.ask(fault=Overlong(b"XY"))
    assert (seen.header("content-length"), seen.body, seen.end) == ("6", b"abcdefXY", "open")


@pytest.mark.parametrize(("change", "length", "end"), [(3, "9", "closed"), (-2, "4", "open")])
def test_a_wrong_length_is_said_of_a_whole_body(abcdef, change, length, end):
    seen = abcdef.ask(fault=WrongLength(change))
    assert (seen.header("content-length"), seen.body, seen.end) == (length, b"abcdef", end)


def test_one_bit_is_turned_over(abcdef):
    seen = abcdef.ask(fault=CorruptByte())
    assert [a ^ b for a, b in zip(seen.body, b"abcdef", strict=True) if a != b] == [1]


def test_a_chunk_comes_twice(abcdef):
    seen = abcdef.ask(fault=RepeatedChunk(size=2, nth=1))
    assert seen.body == b"2\r\nab\r\n2\r\ncd\r\n2\r\ncd\r\n2\r\nef\r\n0\r\n\r\n"
    assert (seen.header("content-length"), seen.end) == (None, "open")


def test_a_chunk_size_is_no_number(abcdef):
    seen = abcdef.ask(fault=BrokenChunk())
    assert (seen.body, seen.end) == (b"3\r\nabc\r\nzz\r\ndef\r\n0\r\n\r\n", "closed")


def test_the_last_chunk_is_missing(abcdef):
    seen = abcdef.ask(fault=CutChunk())
    assert (seen.body, seen.end) == (b"3\r\nabc\r\n3\r\ndef\r\n", "closed")


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
def test_an_answer_without_a_body_passes_as_it_is(behind, fault):
    behind.server.script(answer(body=b"abcdef"))
    behind.proxy.plan = InOrder(fault)
    line = behind.line()
    for _ in range(2):
        seen = line.ask(get(method="HEAD"))
        assert (seen.header("content-length"), seen.body, seen.end) == ("6", b"", "open")
