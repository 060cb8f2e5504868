"""Providers written as in the guide, and providers written with the hooks."""

import asyncio
import json
import shutil
import stat
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from quackcore_async.auth import BaseAuthProvider, Credentials, MemoryStore
from quackcore_async.errors import ConfigError, ContractError, CredentialsMissingError, ErrorKind
from quackcore_async.results import AuthResult, ErrorInfo


class Clock:
    """A clock that can be set."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Overriding(BaseAuthProvider):
    """A provider as the guide writes one: it keeps its token by itself."""

    name = "overriding"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.logins = 0
        self.refreshes = 0
        self.token: str | None = None
        self.expiry: int | None = None
        self.lifetime = 3600
        self.outcome: object = None
        self.gate: anyio.Event | None = None

    def _issue(self, token: str) -> AuthResult:
        self.token = token
        self.expiry = int(self._clock()) + self.lifetime
        return AuthResult.success_result(token=token, expiry=self.expiry)

    async def _talk(self) -> object:
        await anyio.lowlevel.checkpoint()
        if self.gate is not None:
            await self.gate.wait()
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome

    async def authenticate(self) -> AuthResult:
        self.logins += 1
        return await self._talk() or self._issue(f"login-{self.logins}")  # type: ignore[return-value]

    async def refresh_credentials(self) -> AuthResult:
        self.refreshes += 1
        return await self._talk() or self._issue(f"refresh-{self.refreshes}")  # type: ignore[return-value]

    async def get_credentials(self) -> object:
        return {"token": self.token, "expiry": self.expiry}

    async def save_credentials(self) -> bool:
        return False


class Hooked(BaseAuthProvider):
    """A provider that writes only the talk with the service."""

    name = "hooked"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.logins = 0
        self.refreshes = 0
        self.rotates = False
        self.failure: Exception | None = None

    async def _authenticate(self) -> Credentials:
        self.logins += 1
        if self.failure:
            raise self.failure
        return Credentials(f"login-{self.logins}", refresh_token="renewal-1", expires_at=int(self._clock()) + 3600)

    async def _refresh(self, credentials: Credentials) -> Credentials:
        self.refreshes += 1
        if self.failure:
            raise self.failure
        renewal = f"{credentials.refresh_token}+" if self.rotates else None
        return Credentials(
            f"refresh-{self.refreshes}", refresh_token=renewal, expires_at=int(self._clock()) + 3600
        )


async def test_a_thousand_refreshes_at_once_are_one():
    provider = Overriding()
    results: list[AuthResult] = []

    async def ask() -> None:
        results.append(await provider.refresh_credentials())

    async with anyio.create_task_group() as group:
        for _ in range(1000):
            group.start_soon(ask)
    assert provider.refreshes == 1
    assert {result.token for result in results} == {"refresh-1"}
    assert provider.authenticated is True
    assert provider.generation == 1


async def test_each_waiter_of_a_failed_refresh_gets_its_own_result():
    provider = Overriding()
    provider.outcome = AuthResult.error_result("down")
    results: list[AuthResult] = []

    async def ask() -> None:
        results.append(await provider.refresh_credentials())

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(ask)
    assert provider.refreshes == 1
    assert {result.error for result in results} == {"down"}
    assert len({id(result) for result in results}) == 20
    assert provider.authenticated is False


async def test_a_failed_refresh_is_not_repeated_within_its_back_off():
    provider = Overriding()
    info = ErrorInfo(kind=ErrorKind.UNAVAILABLE, code="down", retry_after=30.0)
    provider.outcome = AuthResult.error_result("down", error_info=info)
    await provider.refresh_credentials()
    again = await provider.refresh_credentials()
    assert again.error == "down"
    assert provider.refreshes == 1


async def test_authenticate_tries_also_within_a_back_off():
    provider = Overriding()
    info = ErrorInfo(kind=ErrorKind.UNAVAILABLE, code="down", retry_after=30.0)
    provider.outcome = AuthResult.error_result("down", error_info=info)
    await provider.refresh_credentials()
    provider.outcome = None
    assert (await provider.authenticate()).token == "login-1"
    assert (await provider.refresh_credentials()).token == "refresh-2"


async def test_authenticate_may_call_refresh_without_a_deadlock():
    class Renewing(Overriding):
        async def authenticate(self) -> AuthResult:
            return await self.refresh_credentials()

    provider = Renewing()
    with anyio.fail_after(5):
        assert (await provider.authenticate()).token == "refresh-1"
    assert provider.authenticated is True
    assert provider.generation == 1


async def test_get_credentials_renews_an_expired_token_once():
    clock = Clock()
    provider = Overriding(clock=clock)
    await provider.authenticate()
    clock.now += 4000
    seen: list[Any] = []

    async def ask() -> None:
        seen.append(await provider.get_credentials())

    async with anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(ask)
    assert provider.refreshes == 1
    assert {item["token"] for item in seen} == {"refresh-1"}


async def test_an_expired_token_that_a_written_login_took_from_its_own_file_is_renewed_at_once():
    class Remembering(Overriding):
        async def authenticate(self) -> AuthResult:
            self.token, self.expiry = "t0ken-of-a-file", int(self._clock()) - 100
            return AuthResult.success_result(token=self.token, expiry=self.expiry)

    provider = Remembering(clock=Clock())
    assert (await provider.authenticate()).success
    credentials: Any = await provider.get_credentials()
    assert (credentials["token"], provider.refreshes) == ("refresh-1", 1)


@pytest.mark.parametrize("nothing", [{}, None, ""])
async def test_nothing_is_returned_in_the_form_that_the_author_gave_it(nothing: object):
    class Empty(Overriding):
        async def get_credentials(self) -> object:
            return nothing

    assert await Empty().get_credentials() == nothing


async def test_a_short_token_is_not_renewed_by_every_call():
    clock = Clock()
    provider = Overriding(clock=clock)
    provider.lifetime = 30
    await provider.authenticate()
    clock.now += 10
    for _ in range(100):
        await provider.get_credentials()
    assert provider.refreshes == 0


async def test_a_provider_that_has_nothing_gets_its_last_login_back():
    class Forgetful(Overriding):
        async def get_credentials(self) -> object:
            return {}

    provider = Forgetful()
    assert not await provider.get_credentials()
    await provider.authenticate()
    credentials: Any = await provider.get_credentials()
    assert credentials.get("token") == credentials.token == "login-1"


async def test_a_refused_generation_is_renewed_only_while_it_is_current():
    provider = Overriding()
    await provider.authenticate()
    used = provider.generation
    first = await provider.refresh_credentials(rejected=used)
    second = await provider.refresh_credentials(rejected=used)
    assert first.token == "refresh-1"
    assert second.success
    assert provider.refreshes == 1


@pytest.mark.parametrize("method", ["authenticate", "refresh_credentials"])
async def test_an_exception_is_a_result(method: str):
    provider = Overriding()
    provider.outcome = ConnectionRefusedError("refused")
    result = await getattr(provider, method)()
    assert not result.success
    assert result.error_info.kind is ErrorKind.UNAVAILABLE
    assert result.error_info.operation == method


@pytest.mark.parametrize("method", ["authenticate", "refresh_credentials"])
async def test_what_a_hook_raises_is_a_result_that_names_the_method(method: str):
    provider = Hooked()
    await provider.authenticate()
    await provider.refresh_credentials()
    if method == "authenticate":
        await provider.logout()
    provider.failure = ConnectionRefusedError("refused")
    result = await getattr(provider, method)()
    assert result.error_info.kind is ErrorKind.UNAVAILABLE
    assert result.error_info.operation == method


async def test_what_is_no_result_is_a_broken_contract():
    provider = Overriding()
    provider.outcome = {"token": "x"}
    result = await provider.authenticate()
    assert result.error_info.code == "contract"


async def test_a_plain_def_is_named():
    class Plain(Overriding):
        def authenticate(self) -> AuthResult:  # type: ignore[override]
            return AuthResult.success_result(token="t")

    result = await Plain().authenticate()
    assert "Plain.authenticate is a plain function: write `async def authenticate`" in str(result.error)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_cancelled_leader_does_not_cut_a_refresh_short():
    provider = Overriding()
    provider.gate = anyio.Event()
    leader = asyncio.get_running_loop().create_task(provider.refresh_credentials())
    await anyio.wait_all_tasks_blocked()
    results: list[AuthResult] = []

    async def follow() -> None:
        results.append(await provider.refresh_credentials())

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(follow)
        await anyio.wait_all_tasks_blocked()
        leader.cancel()
        await anyio.wait_all_tasks_blocked()
        provider.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await leader
    assert provider.refreshes == 1
    assert [result.token for result in results] == ["refresh-1"] * 5


async def test_a_cancelled_scope_does_not_cut_a_refresh_short():
    provider = Overriding()
    provider.gate = anyio.Event()
    results: list[AuthResult] = []

    async def follow() -> None:
        results.append(await provider.refresh_credentials())

    async with anyio.create_task_group() as group, anyio.create_task_group() as leading:
        leading.start_soon(provider.refresh_credentials)
        await anyio.wait_all_tasks_blocked()
        group.start_soon(follow)
        await anyio.wait_all_tasks_blocked()
        leading.cancel_scope.cancel()
        group.start_soon(_set_soon, provider.gate)
    assert provider.refreshes == 1
    assert results[0].token == "refresh-1"
    assert provider.generation == 1


async def _set_soon(gate: anyio.Event) -> None:
    await anyio.wait_all_tasks_blocked()
    gate.set()


async def test_an_interactive_login_ends_at_once_when_cancelled():
    class Interactive(Overriding):
        interactive = True

    provider = Interactive()
    provider.gate = anyio.Event()
    with anyio.fail_after(5), anyio.move_on_after(0.01) as scope:
        await provider.authenticate()
    assert scope.cancelled_caught


async def test_a_hooked_provider_keeps_its_login_in_memory():
    provider = Hooked()
    result = await provider.authenticate()
    assert result.token == "login-1"
    credentials: Any = await provider.get_credentials()
    assert credentials["access_token"] == "login-1"
    assert credentials.get("refresh_token") == "renewal-1"
    assert await provider.save_credentials() is False


async def test_a_hooked_provider_stores_its_login_privately_and_takes_it_up_again():
    path = Path.home() / ".quack" / "login.json"
    await Hooked(credentials_file="~/.quack/login.json").authenticate()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    again = Hooked(credentials_file=str(path))
    result = await again.authenticate()
    assert result.token == "login-1"
    assert again.logins == 0


async def test_an_expired_stored_login_is_renewed_not_reused():
    clock = Clock()
    path = Path.home() / "login.json"
    path.write_text(json.dumps({"token": "old", "refresh_token": "renewal-0", "expiry": 1}))
    path.chmod(0o600)
    provider = Hooked(credentials_file=str(path), clock=clock)
    result = await provider.authenticate()
    assert result.token == "refresh-1"
    assert provider.logins == 0


async def test_a_refresh_without_a_new_refresh_token_keeps_the_old_one():
    path = Path.home() / "login.json"
    provider = Hooked(credentials_file=str(path))
    await provider.authenticate()
    await provider.refresh_credentials()
    stored = json.loads(path.read_text())
    assert (stored["access_token"], stored["refresh_token"]) == ("refresh-1", "renewal-1")


async def test_a_rotated_refresh_token_is_on_the_disk_when_it_is_published():
    path = Path.home() / "login.json"
    provider = Hooked(credentials_file=str(path))
    await provider.authenticate()
    provider.rotates = True
    for _ in range(3):
        await provider.refresh_credentials()
        credentials: Any = await provider.get_credentials()
        assert json.loads(path.read_text())["refresh_token"] == credentials.refresh_token
    assert credentials.refresh_token == "renewal-1+++"


async def test_a_login_that_cannot_be_stored_is_published_and_saved_later():
    folder = Path.home() / "creds"

    class Hindered(Hooked):
        async def _authenticate(self) -> Credentials:
            shutil.rmtree(folder)
            folder.write_text("a file where the folder should be")
            return await super()._authenticate()

    provider = Hindered(credentials_file=str(folder / "login.json"))
    result = await provider.authenticate()
    assert result.token == "login-1"
    folder.unlink()
    await provider.get_credentials()
    assert json.loads((folder / "login.json").read_text())["access_token"] == "login-1"


async def test_a_refresh_without_a_login_says_so():
    result = await Hooked().refresh_credentials()
    assert result.error_info.code == CredentialsMissingError.default_code


async def test_a_token_is_scrubbed_from_later_log_records(caplog: pytest.LogCaptureFixture):
    provider = Overriding()
    await provider.authenticate()
    provider.logger.warning("using %s", "login-1")
    assert "login-1" not in caplog.text
    assert "using ***" in caplog.text


def test_the_credentials_file_is_expanded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WHERE", "somewhere")
    provider = Hooked(credentials_file="~/$WHERE/login.json")
    assert provider.credentials_file == str(Path.home() / "somewhere" / "login.json")
    assert provider._ensure_credentials_directory() is True
    assert (Path.home() / "somewhere").is_dir()


def test_one_loop_after_the_other_works():
    provider = Overriding()
    assert asyncio.run(provider.authenticate()).success
    assert asyncio.run(provider.refresh_credentials()).success
    assert anyio.run(provider.refresh_credentials, backend="trio").success
    assert provider.generation == 3


async def test_a_lifetime_counts_from_when_the_login_was_obtained():
    clock = Clock()

    class Lifetimes(Overriding):
        async def get_credentials(self) -> object:
            return {"token": self.token, "expires_in": 100}

        def _issue(self, token: str) -> AuthResult:
            self.token = token
            return AuthResult.success_result(token=token)

    provider = Lifetimes(clock=clock)
    await provider.authenticate()
    await provider.get_credentials()
    assert provider.refreshes == 0
    clock.now += 100
    assert (await provider.get_credentials())["token"] == "refresh-1"  # type: ignore[index]


async def test_each_waiter_of_a_failure_gets_an_exception_of_its_own():
    provider = Overriding()
    provider.outcome = ConnectionError("down")
    results: list[AuthResult] = []

    async def ask() -> None:
        results.append(await provider.refresh_credentials())

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(ask)
    assert provider.refreshes == 1
    assert len({id(result.exception) for result in results}) == 10
    assert all(isinstance(result.exception.__cause__, ConnectionError) for result in results if result.exception)


async def test_a_refresh_token_that_a_provider_keeps_by_itself_is_scrubbed(caplog: pytest.LogCaptureFixture):
    class Leaky(Overriding):
        async def get_credentials(self) -> object:
            return {"token": self.token, "refresh_token": "renewal-of-leaky"}

    provider = Leaky()
    await provider.authenticate()
    await provider.get_credentials()
    provider.outcome = RuntimeError("refused renewal-of-leaky")
    result = await provider.refresh_credentials()
    assert result.error == "RuntimeError: refused ***"
    assert "renewal-of-leaky" not in caplog.text


async def test_a_mixin_that_overrides_refresh_credentials_is_in_the_flight():
    class Counting:
        async def refresh_credentials(self) -> AuthResult:
            result: AuthResult = await super().refresh_credentials()  # type: ignore[misc]
            return result

    class Mixed(Counting, Overriding):
        """The mixin knows nothing of the base class."""

    provider = Mixed()
    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(provider.refresh_credentials)
    assert provider.refreshes == 1


async def test_who_forgets_super_init_is_told_so():
    class Forgetful(BaseAuthProvider):
        name = "forgetful"

        def __init__(self) -> None:
            pass

    with pytest.raises(ContractError, match=r"Forgetful.__init__ does not call super\(\).__init__\(\)"):
        await Forgetful().get_credentials()


def test_two_places_for_one_login_are_refused():
    with pytest.raises(ConfigError, match="two places for one login"):
        Overriding(credentials_file="login.json", store=MemoryStore())


@pytest.mark.parametrize("method", ["authenticate", "refresh_credentials", "get_credentials"])
async def test_who_writes_one_of_the_public_methods_shares_no_login(method: str):
    async def written(self: BaseAuthProvider) -> Any:
        return None

    cls = type("Written", (BaseAuthProvider,), {"name": "written", method: written})
    assert not cls._shares_login
    assert type("Plain", (BaseAuthProvider,), {"name": "plain"})._shares_login
