import pytest
from hypothesis import given
from hypothesis import strategies as st

from quackcore_async.clients.s3.attributes import (
    guess_content_type,
    mode_of,
    mtime_ns_of,
    mtime_of,
    source_metadata,
    write_parameters,
)
from quackcore_async.protocols import UploadOptions


@given(st.integers(-(2**33) * 10**9, 2**33 * 10**9), st.integers(0, 0o7777))
def test_time_and_mode_of_a_source_come_back(mtime_ns, mode):
    metadata = source_metadata(mtime_ns, mode)
    assert mtime_of(metadata) == pytest.approx(mtime_ns / 1e9, abs=1e-6)
    assert mtime_ns_of(metadata) == mtime_ns
    assert mode_of(metadata) == mode


@pytest.mark.parametrize(
    ("text", "mtime_ns"),
    [
        ("1500000000.1234567899", 1_500_000_000_123_456_789),
        ("-0.5", -500_000_000),
        ("1.5e3", 1_500_000_000_000),
        (" 7 ", 7_000_000_000),
        ("0" * 9000 + "7", 7_000_000_000),
    ],
)
def test_a_time_that_others_have_written_is_read_as_exactly_as_it_can_be(text, mtime_ns):
    assert mtime_ns_of({"mtime": text}) == mtime_ns


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"mtime": "soon", "mode": "rw"},
        {"mtime": "inf", "mode": "-1"},
        {"mtime": "nan"},
        {"mtime": "1e12"},
        {"mtime": "-1e300"},
    ],
)
def test_metadata_of_somebody_else_that_makes_no_sense_is_none(metadata):
    assert mtime_of(metadata) is None
    assert mtime_ns_of(metadata) is None
    assert mode_of(metadata) is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a/b.html", "text/html"),
        ("archive.tar.gz", "application/gzip"),
        ("noending", "application/octet-stream"),
        ("photo.PNG", "image/png"),
        ("v1.html/noending", "application/octet-stream"),
        ("report.1.0.html", "text/html"),
        (".html", "application/octet-stream"),
        (".hidden.html", "text/html"),
    ],
)
def test_a_content_type_is_guessed_from_the_name(name, expected):
    assert guess_content_type(name) == expected


def test_options_become_parameters_and_conditions_are_kept_apart():
    options = UploadOptions(
        content_type="text/x", metadata={"a": "1", "mode": "600"}, storage_class="STANDARD_IA",
        server_side_encryption="aws:kms", kms_key_id="k", cache_control="no-store", if_match='"tag"',
    )  # fmt: skip
    described, conditions = write_parameters("k", options, overwrite=False, metadata={"mode": "644", "mtime": "5"})
    assert described == {
        "ContentType": "text/x",
        "Metadata": {"a": "1", "mode": "600", "mtime": "5"},
        "CacheControl": "no-store",
        "StorageClass": "STANDARD_IA",
        "ServerSideEncryption": "aws:kms",
        "SSEKMSKeyId": "k",
    }
    assert conditions == {"IfMatch": '"tag"', "IfNoneMatch": "*"}
