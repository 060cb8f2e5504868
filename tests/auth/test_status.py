"""How a login stands, without asking the service."""

import json
from pathlib import Path

import httpx
import pytest

from quackcore_async.auth import AwsCredentialsProvider, BearerTokenProvider, EnvironmentStore, OAuthProvider
from quackcore_async.errors import QuackError, TokenRefreshError
from tests.auth.service import Clocks, Provider, Service


class Interactive(Provider):
    """Asks a person."""

    interactive = True


@pytest.fixture
def asking(service: Service) -> Interactive:
    return Interactive(service, credentials_file="login.json")


async def test_a_login_that_needs_a_person_is_missing_at_first_and_of_no_use(asking: Interactive):
    status = await asking.status()
    assert (status.state, status.renewable, status.is_usable) == ("missing", False, False)
    assert status.kept_in == asking.credentials_file


async def test_it_is_valid_then_and_renewable_by_its_refresh_token(asking: Interactive, clocks: Clocks):
    await asking.authenticate()
    status = await asking.status()
    assert (status.state, status.renewable, status.is_usable) == ("valid", True, True)
    assert status.expires_at == int(clocks.wall) + 3600
    assert status.kept_in == asking.credentials_file


async def test_an_expired_one_can_be_renewed_until_the_service_has_called_it_off(
    asking: Interactive, service: Service, clocks: Clocks
):
    await asking.authenticate()
    clocks.advance(4000)
    assert ((await asking.status()).state, (await asking.status()).is_usable) == ("expired", True)
    service.failure = TokenRefreshError("over", code="invalid_grant")
    with pytest.raises(QuackError):
        await asking.get_credentials()
    status = await asking.status()
    assert (status.state, status.renewable, status.is_usable) == ("refused", False, False)
    assert service.refreshes == 1


async def test_looking_renews_nothing(asking: Interactive, service: Service, clocks: Clocks):
    await asking.authenticate()
    clocks.advance(4000)
    await asking.status()
    assert (service.logins, service.refreshes) == (1, 0)


async def test_a_client_that_logs_in_by_its_own_right_needs_no_refresh_token(clocks: Clocks):
    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"access_token": "t", "expires_in": 60})

    provider = OAuthProvider(
        "client",
        "a secret",
        token_url="https://login.test/token",
        flow="client_credentials",
        wire=httpx.MockTransport(answer),
        **clocks.options(),
    )
    before = await provider.status()
    assert (before.state, before.renewable, before.is_usable) == ("missing", True, True)
    await provider.authenticate()
    clocks.advance(100)
    after = await provider.status()
    assert (after.state, after.renewable, after.is_usable) == ("expired", True, True)


async def test_keys_that_are_configured_are_of_use_before_the_first_login():
    assert (await AwsCredentialsProvider("AKIA", "s3cr3t-key").status()).is_usable
    assert (await BearerTokenProvider("s3cr3t-token").status()).is_usable


async def test_after_a_logout_a_login_that_the_environment_still_has_does_not_count(
    service: Service, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("QUACK_EXAMPLE_TOKEN", "from-outside")
    provider = Interactive(service, store=EnvironmentStore())
    assert (await provider.status()).state == "valid"
    await provider.logout()
    assert (await provider.status()).state == "missing"
    assert await provider.get_credentials() is None


async def test_a_store_that_cannot_be_read_is_an_error(asking: Interactive):
    path = Path(str(asking.credentials_file))
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_text(json.dumps({"v": 7}), encoding="utf-8")
    path.chmod(0o600)
    with pytest.raises(QuackError, match="format 7"):
        await asking.status()
