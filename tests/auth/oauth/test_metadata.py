"""What a server says about itself: taken only from the right one, and only addresses that are its own."""

from typing import Any

import anyio
import anyio.to_thread
import pytest

from quackcore_async.auth import OAuthProvider
from quackcore_async.auth.oauth.metadata import Metadata, metadata_urls
from quackcore_async.errors import AuthError, ErrorKind, QuackError
from tests.auth.oauth.conftest import browser
from tests.servers.authorization import OMIT, AuthorizationServer


def discovering(server: AuthorizationServer, **options: Any) -> OAuthProvider:
    defaults: dict[str, Any] = {
        "client_secret": server.client_secret,
        "issuer": server.issuer,
        "redirect_uri": "http://127.0.0.1:0/callback",
        "authorization_handler": browser(server),
    }
    return OAuthProvider(server.client_id, **(defaults | options))


async def test_an_issuer_is_all_that_is_needed(authorization_server):
    provider = discovering(authorization_server)
    assert (await provider.authenticate()).success
    assert (await provider.refresh_credentials()).success
    asked = [received.endpoint for received in authorization_server.requests if "well-known" in received.endpoint]
    assert asked == [".well-known/oauth-authorization-server"]


async def test_the_document_of_openid_connect_is_found_too(authorization_server):
    authorization_server.metadata = {"_oidc": True}
    assert (await discovering(authorization_server).authenticate()).success


async def test_many_who_ask_at_once_fetch_the_document_once(authorization_server):
    provider = discovering(authorization_server)
    async with anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(provider.authorization_url)
    assert sum("well-known" in received.endpoint for received in authorization_server.requests) == 1


@pytest.mark.parametrize(
    ("issuer", "urls"),
    [
        (
            "https://idp.example",
            (
                "https://idp.example/.well-known/oauth-authorization-server",
                "https://idp.example/.well-known/openid-configuration",
            ),
        ),
        (
            "https://idp.example/tenant/1/",
            (
                "https://idp.example/.well-known/oauth-authorization-server/tenant/1",
                "https://idp.example/tenant/1/.well-known/openid-configuration",
            ),
        ),
    ],
)
def test_the_document_is_where_the_standards_say(issuer, urls):
    assert metadata_urls(issuer) == urls


@pytest.mark.parametrize("issuer", ["https://evil.example", OMIT, None, 7, "{origin}/"])
async def test_the_document_of_another_issuer_is_refused(authorization_server, issuer):
    named = issuer.format(origin=authorization_server.origin) if isinstance(issuer, str) else issuer
    authorization_server.metadata = {"issuer": named}
    result = await discovering(authorization_server).authenticate()
    assert result.error_info.code == "metadata"
    assert result.error_info.kind is ErrorKind.MISCONFIGURED
    assert "evil" not in result.error
    assert authorization_server.count("token") == authorization_server.count("authorize") == 0


ADDRESSES = [
    "javascript:alert(1)",
    "file:///etc/passwd",
    "http://evil.example/x",
    "https://evil.example/x",
    "https://169.254.169.254/x",
    "http://0x7f.1/x",
    "http://localhost@evil.example/x",
    "https://user:pw@evil.example/x",
    7,
    ["https://idp.example"],
]


@pytest.mark.parametrize("address", ADDRESSES, ids=str)
@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "device_authorization_endpoint"])
async def test_an_address_that_is_not_the_issuer_s_is_refused_before_it_is_used(
    authorization_server, name, address
):
    authorization_server.metadata = {name: address}
    flow: Any = "device" if name.startswith("device") else "authorization_code"
    seen: list[str] = []
    result = await discovering(authorization_server, flow=flow, authorization_handler=seen.append).authenticate()
    assert result.error_info.code == "metadata"
    assert result.error_info.kind is ErrorKind.MISCONFIGURED
    assert seen == []
    assert authorization_server.count("token") == authorization_server.count("device") == 0


def test_an_address_elsewhere_is_taken_when_it_is_allowed():
    members = {"token_endpoint": "https://oauth2.googleapis.com/token"}
    with pytest.raises(AuthError, match="add it to allowed_origins"):
        Metadata("https://accounts.google.com", members).endpoint("token_endpoint")
    allowed = Metadata("https://accounts.google.com", members, {"https://oauth2.googleapis.com:443"})
    assert allowed.endpoint("token_endpoint") == "https://oauth2.googleapis.com/token"


async def test_a_missing_address_is_named(authorization_server):
    authorization_server.metadata = {"token_endpoint": OMIT}
    result = await discovering(authorization_server).authenticate()
    assert result.error_info.kind is ErrorKind.MISCONFIGURED
    assert "no token_endpoint" in result.error


async def test_a_configured_address_goes_before_that_of_the_document(authorization_server):
    authorization_server.metadata = {"token_endpoint": "https://evil.example/token"}
    provider = discovering(authorization_server, token_url=authorization_server.token_url)
    assert (await provider.authenticate()).success


async def test_a_server_without_s256_in_its_document_still_gets_s256(authorization_server):
    authorization_server.metadata = {"code_challenge_methods_supported": ["plain"]}
    assert (await discovering(authorization_server).authenticate()).success
    (received,) = [item for item in authorization_server.requests if item.endpoint == "authorize"]
    assert received.form["code_challenge_method"] == "S256"


async def test_a_server_that_names_itself_in_callbacks_is_held_to_it(authorization_server):
    authorization_server.iss = True
    provider = discovering(authorization_server, redirect_uri="https://app.example/cb")
    request = await provider.authorization_url()
    callback = await anyio.to_thread.run_sync(authorization_server.authorize, request.url)
    assert "iss=" in callback
    for wrong in (
        callback.partition("&iss=")[0],
        callback.partition("&iss=")[0] + "&iss=https%3A%2F%2Fevil.example",
    ):
        refused = await provider.complete_authorization(wrong, request)
        assert refused.error_info.code == "callback_refused"
    assert (await provider.complete_authorization(callback, request)).success


@pytest.mark.parametrize(
    ("methods", "header"),
    [
        (["client_secret_basic"], True),
        (["client_secret_post"], False),
        (["client_secret_basic", "client_secret_post"], False),
        (OMIT, False),
        ("x", False),
    ],
)
async def test_the_secret_goes_where_the_server_takes_it(authorization_server, methods, header):
    client = authorization_server.clients[authorization_server.client_id]
    client.method = "basic" if header else "post"
    authorization_server.metadata = {"token_endpoint_auth_methods_supported": methods}
    assert (await discovering(authorization_server, flow="client_credentials").authenticate()).success


async def test_a_server_without_a_document_is_named(authorization_server):
    provider = discovering(authorization_server, issuer=f"{authorization_server.origin}/nowhere")
    with pytest.raises(QuackError, match="has no metadata at") as caught:
        await provider.authorization_url()
    assert caught.value.kind is ErrorKind.MISCONFIGURED


async def test_a_server_that_is_down_is_asked_again_next_time(authorization_server):
    provider = discovering(authorization_server)
    issuer = provider.issuer
    provider.issuer = "http://127.0.0.1:9"
    with pytest.raises(QuackError) as caught:
        await provider.authorization_url()
    assert caught.value.retryable is True
    provider.issuer = issuer
    assert await provider.authorization_url()
