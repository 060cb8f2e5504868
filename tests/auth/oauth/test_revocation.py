"""Telling the server that a login is over."""

from typing import Any

import pytest

from quackcore_async.auth import Credentials
from quackcore_async.errors import AuthError, ErrorKind, QuackError
from tests.servers.authorization import Answer, AuthorizationServer, json_answer


async def test_the_refresh_token_is_revoked_before_the_access_token(authorization_server, provide):
    provider = provide()
    await provider.authenticate()
    credentials: Any = await provider.get_credentials()
    await provider._revoke(credentials)
    assert authorization_server.revoked == [credentials.refresh_token, credentials.token]
    assert authorization_server.valid == set()
    hints = [item.form["token_type_hint"] for item in authorization_server.requests if item.endpoint == "revoke"]
    assert hints == ["refresh_token", "access_token"]


async def test_a_token_alone_is_revoked_alone(authorization_server, provide):
    await provide()._revoke(Credentials("t0ken"))
    assert authorization_server.revoked == ["t0ken"]


async def test_the_other_token_is_tried_when_one_fails(
    authorization_server: AuthorizationServer, provide, monkeypatch
):
    original = authorization_server._revoke

    def refuse_renewals(form: dict[str, str]) -> Any:
        if form["token_type_hint"] == "refresh_token":
            return json_answer({"error": "invalid_request"}, 400)
        return original(form)

    monkeypatch.setattr(authorization_server, "_revoke", refuse_renewals)
    with pytest.raises(QuackError, match="revoking the refresh_token failed") as caught:
        await provide()._revoke(Credentials("t0ken", refresh_token="renewal"))
    assert type(caught.value) is AuthError  # nothing was renewed
    assert authorization_server.revoked == ["t0ken"]


async def test_a_token_that_cannot_be_revoked_by_itself_is_no_failure(authorization_server, provide, monkeypatch):
    original = authorization_server._revoke

    def refuse_access_tokens(form: dict[str, str]) -> Any:
        if form["token_type_hint"] == "access_token":
            return json_answer({"error": "unsupported_token_type"}, 400)
        return original(form)

    monkeypatch.setattr(authorization_server, "_revoke", refuse_access_tokens)
    await provide()._revoke(Credentials("t0ken", refresh_token="renewal"))
    assert authorization_server.revoked == ["renewal"]


async def test_a_server_without_a_place_for_it_is_named(provide):
    with pytest.raises(QuackError) as caught:
        await provide(revocation_url="")._revoke(Credentials("t0ken"))
    assert caught.value.kind is ErrorKind.UNSUPPORTED
    assert caught.value.code == "no_revocation"


async def test_logging_out_revokes_and_forgets(authorization_server, provide, tmp_path):
    path = tmp_path / "login.json"
    provider = provide(credentials_file=str(path))
    await provider.authenticate()
    result = await provider.logout()
    assert result.success
    assert result.content == {"revoked": True, "deleted": True}
    assert authorization_server.valid == set()
    assert not path.exists()
    assert await provider.get_credentials() is None


async def test_logging_out_succeeds_here_when_the_server_is_down(authorization_server, provide, monkeypatch):
    provider = provide()
    await provider.authenticate()
    monkeypatch.setattr(authorization_server, "_revoke", lambda _form: Answer(500))
    result = await provider.logout()
    assert result.success
    assert result.content["revoked"] is False
    assert "could not be told" in result.message
    assert await provider.get_credentials() is None


async def test_logging_out_without_a_place_for_it_says_nothing_of_it(authorization_server, provide):
    provider = provide(revocation_url="")
    assert provider.can_revoke is False
    await provider.authenticate()
    result = await provider.logout()
    assert result.success
    assert "could not be told" not in result.message
