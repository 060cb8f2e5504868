"""Renewing a login by the hooks: once for all, stored before it shows, and not again too soon."""

import json
from pathlib import Path
from typing import Any

import anyio
import pytest

from quackcore_async.auth import Credentials, FileStore, MemoryStore, RefreshEvent
from quackcore_async.errors import ErrorKind, QuackError, TokenRefreshError, TransportError
from quackcore_async.results import AuthResult
from tests.auth.service import Clocks, Provider, Service, elsewhere

STORED = Path(".quack") / "login.json"


def stored() -> dict[str, Any]:
    return json.loads((Path.home() / STORED).read_text())


async def gather(count: int, call: Any) -> list[Any]:
    """Call something in many tasks at once; exceptions are outcomes."""
    outcomes: list[Any] = []

    async def ask() -> None:
        try:
            outcomes.append(await call())
        except QuackError as exc:
            outcomes.append(exc)

    async with anyio.create_task_group() as group:
        for _ in range(count):
            group.start_soon(ask)
    return outcomes


async def test_a_thousand_callers_of_an_expired_token_cause_one_refresh(
    provider: Provider, service: Service, clocks: Clocks
):
    await provider.authenticate()
    clocks.advance(3600)
    tokens = await gather(1000, provider.get_token)
    assert tokens == ["access-1-1"] * 1000
    assert service.refreshes == 1


async def test_a_thousand_refusals_of_one_token_cause_one_refresh(provider: Provider, service: Service):
    await provider.authenticate()
    used = provider.generation
    results = await gather(1000, lambda: provider.refresh_credentials(rejected=used))
    assert {result.token for result in results} == {"access-1-1"}
    assert len({id(result) for result in results}) == 1000
    assert service.refreshes == 1


FAILURES = [
    TransportError("refused", retryable=True),
    TokenRefreshError("called off", code="invalid_grant"),
    TimeoutError(),
    ValueError("<html>"),
]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
async def test_a_thousand_callers_share_a_failure_and_nobody_asks_again_too_soon(
    provider: Provider, service: Service, clocks: Clocks, failure: Exception
):
    await provider.authenticate()
    clocks.advance(3600)
    service.failure = failure
    outcomes = await gather(1000, provider.get_credentials)
    assert service.refreshes == 1
    assert all(isinstance(outcome, QuackError) for outcome in outcomes)
    assert len({id(outcome) for outcome in outcomes}) == 1000
    clocks.advance(0.01)
    outcomes = await gather(100, provider.get_credentials)
    assert service.refreshes == 1
    assert all(isinstance(outcome, QuackError) for outcome in outcomes)
    assert provider.authenticated is False
    clocks.advance(61)
    await gather(100, provider.get_credentials)
    assert service.refreshes == (1 if getattr(failure, "code", "") == "invalid_grant" else 2)


async def test_who_asks_again_too_soon_learns_the_cause_too_but_not_the_frames_that_hold_tokens(
    provider: Provider, service: Service
):
    await provider.authenticate()
    service.failure = ValueError("<html>")
    await provider.refresh_credentials()
    again = await provider.refresh_credentials()
    assert again.exception is not None
    cause = again.exception.__cause__
    assert isinstance(cause, ValueError)
    assert (str(cause), cause.__traceback__) == ("<html>", None)
    assert service.refreshes == 1


async def test_a_retry_after_is_waited_for(provider: Provider, service: Service, clocks: Clocks):
    await provider.authenticate()
    service.failure = TransportError("busy", retry_after=40.0, retryable=True)
    await provider.refresh_credentials()
    clocks.advance(39)
    assert not (await provider.refresh_credentials()).success
    assert service.refreshes == 1
    service.failure = None
    clocks.advance(2)
    assert (await provider.refresh_credentials()).success


async def test_the_back_off_doubles_up_to_a_minute(provider: Provider, service: Service, clocks: Clocks):
    await provider.authenticate()
    ceilings: list[float] = []
    provider._login.bind_to_loop().refresh_failure.backoff._jitter = lambda ceiling: (
        ceilings.append(ceiling) or ceiling
    )
    service.failure = TransportError("down", retryable=True)
    for _ in range(9):
        await provider.refresh_credentials()
        clocks.advance(60)
    assert ceilings == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    service.failure = None
    assert (await provider.refresh_credentials()).success
    service.failure = TransportError("down", retryable=True)
    await provider.refresh_credentials()
    assert ceilings[-1] == 1


async def test_a_failed_refresh_does_not_take_a_token_away_that_still_works(
    provider: Provider, service: Service, clocks: Clocks
):
    await provider.authenticate()
    service.failure = TransportError("down", retryable=True)
    clocks.advance(3590)
    assert await provider.get_token() == "access-1-0"
    assert service.refreshes == 1
    clocks.advance(11)
    with pytest.raises(QuackError, match="down"):
        await provider.get_token()


async def test_a_short_token_is_renewed_once_in_half_its_life(
    provider: Provider, service: Service, clocks: Clocks
):
    service.lifetime = 30
    await provider.authenticate()
    for _ in range(100):
        clocks.advance(0.3)
        await provider.get_credentials()
    assert service.refreshes <= 2


async def test_a_chain_of_refresh_tokens_is_never_broken(provider: Provider, service: Service, clocks: Clocks):
    await provider.authenticate()
    for _ in range(200):
        clocks.advance(3600)
        await gather(50, provider.get_credentials)
    assert (service.refreshes, service.reuses) == (200, 0)


async def test_what_a_caller_sees_is_on_the_disk(provider: Provider, service: Service, clocks: Clocks):
    await provider.authenticate()
    for _ in range(20):
        clocks.advance(3600)
        credentials: Any = await provider.get_credentials()
        assert stored()["refresh_token"] == credentials.refresh_token
        assert stored()["access_token"] == credentials.token


async def test_the_store_counts_how_often_it_was_written_whoever_writes(service: Service):
    numbers = []
    for _ in range(3):
        provider = elsewhere(Provider(service, credentials_file="login.json"))
        await provider.authenticate()
        await provider.refresh_credentials()
        numbers.append(stored()["generation"])
    assert numbers == [2, 3, 4]


async def test_nobody_sees_a_token_before_it_is_stored(
    provider: Provider, service: Service, monkeypatch: pytest.MonkeyPatch
):
    await provider.authenticate()
    saving, go = anyio.Event(), anyio.Event()
    save = FileStore.save

    async def slow(self: FileStore, key: str, data: Any) -> bool:
        saving.set()
        await go.wait()
        return await save(self, key, data)

    monkeypatch.setattr(FileStore, "save", slow)
    async with anyio.create_task_group() as group:
        group.start_soon(provider.refresh_credentials)
        await saving.wait()
        assert await provider.get_token() == "access-1-0"
        go.set()
    assert await provider.get_token() == "access-1-1"


async def test_an_answer_without_a_token_changes_nothing(provider: Provider, service: Service):
    class Empty(Provider):
        async def _refresh(self, credentials: Credentials) -> Credentials:
            return Credentials.from_mapping({"foo": 1})

    await provider.authenticate()
    careless = Empty(service, credentials_file="login.json")
    await careless.authenticate()
    result = await careless.refresh_credentials()
    assert result.error_info.kind is ErrorKind.CORRUPTED
    assert stored()["access_token"] == "access-1-0"
    assert await careless.get_token() == "access-1-0"


async def test_what_is_no_credentials_is_a_broken_contract(service: Service):
    class Wrong(Provider):
        async def _authenticate(self) -> Any:
            return {"access_token": "t"}

    result = await Wrong(service).authenticate()
    assert result.error_info.code == "contract"
    assert "Wrong._authenticate returned dict" in str(result.error)


@pytest.mark.parametrize("renewal", [None, ""])
async def test_a_refresh_without_a_refresh_token_keeps_the_old_one(service: Service, renewal: str | None):
    class Keeping(Provider):
        async def _refresh(self, credentials: Credentials) -> Credentials:
            return Credentials("next", refresh_token=renewal)

    provider = Keeping(service, credentials_file="login.json")
    await provider.authenticate()
    await provider.refresh_credentials()
    assert (stored()["access_token"], stored()["refresh_token"]) == ("next", "renewal-1-0")


async def test_fields_that_nobody_knows_stay_in_the_file(service: Service):
    path = Path.home() / STORED
    path.parent.mkdir(mode=0o700)
    path.write_text(json.dumps({"token": "old", "refresh_token": "renewal-1-0", "from_later": {"a": 1}}))
    path.chmod(0o600)
    service.valid = "renewal-1-0"
    await Provider(service, credentials_file="login.json").refresh_credentials()
    assert stored()["from_later"] == {"a": 1}
    assert stored()["access_token"] == "access-1-1"


async def test_a_lifetime_counts_from_before_the_request_was_sent(service: Service, clocks: Clocks):
    class Slow(Provider):
        async def _authenticate(self) -> Credentials:
            clocks.advance(50)
            return Credentials.from_mapping({"access_token": "slow", "expires_in": "100"})

    begun = int(clocks.wall)
    provider = Slow(service, credentials_file="login.json")
    result = await provider.authenticate()
    assert result.expiry == begun + 100
    clocks.advance(49.9)
    assert provider._login.grant is not None
    assert provider._login.grant.validity.mandatory.is_past(provider._login.clocks.now())


@pytest.mark.parametrize("lifetime", ["soon", True, float("nan"), float("inf"), [], {}])
async def test_a_lifetime_that_makes_no_sense_is_unknown(
    service: Service, clocks: Clocks, lifetime: object, caplog: pytest.LogCaptureFixture
):
    class Odd(Provider):
        async def _authenticate(self) -> Credentials:
            return Credentials.from_mapping({"access_token": "odd", "expires_in": lifetime})

    provider = Odd(service)
    assert (await provider.authenticate()).expiry is None
    assert "expires_in makes no sense" in caplog.text
    clocks.advance(10**9)
    assert await provider.get_token() == "odd"
    assert service.refreshes == 0


@pytest.mark.parametrize("lifetime", [0, -1, -(10**9)])
async def test_a_token_that_expired_at_birth_is_renewed_at_most_every_ten_seconds(
    provider: Provider, service: Service, clocks: Clocks, lifetime: int
):
    service.lifetime = lifetime
    await provider.authenticate()
    for _ in range(300):
        clocks.advance(0.1)
        assert await provider.get_token()
    assert service.refreshes <= 3


# Refusals of a token that looks valid.


async def test_a_token_from_a_refresh_that_is_refused_as_well_is_not_renewed_again(
    provider: Provider, service: Service, clocks: Clocks
):
    await provider.authenticate()
    assert (await provider.refresh_credentials(rejected=provider.generation)).success
    clocks.advance(30)
    again = await provider.refresh_credentials(rejected=provider.generation)
    assert again.error_info.code == "unauthorized"
    assert service.refreshes == 1
    clocks.advance(31)
    assert (await provider.refresh_credentials(rejected=provider.generation)).success


async def test_a_token_renewed_less_than_ten_seconds_ago_is_not_renewed_for_a_refusal(
    provider: Provider, service: Service, clocks: Clocks
):
    await provider.authenticate()
    await provider.refresh_credentials()
    clocks.advance(9)
    assert not (await provider.refresh_credentials(rejected=provider.generation)).success
    clocks.advance(2)
    assert (await provider.refresh_credentials(rejected=provider.generation)).success
    assert service.refreshes == 2


async def test_a_refusal_of_an_earlier_token_gets_the_current_one(provider: Provider, service: Service):
    await provider.authenticate()
    used = provider.generation
    await provider.refresh_credentials()
    result = await provider.refresh_credentials(rejected=used)
    assert (result.success, result.token) == (True, "access-1-1")
    assert service.refreshes == 1


async def test_logging_in_again_does_not_take_up_a_token_that_was_refused(provider: Provider, service: Service):
    await provider.authenticate()
    service.failure = TokenRefreshError("called off", code="invalid_grant")
    await provider.refresh_credentials(rejected=provider.generation)
    service.failure = None
    assert (await provider.authenticate()).token == "access-2-0"


# A login that the service calls off.


async def test_a_login_that_was_called_off_makes_no_request_until_somebody_logs_in(
    provider: Provider, service: Service, clocks: Clocks
):
    await provider.authenticate()
    service.valid = "something else"
    clocks.advance(3600)
    for _ in range(20):
        with pytest.raises(TokenRefreshError) as caught:
            await provider.get_credentials()
        assert caught.value.code == "invalid_grant"
        clocks.advance(100)
    assert service.refreshes == 1
    assert stored()["refresh_token"] == "renewal-1-0"
    assert stored()["revoked_at"] > 0
    assert (await provider.authenticate()).token == "access-2-0"
    assert "revoked_at" not in stored()
    assert await provider.get_token() == "access-2-0"


async def test_the_next_process_knows_that_a_login_was_called_off(
    provider: Provider, service: Service, clocks: Clocks
):
    await provider.authenticate()
    service.valid = None
    await provider.refresh_credentials()
    clocks.advance(3600)
    later = elsewhere(Provider(service, credentials_file="login.json"))
    with pytest.raises(TokenRefreshError) as caught:
        await later.get_credentials()
    assert caught.value.code == "reauth_required"
    assert service.refreshes == 1


async def test_a_login_that_was_called_off_goes_on_when_the_store_has_another(
    provider: Provider, service: Service, clocks: Clocks
):
    await provider.authenticate()
    service.valid = None
    assert not (await provider.refresh_credentials()).success
    assert (await elsewhere(Provider(service, credentials_file="login.json")).authenticate()).success
    clocks.advance(1)
    assert await provider.get_token()
    assert (await provider.refresh_credentials()).success
    assert service.reuses == 1


class Overtaken(Service):
    """Refuses the first refresh, during which another process stores a login of its own."""

    lifetime_of_other = 3600

    async def refresh(self, credentials: Credentials) -> Credentials:
        if self.refreshes:
            return await super().refresh(credentials)
        self.refreshes += 1
        expires_at = self.clocks.wall + self.lifetime_of_other
        other = {"access_token": "access-9-0", "refresh_token": "renewal-9-0", "expires_at": expires_at}
        Path.home().joinpath(STORED).write_text(json.dumps({**stored(), **other}))
        self.valid = "renewal-9-0"
        raise TokenRefreshError("called off", code="invalid_grant")


@pytest.mark.parametrize(("lifetime", "token", "refreshes"), [(3600, "access-9-0", 1), (-10, "access-9-1", 2)])
async def test_what_another_process_stored_while_a_refresh_was_refused_counts_before_the_end_of_the_login(
    clocks: Clocks, lifetime: int, token: str, refreshes: int
):
    service = Overtaken(clocks)
    service.lifetime_of_other = lifetime
    provider = Provider(service, credentials_file="login.json")
    await provider.authenticate()
    result = await provider.refresh_credentials()
    assert (result.error, result.token, service.refreshes) == (None, token, refreshes)
    assert "revoked_at" not in stored()


async def test_the_end_of_a_login_that_cannot_be_marked_is_an_end_all_the_same(
    service: Service, caplog: pytest.LogCaptureFixture
):
    class Full(MemoryStore):
        """Takes the first login, and nothing after it."""

        async def save(self, key: str, data: Any) -> bool:
            if await self.load(key):
                raise OSError(28, "No space left on device")
            return await super().save(key, data)

    provider = Provider(service, store=Full())
    await provider.authenticate()
    service.valid = None
    result = await provider.refresh_credentials()
    assert result.error_info.code == "invalid_grant"
    assert "the login of example could not be marked as called off: [Errno 28] No space left" in caplog.text


# A login that cannot be stored.


async def test_a_renewed_login_that_cannot_be_stored_is_used_and_stored_later(
    service: Service, clocks: Clocks, monkeypatch: pytest.MonkeyPatch
):
    events: list[RefreshEvent] = []
    provider = Provider(service, credentials_file="login.json", on_refresh=events.append)
    await provider.authenticate()
    saves = [0]

    async def full(*_args: object) -> bool:
        saves[0] += 1
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("quackcore_async.auth.stores.file.FileStore.save", full)
        assert (await provider.refresh_credentials()).token == "access-1-1"
        assert (events[-1].kind, events[-1].success, events[-1].saved) == ("refresh", True, False)
        assert events[-1].error_info.code == "disk_full"
        assert events[-1].error_info.operation == "save_credentials"
        for _ in range(20):
            assert await provider.get_token() == "access-1-1"
        assert saves[0] == 2
    assert stored()["refresh_token"] == "renewal-1-0"
    clocks.advance(1.1)
    await provider.get_credentials()
    assert stored()["refresh_token"] == "renewal-1-1"
    assert (events[-1].kind, events[-1].saved) == ("save", True)
    assert (service.refreshes, service.reuses) == (1, 0)


async def test_an_unsaved_login_is_renewed_with_its_own_refresh_token(
    provider: Provider, service: Service, clocks: Clocks, monkeypatch: pytest.MonkeyPatch
):
    await provider.authenticate()

    async def full(*_args: object) -> bool:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("quackcore_async.auth.stores.file.FileStore.save", full)
        await provider.refresh_credentials()
        clocks.advance(3600)
        assert await provider.get_token() == "access-1-2"
    clocks.advance(3600)
    assert await provider.get_token() == "access-1-3"
    assert service.reuses == 0
    assert stored()["refresh_token"] == "renewal-1-3"


async def test_closing_stores_what_is_not_stored_yet(
    provider: Provider, service: Service, monkeypatch: pytest.MonkeyPatch
):
    async def full(*_args: object) -> bool:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("quackcore_async.auth.stores.file.FileStore.save", full)
        await provider.authenticate()
        await provider.get_credentials()
    assert not (Path.home() / STORED).exists()
    await provider.aclose()
    await provider.aclose()
    assert stored()["access_token"] == "access-1-0"


async def test_what_an_observer_does_wrong_is_only_logged(service: Service, caplog: pytest.LogCaptureFixture):
    def observe(_event: RefreshEvent) -> None:
        raise RuntimeError("observer")

    provider = Provider(service, on_refresh=observe)
    assert (await provider.authenticate()).success
    assert "on_refresh of example failed" in caplog.text


async def test_an_interactive_login_is_not_asked_for_while_the_service_is_down(
    provider: Provider, service: Service, clocks: Clocks
):
    class Interactive(Provider):
        interactive = True

    await provider.authenticate()
    clocks.advance(3600)
    service.failure = TransportError("down", retryable=True)
    result: AuthResult = await Interactive(service, credentials_file="login.json").authenticate()
    assert result.error == "down"
    assert service.logins == 1
