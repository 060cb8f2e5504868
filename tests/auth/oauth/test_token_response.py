"""Answers of a token endpoint, right and wrong: what is wrong leaves the login as it was."""

import gzip
import json
import logging
import tracemalloc
from typing import Any

import anyio
import anyio.to_thread
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quackcore_async.auth import Credentials
from quackcore_async.auth.oauth.token_response import (
    MAX_LIFETIME_SECONDS,
    MIN_LIFETIME_SECONDS,
    json_object,
    read_credentials,
)
from quackcore_async.errors import AuthError, ErrorKind
from quackcore_async.transport.exchange import Answer as Received
from tests.servers.authorization import OMIT, Answer, error_answer, gzip_bomb, html_answer, json_answer

LOGGER = logging.getLogger("quackcore_async.tests")
NOW = 1_000_000.0


def read(members: Any, **options: Any) -> Credentials:
    body = members if isinstance(members, bytes) else json.dumps(members).encode()
    arguments = {"asked_at": NOW, "scope": "", "logger": LOGGER} | options
    return read_credentials(Received(200, {}, body), **arguments)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b"{}",
        pytest.param(b'{"x": ' + b"[" * 300, id="deep"),
        pytest.param(b"x" * 65537, id="too long"),
        pytest.param(gzip.compress(b"{}", mtime=0)[:-9], id="half of a gzip member"),
        b'{"access_token": "\\u0001"}',
        b'{"access_token": "t", "token_type": "mac"}',
    ],
)
def test_an_answer_that_cannot_be_used_is_a_corrupted_one_with_its_status(body: bytes):
    with pytest.raises(AuthError) as caught:
        read(body)
    assert (caught.value.kind, caught.value.code) == (ErrorKind.CORRUPTED, "protocol")
    assert caught.value.status_code == 200


def test_an_answer_may_have_64_kilobytes_and_not_a_byte_more():
    body = json.dumps(token()).encode()
    assert read(body.ljust(65536)).token == "t0ken"
    with pytest.raises(AuthError, match="longer than 65536 bytes"):
        read(body.ljust(65537))


def token(**members: Any) -> dict[str, Any]:
    given = {"access_token": "t0ken", "token_type": "Bearer", **members}
    return {name: value for name, value in given.items() if value is not OMIT}


@pytest.mark.parametrize("number", ["1e400", "-1E999", "NaN", "Infinity"])
def test_a_number_that_json_cannot_say_again_stays_text(number: str):
    body = f'{{"access_token": "t", "odd": {number}, "expires_in": {number}}}'.encode()
    credentials = read(body)
    assert credentials["odd"] == number
    assert credentials.expires_at is None


WRONG = {
    "HTML": html_answer(),
    "nothing": Answer(200, {}, b""),
    "a list": json_answer(["access_token"]),
    "null": json_answer(None),
    "a number": json_answer(7),
    "no token": json_answer({"foo": 1}),
    "null token": json_answer(token(access_token=None)),
    "empty token": json_answer(token(access_token="")),
    "token of another type": json_answer(token(access_token=7)),
    "token in a list": json_answer(token(access_token=["t0ken"])),
    "token with a line break": json_answer(token(access_token="a\r\nX-Evil: 1")),
    "token with a blank at its end": json_answer(token(access_token="t0ken ")),
    "token beyond ASCII": json_answer(token(access_token="t\u00f6ken")),
    "refresh token of another type": json_answer(token(refresh_token=["r"])),
    "refresh token with NUL": json_answer(token(refresh_token="r\0")),
    "MAC token": json_answer(token(token_type="mac")),
    "DPoP token": json_answer(token(token_type="DPoP")),
    "type of another type": json_answer(token(token_type=["bearer"])),
    "not UTF-8": Answer(200, {}, b'{"access_token": "\xff", "token_type": "bearer"}'),
    "cut off": Answer(200, {}, b'{"access_token": "t0ken", "token_ty'),
    "nested without end": Answer(200, {}, b'{"access_token": "t", "x": ' + b"[" * 20_000),
    "nested deeply": json_answer(token(x=json.loads("[" * 300 + "]" * 300))),
    "an endless number": Answer(200, {}, b'{"access_token": "t", "expires_in": ' + b"9" * 10_000 + b"}"),
    "a megabyte": json_answer(token(x="y" * 1_000_000)),
    "gzip bomb": gzip_bomb(),
    "broken gzip": Answer(200, {"Content-Encoding": "gzip"}, gzip.compress(b'{"access_token": "t"}')[:-9]),
    "gzip of HTML": Answer(200, {"Content-Encoding": "gzip"}, gzip.compress(b"<html>")),
    "an error in a success": error_answer("invalid_request", 200),
    "an odd error in a success": json_answer(token(error={"code": 1})),
    "empty success": Answer(204, {}, b""),
    "a redirect": Answer(302, {"Location": "https://evil.example/"}, b""),
    "a redirect that keeps the form": Answer(307, {"Location": "https://evil.example/"}, b""),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
async def test_a_wrong_answer_is_an_error_and_the_old_login_stays(authorization_server, provide, wrong):
    provider = provide()
    assert (await provider.authenticate()).success
    before = await provider.get_credentials()
    authorization_server.scripted = [wrong]
    asked = authorization_server.count("token")
    result = await provider.refresh_credentials()
    assert not result.success
    assert result.error_info.retryable is False
    assert authorization_server.count("token") == asked + 1
    assert await provider.get_credentials() is before
    assert authorization_server.scripted == []
    for shown in (result.error, repr(result)):
        assert "airport" not in shown
        assert "evil" not in shown
        assert "html" not in shown


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
async def test_a_wrong_answer_is_no_login(authorization_server, provide, wrong):
    provider = provide(flow="client_credentials")
    authorization_server.scripted = [wrong]
    result = await provider.authenticate()
    assert not result.success
    assert provider.authenticated is False
    assert await provider.get_credentials() is None


def test_a_gzip_bomb_is_not_unpacked():
    answer = gzip_bomb()
    tracemalloc.start()
    try:
        with pytest.raises(AuthError, match="longer than 65536 bytes"):
            read(answer.body)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


async def test_an_answer_that_is_packed_unasked_is_unpacked(authorization_server, provide):
    body = gzip.compress(json.dumps(token()).encode())
    authorization_server.scripted = [Answer(200, {"Content-Encoding": "gzip"}, body)]
    result = await provide(flow="client_credentials").authenticate()
    assert result.token == "t0ken"
    assert authorization_server.requests[-1].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("token_type", ["Bearer", "bearer", "BEARER", OMIT, None])
def test_bearer_is_spelled_in_any_way(token_type):
    assert read(token(token_type=token_type)).token_type == "Bearer"


LIFETIMES = {
    "a number": (3600, 3600),
    "text": ("3600", 3600),
    "text with a fraction": ("3600.0", 3600),
    "a fraction": (3600.9, 3600),
    "missing": (OMIT, None),
    "null": (None, None),
    "zero": (0, MIN_LIFETIME_SECONDS),
    "negative": (-5, MIN_LIFETIME_SECONDS),
    "a word": ("soon", None),
    "true": (True, None),
    "a list": ([3600], None),
    "a mapping": ({}, None),
    "a hundred years": (100 * 365 * 86400, MAX_LIFETIME_SECONDS),
    "empty": ("", None),
}


@pytest.mark.parametrize(("value", "lifetime"), LIFETIMES.values(), ids=LIFETIMES.keys())
def test_a_lifetime_in_every_form_is_read_or_left_open(value, lifetime, caplog):
    caplog.set_level(logging.WARNING)
    expected = None if lifetime is None else int(NOW) + lifetime
    assert read(token(expires_in=value)).expires_at == expected
    odd = value in ("soon", True, "") or isinstance(value, list | dict) or lifetime == MIN_LIFETIME_SECONDS
    assert bool(caplog.records) == odd


@pytest.mark.parametrize("number", [b"1e400", b"-1e400", b"NaN", b"Infinity"])
def test_a_lifetime_that_is_no_number_is_left_open(number):
    body = b'{"access_token": "t", "token_type": "bearer", "expires_in": %s}' % number
    assert read(body).expires_at is None


@given(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers(), max_size=3))
)
def test_no_lifetime_breaks_anything_or_makes_a_storm(value):
    expires_at = read(json.dumps(token(expires_in=value)).encode()).expires_at
    assert expires_at is None or NOW < expires_at <= NOW + MAX_LIFETIME_SECONDS


@pytest.mark.parametrize(
    ("moment", "expires_at"),
    [
        (int(NOW) + 60, int(NOW) + 60),
        (str(int(NOW) + 60), int(NOW) + 60),
        (0, None),
        ("later", None),
        (None, None),
    ],
)
def test_a_moment_is_taken_where_there_is_no_lifetime(moment, expires_at):
    assert read(token(expires_at=moment)).expires_at == expires_at


def test_a_moment_in_milliseconds_is_seen_as_such():
    now = 1_700_000_000.0
    credentials = read(token(expires_at=(int(now) + 60) * 1000), asked_at=now)
    assert credentials.expires_at == int(now) + 60


async def test_a_token_that_is_expired_at_once_causes_no_storm(authorization_server, provide, clock):
    authorization_server.lifetime = 0
    provider = provide()
    await provider.authenticate()
    for _ in range(100):
        await provider.get_credentials()
    assert authorization_server.grants("refresh_token") == []
    clock.now += MIN_LIFETIME_SECONDS
    await provider.get_credentials()
    assert len(authorization_server.grants("refresh_token")) == 1


async def test_a_token_of_unknown_lifetime_is_used_until_it_is_refused(authorization_server, provide, clock):
    authorization_server.lifetime = OMIT
    provider = provide()
    assert (await provider.authenticate()).expiry is None
    clock.now += 10 * 86400
    await provider.get_credentials()
    assert authorization_server.grants("refresh_token") == []


async def test_the_lifetime_counts_from_before_the_request(authorization_server, provide, clock):
    authorization_server.hold.clear()
    provider = provide(flow="client_credentials")
    sent_at = clock.now
    results: list[Any] = []

    async def log_in() -> None:
        results.append(await provider.authenticate())

    async with anyio.create_task_group() as group:
        group.start_soon(log_in)
        await anyio.to_thread.run_sync(authorization_server.asked.wait)
        clock.now += 5
        authorization_server.hold.set()
    assert results[0].expiry == int(sent_at) + 3600


def test_a_narrower_scope_is_kept_and_said(caplog):
    caplog.set_level(logging.WARNING)
    credentials = read(token(scope="read"), scope="read write admin")
    assert credentials.scopes == ("read",)
    assert "without write admin" in caplog.text


@pytest.mark.parametrize("scope", [OMIT, None, ""])
def test_a_scope_that_is_left_out_is_the_one_asked_for(scope):
    assert read(token(scope=scope), scope="read write").scopes == ("read", "write")


def test_a_refresh_without_a_scope_keeps_what_was_granted(caplog):
    previous = Credentials("old", scopes=("read",))
    assert read(token(), scope="read write", previous=previous).scopes == ("read",)
    assert not caplog.records


@pytest.mark.parametrize(("scope", "scopes"), [(["a", "b"], ("a", "b")), (7, ("asked",)), ([1], ("asked",))])
def test_a_scope_in_another_form_is_read_or_left(scope, scopes):
    assert read(token(scope=scope), scope="asked").scopes == scopes


@pytest.mark.parametrize("renewal", [OMIT, None, ""])
def test_the_old_refresh_token_stays_where_none_is_new(renewal):
    previous = Credentials("old", refresh_token="r0")
    assert read(token(refresh_token=renewal), previous=previous).refresh_token == "r0"


def test_a_new_refresh_token_takes_the_place_of_the_old():
    previous = Credentials("old", refresh_token="r0")
    assert read(token(refresh_token="r1"), previous=previous).refresh_token == "r1"


def test_the_rest_of_the_answer_is_kept_and_outlives_a_refresh_that_is_silent_about_it():
    first = read(token(id_token="i", tenant="a", expires_in=60))
    assert dict(first.extra) == {"id_token": "i", "tenant": "a"}
    second = read(token(tenant="b"), previous=first)
    assert dict(second.extra) == {"id_token": "i", "tenant": "b"}


def test_a_byte_order_mark_is_no_hindrance():
    assert read(b"\xef\xbb\xbf" + json.dumps(token()).encode()).token == "t0ken"


@given(st.binary(max_size=300))
def test_no_bytes_escape_as_another_error(body):
    try:
        value = json_object(Received(200, {}, body))
    except AuthError:
        return
    assert isinstance(value, dict)


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=12,
    ),
    st.sampled_from(
        ["access_token", "refresh_token", "token_type", "expires_in", "expires_at", "scope", "id_token"]
    ),
)
def test_no_member_escapes_as_another_error(value, name):
    try:
        credentials = read(json.dumps(token(**{name: value})).encode())
    except AuthError:
        return
    assert credentials.token.isprintable()
    assert credentials.token.isascii()
