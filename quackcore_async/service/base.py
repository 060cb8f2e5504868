"""`BaseIntegrationService`: what every integration has in common."""

from __future__ import annotations  # `IntegrationResult[...]` builds a pydantic class: not at import

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self

from quackcore_async.config import BaseConfigProvider
from quackcore_async.errors import ConfigError, ContractError
from quackcore_async.logging import get_logger
from quackcore_async.protocols.core import (
    AuthProviderProtocol,
    ConfigProviderProtocol,
    IntegrationProtocol,
    MadeByInit,
    call_method,
    plain_functions,
)
from quackcore_async.redaction import Secret, find_secrets
from quackcore_async.results import AuthResult, BaseResult, IntegrationResult
from quackcore_async.service.overrides import wrap_overrides
from quackcore_async.service.state import IntegrationState

if TYPE_CHECKING:
    from quackcore_async.service.lifecycle import Lifecycle

__all__ = ["BaseIntegrationService"]


class BaseIntegrationService(IntegrationProtocol, ABC):
    """Base of integrations: configuration, login, client, and one lifecycle around them.

    Write an integration in either of two ways. Override `initialize` and call `super().initialize()` first; or
    write the hooks `_setup` and `_teardown`. Both run at most once at a time, turn exceptions into results, and
    leave nothing open when they fail or are cancelled: what the start bound to the instance and can be closed is
    closed, unless the instance had it before, and so is `self._exit_stack`. Other tasks wait for a start that is
    under way.

    An integration belongs to the event loop that it was started in. A later loop starts it anew; a second loop at
    the same time gets an error.

    Args:
        config_provider: Loads and checks the configuration; None when there is none.
        auth_provider: Logs in; None when no login is needed.
        config_path: File to load the configuration from; None looks in the usual places.
        log_level: Level of `self.logger`, as a number or a name; None leaves it alone.
        config: The configuration itself, in place of loading it.

    Attributes:
        config: The loaded configuration; None before the first start.
        requires: Names of the integrations that a registry brings up before this one.
    """

    requires: ClassVar[tuple[str, ...]] = ()

    _lifecycle: Lifecycle = MadeByInit()  # type: ignore[assignment]
    _section_follows_name = False
    """Whether `config_provider` was made by the constructor, for the section of whatever name there will be."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        wrap_overrides(cls)

    def __init__(
        self,
        config_provider: ConfigProviderProtocol | None = None,
        auth_provider: AuthProviderProtocol | None = None,
        config_path: str | None = None,
        log_level: int | str | None = None,
        *,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        from quackcore_async.service.lifecycle import Lifecycle  # anyio comes with it: not at import

        self.logger = get_logger(f"{type(self).__module__}.{type(self).__qualname__}", log_level)
        self.config_provider = config_provider
        self.auth_provider = auth_provider
        self.config_path = config_path
        self.config: dict[str, Any] | None = None
        self._given_config = config
        self._secrets: tuple[Secret, ...] = ()
        self._initialized = False
        self._exit_stack = AsyncExitStack()
        self._lifecycle = Lifecycle(self)

    @property
    @abstractmethod
    def name(self) -> str:
        """Name under which it is registered."""

    @property
    def version(self) -> str:
        """Version of the integration."""
        return "1.0.0"

    @property
    def state(self) -> IntegrationState:
        """Where it stands."""
        return self._lifecycle.state

    async def initialize(self) -> IntegrationResult[Any]:
        """Load the configuration, log in, and open the client.

        Safe to call from many tasks: it runs once, and what is up already stays up. A failure is a result, and
        calling again tries again. A provider with a plain `def` where its protocol has a coroutine is a failure
        with code `contract`, whether the start calls that method or not.
        """
        self._refuse_plain_providers()
        failure = await self._load_config()
        self._secrets = find_secrets(self.config)
        failure = failure or await self._authenticate()
        if failure is not None:
            return failure
        self._lifecycle.pass_base()
        failure = _failure_of_setup(self, await call_method(self, "_setup"))
        return failure or IntegrationResult.success_result(message=f"{self.name} is initialized")

    async def load_auth_provider(self) -> AuthProviderProtocol | None:
        """Return what logs in, as the configuration has it; nobody is asked and nothing is opened.

        Raises:
            QuackError: if the configuration cannot be used.
        """
        if not self._initialized:
            failure = await self._load_config()
            if failure is not None:
                failure.unwrap()
        return self.auth_provider

    async def is_available(self) -> bool:
        """Tell whether it is up; false for other tasks until a start is wholly done."""
        return self._initialized

    async def aclose(self) -> None:
        """Close what the start opened, within ten seconds, also under cancellation.

        Idempotent; `initialize` opens it again.

        Raises:
            QuackError: if something could not be closed; the rest is closed all the same.
        """
        await self._lifecycle.aclose()

    async def __aenter__(self) -> Self:
        (await self.initialize()).unwrap()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _setup(self) -> BaseResult | None:
        """Open the client: the hook of an integration that does not override `initialize`.

        Enter what must be closed on `self._exit_stack`, or bind it to an attribute; no task group or cancel scope,
        because closing runs in a task of its own. What it raises, or a failed result that it returns, becomes the
        failed result of the start; to return anything but a result or nothing breaks its contract.
        """
        return None

    async def _teardown(self) -> None:
        """Say goodbye to the service before what `_setup` opened is closed."""

    async def _ensure_initialized(self) -> IntegrationResult[Any] | None:
        """Start on first use: None when ready, the failed result otherwise."""
        return await self._lifecycle.ensure_initialized()

    def _refuse_plain_providers(self) -> None:
        complaints = [
            *plain_functions(self.config_provider, ConfigProviderProtocol),
            *plain_functions(self.auth_provider, AuthProviderProtocol),
        ]
        if complaints:
            raise ContractError("; ".join(complaints))

    async def _load_config(self) -> IntegrationResult[Any] | None:
        """Fill `self.config`; return the failure, where there is one."""
        provider = self.config_provider
        if self._section_follows_name and isinstance(provider, BaseConfigProvider):
            self._name_section(provider)
        if self._given_config is not None:
            self.config = await self._check_given(self._given_config)
            return None
        if provider is None:
            return None
        result = await call_method(provider, "load_config", self.config_path)
        if not getattr(result, "success", False):
            return _failure_of(result, provider, "load_config")
        content = {} if result.content is None else result.content
        if not isinstance(content, Mapping):
            raise ContractError(f"{type(provider).__name__}.load_config returned no mapping as its content")
        self.config = dict(content)
        return None

    def _name_section(self, provider: BaseConfigProvider) -> None:
        # Not before it is needed: an overridden `name` may be made of what a subclass's `__init__` sets last.
        if self.name != type(self).__name__:
            provider.section = None if self.name == provider.name else self.name

    async def _check_given(self, given: Mapping[str, Any]) -> dict[str, Any]:
        provider = self.config_provider
        if provider is None:
            return dict(given)
        if isinstance(provider, BaseConfigProvider):
            return await provider.check_config(given)
        config = {**await call_method(provider, "get_default_config"), **given}
        if await call_method(provider, "validate_config", config) is False:
            raise ConfigError(f"the configuration given to {self.name} is not valid")
        return config

    async def _authenticate(self) -> IntegrationResult[Any] | None:
        """Log in where that is needed; return the failure, where there is one."""
        provider = self.auth_provider
        if provider is None or getattr(provider, "authenticated", None) is True:
            return None
        result = await call_method(provider, "authenticate")
        if not getattr(result, "success", False):
            return _failure_of(result, provider, "authenticate")
        return None


def _failure_of_setup(owner: object, outcome: object) -> IntegrationResult[Any] | None:
    if outcome is None:
        return None
    if not isinstance(outcome, BaseResult):
        label = f"{type(owner).__name__}._setup"
        raise ContractError(f"{label} returned {type(outcome).__name__}: return a result or nothing")
    return None if outcome.success else IntegrationResult.from_failure(outcome)


def _failure_of(result: object, provider: object, method: str) -> IntegrationResult[Any]:
    """Hand on the failed result of a provider's method."""
    if isinstance(result, IntegrationResult | AuthResult):
        return IntegrationResult.from_failure(result)
    if result is None or not hasattr(result, "success"):
        label = f"{type(provider).__name__}.{method}"
        raise ContractError(f"{label} returned {type(result).__name__}: return a result")
    return IntegrationResult.error_result(str(getattr(result, "error", None) or f"{method} failed"))


wrap_overrides(BaseIntegrationService)
