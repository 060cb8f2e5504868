"""Checks are computed by compiled code, and put together from those of parts."""

import sys
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quackcore_async.clients.s3.crc import CRCS, Crc, crc_function

CHECK_VALUES = {"crc32": 0xCBF43926, "crc32c": 0xE3069283, "crc64nvme": 0xAE8B14860A799888}
"""Of the text 123456789: https://reveng.sourceforge.io/crc-catalogue/all.htm"""


def plain(crc: Crc, data: bytes) -> int:
    """The definition, bit by bit."""
    ones = (1 << crc.width) - 1
    value = ones
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (crc.polynomial if value & 1 else 0)
    return value ^ ones


@pytest.mark.parametrize("name", CRCS)
def test_the_polynomials_are_those_that_are_published(name):
    assert plain(CRCS[name], b"123456789") == CHECK_VALUES[name]


@pytest.mark.parametrize("name", CRCS)
def test_compiled_code_computes_the_published_values(name):
    function = crc_function(name)
    if function is None:
        pytest.skip("the extra `checksums` is not installed")
    assert function(b"123456789", 0) == CHECK_VALUES[name]
    assert function(b"6789", function(memoryview(bytearray(b"12345")), 0)) == CHECK_VALUES[name]


@given(st.sampled_from(sorted(CRCS)), st.binary(max_size=200), st.binary(max_size=200))
def test_the_checksum_of_two_parts_is_that_of_the_whole(name, first, second):
    crc = CRCS[name]
    assert crc.combine(plain(crc, first), plain(crc, second), len(second)) == plain(crc, first + second)


@given(st.integers(0, 2**70), st.integers(0, 2**70), st.sampled_from(sorted(CRCS)), st.binary(max_size=20))
def test_lengths_add_up_however_large_they_are(one, other, name, data):
    crc = CRCS[name]
    value = plain(crc, data)
    at_once = crc.combine(value, 0, one + other)
    assert crc.combine(crc.combine(value, 0, one), 0, other) == at_once


def test_a_long_part_is_put_behind_another_as_zlib_would_read_them():
    zeros = bytes(1 << 20)
    expected = value = zlib.crc32(b"start")
    for _ in range(5):
        expected = zlib.crc32(zeros, expected)
    length = 5 << 20
    assert CRCS["crc32"].combine(value, zlib.crc32(bytes(length)), length) == expected


@pytest.fixture
def _forgotten():
    crc_function.cache_clear()
    yield
    crc_function.cache_clear()


@pytest.mark.usefixtures("_forgotten")
def test_without_compiled_code_there_is_only_that_of_the_standard_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "awscrt.checksums", None)
    monkeypatch.setitem(sys.modules, "google_crc32c", None)
    assert crc_function("crc32") is zlib.crc32
    assert crc_function("crc32c") is None
    assert crc_function("crc64nvme") is None


@pytest.mark.usefixtures("_forgotten")
def test_either_library_serves_for_crc32c(monkeypatch):
    pytest.importorskip("google_crc32c")
    monkeypatch.setitem(sys.modules, "awscrt.checksums", None)
    function = crc_function("crc32c")
    assert function is not None
    assert function(memoryview(bytearray(b"6789")), function(b"12345", 0)) == CHECK_VALUES["crc32c"]
