"""What the base class puts around the protocol methods that a subclass writes, when the class is made."""

from __future__ import annotations  # `IntegrationResult[...]` builds a pydantic class: not at import

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from quackcore_async.protocols.core import (
    StorageIntegrationProtocol,
    coroutine_methods,
    guard_method,
    guards,
    unguarded_method,
)
from quackcore_async.results import IntegrationResult, returns_result

if TYPE_CHECKING:
    from quackcore_async.service.lifecycle import Lifecycle

__all__ = ["wrap_overrides"]

_METHODS: Final = coroutine_methods(StorageIntegrationProtocol)


def wrap_overrides(cls: type) -> None:
    """Wrap the protocol methods that `cls` defines, or takes from a mixin, and no others."""
    for name in _METHODS:
        method = unguarded_method(cls, name)
        if method is None:
            continue
        wrapped: Callable[..., Awaitable[Any]]
        if name == "initialize":
            wrapped = _initialize(cls, method)
        elif name == "is_available":
            wrapped = _is_available(method)
        else:
            wrapped = guard_method(cls, method, IntegrationResult)
        setattr(cls, name, wrapped)


def _initialize(owner: type, method: Callable[..., Any]) -> Callable[..., Awaitable[IntegrationResult[Any]]]:
    guarded = guard_method(owner, method, IntegrationResult)

    @guards(method)
    @returns_result(IntegrationResult)
    async def initialize(self: Any, *args: Any, **kwargs: Any) -> IntegrationResult[Any]:  # noqa: ANN401 - an integration
        lifecycle: Lifecycle = self._lifecycle
        return await lifecycle.initialize(owner, functools.partial(guarded, self, *args, **kwargs))

    return initialize


def _is_available(method: Callable[..., Any]) -> Callable[..., Awaitable[bool]]:
    @guards(method)
    async def is_available(self: Any) -> bool:  # noqa: ANN401 - an integration, whose module imports this one
        try:
            if not self._lifecycle.may_be_available():
                return False
            outcome = method(self)
            return bool(await outcome if inspect.isawaitable(outcome) else outcome)
        except Exception:
            self.logger.exception("is_available failed")
            return False

    return is_available
