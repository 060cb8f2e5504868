"""The four protocols: integration, authentication provider, configuration provider, storage."""

from __future__ import annotations  # `IntegrationResult[...]` builds a pydantic class: not at import

import functools
import inspect
from abc import abstractmethod
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar, runtime_checkable

from quackcore_async.errors import ContractError
from quackcore_async.results import AuthResult, BaseResult, ConfigResult, IntegrationResult, returns_result

WrapperT = TypeVar("WrapperT", bound=Callable[..., Any])
ResultT = TypeVar("ResultT", bound=BaseResult)

__all__ = [
    "AuthProviderProtocol",
    "ConfigProviderProtocol",
    "IntegrationProtocol",
    "StorageIntegrationProtocol",
    "contract_violations",
]


@runtime_checkable
class IntegrationProtocol(Protocol):
    """Anything that connects to an outside service."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Name under which it is registered."""
        ...

    @property
    @abstractmethod
    def version(self) -> str:
        """Version of the integration."""
        ...

    @abstractmethod
    async def initialize(self) -> IntegrationResult[Any]:
        """Bring it up. Idempotent; an expected failure is a result, not an exception."""
        ...

    @abstractmethod
    async def is_available(self) -> bool:
        """Tell whether it is up and usable."""
        ...


@runtime_checkable
class AuthProviderProtocol(Protocol):
    """Anything that can log in to a service and keep the login fresh."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Name of the provider."""
        ...

    @abstractmethod
    async def authenticate(self) -> AuthResult:
        """Log in, or take up a stored login that still holds."""
        ...

    @abstractmethod
    async def refresh_credentials(self) -> AuthResult:
        """Renew the login."""
        ...

    @abstractmethod
    async def get_credentials(self) -> object:
        """Return the current credentials."""
        ...

    @abstractmethod
    async def save_credentials(self) -> bool:
        """Store the current credentials; True once they are stored durably."""
        ...


@runtime_checkable
class ConfigProviderProtocol(Protocol):
    """Anything that can find, read and check a configuration."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Name of the provider, which is also the name of its section."""
        ...

    @abstractmethod
    async def load_config(self, config_path: str | None = None) -> ConfigResult:
        """Load the section, from `config_path` or from wherever it is looked for."""
        ...

    @abstractmethod
    async def validate_config(self, config: dict[str, Any]) -> bool:
        """Tell whether a configuration can be used."""
        ...

    @abstractmethod
    async def get_default_config(self) -> dict[str, Any]:
        """Return what holds where the file says nothing."""
        ...


@runtime_checkable
class StorageIntegrationProtocol(IntegrationProtocol, Protocol):
    """An integration that keeps files."""

    @abstractmethod
    async def upload_file(self, file_path: str, remote_path: str | None = None) -> IntegrationResult[str]:
        """Upload a local file; the content is its remote identifier."""
        ...

    @abstractmethod
    async def download_file(self, remote_id: str, local_path: str | None = None) -> IntegrationResult[str]:
        """Download a file; the content is its local path."""
        ...

    @abstractmethod
    async def list_files(
        self, remote_path: str | None = None, pattern: str | None = None
    ) -> IntegrationResult[Sequence[Mapping[str, Any]]]:
        """List the files below `remote_path` whose names match the glob `pattern`."""
        ...

    @abstractmethod
    async def create_folder(self, folder_name: str, parent_path: str | None = None) -> IntegrationResult[str]:
        """Create a folder; the content is its remote path."""
        ...


_PROTOCOLS: Final = (
    IntegrationProtocol,
    AuthProviderProtocol,
    ConfigProviderProtocol,
    StorageIntegrationProtocol,
)


class MadeByInit:
    """Stands where `__init__` of a base class puts something: a subclass that does not call it is told so."""

    def __get__(self, owner: object, kind: type) -> Any:  # noqa: ANN401 - whatever is put there
        if owner is None:
            return self
        raise ContractError(f"{kind.__name__}.__init__ does not call super().__init__(): call it first")


def coroutine_methods(protocol: type) -> tuple[str, ...]:
    """Return the names of the coroutine methods that a protocol asks for, its bases' included."""
    names: dict[str, None] = {}
    for base in reversed(protocol.__mro__):
        names.update((key, None) for key, value in vars(base).items() if inspect.iscoroutinefunction(value))
    return tuple(names)


def contract_violations(candidate: object, protocol: type) -> Iterator[str]:
    """Yield a sentence for each way in which `candidate` breaks a protocol that `isinstance` does not see.

    Looked for are methods that are missing, plain functions where the protocol has coroutines, and stubs
    inherited from a protocol.
    """
    owner = candidate if isinstance(candidate, type) else type(candidate)
    for method_name in coroutine_methods(protocol):
        function = _function_of(candidate, method_name)
        label = f"{owner.__name__}.{method_name}"
        if function is None:
            yield f"{label} is missing"
        elif any(function is vars(base).get(method_name) for base in _PROTOCOLS):
            yield f"{label} is only inherited from the protocol: implement it"
        elif _is_plain(function):
            yield _plain_function(owner, method_name)


def plain_functions(candidate: object, protocol: type) -> Iterator[str]:
    """Yield a sentence for each plain function where the protocol has a coroutine; what is missing may be."""
    for method_name in coroutine_methods(protocol):
        if _is_plain(_function_of(candidate, method_name)):
            yield _plain_function(type(candidate), method_name)


def _function_of(candidate: object, name: str) -> Any:  # noqa: ANN401 - anything callable; None when there is none
    method = inspect.getattr_static(candidate, name, None)
    if not callable(method):
        method = _dynamic(candidate, name)
    return _as_written(getattr(method, "__func__", method))


def _is_plain(function: object) -> bool:
    return inspect.isfunction(function) and not _returns_coroutine(function)


def _dynamic(candidate: object, name: str) -> Any:  # noqa: ANN401 - whatever a `__getattr__` makes
    try:
        method = getattr(candidate, name, None)
    except Exception:  # noqa: BLE001 - an attribute that raises is as good as none
        return None
    return method if callable(method) else None


def protocol_of(integration: object) -> type:
    """Return the widest of the integration protocols whose methods an integration has."""
    keeps_files = all(hasattr(type(integration), name) for name in coroutine_methods(StorageIntegrationProtocol))
    return StorageIntegrationProtocol if keeps_files else IntegrationProtocol


async def call_method(owner: object, method_name: str, *args: Any) -> Any:  # noqa: ANN401 - whatever it returns
    """Await a protocol method of an object that somebody else wrote.

    Raises:
        ContractError: if the method is missing or is no coroutine.
    """
    method = getattr(owner, method_name, None)
    if not callable(method):
        raise ContractError(f"{type(owner).__name__}.{method_name} is missing")
    outcome = method(*args)
    if not inspect.isawaitable(outcome):
        raise ContractError(_plain_function(type(owner), method_name))
    return await outcome


def guard_method(
    owner: type, method: Callable[..., Any], result_type: type[ResultT]
) -> Callable[..., Coroutine[Any, Any, ResultT]]:
    """Wrap an overridden protocol method: what it raises, and a plain `def`, become a failed result."""
    if _returns_coroutine(method):
        return guards(method)(returns_result(result_type)(method))
    complaint = _plain_function(owner, method.__name__)

    @guards(method)
    async def refuse(*_args: object, **_kwargs: object) -> ResultT:
        raise ContractError(complaint)

    return guards(method)(returns_result(result_type)(refuse))


def unguarded_method(cls: type, name: str) -> Callable[..., Any] | None:
    """Return the function that `cls` has under `name` when an author wrote it and nothing is around it yet."""
    method = inspect.getattr_static(cls, name, None)
    if not inspect.isfunction(method) or hasattr(method, "__guarded__"):
        return None
    return None if getattr(method, "__isabstractmethod__", False) else method


def guards(method: Callable[..., Any]) -> Callable[[WrapperT], WrapperT]:
    """Mark what this package itself puts around `method`, so that the method is judged as its author wrote it."""

    def mark(wrapper: WrapperT) -> WrapperT:
        functools.update_wrapper(wrapper, method)
        wrapper.__guarded__ = method  # type: ignore[attr-defined]
        return wrapper

    return mark


def _returns_coroutine(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(inspect.unwrap(function))


def _as_written(function: Any) -> Any:  # noqa: ANN401 - anything callable
    while (inner := getattr(function, "__guarded__", None)) is not None:
        function = inner
    return function


def _plain_function(owner: type, method_name: str) -> str:
    return f"{owner.__name__}.{method_name} is a plain function: write `async def {method_name}`"
