"""What services say about their rate limits."""

from email.utils import formatdate

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quackcore_async.transport.rate_headers import RateStatus, read_rate_limit

NOW = 1_700_000_000


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"RateLimit": '"default";r=50;t=30'}, RateStatus(50, 30)),
        ({"RateLimit": '"daily";r=1000;t=3600, "burst";r=0;t=2'}, RateStatus(0, 2)),
        ({"RateLimit": '"a";r=0;t=2, "b";r=0;t=60'}, RateStatus(0, 60)),
        ({"RateLimit": '"odd, r=9;t=9";r=1;t=5'}, RateStatus(1, 5)),
        ({"RateLimit": "limit=100, remaining=50, reset=5"}, RateStatus(50, 5, 100)),
        (
            {"RateLimit-Limit": "100, 100;w=60", "RateLimit-Remaining": "7", "RateLimit-Reset": "9"},
            RateStatus(7, 9, 100),
        ),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "12"}, RateStatus(0, 12)),
        ({"X-RateLimit-Remaining": "3", "X-RateLimit-Reset": "1.5"}, RateStatus(3, 1.5)),
        (
            {"X-Rate-Limit-Remaining": "3", "X-Rate-Limit-Reset": "4", "X-Rate-Limit-Limit": "8"},
            RateStatus(3, 4, 8),
        ),
    ],
)
def test_every_shape_is_read(headers: dict[str, str], expected: RateStatus) -> None:
    assert read_rate_limit(httpx.Headers(headers)) == expected


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [(str(NOW + 90), 90.0), (str((NOW + 90) * 1000), 90.0), (str(NOW - 5), 0.0)],
    ids=["seconds", "milliseconds", "past"],
)
def test_a_point_in_time_counts_from_the_clock_of_the_server(reset: str, seconds: float) -> None:
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset, "Date": formatdate(NOW, usegmt=True)}
    assert read_rate_limit(httpx.Headers(headers)) == RateStatus(0, seconds)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"RateLimit": ""},
        {"RateLimit": "soon"},
        {"RateLimit": '"default";r=50'},
        {"RateLimit-Remaining": "0"},
        {"RateLimit-Reset": "5"},
        {"X-RateLimit-Remaining": "-1", "X-RateLimit-Reset": "5"},
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "tomorrow"},
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "3000000"},
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1700000000000000000"},
        {"RateLimit": '"default";r=0;t=99999999999'},
        {"X-RateLimit-Remaining": "nan", "X-RateLimit-Reset": "5"},
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9" * 10_000},
    ],
)
def test_what_makes_no_sense_is_unknown(headers: dict[str, str]) -> None:
    assert read_rate_limit(httpx.Headers(headers)) is None


@given(
    st.dictionaries(st.sampled_from(["ratelimit", "ratelimit-reset", "ratelimit-remaining", "date"]), st.text())
)
def test_nothing_makes_it_raise(headers: dict[str, str]) -> None:
    status = read_rate_limit(headers)
    assert status is None or (status.remaining >= 0 and status.reset >= 0)


@given(st.text(alphabet='";=rt,0123456789 ', max_size=60))
def test_nothing_like_a_structured_field_makes_it_raise(value: str) -> None:
    read_rate_limit({"ratelimit": value})
