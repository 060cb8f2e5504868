"""What the base class puts around the protocol methods that a provider writes, when the class is made."""

import inspect
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from quackcore_async.errors import ContractError
from quackcore_async.protocols.core import (
    AuthProviderProtocol,
    coroutine_methods,
    guard_method,
    guards,
    unguarded_method,
)
from quackcore_async.results import AuthResult

if TYPE_CHECKING:
    from quackcore_async.auth.operations import LoginOperations

__all__ = ["is_unwrapped", "unwrapped", "wrap_overrides"]

MethodT = TypeVar("MethodT", bound=Callable[..., Any])

_METHODS: Final = coroutine_methods(AuthProviderProtocol)


def unwrapped(method: MethodT) -> MethodT:
    """Mark a method of the base class that takes part in the flights by itself."""
    method.__unwrapped__ = True  # type: ignore[attr-defined]
    return method


def is_unwrapped(cls: type, name: str) -> bool:
    """Tell whether a class has the base class's own method of that name."""
    return hasattr(inspect.getattr_static(cls, name, None), "__unwrapped__")


def wrap_overrides(cls: type) -> None:
    """Wrap the protocol methods that `cls` defines, or takes from a mixin, and no others."""
    wrappers: dict[str, Callable[[type, Callable[..., Any]], Callable[..., Awaitable[Any]]]] = {
        "authenticate": _authenticate,
        "refresh_credentials": _refresh_credentials,
        "get_credentials": _get_credentials,
        "save_credentials": _save_credentials,
    }
    for name in _METHODS:
        method = unguarded_method(cls, name)
        if method is not None and not is_unwrapped(cls, name):
            setattr(cls, name, wrappers[name](cls, method))


def _authenticate(owner: type, method: Callable[..., Any]) -> Callable[..., Awaitable[AuthResult]]:
    guarded = guard_method(owner, method, AuthResult)

    @guards(method)
    async def authenticate(self: Any, *args: Any, **kwargs: Any) -> AuthResult:  # noqa: ANN401 - a provider
        operations: LoginOperations = self._operations
        return await operations.authenticate(partial(guarded, self, *args, **kwargs))

    return authenticate


def _refresh_credentials(owner: type, method: Callable[..., Any]) -> Callable[..., Awaitable[AuthResult]]:
    guarded = guard_method(owner, method, AuthResult)

    @guards(method)
    async def refresh_credentials(self: Any, *args: Any, rejected: int | None = None, **kwargs: Any) -> AuthResult:  # noqa: ANN401 - a provider
        operations: LoginOperations = self._operations
        return await operations.refresh(partial(guarded, self, *args, **kwargs), rejected=rejected)

    return refresh_credentials


def _get_credentials(owner: type, method: Callable[..., Any]) -> Callable[..., Awaitable[object]]:
    @guards(method)
    async def get_credentials(self: Any) -> object:  # noqa: ANN401 - a provider
        operations: LoginOperations = self._operations
        return await operations.foreign(partial(_awaited, owner, method, self))

    return get_credentials


def _save_credentials(owner: type, method: Callable[..., Any]) -> Callable[..., Awaitable[bool]]:
    @guards(method)
    async def save_credentials(self: Any) -> bool:  # noqa: ANN401 - a provider
        try:
            return bool(await _awaited(owner, method, self))
        except Exception as exc:  # noqa: BLE001 - a login that could not be stored is still a login
            self.logger.warning("the login could not be stored: %s", exc)
            return False

    return save_credentials


async def _awaited(owner: type, method: Callable[..., Any], provider: object) -> Any:  # noqa: ANN401 - whatever it returns
    outcome = method(provider)
    if not inspect.isawaitable(outcome):
        name = method.__name__
        raise ContractError(f"{owner.__name__}.{name} is a plain function: write `async def {name}`")
    return await outcome
