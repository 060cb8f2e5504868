"""When a server says to come back."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quackcore_async.transport import parse_retry_after, retry_after_of


@pytest.mark.parametrize(("value", "seconds"), [("2", 2.0), (" 7 ", 7.0), ("0", 0.0), ("1.5", 1.5)])
def test_seconds_are_read(value: str, seconds: float):
    assert parse_retry_after(value) == seconds


@pytest.mark.parametrize("value", [None, "", "-5", "1e309", "NaN", "inf", "soon", "1_0", "9" * 10_000, "٣ days"])
def test_what_makes_no_sense_is_unknown(value: str | None):
    assert parse_retry_after(value) is None


@pytest.mark.parametrize(("ahead", "seconds"), [(120, 120.0), (-3600, 0.0)])
def test_a_date_counts_from_the_clock_of_the_server(ahead: int, seconds: float):
    served = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    value = format_datetime(served + timedelta(seconds=ahead), usegmt=True)
    assert parse_retry_after(value, date=format_datetime(served, usegmt=True)) == seconds


def test_a_date_without_the_servers_clock_counts_from_ours():
    value = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    seconds = parse_retry_after(value)
    assert seconds is not None
    assert 90 < seconds <= 100


@pytest.mark.parametrize("name", ["retry-after-ms", "x-ms-retry-after-ms", "x-amz-retry-after"])
def test_milliseconds_go_first(name: str):
    assert retry_after_of({name: "1500", "retry-after": "9"}) == 1.5


@given(st.text())
def test_nothing_makes_it_raise(value: str):
    seconds = parse_retry_after(value, date=value)
    assert seconds is None or seconds >= 0
