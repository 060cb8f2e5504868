"""What a failed answer means, whether it is tried again, and what of it is shown."""

from typing import Any

import anyio
import pytest

from quackcore_async.auth.oauth.refusals import error_name, refusal_of
from quackcore_async.errors import AuthError, ErrorKind, TokenRefreshError
from quackcore_async.redaction import Secret
from quackcore_async.retry import RetryPolicy
from quackcore_async.transport.exchange import Answer as Received
from tests.servers.authorization import Answer, error_answer, html_answer, json_answer


def refusal(status: int, body: bytes = b"", renewing: bool = True, **headers: str) -> Any:
    return refusal_of(Received(status, headers, body), "it failed", renewing=renewing)


ERRORS = {
    "invalid_grant": (ErrorKind.AUTH_REQUIRED, "invalid_grant", False),
    "invalid_client": (ErrorKind.MISCONFIGURED, "client_rejected", False),
    "unauthorized_client": (ErrorKind.MISCONFIGURED, "client_rejected", False),
    "invalid_scope": (ErrorKind.MISCONFIGURED, "invalid_scope", False),
    "invalid_request": (ErrorKind.MISCONFIGURED, "invalid_request", False),
    "unsupported_grant_type": (ErrorKind.MISCONFIGURED, "unsupported_grant_type", False),
    "access_denied": (ErrorKind.AUTH_REQUIRED, "access_denied", False),
    "server_error": (ErrorKind.UNAVAILABLE, "server_error", True),
    "temporarily_unavailable": (ErrorKind.UNAVAILABLE, "temporarily_unavailable", True),
    "interaction_required": (ErrorKind.AUTH_REQUIRED, "interaction_required", False),
}


@pytest.mark.parametrize("status", [200, 400, 401, 403])
@pytest.mark.parametrize("name", ERRORS)
def test_the_error_decides_whatever_the_status(name, status):
    error = refusal(status, b'{"error": "%s"}' % name.encode())
    kind, code, retryable = ERRORS[name]
    assert (error.kind, error.code, error.retryable) == (kind, code, retryable)
    assert error.status_code == status
    assert f"the authorization server answered {name} ({status})" in str(error)


def test_an_unknown_error_of_a_server_that_is_down_may_pass():
    error = refusal(503, b'{"error": "maintenance"}')
    assert (error.kind, error.code, error.retryable) == (ErrorKind.UNAVAILABLE, "maintenance", True)
    assert refusal(503, b'{"error": "invalid_grant"}').kind is ErrorKind.AUTH_REQUIRED


def test_a_secret_that_comes_back_as_the_name_of_the_error_is_shown_nowhere():
    secrets = (Secret("s3cr3t-token"), Secret("invalid_grant"), Secret(""))
    received = Received(400, {}, b'{"error": "s3cr3t-token"}')
    error = refusal_of(received, "it failed", secrets)
    assert error is not None
    assert (error.code, "s3cr3t" in str(error)) == ("unknown", False)
    again = refusal_of(Received(400, {}, b'{"error": "invalid_grant"}'), "it failed", secrets)
    assert again is not None
    assert again.code == "invalid_grant"


def test_the_class_says_what_was_asked_for():
    assert type(refusal(400, b'{"error": "invalid_grant"}')) is TokenRefreshError
    assert type(refusal(400, b'{"error": "invalid_grant"}', renewing=False)) is AuthError


@pytest.mark.parametrize(
    ("status", "kind", "code", "retryable"),
    [
        (302, ErrorKind.MISCONFIGURED, "redirect", False),
        (401, ErrorKind.MISCONFIGURED, "client_rejected", False),
        (404, ErrorKind.MISCONFIGURED, "token_endpoint", False),
        (405, ErrorKind.MISCONFIGURED, "token_endpoint", False),
        (408, ErrorKind.TIMEOUT, "token_endpoint", True),
        (429, ErrorKind.RATE_LIMITED, "rate_limited", True),
        (500, ErrorKind.UNAVAILABLE, "server_error", True),
        (501, ErrorKind.UNAVAILABLE, "server_error", False),
        (502, ErrorKind.UNAVAILABLE, "server_error", True),
        (503, ErrorKind.UNAVAILABLE, "server_error", True),
        (504, ErrorKind.UNAVAILABLE, "server_error", True),
    ],
)
def test_the_status_decides_where_there_is_no_error(status, kind, code, retryable):
    error = refusal(status, b"<html>")
    assert (error.kind, error.code, error.retryable, error.status_code) == (kind, code, retryable, status)


def test_a_server_says_when_to_come_back():
    assert refusal(503, **{"retry-after": "17"}).retry_after == 17
    assert refusal(429, b'{"error": "temporarily_unavailable"}', **{"retry-after": "3"}).retry_after == 3


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("invalid_grant", "invalid_grant"),
        ("interaction_required", "interaction_required"),
        ("a" * 64, "a" * 64),
        ("a" * 65, "unknown"),
        ("<script>", "unknown"),
        ("line\nbreak", "unknown"),
        ("invalid_grant\n", "unknown"),
        ("\u00fc", "unknown"),
        (7, "unknown"),
        (["invalid_grant"], "unknown"),
        ("", None),
        (None, None),
    ],
)
def test_only_a_proper_name_is_shown(value, name):
    assert error_name({"error": value}) == name


@pytest.mark.parametrize("status", [200, 400, 500])
def test_the_body_is_never_shown(status):
    body = b'{"error": "invalid_grant", "refresh_token": "ECHO-of-a-token", "note": "ECHO"}'
    assert "ECHO" not in str(refusal(status, body))
    assert "ECHO" not in str(refusal(500, b"<html>ECHO"))


def test_a_description_is_shown_in_one_short_line():
    body = b'{"error": "invalid_grant", "error_description": "expired\\r\\nX: \\u001b[2J' + b"y" * 1000 + b'"}'
    text = str(refusal(400, body))
    assert "expired X:  [2J" in text
    assert text.isprintable()
    assert len(text) < 350


@pytest.mark.parametrize(("length", "shown"), [(200, 200), (201, 200)])
def test_a_description_is_cut_off_after_two_hundred_characters(length, shown):
    body = b'{"error": "invalid_grant", "error_description": "%s"}' % (b"y" * length)
    assert str(refusal(400, body)).endswith(": " + "y" * shown)


@pytest.mark.parametrize("length", [1, 3, 40])
def test_a_description_that_repeats_what_was_sent_is_left_out(length):
    secret = Secret("q" * length)
    body = b'{"error": "invalid_grant", "error_description": "the token %s is old"}' % secret.reveal().encode()
    error: Any = refusal_of(Received(400, {}, body), "it failed", (secret,))
    assert "the token" not in str(error)
    assert "invalid_grant" in str(error)


def test_a_description_with_the_shape_of_a_secret_is_masked():
    body = b'{"error": "invalid_grant", "error_description": "%s?refresh_token=ECHOECHO&x=1"}' % (b"z" * 170)
    assert "ECHO" not in str(refusal(400, body))


# Trying again.


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """No waiting between the attempts."""
    monkeypatch.setattr(RetryPolicy, "wait_before", lambda *_: 0.0)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_passing_trouble_is_tried_again_twice(authorization_server, provide, status):
    provider = provide()
    await provider.authenticate()
    authorization_server.scripted = [html_answer(status), html_answer(status)]
    assert (await provider.refresh_credentials()).success
    authorization_server.scripted = [html_answer(status)] * 4
    result = await provider.refresh_credentials()
    assert not result.success
    assert result.error_info.retryable is True
    assert result.error_info.attempts == 3
    assert result.error_info.status_code == status
    assert len(authorization_server.scripted) == 1


@pytest.mark.parametrize(
    "answer",
    [
        html_answer(500),
        html_answer(408),
        html_answer(404),
        error_answer("invalid_grant", 503),
        error_answer("invalid_client", 429),
        json_answer({"error": "invalid_request"}, 400),
    ],
    ids=["500", "408", "404", "invalid_grant in a 503", "invalid_client in a 429", "400"],
)
async def test_what_may_have_been_worked_on_is_not_tried_again(authorization_server, provide, answer):
    provider = provide()
    await provider.authenticate()
    authorization_server.scripted = [answer, answer]
    assert not (await provider.refresh_credentials()).success
    assert len(authorization_server.scripted) == 1


async def test_a_connection_that_breaks_after_the_form_was_sent_is_not_tried_again(authorization_server, provide):
    provider = provide()
    await provider.authenticate()
    authorization_server.scripted = [Answer(hang_up=True)] * 2
    result = await provider.refresh_credentials()
    assert not result.success
    assert result.error_info.indeterminate is True
    assert len(authorization_server.scripted) == 1


async def test_a_refresh_that_times_out_is_not_tried_again(authorization_server, provide):
    provider = provide(timeout=0.2)
    with anyio.fail_after(10):
        assert (await provider.authenticate()).success
        authorization_server.hold.clear()
        asked = authorization_server.count("token")
        result = await provider.refresh_credentials()
    assert result.error_info.kind is ErrorKind.TIMEOUT
    assert authorization_server.count("token") == asked + 1
    authorization_server.hold.set()


async def test_a_server_that_asks_to_wait_for_long_is_not_waited_for(authorization_server, provide):
    provider = provide()
    await provider.authenticate()
    authorization_server.scripted = [Answer(503, {"Retry-After": "3600"})]
    with anyio.fail_after(3):
        result = await provider.refresh_credentials()
    assert result.error_info.retry_after == 3600
    assert result.error_info.retryable is True


async def test_a_thousand_callers_of_a_refused_refresh_cause_one_request(authorization_server, provide, clock):
    provider = provide()
    await provider.authenticate()
    authorization_server.revoke_everything()
    results: list[Any] = []

    async def ask() -> None:
        results.append(await provider.refresh_credentials())

    async with anyio.create_task_group() as group:
        for _ in range(1000):
            group.start_soon(ask)
    assert len(authorization_server.grants("refresh_token")) == 1
    assert {result.error_info.code for result in results} == {"invalid_grant"}
    assert len(results) == 1000
