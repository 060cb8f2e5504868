"""Ours against Authlib's, both ways: two readings of the same standards have to agree."""

import threading
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from typing import Any

import anyio.to_thread
import pytest
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc.jwk import ECKey, RSAKey

from quackcore_async.auth import OAuthProvider
from quackcore_async.auth.oauth.authorization import code_challenge_of
from quackcore_async.errors import ErrorKind
from tests.auth.oauth.conftest import visit
from tests.servers.authlib_server import AuthlibServer, Client, authlib_server_running
from tests.servers.authorization import AuthorizationServer

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:authlib", "ignore:The httpx module is deprecated"
)


@pytest.fixture
def authlib(monkeypatch) -> Iterator[AuthlibServer]:
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    with authlib_server_running() as server:
        yield server


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def follow(url: str) -> str:
    """Be a browser: return where the authorization endpoint sends it."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.build_opener(_Stay).open(url, timeout=10)
    with caught.value as answer:
        assert answer.code == 302
        return str(answer.headers["Location"])


async def person(url: str) -> None:
    await visit(await anyio.to_thread.run_sync(follow, url))


def provider_for(authlib: AuthlibServer, **options: Any) -> OAuthProvider:
    defaults: dict[str, Any] = {
        "client_id": "client",
        "client_secret": authlib.clients["client"].secret,
        "issuer": authlib.origin,
        "redirect_uri": "http://127.0.0.1:0/callback",
        "scope": "read write",
        "authorization_handler": person,
    }
    return OAuthProvider(**(defaults | options))


@pytest.mark.parametrize(
    ("ours", "theirs"), [("post", "client_secret_post"), ("basic", "client_secret_basic"), ("none", "none")]
)
async def test_our_code_flow_passes_their_server(authlib, ours, theirs):
    client = authlib.clients["client"]
    client.method = theirs
    provider = provider_for(authlib, client_auth=ours, client_secret=None if ours == "none" else client.secret)
    result = await provider.authenticate()
    assert result.success, result.error
    assert result.token in authlib.valid()
    credentials: Any = await provider.get_credentials()
    assert credentials.scopes == ("read", "write")
    renewed = await provider.refresh_credentials()
    assert renewed.success, renewed.error
    assert renewed.token in authlib.valid()
    assert result.token not in authlib.valid()


async def test_their_server_refuses_a_wrong_verifier(authlib):
    provider = provider_for(authlib)
    request = await provider.authorization_url(redirect_uri="http://127.0.0.1:1/callback")
    callback = await anyio.to_thread.run_sync(follow, request.url)
    forged = request.to_mapping() | {"code_verifier": "x" * 43}
    result = await provider.complete_authorization(callback, forged)
    assert result.error_info.code == "invalid_grant"


async def test_their_server_names_itself_and_we_look(authlib):
    provider = provider_for(authlib)
    request = await provider.authorization_url(redirect_uri="http://127.0.0.1:1/callback")
    callback = await anyio.to_thread.run_sync(follow, request.url)
    assert "iss=" in callback
    without = callback.partition("&iss=")[0]
    assert (await provider.complete_authorization(without, request)).error_info.code == "callback_refused"
    assert (await provider.complete_authorization(callback, request)).success


async def test_a_used_refresh_token_is_refused_by_their_server_as_we_expect(authlib):
    provider = provider_for(authlib)
    await provider.authenticate()
    credentials: Any = await provider.get_credentials()
    assert (await provider.refresh_credentials()).success
    with pytest.raises(Exception, match="invalid_grant") as caught:
        await provider._refresh(credentials)
    assert caught.value.kind is ErrorKind.AUTH_REQUIRED


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
async def test_our_assertion_is_verified_by_their_server(authlib, algorithm):
    key = ECKey.generate_key("P-256") if algorithm == "ES256" else RSAKey.generate_key(2048)
    authlib.clients["signer"] = Client("signer", None, "client_assertion_jwt", key.as_dict(private=False))
    provider = provider_for(
        authlib,
        client_id="signer",
        client_secret=None,
        private_key=key.as_pem(private=True),
        signing_alg=algorithm,
        flow="client_credentials",
    )
    result = await provider.authenticate()
    assert result.success, result.error
    assert (await provider.refresh_credentials()).success  # with a `jti` of its own
    assert len(authlib.assertions) == 2


async def test_an_assertion_by_another_key_is_refused_by_their_server(authlib):
    key, other = ECKey.generate_key("P-256"), ECKey.generate_key("P-256")
    authlib.clients["signer"] = Client("signer", None, "client_assertion_jwt", key.as_dict(private=False))
    provider = provider_for(
        authlib,
        client_id="signer",
        client_secret=None,
        private_key=other.as_pem(private=True),
        flow="client_credentials",
    )
    assert (await provider.authenticate()).error_info.code == "client_rejected"


async def test_our_device_flow_passes_their_server(authlib, monkeypatch):
    monkeypatch.setattr("quackcore_async.auth.oauth.device.MAX_INTERVAL_SECONDS", 0.05)
    polls = []

    def handler(authorization: Any) -> None:
        polls.append(authorization)
        timer = threading.Timer(0.2, authlib.agreed.set)
        timer.start()

    result = await provider_for(authlib, flow="device", device_handler=handler).authenticate()
    assert result.success, result.error
    assert polls[0].user_code
    assert result.token in authlib.valid()


async def test_our_revocation_is_understood_by_their_server(authlib):
    provider = provider_for(authlib)
    await provider.authenticate()
    await provider._revoke(await provider.get_credentials())  # type: ignore[arg-type]
    assert authlib.valid() == set()


def test_our_challenge_is_theirs():
    for verifier in ("a" * 43, "Z-._~" * 20):
        assert code_challenge_of(verifier) == create_s256_code_challenge(verifier)


@pytest.mark.parametrize("method", ["client_secret_post", "client_secret_basic"])
def test_their_client_passes_our_test_server(authorization_server: AuthorizationServer, monkeypatch, method):
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from authlib.integrations.httpx_client import OAuth2Client

    server = authorization_server
    server.clients[server.client_id].method = method.removeprefix("client_secret_")
    with OAuth2Client(
        server.client_id,
        server.client_secret,
        token_endpoint_auth_method=method,
        redirect_uri="http://127.0.0.1:1/callback",
        code_challenge_method="S256",
        scope="read",
        revocation_endpoint_auth_method=method,
    ) as client:
        url, state = client.create_authorization_url(server.auth_url, code_verifier="v" * 48)
        token = client.fetch_token(
            server.token_url, authorization_response=server.authorize(url), code_verifier="v" * 48, state=state
        )
        assert token["access_token"] in server.valid
        renewed = client.refresh_token(server.token_url, refresh_token=token["refresh_token"])
        assert renewed["refresh_token"] != token["refresh_token"]
        client.revoke_token(server.revocation_url, token=renewed["refresh_token"])
        assert server.valid == set()
