"""Starting once, failing whole, closing once: the state machine of one integration."""

from __future__ import annotations  # `IntegrationResult[...]` builds a pydantic class: not at import

import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, Protocol

import anyio

from quackcore_async.concurrency import (
    Flight,
    LoopBinding,
    SingleFlight,
    cleanup_timeout,
    comes_from_outside,
    own_error,
    shielded,
    wrong_loop,
)
from quackcore_async.errors import ContractError, LifecycleError, QuackError, TimedOutError
from quackcore_async.protocols.core import (
    call_method,
    contract_violations,
    protocol_of,
)
from quackcore_async.results import IntegrationResult, service_name, to_quack_error
from quackcore_async.service.resources import BoundResources, close_resource
from quackcore_async.service.state import IntegrationState, state_after_failure

__all__ = ["Lifecycle"]

Start = Callable[[], "Awaitable[IntegrationResult[Any]]"]


class Owner(Protocol):
    """What the lifecycle touches of the integration that it belongs to."""

    logger: logging.Logger
    _initialized: bool
    _exit_stack: AsyncExitStack

    async def initialize(self) -> IntegrationResult[Any]:
        """Start."""
        ...


class Lifecycle:
    """Brings one integration up and down, once at a time, and remembers where and how it stands."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._binding: LoopBinding | None = None
        self._resources: BoundResources | None = None
        self._starting: SingleFlight[IntegrationResult[Any]] = SingleFlight("the start of this integration")
        self._closing: SingleFlight[QuackError | None] = SingleFlight("the close of this integration")
        self._base_passed: Flight[Any] | None = None
        self.state = IntegrationState.NEW
        self.up_since: float | None = None

    def is_ready(self) -> bool:
        """Tell whether the last start succeeded, and here."""
        if self.state is not IntegrationState.READY or not self._owner._initialized:
            return False
        return self._binding is not None and self._binding.is_here()

    def may_be_available(self) -> bool:
        """Tell whether `is_available` of the class is to be asked at all."""
        if self._starting.inside is not None:
            return True
        if self._starting.current is not None:
            return False
        if self.state is IntegrationState.READY:
            return self._binding is not None and self._binding.is_here()
        return self.state is IntegrationState.NEW

    async def initialize(self, implementer: type, start: Start) -> IntegrationResult[Any]:
        """Run one class's `initialize`: as the start itself, or as what that start calls by `super()`."""
        flight = self._starting.inside
        if flight is not None:
            return await self._nested(flight, implementer, start)
        try:
            await self._closing.wait()
            self._settle_loop()
            if self.is_ready():
                return IntegrationResult.success_result(message=f"{service_name(self._owner)} is initialized")
            return await self._starting.run(lambda flight: self._start(flight, implementer, start))
        except LifecycleError as error:
            return self._failed(error)

    async def ensure_initialized(self) -> IntegrationResult[Any] | None:
        """Start on first use; None when ready, else why not."""
        if self.is_ready():
            return None
        flight = self._starting.inside
        if flight is not None:
            if self._base_passed is flight:
                return None
            return self._failed(LifecycleError("used while its own start is running", code="not_ready"))
        if self.state in (IntegrationState.CLOSING, IntegrationState.CLOSED):
            name = service_name(self._owner)
            return self._failed(LifecycleError(f"{name} is closed: call initialize() to open it again"))
        if self.state is IntegrationState.NEW and self._owner._initialized:
            return None
        result = await self._owner.initialize()
        return None if result.success else result

    def pass_base(self) -> None:
        """Note that configuration and login are done, so that the rest of the start may use the integration."""
        self._base_passed = self._starting.inside
        self._owner._initialized = True

    async def _nested(self, flight: Flight[Any], implementer: type, start: Start) -> IntegrationResult[Any]:
        order = type(self._owner).__mro__
        if order.index(implementer) <= order.index(flight.frames[-1]):
            message = "initialize() was called from within its own start: only super().initialize() may be"
            return self._failed(ContractError(message))
        return await self._run(flight, implementer, start)

    async def _run(self, flight: Flight[Any], implementer: type, start: Start) -> IntegrationResult[Any]:
        flight.frames.append(implementer)
        try:
            result = await start()
        finally:
            flight.frames.pop()
        if not isinstance(result, IntegrationResult):
            returned = f"{implementer.__name__}.initialize returned {type(result).__name__}"
            return self._failed(ContractError(f"{returned}: return an IntegrationResult"))
        return result

    async def _start(self, flight: Flight[Any], implementer: type, start: Start) -> IntegrationResult[Any]:
        owner = self._owner
        violations = list(contract_violations(owner, protocol_of(owner)))
        if violations:
            self.state = IntegrationState.FAILED
            return self._failed(ContractError("; ".join(violations)))
        await self._release()
        self.state = IntegrationState.INITIALIZING
        self._resources = BoundResources(owner)
        owner._exit_stack = AsyncExitStack()
        try:
            result = await self._run(flight, implementer, start)
        except BaseException:
            await self._fail(IntegrationState.NEW)
            raise
        if not result.success:
            await self._fail(state_after_failure(result.error_info))
            return result
        self._binding = LoopBinding.current()
        owner._initialized = True
        self.up_since = time.monotonic()
        self.state = IntegrationState.READY
        return result

    async def _fail(self, state: IntegrationState) -> None:
        self._owner._initialized = False
        self._base_passed = None
        try:
            await self._release()
        finally:
            self.state = state

    def _failed(self, error: QuackError) -> IntegrationResult[Any]:
        return IntegrationResult.from_exception(error, service=service_name(self._owner), operation="initialize")

    def _settle_loop(self) -> None:
        """Forget clients whose loop or process is gone; refuse while their loop runs elsewhere."""
        if self._binding is None or self._binding.is_here():
            return
        if self._binding.is_alive():
            name = service_name(self._owner)
            raise wrong_loop(f"{name} belongs to another running event loop: make one for each loop")
        if self._resources is not None:
            self._resources.restore()
            self._resources = None
        self._owner._exit_stack = AsyncExitStack()
        self._owner._initialized = False
        self._binding = None
        self.state = IntegrationState.NEW

    async def aclose(self) -> None:
        """Close what the start opened; once, wholly, and also under cancellation."""
        if self._starting.inside is not None or self._closing.inside is not None:
            return  # a start that fails closes what it opened by itself, and a close is under way already
        self._settle_loop()
        with anyio.move_on_after(cleanup_timeout()) as waiting:
            await self._starting.wait()
        if waiting.cancelled_caught:
            name = service_name(self._owner)
            raise TimedOutError(
                f"{name} is still starting and was not closed: cancel its start first", retryable=True
            )
        error = await self._closing.run(self._close)
        if error is not None:
            raise error

    async def _close(self, _flight: Flight[QuackError | None]) -> QuackError | None:
        if self._resources is None:
            return None
        was_ready = self.state is IntegrationState.READY
        self.state = IntegrationState.CLOSING
        self._owner._initialized = False
        try:
            return await self._release(teardown=was_ready)
        finally:
            self._binding = None
            self.state = IntegrationState.CLOSED

    async def _release(self, *, teardown: bool = False) -> QuackError | None:
        """Close everything that was opened, within a deadline; return the first thing that went wrong."""
        if self._resources is None:
            return None
        resources, self._resources = self._resources, None
        steps: list[Callable[[], Awaitable[object]]] = []
        if teardown:
            steps.append(partial(call_method, self._owner, "_teardown"))
        steps.append(self._owner._exit_stack.aclose)
        self._owner._exit_stack = AsyncExitStack()
        errors: list[QuackError] = []
        timeout = cleanup_timeout()

        async def close_all() -> bool:
            for step in steps:
                await self._attempt(step, errors)
            for resource in resources.restore():
                await self._attempt(partial(close_resource, resource), errors)
            return True

        if not await shielded(close_all, timeout=timeout):
            name = service_name(self._owner)
            errors.append(TimedOutError(f"{name} did not close within {timeout:g} seconds"))
        for error in errors:
            self._owner.logger.warning("closing failed: %s", error)
        return errors[0] if errors else None

    @staticmethod
    async def _attempt(step: Callable[[], Awaitable[object]], errors: list[QuackError]) -> None:
        try:
            await step()
        except BaseException as exc:
            if comes_from_outside(exc) or isinstance(exc, SystemExit):
                raise
            errors.append(to_quack_error(own_error("closing", exc)))
