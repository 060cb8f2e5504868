"""Registering, looking up, bringing up, closing."""

import asyncio
import re
from typing import Any
from unittest.mock import AsyncMock, MagicMock

import anyio
import anyio.lowlevel
import pytest

from quackcore_async import registry as default
from quackcore_async.auth import BaseAuthProvider
from quackcore_async.errors import ContractError, DuplicateIntegrationError, ErrorKind, RegistryError
from quackcore_async.protocols import IntegrationProtocol, StorageIntegrationProtocol
from quackcore_async.registry import IntegrationRegistry
from quackcore_async.results import AuthResult, IntegrationResult
from quackcore_async.service import BaseIntegrationService


class Named(BaseIntegrationService):
    """An integration of any name, whose start is a function."""

    def __init__(self, name: str, start: Any = None, requires: tuple[str, ...] = (), closed: Any = None) -> None:
        super().__init__()
        self._name = name
        self._start = start
        self._closed = closed
        self.requires = requires  # type: ignore[misc]

    @property
    def name(self) -> str:
        return self._name

    async def _setup(self) -> None:
        if self._start is not None:
            await self._start()

    async def _teardown(self) -> None:
        if self._closed is not None:
            await self._closed(self._name)


class Foreign:
    """An integration that inherits nothing, and whose start is a function."""

    version = "1"

    def __init__(self, name: str, start: Any) -> None:
        self.name = name
        self._start = start

    async def initialize(self) -> Any:
        return await self._start()

    async def is_available(self) -> bool:
        return True


async def hang() -> None:
    await anyio.sleep_forever()


def raiser(error: BaseException) -> Any:
    async def start() -> None:
        await anyio.lowlevel.checkpoint()
        raise error

    return start


def test_an_integration_is_found_by_name_and_its_variants():
    registry = IntegrationRegistry()
    integration = Named("My_Service")
    registry.register(integration)
    for name in ("My_Service", "my-service", "myservice", "MY SERVICE"):
        assert registry.get_integration(name) is integration
        assert registry.is_registered(name)
    assert registry.get_integration("other") is None
    assert registry.list_integrations() == ["My_Service"]


@pytest.mark.parametrize("name", ["Mail", "mail", "m-a-i-l", "\uff2d\uff41\uff49\uff4c"])
def test_a_duplicate_name_is_refused_with_both_origins(name: str):
    registry = IntegrationRegistry()
    first = Named("Mail")
    registry.register(first)
    with pytest.raises(DuplicateIntegrationError) as caught:
        registry.register(Foreign(name, hang))
    assert "Named" in str(caught.value)
    assert "Foreign" in str(caught.value)
    assert registry.get_integration("Mail") is first


def test_the_same_object_again_is_no_duplicate():
    registry = IntegrationRegistry()
    integration = Named("Mail")
    registry.register(integration)
    registry.register(integration)
    assert registry.list_integrations() == ["Mail"]


def test_replace_takes_the_place():
    registry = IntegrationRegistry()
    registry.register(Named("Mail"))
    other = Named("Mail")
    registry.register(other, replace=True)
    assert registry.get_integration("Mail") is other


def test_unregister_tells_whether_there_was_one():
    registry = IntegrationRegistry()
    registry.register(Named("Mail"))
    assert registry.unregister("mail") is True
    assert registry.unregister("mail") is False


def test_integrations_are_found_by_type_in_a_snapshot():
    registry = IntegrationRegistry()
    registry.register(Named("a"))
    found = registry.get_integration_by_type(IntegrationProtocol)
    registry.register(Named("b"))
    assert [item.name for item in found] == ["a"]
    assert registry.get_integration_by_type(StorageIntegrationProtocol) == ()


def test_a_sync_integration_is_refused_by_method():
    class Sync:
        name = "sync"
        version = "1"

        def initialize(self) -> None: ...

        async def is_available(self) -> bool:
            return True

    with pytest.raises(ContractError, match=r"Sync\.initialize is a plain function"):
        IntegrationRegistry().register(Sync())  # type: ignore[arg-type]


def test_a_subclass_with_a_sync_method_is_refused_by_method():
    class Plain(BaseIntegrationService):
        name = "plain"

        def is_available(self) -> bool:  # type: ignore[override]
            return True

    with pytest.raises(ContractError, match=r"Plain\.is_available is a plain function"):
        IntegrationRegistry().register(Plain())


def test_async_mocks_pass():
    mock = MagicMock()
    mock.name = "mocked"
    mock.initialize = AsyncMock()
    mock.is_available = AsyncMock()
    mock.upload_file = mock.download_file = mock.list_files = mock.create_folder = AsyncMock()
    registry = IntegrationRegistry()
    registry.register(mock)
    assert registry.get_integration("mocked") is mock


@pytest.mark.parametrize("name", ["", " ", None, 3])
def test_a_name_that_is_no_text_is_refused(name: Any):
    with pytest.raises(ContractError, match="name"):
        IntegrationRegistry().register(Foreign(name, hang))


def test_a_name_that_raises_is_refused():
    class Broken(Named):
        @property
        def name(self) -> str:
            raise RuntimeError("no name today")

    with pytest.raises(ContractError, match="no name today"):
        IntegrationRegistry().register(Broken("x"))


def test_two_registries_see_nothing_of_each_other():
    one, other = IntegrationRegistry(), IntegrationRegistry()
    one.register(Named("a"))
    assert not other.is_registered("a")


def test_the_module_is_the_default_registry():
    default.register(Named("only here"))
    try:
        assert default.is_registered("only here")
        assert default.default_registry.is_registered("only here")
        assert default.list_integrations() == default.default_registry.list_integrations()
    finally:
        default.unregister("only here")


async def test_fifty_slow_starts_take_as_long_as_one():
    waiting = 0
    most = 0
    gate = anyio.Event()

    async def start() -> None:
        nonlocal waiting, most
        waiting += 1
        most = max(most, waiting)
        if waiting == 50:
            gate.set()
        await gate.wait()

    registry = IntegrationRegistry()
    for number in range(50):
        registry.register(Named(f"i{number}", start))
    with anyio.fail_after(10):
        results = await registry.initialize_all()
    assert most == 50
    assert list(results) == [f"i{number}" for number in range(50)]
    assert all(result.success for result in results.values())
    await registry.aclose()


async def test_concurrency_can_be_bounded():
    running = most = 0

    async def start() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await anyio.lowlevel.checkpoint()
        running -= 1

    registry = IntegrationRegistry()
    for number in range(10):
        registry.register(Named(f"i{number}", start))
    await registry.initialize_all(max_concurrency=3)
    assert most == 3


@pytest.mark.parametrize("limit", [0, -1, True])
async def test_a_limit_that_would_start_nothing_is_refused_at_once(limit: int):
    registry = IntegrationRegistry()
    registry.register(Named("mail"))
    with anyio.fail_after(5), pytest.raises(RegistryError, match="must be at least 1, not") as caught:
        await registry.initialize_all(max_concurrency=limit)
    assert (caught.value.kind, caught.value.code) == (ErrorKind.INVALID_INPUT, "bad_argument")


async def test_no_timeout_is_no_limit():
    registry = IntegrationRegistry()
    registry.register(Named("mail", anyio.lowlevel.checkpoint))
    results = await registry.initialize_all(timeout=None)
    assert results["mail"].unwrap() is None


async def test_names_that_are_a_text_are_refused_and_no_list_of_letters():
    registry = IntegrationRegistry()
    registry.register(Named("mail"))
    for call in (registry.initialize_all("mail"), registry.configure(names="mail")):
        with pytest.raises(RegistryError, match=r"names is a text: write \['mail'\]") as caught:
            await call
        assert (caught.value.kind, caught.value.code) == (ErrorKind.INVALID_INPUT, "bad_argument")


async def return_none() -> None:
    return None


@pytest.mark.parametrize(
    ("start", "code"),
    [
        (raiser(ValueError("bad")), "internal"),
        (raiser(SystemExit(3)), "system_exit"),
        (raiser(ExceptionGroup("several", [OSError(28, "No space left")])), "disk_full"),
        (hang, "deadline"),
        (return_none, "contract"),
    ],
)
async def test_one_bad_start_touches_no_other(start: Any, code: str):
    registry = IntegrationRegistry()
    registry.register(Named("before"))
    registry.register(Foreign("bad", start))
    registry.register(Named("after"))
    results = await registry.initialize_all(timeout=0.05)
    assert results["before"].success
    assert results["after"].success
    assert results["bad"].error_info.code == code
    assert list(results) == ["before", "bad", "after"]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_start_that_cancels_itself_is_its_own_error():
    import asyncio

    registry = IntegrationRegistry()
    registry.register(Foreign("bad", raiser(asyncio.CancelledError())))
    registry.register(Named("good"))
    results = await registry.initialize_all()
    assert results["bad"].error_info.code == "cancelled"
    assert results["good"].success


async def test_a_cancellation_from_outside_goes_on():
    registry = IntegrationRegistry()
    registry.register(Foreign("bad", hang))
    with anyio.move_on_after(0.01) as scope:
        await registry.initialize_all()
    assert scope.cancelled_caught


async def test_requirements_come_up_first_and_the_blocked_are_told():
    order: list[str] = []

    def noting(name: str) -> Any:
        async def start() -> None:
            order.append(name)

        return start

    registry = IntegrationRegistry()
    registry.register(Named("app", noting("app"), requires=("cache", "DB")))
    registry.register(Named("cache", noting("cache"), requires=("db",)))
    registry.register(Named("db", noting("db")))
    registry.register(Named("broken", raiser(ValueError("no"))))
    registry.register(Named("hopeless", noting("hopeless"), requires=("broken",)))
    registry.register(Named("worse", noting("worse"), requires=("hopeless",)))
    results = await registry.initialize_all()
    assert order == ["db", "cache", "app"]
    assert results["hopeless"].error_info.code == "blocked"
    assert "broken" in results["hopeless"].error
    assert results["worse"].error_info.code == "blocked"


async def test_a_cycle_names_its_path_and_the_others_come_up():
    registry = IntegrationRegistry()
    registry.register(Named("a", requires=("b",)))
    registry.register(Named("b", requires=("c",)))
    registry.register(Named("c", requires=("a",)))
    registry.register(Named("leaning", requires=("a",)))
    registry.register(Named("free"))
    with anyio.fail_after(5):
        results = await registry.initialize_all()
    assert results["a"].error_info.code == "requirement_cycle"
    assert "a -> b -> c -> a" in results["a"].error
    assert results["leaning"].error_info.code == "blocked"
    assert results["free"].success


async def test_an_absent_requirement_is_named():
    registry = IntegrationRegistry()
    registry.register(Named("app", requires=("nowhere",)))
    results = await registry.initialize_all()
    assert "nowhere" in results["app"].error
    assert results["app"].error_info.kind is ErrorKind.MISCONFIGURED


async def test_chosen_names_come_with_what_they_require():
    registry = IntegrationRegistry()
    for integration in (Named("app", requires=("db",)), Named("db"), Named("other")):
        registry.register(integration)
    results = await registry.initialize_all(["app", "ghost"])
    assert list(results) == ["app", "db", "ghost"]
    assert results["app"].success
    assert results["ghost"].error_info.kind is ErrorKind.NOT_FOUND


async def test_closing_goes_in_reverse_order_of_coming_up():
    closed: list[str] = []

    async def note(name: str) -> None:
        closed.append(name)

    registry = IntegrationRegistry()
    registry.register(Named("app", requires=("db",), closed=note))
    registry.register(Named("db", closed=note))
    async with registry:
        await registry.initialize_all()
    assert closed == ["app", "db"]
    assert registry.list_integrations() == ["app", "db"]


async def test_one_that_does_not_close_keeps_no_other_open():
    closed: list[str] = []

    async def note(name: str) -> None:
        closed.append(name)

    async def fail(_name: str) -> None:
        raise RuntimeError("stuck")

    async def never(_name: str) -> None:
        await anyio.sleep_forever()

    registry = IntegrationRegistry()
    registry.register(Named("first", closed=note))
    registry.register(Named("failing", closed=fail))
    registry.register(Named("hanging", closed=never))
    await registry.initialize_all()
    with anyio.fail_after(5):
        results = await registry.aclose(timeout=0.05)
    assert closed == ["first"]
    assert results["failing"].error_info.kind is ErrorKind.INTERNAL
    assert results["hanging"].error_info.kind is ErrorKind.TIMEOUT


async def test_closing_finishes_under_cancellation():
    closed: list[str] = []

    async def note(name: str) -> None:
        await anyio.lowlevel.checkpoint()
        closed.append(name)

    registry = IntegrationRegistry()
    registry.register(Named("a", closed=note))
    await registry.initialize_all()
    with anyio.CancelScope() as scope:
        scope.cancel()
        await registry.aclose()
    assert closed == ["a"]


async def test_closing_what_never_came_up_succeeds():
    registry = IntegrationRegistry()
    registry.register(Named("a"))
    registry.register(Foreign("b", hang))
    results = await registry.aclose()
    assert all(result.success for result in results.values())


async def test_an_integration_registered_during_bring_up_is_left_for_the_next():
    registry = IntegrationRegistry()

    async def start() -> None:
        registry.register(Named("late"))

    registry.register(Named("a", start))
    assert list(await registry.initialize_all()) == ["a"]
    assert list(await registry.initialize_all()) == ["a", "late"]


async def test_the_results_are_integration_results():
    registry = IntegrationRegistry()
    registry.register(Named("a"))
    results = await registry.initialize_all()
    assert isinstance(results["a"], IntegrationResult)
    assert repr(registry) == "IntegrationRegistry(a)"


class Odd(BaseException):
    """What is no `Exception` and no exit."""


@pytest.mark.parametrize("error", [Odd("x"), BaseExceptionGroup("g", [SystemExit(2)])])
async def test_what_is_no_plain_exception_is_contained_too(error: BaseException):
    registry = IntegrationRegistry()
    registry.register(Named("bad", raiser(error)))
    registry.register(Named("good"))
    results = await registry.initialize_all()
    assert {name: result.success for name, result in results.items()} == {"bad": False, "good": True}


async def test_a_login_that_exits_is_its_own_error():
    class Exiting(BaseAuthProvider):
        name = "exiting"

        async def authenticate(self) -> AuthResult:
            raise SystemExit(3)

        async def refresh_credentials(self) -> AuthResult:
            raise SystemExit(3)

    class Guarded(BaseIntegrationService):
        name = "guarded"

    registry = IntegrationRegistry()
    registry.register(Guarded(auth_provider=Exiting()))
    registry.register(Named("good"))
    results = await registry.initialize_all()
    assert results["guarded"].error_info is not None
    assert results["guarded"].error_info.code == "system_exit"
    assert results["good"].success


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_native_cancellation_of_closing_goes_on_after_all_are_closed():
    begun, closed = anyio.Event(), []

    async def close(name: str) -> None:
        begun.set()
        for _ in range(5):
            await anyio.lowlevel.checkpoint()
        closed.append(name)

    registry = IntegrationRegistry()
    for name in ("one", "two"):
        registry.register(Named(name, closed=close))
    await registry.initialize_all()
    task = asyncio.ensure_future(registry.aclose())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert closed == ["two", "one"]


class RaisingRequires(Named):
    @property
    def requires(self) -> tuple[str, ...]:  # type: ignore[override]
        raise RuntimeError("no")

    @requires.setter
    def requires(self, value: Any) -> None: ...


@pytest.mark.parametrize(
    ("integration", "reason"),
    [
        (Named("bad", requires="good"), r"is a text: write \('good',\)"),  # type: ignore[arg-type]
        (Named("bad", requires=(5,)), "must hold names only"),  # type: ignore[arg-type]
        (RaisingRequires("bad"), "requires raised RuntimeError: no"),
    ],
)
async def test_requirements_that_make_no_sense_are_its_own_error(integration: Named, reason: str):
    registry = IntegrationRegistry()
    registry.register(integration)
    registry.register(Named("good"))
    results = await registry.initialize_all()
    assert results["good"].success
    assert re.search(reason, results["bad"].error or "")


def test_a_property_that_raises_hides_no_other_integration():
    class Raising(Named):
        @property
        def version(self) -> str:
            raise RuntimeError("no version")

    registry = IntegrationRegistry()
    good = Named("good")
    registry.register(Raising("bad"))
    registry.register(good)
    assert good in registry.get_integration_by_type(IntegrationProtocol)


class Magic:
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise RuntimeError(name)


class NotCallable(Magic):
    name, version, initialize, is_available = "n", "1", 5, 5


@pytest.mark.parametrize("candidate", [Magic(), NotCallable(), None, Named])
def test_what_is_no_integration_is_refused(candidate: Any):
    with pytest.raises(ContractError):
        IntegrationRegistry().register(candidate)
