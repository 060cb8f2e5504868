"""Providers of credentials that do not change."""

import logging
import pickle
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from quackcore_async.auth import ApiKeyProvider, BasicAuthProvider, BearerTokenProvider, Credentials
from quackcore_async.auth.configured_secrets import checked_header_value
from quackcore_async.clients import HttpClient
from quackcore_async.errors import ErrorKind, InvalidConfigError, ResponseError
from quackcore_async.protocols.signing import RequestSigner
from quackcore_async.redaction import Secret

SENTINEL = "S3CR3T-sentinel"


def all_of_them() -> list[Any]:
    return [
        ApiKeyProvider(SENTINEL),
        ApiKeyProvider(SENTINEL, query_param="api_key"),
        BasicAuthProvider("user", SENTINEL),
        BearerTokenProvider(SENTINEL),
    ]


@pytest.mark.parametrize("provider", all_of_them(), ids=repr)
async def test_it_is_authenticated_without_asking_anybody(provider):
    result = await provider.authenticate()
    assert result.success
    assert provider.authenticated is True
    credentials = await provider.get_credentials()
    assert isinstance(credentials, Credentials)
    assert result.token == credentials.token


async def test_an_api_key_goes_into_its_header():
    provider = ApiKeyProvider("k3y", "Authorization-Key")
    secrets = provider.request_secrets(await provider.get_credentials())
    assert (dict(secrets.headers), dict(secrets.params)) == ({"Authorization-Key": "k3y"}, {})


async def test_an_api_key_goes_into_the_query_when_asked_to():
    provider = ApiKeyProvider("k3y", query_param="api_key")
    secrets = provider.request_secrets(await provider.get_credentials())
    assert (dict(secrets.headers), dict(secrets.params)) == ({}, {"api_key": "k3y"})


async def test_user_and_password_are_encoded_as_rfc_7617_says():
    provider = BasicAuthProvider("test", "123\u00a3")  # the example of its section 2.1
    secrets = provider.request_secrets(await provider.get_credentials())
    assert secrets.headers == {"Authorization": "Basic dGVzdDoxMjPCow=="}


async def test_a_token_is_presented_as_bearer():
    secrets = BearerTokenProvider("t0ken").request_secrets(None)
    assert secrets.headers == {"Authorization": "Bearer t0ken"}


async def test_a_subclass_that_brings_another_token_presents_that():
    class Rotating(ApiKeyProvider):
        async def get_credentials(self) -> object:
            return Credentials("newer")

    provider = Rotating("older")
    assert provider.request_secrets(await provider.get_credentials()).headers == {"X-API-Key": "newer"}


@pytest.mark.parametrize("provider", all_of_them(), ids=repr)
@pytest.mark.parametrize("logged_in", [True, False])
async def test_it_cannot_be_renewed_and_says_so(provider, logged_in):
    if logged_in:
        await provider.authenticate()
    result = await provider.refresh_credentials()
    assert not result.success
    assert result.error_info.kind is ErrorKind.AUTH_REQUIRED
    assert result.error_info.code == "static_credentials"
    assert "cannot renew" in result.error


async def test_a_key_that_a_service_refuses_is_called_that_and_not_a_missing_login():
    transport = httpx.MockTransport(lambda _request: httpx.Response(401))
    async with HttpClient("https://api.test", auth=ApiKeyProvider(SENTINEL), transport=transport) as client:
        with pytest.raises(ResponseError, match="they are configured; give it new ones") as caught:
            await client.get("things")
    assert caught.value.code == "static_credentials"


@pytest.mark.parametrize("provider", all_of_them(), ids=repr)
async def test_it_is_never_written_to_disk(provider):
    await provider.authenticate()
    assert await provider.save_credentials() is False


@pytest.mark.parametrize("wrapped", [Secret("k3y"), SecretStr("k3y")])
def test_a_wrapped_secret_is_taken(wrapped):
    assert ApiKeyProvider(wrapped).request_secrets(None).headers == {"X-API-Key": "k3y"}
    assert BearerTokenProvider(wrapped).request_secrets(None).headers == {"Authorization": "Bearer k3y"}


@pytest.mark.parametrize("provider", all_of_them(), ids=repr)
def test_it_sees_to_its_own_presentation(provider):
    assert isinstance(provider, RequestSigner)


def test_each_may_have_a_name():
    assert ApiKeyProvider("k").name == "ApiKey"
    assert BasicAuthProvider("u", "p", name="jenkins").name == "jenkins"
    assert BearerTokenProvider("t", name="ci").name == "ci"


BAD_VALUES = {
    "line break": f"{SENTINEL}\r\nX-Evil: 1",
    "newline at the end": f"{SENTINEL}\n",
    "NUL": f"{SENTINEL}\0",
    "escape": f"{SENTINEL}\x1b[2J",
    "C1 control": f"{SENTINEL}\x85",
    "DEL": f"{SENTINEL}\x7f",
    "blank before": f" {SENTINEL}",
    "blank after": f"{SENTINEL} ",
    "not ASCII": f"{SENTINEL}\u00e9",
    "surrogate": f"{SENTINEL}\ud800",
    "empty": "",
    "a megabyte": SENTINEL * 70_000,
    "bytes": SENTINEL.encode(),
    "None": None,
}


@pytest.mark.parametrize("make", [ApiKeyProvider, BearerTokenProvider])
@pytest.mark.parametrize("value", BAD_VALUES.values(), ids=BAD_VALUES.keys())
def test_a_value_that_cannot_be_sent_is_refused_and_not_shown(make, value):
    with pytest.raises(InvalidConfigError) as caught:
        make(value)
    assert caught.value.kind is ErrorKind.MISCONFIGURED
    assert SENTINEL not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_secret_may_have_64_kilobytes_and_not_a_byte_more():
    assert BearerTokenProvider("t" * 65536).request_secrets(None).headers == {
        "Authorization": "Bearer " + "t" * 65536
    }
    with pytest.raises(InvalidConfigError, match="longer than 65536 bytes"):
        BearerTokenProvider("t" * 65537)


@pytest.mark.parametrize(
    "name", ["", "X Key", "X:Key", "X-Key\r", "X-Key\n", "\u00dcber", "X-Key\0", 'X"', "(x)", None, 7]
)
@pytest.mark.parametrize("place", ["header", "query_param"])
def test_a_name_has_to_be_a_token(name, place):
    if place == "query_param" and name is None:
        return
    with pytest.raises(InvalidConfigError):
        ApiKeyProvider("k3y", **{place: name})


@pytest.mark.parametrize("name", ["Host", "content-length", "Transfer-Encoding", "Connection"])
def test_a_header_that_frames_the_request_is_refused(name):
    with pytest.raises(InvalidConfigError, match="belongs to the request"):
        ApiKeyProvider("k3y", name)


@pytest.mark.parametrize(
    ("user", "password"),
    [
        ("us:er", SENTINEL),
        ("us\ner", SENTINEL),
        (" user", SENTINEL),
        ("user", f"{SENTINEL}\r\n"),
        ("user", f"{SENTINEL}\0"),
        ("us\ud800er", SENTINEL),
        ("user", SENTINEL * 70_000),
        ("", ""),
        (None, SENTINEL),
    ],
)
def test_a_user_or_a_password_that_cannot_be_sent_is_refused_and_not_shown(user, password):
    with pytest.raises(InvalidConfigError) as caught:
        BasicAuthProvider(user, password)
    assert SENTINEL not in str(caught.value)


@pytest.mark.parametrize(("user", "password"), [("key", ""), ("", "token"), ("user", " with blanks ")])
def test_services_that_use_one_half_only_are_served(user, password):
    assert BasicAuthProvider(user, password).request_secrets(None).headers


@given(st.text(max_size=200))
def test_what_passes_the_check_is_a_header_value_of_rfc_9110(text):
    try:
        value = checked_header_value(text, "it")
    except InvalidConfigError:
        return
    assert value == text
    encoded = value.encode("ascii")
    assert encoded
    assert all(0x20 <= byte <= 0x7E for byte in encoded)
    assert encoded[0] != 0x20
    assert encoded[-1] != 0x20


@pytest.mark.parametrize("provider", all_of_them(), ids=repr)
async def test_the_secret_is_in_no_text(provider, caplog):
    caplog.set_level(logging.DEBUG)
    await provider.authenticate()
    await provider.refresh_credentials()
    credentials = await provider.get_credentials()
    secrets = provider.request_secrets(credentials)
    provider.logger.warning("it is %s, or %r", SENTINEL, credentials)
    texts = [repr(provider), str(vars(provider)), repr(credentials), repr(secrets), caplog.text, f"{provider}"]
    assert not [text for text in texts if SENTINEL in text]
    with pytest.raises(TypeError):
        pickle.dumps(provider)
