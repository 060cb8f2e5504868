"""Logging out: here in any case, at the service as far as that goes, and for good."""

import json
from pathlib import Path
from typing import Any

import anyio
import pytest

from quackcore_async.auth import Credentials, EnvironmentStore
from quackcore_async.errors import CredentialsMissingError
from quackcore_async.results import AuthResult
from tests.auth.service import Clocks, Provider, Service


class Revoking(Provider):
    """Tells the service."""

    async def _revoke(self, credentials: Credentials) -> None:
        if self.service.failure is not None:
            raise self.service.failure
        self.service.revoked.append(credentials.refresh_token)


async def test_the_login_is_gone_from_memory_and_from_the_store(provider: Provider):
    await provider.authenticate()
    path = Path(str(provider.credentials_file))
    generation = provider.generation
    result = await provider.logout()
    assert result.content == {"revoked": False, "deleted": True}
    assert not path.exists()
    assert await provider.get_credentials() is None
    assert await provider.get_token() is None
    assert provider.authenticated is False
    assert provider.generation > generation
    assert (await provider.refresh_credentials()).error_info.code == CredentialsMissingError.default_code
    assert (await provider.authenticate()).token == "access-2-0"
    assert await provider.get_token() == "access-2-0"


async def test_the_service_is_told_of_the_newest_refresh_token(service: Service):
    provider = Revoking(service, credentials_file="login.json")
    await provider.authenticate()
    await provider.refresh_credentials()
    result = await provider.logout()
    assert result.content == {"revoked": True, "deleted": True}
    assert service.revoked == ["renewal-1-1"]


async def test_a_service_that_cannot_be_told_does_not_keep_the_login_here(
    service: Service, caplog: pytest.LogCaptureFixture
):
    provider = Revoking(service, credentials_file="login.json")
    await provider.authenticate()
    service.failure = ConnectionError("unreachable")
    result = await provider.logout()
    assert result.success
    assert result.content == {"revoked": False, "deleted": True}
    assert "could not be told: unreachable" in str(result.message)
    assert "the service of example could not be told of the logout: unreachable" in caplog.text
    assert not Path(str(provider.credentials_file)).exists()


async def test_a_refresh_under_way_cannot_bring_the_login_back(
    provider: Provider, service: Service, clocks: Clocks
):
    await provider.authenticate()
    service.gate = anyio.Event()
    results: list[AuthResult] = []

    async def log_out() -> None:
        results.append(await provider.logout())

    async with anyio.create_task_group() as group:
        group.start_soon(provider.refresh_credentials)
        while service.refreshes == 0:
            await anyio.sleep(0.001)
        group.start_soon(log_out)
        await anyio.wait_all_tasks_blocked()
        service.gate.set()
    assert results[0].success
    assert not Path(str(provider.credentials_file)).exists()
    assert await provider.get_credentials() is None


async def test_the_others_of_the_loop_are_logged_out_as_well(service: Service, clocks: Clocks):
    first, second = (Provider(service, credentials_file="login.json") for _ in range(2))
    await first.authenticate()
    await second.authenticate()
    await first.logout()
    assert await second.get_credentials() is None
    assert second.authenticated is False


async def test_a_store_that_keeps_the_login_is_a_failure(provider: Provider, monkeypatch: pytest.MonkeyPatch):
    await provider.authenticate()

    async def refuse(*_args: object) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("quackcore_async.auth.stores.file.FileStore.delete", refuse)
    result = await provider.logout()
    assert result.error_info.code == "access_denied"
    assert await provider.get_credentials() is None


async def test_a_login_in_the_environment_is_not_taken_up_again(service: Service, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("QUACK_EXAMPLE_TOKEN", "from-outside")
    provider = Provider(service, store=EnvironmentStore())
    assert await provider.get_token() == "from-outside"
    assert (await provider.logout()).content == {"revoked": False, "deleted": False}
    assert await provider.get_token() is None
    assert (await provider.authenticate()).token == "from-outside"


async def test_a_cancelled_logout_is_carried_out(service: Service):
    provider = Revoking(service, credentials_file="login.json")
    await provider.authenticate()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(provider.logout)
            while not service.revoked:
                await anyio.sleep(0)
            group.cancel_scope.cancel()
    assert not Path(str(provider.credentials_file)).exists()


async def test_a_provider_written_without_hooks_can_log_out():
    class Written(Provider):
        async def authenticate(self) -> AuthResult:
            self._ensure_credentials_directory()
            Path(str(self.credentials_file)).write_text(json.dumps({"token": "t0ken-of-a-file"}))
            return AuthResult.success_result(token="t0ken-of-a-file")

    provider = Written(Service(Clocks()), credentials_file="login.json")
    await provider.authenticate()
    credentials: Any = await provider.get_credentials()
    assert credentials["token"] == "t0ken-of-a-file"
    assert (await provider.logout()).success
    assert await provider.get_credentials() is None


@pytest.mark.parametrize("path", [None, "login.json"])
async def test_a_renewal_cannot_log_out_from_within_and_says_so_at_once(service: Service, path: str | None):
    answers: list[AuthResult] = []

    class Fickle(Provider):
        async def _refresh(self, credentials: Credentials) -> Credentials:
            answers.append(await self.logout())
            return await super()._refresh(credentials)

    provider = Fickle(service, credentials_file=path)
    await provider.authenticate()
    with anyio.fail_after(5):
        assert (await provider.refresh_credentials()).success
    assert [(answer.success, answer.error_info and answer.error_info.code) for answer in answers] == [
        (False, "cycle")
    ]
    assert await provider.get_token() == "access-1-1"
    assert (await provider.logout()).success


async def test_a_file_with_other_json_than_a_login_is_not_deleted(service: Service):
    provider = Revoking(service, credentials_file="client_secret.json")
    path = Path(str(provider.credentials_file))
    path.parent.mkdir(mode=0o700)
    path.write_text('{"installed": {}}')
    path.chmod(0o600)
    result = await provider.logout()
    assert (result.success, result.error_info.code) == (False, "store")
    assert path.read_text() == '{"installed": {}}'
    assert service.revoked == []


async def test_a_logout_says_that_a_class_with_a_login_of_its_own_still_has_it(service: Service):
    class Written(Provider):
        token = "t0ken-of-an-attribute"

        async def get_credentials(self) -> object:
            return {"token": self.token}

    result = await Written(service).logout()
    assert result.success is True
    assert result.message == (
        "example: logged out; what get_credentials() of Written keeps by itself is not cleared by this"
    )
