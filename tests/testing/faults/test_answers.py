"""Each fault that is an answer is what a client sees, and the server sees nothing of it."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest

from quackcore_async.testing.faults import (
    RETRY_AFTER_FORMS,
    Answered,
    InOrder,
    RateLimited,
    ServerError,
    Unauthorized,
)
from tests.testing.faults.conftest import get, put


def test_an_answer_of_its_own_takes_the_place_of_the_servers(behind):
    seen = behind.ask(put(b"body"), Answered(418, {"X-Tea": "no"}, b"short"))
    assert (seen.status, seen.header("x-tea"), seen.body) == (418, "no", b"short")
    assert parsedate_to_datetime(seen.header("date"))
    assert behind.server.requests == []


def test_the_connection_serves_the_next_request(behind):
    behind.proxy.plan = InOrder(ServerError(502))
    line = behind.line()
    assert [line.ask(put(b"body")).status for _ in range(2)] == [502, 200]


def test_the_answer_to_a_head_says_its_length_and_sends_no_body(behind):
    seen = behind.ask(get(method="HEAD"), Answered(500, {}, b"12345"))
    assert (seen.header("content-length"), seen.body) == ("5", b"")


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_error_is_of_the_status_that_was_asked_for(behind, status):
    assert behind.ask(fault=ServerError(status)).status == status


@pytest.mark.parametrize("form", RETRY_AFTER_FORMS)
def test_retry_after_comes_in_every_form(behind, form):
    value = RETRY_AFTER_FORMS[form]
    seen = behind.ask(fault=RateLimited(value))
    assert seen.status == 429
    text = seen.header("retry-after")
    if isinstance(value, timedelta):
        off = parsedate_to_datetime(text) - datetime.now(UTC) - value
        assert abs(off) < timedelta(seconds=10)
    else:
        assert text == str(value)


def test_a_refusal_may_say_nothing_of_when_to_come_back(behind):
    assert behind.ask(fault=RateLimited()).header("retry-after") is None


def test_an_expired_token_is_a_401_with_a_challenge(behind):
    seen = behind.ask(fault=Unauthorized())
    assert seen.status == 401
    assert 'error="invalid_token"' in seen.header("www-authenticate")
