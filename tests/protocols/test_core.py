import functools
import logging
from unittest.mock import AsyncMock, MagicMock

import pytest

from quackcore_async.errors import ContractError, ErrorKind
from quackcore_async.protocols import (
    AuthProviderProtocol,
    ConfigProviderProtocol,
    IntegrationProtocol,
    ObjectStorageProtocol,
    StorageIntegrationProtocol,
    contract_violations,
)
from quackcore_async.protocols.core import call_method, coroutine_methods, guard_method
from quackcore_async.results import AuthResult, IntegrationResult


class Complete:
    name = "complete"
    version = "1.0"
    logger = logging.getLogger("quackcore_async.test.protocols")

    async def initialize(self) -> IntegrationResult[None]:
        return IntegrationResult.success_result()

    async def is_available(self) -> bool:
        return True


class Sync(Complete):
    def initialize(self) -> IntegrationResult[None]:
        return IntegrationResult.success_result()


class Lacking:
    name = "lacking"
    version = "1.0"

    async def initialize(self) -> IntegrationResult[None]:
        return IntegrationResult.success_result()


class Forgetful(StorageIntegrationProtocol):
    name = "forgetful"
    version = "1.0"

    async def initialize(self) -> IntegrationResult[None]:
        return IntegrationResult.success_result()

    async def is_available(self) -> bool:
        return True


def violations(candidate: object, protocol: type = IntegrationProtocol) -> list[str]:
    return list(contract_violations(candidate, protocol))


def test_object_with_the_methods_is_an_integration() -> None:
    assert isinstance(Complete(), IntegrationProtocol)
    assert not isinstance(Lacking(), IntegrationProtocol)


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [
        (IntegrationProtocol, {"initialize", "is_available"}),
        (
            AuthProviderProtocol,
            {"authenticate", "refresh_credentials", "get_credentials", "save_credentials"},
        ),
        (ConfigProviderProtocol, {"load_config", "validate_config", "get_default_config"}),
        (
            StorageIntegrationProtocol,
            {"initialize", "is_available", "upload_file", "download_file", "list_files", "create_folder"},
        ),
    ],
)
def test_coroutine_methods_of_a_protocol_include_its_bases(protocol, expected) -> None:
    assert set(coroutine_methods(protocol)) == expected


def test_object_storage_is_a_storage() -> None:
    assert set(coroutine_methods(StorageIntegrationProtocol)) < set(coroutine_methods(ObjectStorageProtocol))


@pytest.mark.parametrize("candidate", [Complete, Complete()])
def test_complete_integration_breaks_nothing(candidate) -> None:
    assert violations(candidate) == []


def test_missing_method_is_named() -> None:
    assert violations(Lacking()) == ["Lacking.is_available is missing"]


def test_plain_function_is_named_with_the_remedy() -> None:
    assert violations(Sync()) == ["Sync.initialize is a plain function: write `async def initialize`"]


def test_stub_inherited_from_a_protocol_is_named() -> None:
    assert violations(Forgetful, StorageIntegrationProtocol) == [
        f"Forgetful.{name} is only inherited from the protocol: implement it"
        for name in ("upload_file", "download_file", "list_files", "create_folder")
    ]


def test_class_that_forgets_a_protocol_method_cannot_be_made() -> None:
    with pytest.raises(TypeError, match="create_folder"):
        Forgetful()


def test_decorated_coroutine_is_a_coroutine() -> None:
    def logged(method):
        @functools.wraps(method)
        def wrapper(*args):
            return method(*args)

        return wrapper

    class Decorated(Complete):
        initialize = logged(Complete.initialize)

    assert violations(Decorated()) == []


@pytest.mark.parametrize("kind", [staticmethod, classmethod])
def test_static_and_class_methods_are_seen_through(kind) -> None:
    async def is_available(*_args) -> bool:
        return True

    def plain(*_args) -> bool:
        return True

    good = type("Good", (Complete,), {"is_available": kind(is_available)})
    bad = type("Bad", (Complete,), {"is_available": kind(plain)})
    assert violations(good()) == []
    assert violations(bad()) == ["Bad.is_available is a plain function: write `async def is_available`"]


def test_mocked_integration_breaks_nothing() -> None:
    mock = MagicMock(initialize=AsyncMock(), is_available=AsyncMock())
    assert violations(mock) == []


async def test_method_is_awaited_with_its_arguments() -> None:
    owner = MagicMock(load_config=AsyncMock(return_value="loaded"))
    assert await call_method(owner, "load_config", "a.yaml") == "loaded"
    owner.load_config.assert_awaited_once_with("a.yaml")


@pytest.mark.parametrize(
    ("owner", "complaint"),
    [
        (Sync(), "Sync.initialize is a plain function"),
        (object(), "object.initialize is missing"),
        (type("Odd", (), {"initialize": None})(), "Odd.initialize is missing"),
    ],
)
async def test_call_of_what_is_no_coroutine_names_it(owner, complaint) -> None:
    with pytest.raises(ContractError, match=complaint):
        await call_method(owner, "initialize")


async def test_guarded_coroutine_returns_a_result_for_what_it_raises() -> None:
    async def authenticate(_self) -> AuthResult:
        raise TimeoutError

    result = await guard_method(Complete, authenticate, AuthResult)(Complete())
    assert isinstance(result, AuthResult)
    assert result.error_info.kind is ErrorKind.TIMEOUT


async def test_guarded_plain_function_returns_a_result_that_names_it() -> None:
    result = await guard_method(Sync, Sync.initialize, IntegrationResult)(Sync())
    assert result.error == "Sync.initialize is a plain function: write `async def initialize`"
    assert (result.error_info.kind, result.error_info.code) == (ErrorKind.INTERNAL, "contract")


def test_guarded_plain_function_is_still_a_violation() -> None:
    guarded = type("Guarded", (Complete,), {"initialize": guard_method(Sync, Sync.initialize, IntegrationResult)})
    assert len(violations(guarded())) == 1


def test_an_async_wrapper_around_a_plain_function_is_a_coroutine():
    def plain(self: object) -> bool:
        return True

    class Wrapped:
        name = "wrapped"
        version = "1"

        async def initialize(self) -> IntegrationResult[object]:
            return IntegrationResult.success_result()

        @functools.wraps(plain)
        async def is_available(self) -> bool:
            return plain(self)

    assert list(contract_violations(Wrapped(), IntegrationProtocol)) == []
