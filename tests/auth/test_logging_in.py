"""Logging in by the hooks: what those get who wait for it, and what ends it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest
from trio.testing import MockClock

from quackcore_async.auth import Credentials, MemoryStore
from quackcore_async.errors import ErrorKind, QuackError
from quackcore_async.results import AuthResult
from tests.auth.service import Clocks, Provider, Service

TRIO_AT_ONCE = [pytest.param(("trio", {"clock": MockClock(autojump_threshold=0)}), id="trio")]


async def test_a_result_says_what_was_done(provider: Provider, service: Service):
    assert (await provider.authenticate()).message == "example: logged in"
    assert (await provider.authenticate()).message == "example: using the stored login"
    assert (await provider.refresh_credentials()).message == "example: refreshed"


async def test_those_who_wait_for_a_login_whose_leader_is_cancelled_share_its_failure(service: Service):
    provider = Provider(service)
    service.gate, service.failure = anyio.Event(), ConnectionError("down")
    results: list[AuthResult] = []

    async def follow() -> None:
        results.append(await provider.authenticate())

    async def answer(gate: anyio.Event) -> None:
        await anyio.wait_all_tasks_blocked()
        gate.set()

    async with anyio.create_task_group() as group, anyio.create_task_group() as leading:
        leading.start_soon(provider.authenticate)
        await anyio.wait_all_tasks_blocked()
        for _ in range(5):
            group.start_soon(follow)
        await anyio.wait_all_tasks_blocked()
        leading.cancel_scope.cancel()
        group.start_soon(answer, service.gate)
    assert [result.error for result in results] == ["down"] * 5
    assert service.logins == 1


@pytest.mark.parametrize("anyio_backend", TRIO_AT_ONCE)
async def test_a_login_that_a_store_does_not_take_in_time_is_unknown_to_have_been_stored(service: Service):
    class Stuck(MemoryStore):
        async def save(self, key: str, data: Mapping[str, Any]) -> bool:
            await anyio.sleep_forever()
            return await super().save(key, data)

    class Interactive(Provider):
        interactive = True

    begun = anyio.current_time()
    result = await Interactive(service, store=Stuck()).authenticate()
    assert result.error == "the login of example was cut short"
    assert (result.error_info.kind, result.error_info.retryable) == (ErrorKind.TIMEOUT, True)
    assert result.error_info.indeterminate is True
    assert anyio.current_time() - begun == pytest.approx(15)


def put(provider: Provider, content: str, mode: int = 0o600) -> Path:
    """Have a file in the place of a provider's login."""
    path = Path(str(provider.credentials_file))
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_text(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o644])
@pytest.mark.parametrize("content", ["", '{"access_token": "t', "[]"])
async def test_a_file_that_holds_no_json_object_is_put_aside_and_does_not_keep_from_logging_in(
    provider: Provider, caplog: pytest.LogCaptureFixture, content: str, mode: int
):
    path = put(provider, content, mode)
    result = await provider.authenticate()
    assert (result.success, result.token) == (True, "access-1-0")
    assert json.loads(path.read_text())["access_token"] == "access-1-0"
    (aside,) = path.parent.glob("login.json.corrupt-*")
    assert aside.read_text() == content
    assert f"was put aside as {aside.name}" in caplog.text


async def test_a_broken_file_that_cannot_be_put_aside_keeps_from_logging_in(service: Service):
    provider = Provider(service, credentials_file="login.txt")
    path = put(provider, "notes of somebody")
    result = await provider.authenticate()
    assert (result.error_info.kind, result.error_info.code) == (ErrorKind.MISCONFIGURED, "store")
    assert path.read_text() == "notes of somebody"
    assert service.logins == 0


@pytest.mark.parametrize("token", [None, ""])
async def test_a_login_without_a_token_is_a_failure_that_keeps_the_older_one(
    service: Service, clocks: Clocks, token: str | None
):
    class Silent(Provider):
        async def _authenticate(self) -> Credentials:
            return Credentials(token)

    provider = Silent(service, credentials_file="login.json")
    path = put(provider, json.dumps({"access_token": "older", "expires_at": int(clocks.wall) - 1}))
    result = await provider.authenticate()
    assert result.error == "the service of example answered without a token"
    assert (result.error_info.kind, result.error_info.code) == (ErrorKind.CORRUPTED, "protocol")
    assert provider.authenticated is False
    assert json.loads(path.read_text())["access_token"] == "older"


async def test_a_first_login_without_a_token_stores_nothing(service: Service):
    class Silent(Provider):
        async def _authenticate(self) -> Credentials:
            return Credentials(None, refresh_token="renewal")

    provider = Silent(service, credentials_file="login.json")
    assert (await provider.authenticate()).success is False
    assert await provider.get_credentials() is None
    assert not Path(str(provider.credentials_file)).exists()


async def test_a_login_may_consist_of_something_else_than_a_token(service: Service):
    class Cookies(Provider):
        async def _authenticate(self) -> Credentials:
            return Credentials(None, extra={"cookie": "crumbs"})

    provider = Cookies(service)
    assert (await provider.authenticate()).success is True
    credentials: Any = await provider.get_credentials()
    assert credentials["cookie"] == "crumbs"


FOREIGN = json.dumps({"installed": {"client_id": "of-google", "client_secret": "S3CR3T"}})


async def test_a_file_with_other_json_than_a_login_is_named_and_not_overwritten(
    provider: Provider, service: Service
):
    path = put(provider, FOREIGN)
    result = await provider.authenticate()
    assert (result.error_info.kind, result.error_info.code) == (ErrorKind.MISCONFIGURED, "store")
    assert str(result.error).startswith(f"{path} holds something else than a login")
    assert "S3CR3T" not in str(result.error)
    assert path.read_text() == FOREIGN
    assert service.logins == 0
    with pytest.raises(QuackError, match="something else"):
        await provider.get_credentials()


async def test_a_login_that_came_by_another_way_is_not_stored_over_other_json(provider: Provider):
    path = put(provider, FOREIGN)
    result = await provider._take_up(Credentials("taken-up"))
    assert (result.success, result.token) == (True, "taken-up")
    assert path.read_text() == FOREIGN
    assert await provider.save_credentials() is False
    assert await provider.get_token() == "taken-up"


async def test_an_empty_object_is_no_login_and_in_nobodys_way(provider: Provider):
    put(provider, "{}")
    assert (await provider.authenticate()).success is True


async def test_an_author_who_keeps_the_login_by_himself_may_write_what_he_likes_into_the_file():
    class Written(Provider):
        async def authenticate(self) -> AuthResult:
            put(self, '{"session": "t0ken-of-a-session"}')
            return AuthResult.success_result(token="t0ken-of-a-session")

    provider = Written(Service(Clocks()), credentials_file="login.json")
    assert (await provider.authenticate()).success is True
    result = await provider.logout()
    assert (result.message, result.success) == ("example: logged out", True)
