"""Starting once, failing whole, closing once."""

import asyncio
import logging
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import httpx
import pytest

from quackcore_async.errors import ErrorKind, QuackError
from quackcore_async.results import AuthResult, ConfigResult, ErrorInfo, IntegrationResult
from quackcore_async.service import BaseIntegrationService, IntegrationState


class Client:
    """Something to be closed."""

    def __init__(self) -> None:
        self.closed = 0

    async def aclose(self) -> None:
        self.closed += 1


class Hooked(BaseIntegrationService):
    """An integration written with the hooks."""

    name = "hooked"

    def __init__(self, failures: list[BaseException | None] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.failures = failures or []
        self.starts = 0
        self.client: Client | None = None
        self.made: list[Client] = []
        self.events: list[str] = []

    async def _setup(self) -> None:
        self.starts += 1
        self.client = Client()
        self.made.append(self.client)
        self._exit_stack.callback(self.events.append, "stack closed")
        await anyio.lowlevel.checkpoint()
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure

    async def _teardown(self) -> None:
        self.events.append("teardown")


class Overriding(BaseIntegrationService):
    """An integration written as the guide does: `initialize` calls `super().initialize()` first."""

    name = "overriding"

    def __init__(self, outcome: object = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.outcome = outcome
        self.client: Client | None = None
        self.starts = 0
        self.made: list[Client] = []

    async def initialize(self) -> IntegrationResult[Any]:
        result = await super().initialize()
        if not result.success:
            return result
        self.starts += 1
        self.client = Client()
        self.made.append(self.client)
        await anyio.lowlevel.checkpoint()
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        if self.outcome is not None:
            return self.outcome  # type: ignore[return-value]
        self._initialized = True
        return IntegrationResult.success_result(message="up")

    async def is_available(self) -> bool:
        return await super().is_available() and self.client is not None


async def test_a_hundred_first_calls_start_once():
    integration = Hooked()
    results = []

    async def use() -> None:
        results.append(await integration._ensure_initialized())

    async with anyio.create_task_group() as group:
        for _ in range(100):
            group.start_soon(use)
    assert integration.starts == 1
    assert results == [None] * 100
    assert integration.state is IntegrationState.READY


@pytest.mark.parametrize("make", [Hooked, Overriding])
async def test_initialize_again_keeps_what_is_up(make: type[Any]):
    integration = make()
    first = await integration.initialize()
    second = await integration.initialize()
    assert first.success
    assert second.success
    assert integration.starts == 1
    await integration.aclose()


async def test_an_exception_in_a_hook_is_a_result_and_closes_everything():
    integration = Hooked([httpx.ConnectError("refused")])
    result = await integration.initialize()
    assert not result.success
    assert result.error_info is not None
    assert result.error_info.kind is ErrorKind.UNAVAILABLE
    assert result.error_info.service == "hooked"
    assert result.error_info.operation == "initialize"
    assert integration.client is None
    assert integration.made[0].closed == 1
    assert integration.events == ["stack closed"]
    assert not await integration.is_available()
    assert integration._initialized is False


async def test_a_failed_start_is_tried_again_by_the_next_call():
    integration = Hooked([ValueError("bad"), None])
    assert not (await integration.initialize()).success
    assert await integration._ensure_initialized() is None
    assert integration.starts == 2
    assert await integration.is_available()


@pytest.mark.parametrize("outcome", [IntegrationResult.error_result("no client"), ValueError("no client"), 42])
async def test_the_outermost_outcome_decides_after_the_base_part_passed(outcome: object):
    integration = Overriding(outcome)
    result = await integration.initialize()
    assert not result.success
    assert integration._initialized is False
    assert not await integration.is_available()
    assert integration.client is None
    assert integration.made[0].closed == 1


async def test_what_is_no_result_is_named_as_a_broken_contract():
    integration = Overriding(outcome=42)
    result = await integration.initialize()
    assert result.error_info is not None
    assert result.error_info.code == "contract"
    assert "Overriding.initialize returned int" in str(result.error)


class Returning(Hooked):
    """Its `_setup` returns what it is given, after it has opened its client."""

    def __init__(self, outcome: object) -> None:
        super().__init__()
        self.outcome = outcome

    async def _setup(self) -> Any:
        await super()._setup()
        return self.outcome


@pytest.mark.parametrize("result_type", [IntegrationResult, AuthResult, ConfigResult])
async def test_a_failed_result_that_the_setup_returns_is_the_failure_of_the_start(result_type: Any):
    info = ErrorInfo(kind=ErrorKind.MISCONFIGURED, code="no_key")
    integration = Returning(result_type.error_result("API key not configured", error_info=info))
    result = await integration.initialize()
    assert (result.success, result.error, result.error_info) == (False, "API key not configured", info)
    assert integration.state is IntegrationState.MISCONFIGURED
    assert not await integration.is_available()
    assert integration.made[0].closed == 1


async def test_a_successful_result_of_the_setup_is_a_success():
    async with Returning(IntegrationResult.success_result(message="open")) as integration:
        assert integration.state is IntegrationState.READY


@pytest.mark.parametrize("outcome", [False, {"success": False}])
async def test_a_setup_that_returns_what_is_no_result_breaks_its_contract(outcome: object):
    integration = Returning(outcome)
    result = await integration.initialize()
    assert result.error_info.code == "contract"
    assert result.error == f"Returning._setup returned {type(outcome).__name__}: return a result or nothing"
    assert integration.made[0].closed == 1


async def test_a_plain_def_is_named():
    class Plain(BaseIntegrationService):
        name = "plain"

        def initialize(self) -> IntegrationResult[Any]:  # type: ignore[override]
            return IntegrationResult.success_result()

    result = await Plain().initialize()
    assert not result.success
    assert "Plain.initialize is a plain function: write `async def initialize`" in str(result.error)


async def test_a_plain_provider_method_is_named():
    class Provider:
        name = "p"

        def load_config(self, config_path: str | None = None) -> ConfigResult:
            return ConfigResult.success_result({})

    result = await Hooked(config_provider=Provider()).initialize()  # type: ignore[arg-type]
    assert "Provider.load_config is a plain function" in str(result.error)


class PlainLogin:
    """Breaks its protocol only where the start asks nothing of it."""

    name = "login"
    authenticated = True

    def get_credentials(self) -> dict[str, Any]:
        return {"token": "t"}


class PlainConfig:
    """Breaks its protocol only where the start asks nothing of it."""

    name = "config"

    async def load_config(self, config_path: str | None = None) -> ConfigResult:
        return ConfigResult.success_result({})

    def validate_config(self, config: dict[str, Any]) -> bool:
        return True


@pytest.mark.parametrize(
    ("providers", "named"),
    [
        ({"auth_provider": PlainLogin()}, ["PlainLogin.get_credentials"]),
        ({"config_provider": PlainConfig()}, ["PlainConfig.validate_config"]),
        (
            {"config_provider": PlainConfig(), "auth_provider": PlainLogin()},
            ["PlainConfig.validate_config", "PlainLogin.get_credentials"],
        ),
    ],
)
async def test_a_plain_provider_method_that_no_start_calls_is_named_by_it(
    providers: dict[str, Any], named: list[str]
):
    integration = Hooked(**providers)
    result = await integration.initialize()
    assert result.error_info.code == "contract"
    for method in named:
        assert f"{method} is a plain function: write `async def {method.split('.')[1]}`" in result.error
    assert integration.starts == 0


async def test_a_forgotten_storage_method_is_refused_by_name():
    from quackcore_async.protocols import StorageIntegrationProtocol

    class Half(Hooked, StorageIntegrationProtocol):
        async def upload_file(self, file_path: str, remote_path: str | None = None) -> IntegrationResult[str]:
            return IntegrationResult.success_result("x")

    with pytest.raises(TypeError, match="create_folder"):
        Half()  # type: ignore[abstract]


async def test_others_see_it_unavailable_until_the_start_is_wholly_done():
    seen: list[bool] = []
    release = anyio.Event()

    class Slow(Overriding):
        async def initialize(self) -> IntegrationResult[Any]:
            result = await super().initialize()
            assert self._initialized is True
            assert await self.is_available()
            await release.wait()
            return result

    integration = Slow()
    async with anyio.create_task_group() as group:
        group.start_soon(integration.initialize)
        await anyio.wait_all_tasks_blocked()
        seen.append(await integration.is_available())
        release.set()
    seen.append(await integration.is_available())
    assert seen == [False, True]


async def test_inside_its_own_start_the_base_part_is_enough():
    outcomes: list[object] = []

    class Nested(Overriding):
        async def initialize(self) -> IntegrationResult[Any]:
            outcomes.append(await self._ensure_initialized())
            result = await super().initialize()
            outcomes.append(await self._ensure_initialized())
            return result

    assert (await Nested().initialize()).success
    assert isinstance(outcomes[0], IntegrationResult)
    assert outcomes[1] is None


async def test_a_nested_initialize_that_is_no_super_call_is_an_error():
    inner: list[IntegrationResult[Any]] = []

    class Recursive(Overriding):
        async def initialize(self) -> IntegrationResult[Any]:
            inner.append(await self.initialize())
            return await super().initialize()

    with anyio.fail_after(5):
        assert (await Recursive().initialize()).success
    assert not inner[0].success
    assert "super().initialize()" in str(inner[0].error)


async def test_a_background_task_started_by_a_start_is_no_part_of_it_afterwards():
    class Background(Overriding):
        async def initialize(self) -> IntegrationResult[Any]:
            self.group.start_soon(self.work)
            return await super().initialize()

        async def work(self) -> None:
            await self.go_on.wait()
            self.answer = await self.initialize()

    integration = Background()
    integration.go_on = anyio.Event()
    async with anyio.create_task_group() as integration.group:
        assert (await integration.initialize()).success
        integration._initialized = False
        integration.go_on.set()
        await anyio.wait_all_tasks_blocked()
    assert integration.answer.success
    assert integration.starts == 2


async def test_a_cancelled_start_leaves_nothing_open_and_another_leads():
    class Hanging(Hooked):
        async def _setup(self) -> None:
            await super()._setup()
            if self.starts == 1:
                await anyio.sleep_forever()

    integration = Hanging()
    waited: list[object] = []

    async def follow() -> None:
        waited.append(await integration._ensure_initialized())

    async with anyio.create_task_group() as group, anyio.create_task_group() as leading:
        leading.start_soon(integration.initialize)
        await anyio.wait_all_tasks_blocked()
        group.start_soon(follow)
        await anyio.wait_all_tasks_blocked()
        leading.cancel_scope.cancel()
    assert waited == [None]
    assert integration.made[0].closed == 1
    assert integration.starts == 2
    assert integration.state is IntegrationState.READY


async def test_cancellation_of_a_start_is_raised_again():
    class Hanging(Hooked):
        async def _setup(self) -> None:
            self.client = Client()
            self.made.append(self.client)
            await anyio.sleep_forever()

    integration = Hanging()
    with anyio.move_on_after(0.01) as scope:
        await integration.initialize()
    assert scope.cancelled_caught
    assert integration.made[0].closed == 1
    assert integration.state is IntegrationState.NEW
    assert not await integration.is_available()


async def test_closing_is_idempotent_and_in_order():
    integration = Hooked()
    await integration.initialize()
    client = integration.made[0]
    await integration.aclose()
    await integration.aclose()
    assert client.closed == 1
    assert integration.events == ["teardown", "stack closed"]
    assert integration.client is None
    assert integration.state is IntegrationState.CLOSED


async def test_closing_what_never_came_up_does_nothing():
    integration = Hooked()
    await integration.aclose()
    assert integration.state is IntegrationState.NEW
    assert integration.events == []


async def test_a_closed_one_says_so_and_initialize_opens_it_again():
    integration = Hooked()
    await integration.initialize()
    await integration.aclose()
    failure = await integration._ensure_initialized()
    assert failure is not None
    assert failure.error_info is not None
    assert failure.error_info.kind is ErrorKind.UNSUPPORTED
    assert failure.error_info.code == "closed"
    assert (await integration.initialize()).success
    assert await integration._ensure_initialized() is None
    await integration.aclose()


async def test_closing_finishes_under_cancellation():
    class Slow(Hooked):
        async def _teardown(self) -> None:
            await anyio.lowlevel.checkpoint()
            self.events.append("teardown")

    integration = Slow()
    await integration.initialize()
    with anyio.CancelScope() as scope:
        scope.cancel()
        await integration.aclose()
    assert integration.events == ["teardown", "stack closed"]
    assert integration.state is IntegrationState.CLOSED


async def test_a_resource_that_does_not_close_keeps_no_other_open():
    class Broken(Hooked):
        async def _teardown(self) -> None:
            raise RuntimeError("will not say goodbye")

    integration = Broken()
    await integration.initialize()
    client = integration.made[0]
    with pytest.raises(QuackError, match="will not say goodbye"):
        await integration.aclose()
    assert client.closed == 1
    assert integration.state is IntegrationState.CLOSED


async def test_async_with_starts_and_closes():
    async with Hooked() as integration:
        assert await integration.is_available()
        client = integration.made[0]
    assert client.closed == 1


async def test_async_with_raises_the_kept_error():
    cause = ValueError("bad")
    with pytest.raises(QuackError, match="bad") as caught:
        async with Hooked([cause]):
            pytest.fail("the block is not entered")
    assert caught.value.__cause__ is cause


@pytest.mark.parametrize(
    ("kind", "retryable", "state"),
    [
        (ErrorKind.AUTH_REQUIRED, False, IntegrationState.AUTH_REQUIRED),
        (ErrorKind.MISCONFIGURED, False, IntegrationState.MISCONFIGURED),
        (ErrorKind.UNAVAILABLE, True, IntegrationState.RETRYING),
        (ErrorKind.INTERNAL, False, IntegrationState.FAILED),
    ],
)
async def test_the_failure_decides_the_state(kind: ErrorKind, retryable: bool, state: IntegrationState):
    info = ErrorInfo(kind=kind, code="x", retryable=retryable)
    integration = Overriding(IntegrationResult.error_result("no", error_info=info))
    await integration.initialize()
    assert integration.state is state


async def test_a_failed_login_is_handed_on_with_its_message():
    class Provider:
        name = "login"
        authenticated = False

        async def authenticate(self) -> AuthResult:
            return AuthResult.error_result("no user name", "set EXAMPLE_USER")

    result = await Hooked(auth_provider=Provider()).initialize()  # type: ignore[arg-type]
    assert (result.error, result.message) == ("no user name", "set EXAMPLE_USER")
    assert result.error_info is not None
    assert result.error_info.kind is ErrorKind.AUTH_REQUIRED


async def test_only_true_itself_skips_the_login():
    class Provider:
        name = "login"
        calls = 0
        authenticated: object = "truthy"

        async def authenticate(self) -> AuthResult:
            self.calls += 1
            return AuthResult.success_result()

    provider = Provider()
    await Hooked(auth_provider=provider).initialize()  # type: ignore[arg-type]
    assert provider.calls == 1
    provider.authenticated = True
    await Hooked(auth_provider=provider).initialize()  # type: ignore[arg-type]
    assert provider.calls == 1


async def test_a_method_replaced_on_the_instance_is_called_as_it_is():
    integration = Hooked()

    async def fake() -> IntegrationResult[Any]:
        return IntegrationResult.error_result("replaced")

    integration.initialize = fake  # type: ignore[method-assign]
    failure = await integration._ensure_initialized()
    assert failure is not None
    assert failure.error == "replaced"


async def test_exceptions_of_other_protocol_methods_become_results():
    class Storing(Hooked):
        async def upload_file(self, file_path: str, remote_path: str | None = None) -> IntegrationResult[str]:
            raise FileNotFoundError(2, "No such file", file_path)

    result = await Storing().upload_file("missing.txt")
    assert not result.success
    assert result.error_info is not None
    assert (result.error_info.kind, result.error_info.operation) == (ErrorKind.NOT_FOUND, "upload_file")


def test_one_loop_after_the_other_starts_anew():
    integration = Hooked()

    async def use() -> bool:
        return await integration._ensure_initialized() is None and await integration.is_available()

    assert asyncio.run(use())
    assert asyncio.run(use())
    assert anyio.run(use, backend="trio")
    assert integration.starts == 3


async def test_a_second_loop_at_the_same_time_gets_an_error():
    integration = Hooked()
    await integration.initialize()

    def other_loop() -> IntegrationResult[Any] | None:
        return asyncio.run(integration._ensure_initialized())

    with anyio.fail_after(10):
        failure = await anyio.to_thread.run_sync(other_loop)
    assert failure is not None
    assert failure.error_info is not None
    assert failure.error_info.code == "wrong_loop"
    assert await integration.is_available()
    await integration.aclose()


async def test_a_start_in_another_loop_is_not_waited_for():
    release = anyio.Event()

    class Slow(Hooked):
        async def _setup(self) -> None:
            await release.wait()

    integration = Slow()
    async with anyio.create_task_group() as group:
        group.start_soon(integration.initialize)
        await anyio.wait_all_tasks_blocked()
        with anyio.fail_after(10):
            result = await anyio.to_thread.run_sync(lambda: asyncio.run(integration.initialize()))
        assert result.error_info.code == "wrong_loop"
        release.set()
    assert integration.state is IntegrationState.READY


async def test_a_configuration_can_be_given_in_place_of_a_file():
    integration = Hooked(config={"region": "north"})
    await integration.initialize()
    assert integration.config == {"region": "north"}


async def test_a_raw_error_of_botocore_gets_its_kind():
    from botocore.exceptions import ClientError, NoCredentialsError

    missing = ClientError(
        {"Error": {"Code": "NoSuchKey"}, "ResponseMetadata": {"HTTPStatusCode": 404}}, "GetObject"
    )
    assert (await Hooked([missing]).initialize()).error_info.kind is ErrorKind.NOT_FOUND
    assert (await Hooked([NoCredentialsError()]).initialize()).error_info.kind is ErrorKind.AUTH_REQUIRED


class Slow(Client):
    """Takes a few turns of the loop to close."""

    async def aclose(self) -> None:
        for _ in range(5):
            await anyio.lowlevel.checkpoint()
        await super().aclose()


class Twofold(BaseIntegrationService):
    """Binds two clients when it starts."""

    name = "twofold"

    def __init__(self) -> None:
        super().__init__()
        self.closing = anyio.Event()

    async def _setup(self) -> None:
        self.first, self.second = Slow(), Slow()

    async def _teardown(self) -> None:
        self.closing.set()
        await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_native_cancellation_of_a_close_closes_everything_all_the_same():
    integration = Twofold()
    await integration.initialize()
    clients = [integration.first, integration.second]
    task = asyncio.ensure_future(integration.aclose())
    await integration.closing.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [client.closed for client in clients] == [1, 1]
    assert integration.state is IntegrationState.CLOSED


async def test_a_deadline_that_passes_during_a_close_cuts_nothing_short():
    integration = Twofold()
    await integration.initialize()
    clients = [integration.first, integration.second]
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:
            group.start_soon(integration.aclose)
            await integration.closing.wait()
            scope.deadline = anyio.current_time()
    assert [client.closed for client in clients] == [1, 1]


async def test_a_resource_that_cancels_itself_keeps_no_other_open():
    class Cancelled(Client):
        async def aclose(self) -> None:
            with anyio.CancelScope() as scope:
                scope.cancel()
                try:
                    await anyio.sleep(0)
                except anyio.get_cancelled_exc_class() as exc:
                    caught.append(exc)
            raise caught[0]

    caught: list[BaseException] = []

    class Two(Twofold):
        async def _setup(self) -> None:
            self.first, self.second = Client(), Cancelled()  # type: ignore[assignment]

    integration = Two()
    await integration.initialize()
    first = integration.first
    with pytest.raises(QuackError, match="cancelled itself"):
        await integration.aclose()
    assert first.closed == 1


async def test_two_that_need_each_other_fail_and_do_not_hang():
    class Needy(BaseIntegrationService):
        name = "needy"
        other: BaseIntegrationService

        async def _setup(self) -> None:
            await anyio.lowlevel.checkpoint()
            failure = await self.other._ensure_initialized()
            if failure is not None:
                failure.unwrap()

    one, two = Needy(), Needy()
    one.other, two.other = two, one
    results = []

    async def start(integration: Needy) -> None:
        results.append(await integration.initialize())

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(start, one)
            group.start_soon(start, two)
    assert [result.error_info.code for result in results] == ["cycle", "cycle"]


async def test_closing_from_within_a_close_does_nothing():
    class Eager(BaseIntegrationService):
        name = "eager"

        async def _teardown(self) -> None:
            await self.aclose()

    integration = Eager()
    await integration.initialize()
    with anyio.fail_after(5):
        await integration.aclose()
    assert integration.state is IntegrationState.CLOSED


async def test_a_mixin_that_overrides_initialize_decides_too():
    class Strict:
        async def initialize(self) -> IntegrationResult[Any]:
            await super().initialize()  # type: ignore[misc]
            return IntegrationResult.error_result("refused")

    class Mixed(Strict, Overriding):
        """The mixin knows nothing of the base class."""

    integration = Mixed()
    assert (await integration.initialize()).error == "refused"
    assert integration._initialized is False
    assert not await integration.is_available()
    assert integration.made[0].closed == 1


async def test_another_integration_that_was_up_before_stays_open_when_a_start_fails():
    shared = Hooked()
    await shared.initialize()

    class Dependent(BaseIntegrationService):
        name = "dependent"

        async def _setup(self) -> None:
            self.storage = shared
            self.own = Hooked()
            self.mine = self.own
            await self.own.initialize()
            raise OSError("no")

    dependent = Dependent()
    assert not (await dependent.initialize()).success
    assert await shared.is_available()
    await shared.aclose()


class Injected(BaseIntegrationService):
    """Binds a client that it was given under another name, as it is or in a container, and one of its own."""

    name = "injected"

    def __init__(self, given: Any, shared: Client) -> None:
        super().__init__()
        self._given = given
        self.own: Client | None = None
        self.made: list[Client] = []
        self.client: Client | None = None
        self.shared = lambda: shared

    async def initialize(self) -> IntegrationResult[Any]:
        result = await super().initialize()
        self.client, self.own = self.shared(), Client()
        self.made.append(self.own)
        return result


@pytest.mark.parametrize("held", [lambda it: it, lambda it: [it], lambda it: (it,), lambda it: {"http": it}])
async def test_what_was_there_before_the_start_stays_open_under_any_name(held: Any):
    shared = Client()
    integration = Injected(held(shared), shared)
    for starts in (1, 2):
        assert (await integration.initialize()).success
        assert integration.client is shared
        await integration.aclose()
        assert integration.client is None
        assert [client.closed for client in integration.made] == [1] * starts
    assert shared.closed == 0


async def test_a_start_that_fails_leaves_a_client_that_was_given_open():
    class Failing(Injected):
        async def initialize(self) -> IntegrationResult[Any]:
            await super().initialize()
            return IntegrationResult.error_result("no")

    shared = Client()
    integration = Failing(shared, shared)
    await integration.initialize()
    assert (shared.closed, integration.made[0].closed) == (0, 1)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_bound_event_loop_is_not_closed():
    class Bound(BaseIntegrationService):
        name = "bound"

        async def _setup(self) -> None:
            self.loop = asyncio.get_running_loop()

    integration = Bound()
    await integration.initialize()
    await integration.aclose()
    assert integration.state is IntegrationState.CLOSED


async def test_a_configured_secret_is_scrubbed_from_what_a_start_says(caplog: pytest.LogCaptureFixture):
    class Leaky(BaseIntegrationService):
        name = "leaky"

        async def _setup(self) -> None:
            assert self.config is not None
            raise RuntimeError(f"refused key {self.config['api_key']}")

    result = await Leaky(config={"api_key": "sesame-5551"}).initialize()
    assert result.error == "RuntimeError: refused key ***"
    assert "sesame-5551" not in caplog.text + str(result.exception)


class Forgetful(BaseIntegrationService):
    """Its author forgot `super().__init__()`."""

    name = "forgetful"

    def __init__(self) -> None:
        self.logger = logging.getLogger("forgetful")


async def test_who_forgets_super_init_is_told_so():
    result = await Forgetful().initialize()
    assert result.error_info.code == "contract"
    assert "Forgetful.__init__ does not call super().__init__()" in result.error
    assert await Forgetful().is_available() is False
