"""The request that a person is sent with, and the callback that answers it."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quackcore_async.auth.oauth.authorization import (
    AuthorizationRequest,
    CallbackRefusedError,
    UsedStates,
    code_challenge_of,
    make_request,
    parameters_of,
    read_callback,
)
from quackcore_async.redaction import Secret


def request(**options: Any) -> AuthorizationRequest:
    defaults: dict[str, Any] = {"redirect_uri": "https://app.example/cb", "expires_at": 100}
    return make_request("https://a.example/auth", {"client_id": "id"}, **(defaults | options))


def test_the_challenge_is_that_of_the_standard_s_example():
    # https://www.rfc-editor.org/rfc/rfc7636#appendix-B
    challenge = code_challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    assert challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_the_address_is_encoded():
    made = make_request(
        "https://a.example/auth?tenant=a%20b",
        {"client_id": "a b&c", "scope": "read write", "audience": ""},
        redirect_uri="https://app.example/cb?x=1&y=2",
        expires_at=100,
    )
    parts = urlsplit(made.url)
    values = dict(parse_qsl(parts.query, keep_blank_values=True))
    assert parts.netloc + parts.path == "a.example/auth"
    assert values["tenant"] == "a b"
    assert values["client_id"] == "a b&c"
    assert values["scope"] == "read write"
    assert values["redirect_uri"] == "https://app.example/cb?x=1&y=2"
    assert values["state"] == made.state
    assert values["code_challenge"] == code_challenge_of(made.code_verifier.reveal())
    assert values["code_challenge_method"] == "S256"
    assert "audience" not in values


def test_extra_parameters_do_not_override_the_flow_s_own():
    made = make_request(
        "https://a.example/auth",
        {"response_type": "token", "state": "fixed"},
        redirect_uri="https://b/",
        expires_at=1,
    )
    values = parse_qsl(urlsplit(made.url).query)
    assert ("response_type", "code") in values
    assert ("state", "fixed") not in values


def test_without_pkce_nothing_of_it_is_sent():
    made = request(pkce=False)
    assert "code_challenge" not in made.url
    assert not made.code_verifier


@pytest.mark.parametrize("state", ["", "a\nb", "\u00fc", "x" * 513])
def test_a_state_that_cannot_be_sent_is_refused(state):
    with pytest.raises(CallbackRefusedError):
        request(state=state)


class Starlette(dict[str, str]):
    def multi_items(self) -> list[tuple[str, str]]:
        return [("state", "a"), ("state", "b")]


class Werkzeug(dict[str, str]):
    def lists(self) -> list[tuple[str, list[str]]]:
        return [("state", ["a", "b"])]


@pytest.mark.parametrize(
    "callback",
    [
        "https://app.example/cb?state=a&state=b",
        " https://app.example/cb?state=a&state=b#_=_\n",
        "state=a&state=b",
        "?state=a&state=b",
        [("state", "a"), ("state", "b")],
        {"state": ["a", "b"]},
        Starlette(state="a"),
        Werkzeug(state="a"),
    ],
)
def test_a_second_value_is_seen_in_every_form_of_a_callback(callback):
    assert parameters_of(callback) == [("state", "a"), ("state", "b")]


@pytest.mark.parametrize("callback", ["x" * 9000, "&".join("a=b" for _ in range(40)), "http://[bad?state=a"])
def test_a_callback_that_cannot_be_read_is_refused(callback):
    with pytest.raises(CallbackRefusedError):
        parameters_of(callback)


@given(
    st.text(max_size=60)
    | st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.lists(st.text(max_size=3)))
)
def test_no_callback_is_taken_without_the_state(callback):
    made = request()
    with pytest.raises(CallbackRefusedError):
        read_callback(parameters_of(callback), made, issuer=None)


@given(st.lists(st.sampled_from(["code", "error", "iss", "state"]), max_size=6), st.booleans())
def test_a_callback_is_taken_only_when_it_is_unambiguous(names, promised):
    made = request(state="the-state")
    values = {"code": "c", "error": "e", "iss": "https://i.example", "state": "the-state"}
    pairs = [(name, values[name]) for name in names]
    right = (
        len(set(names)) == len(names)
        and "state" in names
        and ("code" in names) != ("error" in names)
        and ("iss" in names or not promised)
    )
    try:
        answer = read_callback(pairs, made, issuer="https://i.example", promises_iss=promised)
    except CallbackRefusedError:
        assert not right
    else:
        assert right
        assert isinstance(answer, Secret) == ("code" in names)


def test_an_issuer_that_nobody_configured_is_not_checked():
    made = request(state="s")
    assert read_callback([("state", "s"), ("code", "c"), ("iss", "https://any.example")], made, issuer=None)


def test_what_is_refused_is_not_shown():
    made = request(state="the-state")
    with pytest.raises(CallbackRefusedError) as caught:
        read_callback([("state", "ECHO"), ("code", "ECHO")], made, issuer=None)
    assert "ECHO" not in str(caught.value)


def test_a_request_outlives_a_session():
    made = request()
    again = AuthorizationRequest.from_mapping(made.to_mapping())
    assert again.to_mapping() == made.to_mapping()
    assert again.code_verifier == made.code_verifier


def test_used_states_are_forgotten_once_they_expired():
    used = UsedStates()
    for number in range(50):
        used.use(request(expires_at=100 + number), 100 + number)
    assert len(used._until) == 1
    with pytest.raises(CallbackRefusedError, match="too long"):
        used.use(request(expires_at=100), 101)
