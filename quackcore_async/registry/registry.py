"""`IntegrationRegistry`: a set of integrations, complete in itself."""

from __future__ import annotations  # `IntegrationResult[...]` builds a pydantic class: not at import

import math
import unicodedata
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self, TypeGuard, TypeVar

from quackcore_async.errors import (
    ContractError,
    DuplicateIntegrationError,
    ErrorKind,
    IntegrationNotFoundError,
    RegistryError,
)
from quackcore_async.logging import get_logger
from quackcore_async.protocols.core import IntegrationProtocol, contract_violations, protocol_of
from quackcore_async.results import IntegrationResult

if TYPE_CHECKING:
    from quackcore_async.discovery import DiscoveryReport, EntryPointInfo

__all__ = ["IntegrationRegistry"]

I = TypeVar("I")  # noqa: E741 - an integration of whatever type is asked for

_IGNORED_IN_NAMES: Final = str.maketrans("", "", "-_. ")


class _Entry(NamedTuple):
    name: str
    integration: IntegrationProtocol
    origin: str


class IntegrationRegistry:
    """A set of integrations. It is complete in itself: two registries see nothing of each other.

    Looking things up is plain and quick; what imports or talks is a coroutine. `async with` closes everything.

    Args:
        log_level: Level of `self.logger`, as a number or a name; None leaves it alone.
    """

    def __init__(self, log_level: int | str | None = None) -> None:
        self.logger = get_logger(f"{__name__}.{type(self).__qualname__}", log_level)
        self._entries: dict[str, _Entry] = {}
        self._up: list[str] = []

    def register(self, integration: IntegrationProtocol, *, replace: bool = False) -> None:
        """Add an integration under its name.

        Args:
            integration: What to add.
            replace: Take the place of another one of that name, which is not closed by this.

        Raises:
            DuplicateIntegrationError: if another one has that name, also in other case or with other separators.
            ContractError: if it breaks its protocol, such as by a plain `def` where a coroutine is needed.
        """
        self._add(integration, _origin_of(integration), replace=replace)

    def unregister(self, name: str) -> bool:
        """Remove an integration, without closing it; False when there is none of that name."""
        key = self._find(name)
        if key is None:
            return False
        del self._entries[key]
        return True

    def get_integration(self, name: str) -> Any:  # noqa: ANN401 - callers know what they registered
        """Return the integration of that name, None when there is none.

        The exact name goes first; then case and the separators `-`, `_`, `.` and blank do not count.
        """
        key = self._find(name)
        return None if key is None else self._entries[key].integration

    def get_integration_by_type(self, integration_type: type[I]) -> tuple[I, ...]:
        """Return the integrations that are instances of a class or a protocol."""
        integrations = [entry.integration for entry in self._entries.values()]
        return tuple(item for item in integrations if _is_instance(item, integration_type))

    def list_integrations(self) -> list[str]:
        """Return the names, in the order of registration."""
        return [entry.name for entry in self._entries.values()]

    def is_registered(self, name: str) -> bool:
        """Tell whether there is an integration of that name."""
        return self._find(name) is not None

    def list_entry_points(self) -> tuple[EntryPointInfo, ...]:
        """List what installed distributions offer, without importing any of it."""
        from quackcore_async.discovery import list_entry_points

        return list_entry_points()

    async def discover_integrations(self, *, timeout: float | None = 30.0) -> DiscoveryReport:  # noqa: ASYNC109 - of each
        """Load and register what installed distributions offer by entry points.

        Idempotent: what is here already stays. Importing happens in worker threads, several at a time; one that
        breaks, hangs or exits is a reason in the report. They are registered in the order of
        `list_entry_points`, by which the first of two with one name gets it.

        Args:
            timeout: Seconds for each entry point; None is no limit.
        """
        from quackcore_async.discovery import discover

        report = await discover(self._accept, timeout=math.inf if timeout is None else timeout)
        for name, reason in {**report.skipped, **report.failed}.items():
            self.logger.warning("integration %s was not loaded: %s", name, reason)
        return report

    async def load_integration_module(self, path: str) -> DiscoveryReport:
        """Import a module and register the integrations in it.

        Args:
            path: Dotted name of the module.

        Returns:
            The integrations, those that were here already included; what could not be made is in `failed`.

        Raises:
            DiscoveryError: if the module cannot be imported.
        """
        from quackcore_async.discovery import load_module

        return await load_module(
            path,
            self._accept,
            lambda: {id(entry.integration): entry.integration for entry in self._entries.values()},
        )

    async def configure(
        self, config_path: str | None = None, *, names: Iterable[str] | None = None
    ) -> list[IntegrationProtocol]:
        """Make and register the instances that a configuration file lists under `integrations:`.

        Args:
            config_path: The file; None looks in the usual places.
            names: Which ones; None is all.

        Raises:
            ConfigError: if the file or one of these instances cannot be used; then none is registered.
            DuplicateIntegrationError: if another integration has the name of an instance.
            RegistryError: if `names` is a text, code `bad_argument`.
        """
        from quackcore_async.registry.instances import make_instances

        _refuse_text(names)
        chosen = None if names is None else {_normalized(name) for name in names}
        made = await make_instances(config_path, lambda name: chosen is None or _normalized(name) in chosen)
        for integration, origin in made:
            self._refuse_duplicate(integration.name, origin, None)
        for integration, origin in made:
            self._add(integration, origin)
        return [integration for integration, _ in made]

    async def initialize_all(
        self,
        names: Iterable[str] | None = None,
        *,
        timeout: float | None = 30.0,  # noqa: ASYNC109 - of each integration
        max_concurrency: int | None = None,
    ) -> dict[str, IntegrationResult[Any]]:
        """Bring integrations up, all at once, what they require first.

        None delays or cancels another: one that hangs, raises, exits or returns nonsense is a failed result. What
        requires a failed one is reported as blocked, and the members of a cycle fail with its path.

        Args:
            names: Which ones, with what they require; None is all.
            timeout: Seconds for each, from when it has its turn; None is no limit.
            max_concurrency: How many at the same time; None is all.

        Returns:
            The result of each by name, in the order of registration.

        Raises:
            RegistryError: if `names` is a text or `max_concurrency` is below 1, code `bad_argument`.
        """
        from quackcore_async.registry.bringup import bring_up  # anyio comes with it: not at import

        _refuse_text(names)
        if max_concurrency is not None and (isinstance(max_concurrency, bool) or max_concurrency < 1):
            raise _bad_argument(f"max_concurrency must be at least 1, not {max_concurrency!r}")
        wanted = self.list_integrations() if names is None else list(names)
        chosen: dict[str, IntegrationProtocol] = {}
        missing: dict[str, IntegrationResult[Any]] = {}
        for name in wanted:
            key = self._find(name)
            if key is None:
                error = IntegrationNotFoundError(f"no integration {name!r} is registered: {self._known()}")
                missing[name] = IntegrationResult.from_exception(error, service=name, operation="initialize")
            else:
                self._choose(key, chosen)
        ordered = {entry.name: entry.integration for entry in self._entries.values() if entry.name in chosen}
        results = await bring_up(
            ordered,
            find=self._name_found,
            timeout=math.inf if timeout is None else timeout,
            max_concurrency=max_concurrency,
            logger=self.logger,
        )
        for name, result in results.items():
            if result.success and name not in self._up:
                self._up.append(name)
        return {name: results[name] for name in ordered} | missing

    async def aclose(self, *, timeout: float = 10.0) -> dict[str, IntegrationResult[Any]]:  # noqa: ASYNC109 - of each
        """Close all integrations, the last one up first, each within `timeout` seconds.

        They stay registered. What fails to close is a failed result and does not keep the others open; closing
        what never came up succeeds.
        """
        from quackcore_async.registry.bringup import take_down

        names = [name for name in self.list_integrations() if name not in self._up]
        names += [name for name in self._up if self.is_registered(name)]
        self._up.clear()
        integrations = {name: self.get_integration(name) for name in reversed(names)}
        return await take_down(integrations, timeout=timeout, logger=self.logger)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"IntegrationRegistry({', '.join(self.list_integrations())})"

    def _add(self, integration: IntegrationProtocol, origin: str, *, replace: bool = False) -> None:
        # What closes is loaded before there is anything to close: with too many files open nothing can be.
        import quackcore_async.registry.bringup  # noqa: F401

        if isinstance(integration, type):
            raise ContractError(f"{integration.__name__} is a class: register an instance of it")
        complaints = list(contract_violations(integration, protocol_of(integration)))
        if complaints:
            raise ContractError("; ".join(complaints))
        name = _name_of(integration)
        key = _normalized(name)
        known = self._entries.get(key)
        if known is not None and known.integration is integration:
            return
        if not replace:
            self._refuse_duplicate(name, origin, integration)
        self._entries[key] = _Entry(name, integration, origin)
        self.logger.debug("registered %s from %s", name, origin)

    def _refuse_duplicate(self, name: str, origin: str, integration: object | None) -> None:
        known = self._entries.get(_normalized(name))
        if known is not None and known.integration is not integration:
            raise DuplicateIntegrationError(
                f"{name!r} from {origin} has the name of {known.name!r} from {known.origin}: rename one of them"
            )

    def _accept(self, candidate: object, origin: str) -> IntegrationProtocol:
        """Register what discovery found; one of the same class and name that is here already stays."""
        integration: Any = candidate
        known = self._entries.get(_normalized(_name_of(integration)))
        if known is not None and _same_class(type(known.integration), type(candidate)):
            return known.integration
        self._add(integration, origin)
        accepted: IntegrationProtocol = integration
        return accepted

    def _choose(self, key: str, chosen: dict[str, IntegrationProtocol]) -> None:
        from quackcore_async.registry.bringup import required_names

        entry = self._entries[key]
        if entry.name in chosen:
            return
        chosen[entry.name] = entry.integration
        for required in required_names(entry.integration):
            required_key = self._find(required)
            if required_key is not None:
                self._choose(required_key, chosen)

    def _find(self, name: str) -> str | None:
        key = _normalized(name)
        return key if key in self._entries else None

    def _name_found(self, name: str) -> str | None:
        key = self._find(name)
        return None if key is None else self._entries[key].name

    def _known(self) -> str:
        return f"registered are {', '.join(self._entries)}" if self._entries else "none is registered"


def _refuse_text(names: Iterable[str] | None) -> None:
    if isinstance(names, str):
        raise _bad_argument(f"names is a text: write [{names!r}]")


def _bad_argument(message: str) -> RegistryError:
    return RegistryError(message, kind=ErrorKind.INVALID_INPUT, code="bad_argument")


def _name_of(integration: object) -> str:
    label = type(integration).__name__
    try:
        name = getattr(integration, "name", None)
    except Exception as exc:
        raise ContractError(f"{label}.name raised {type(exc).__name__}: {exc}") from exc
    if not isinstance(name, str) or not _normalized(name):
        raise ContractError(f"{label}.name is {name!r}: it must be a text with at least one letter or digit")
    return name


def _normalized(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold().translate(_IGNORED_IN_NAMES)


def _is_instance(item: object, integration_type: type[I]) -> TypeGuard[I]:
    try:
        return isinstance(item, integration_type)
    except Exception:  # noqa: BLE001 - before Python 3.12 a protocol reads the properties, and one may raise
        return False


def _origin_of(integration: object) -> str:
    return f"{type(integration).__module__}.{type(integration).__qualname__}"


def _same_class(one: type, other: type) -> bool:
    return one is other or (one.__module__ == other.__module__ and one.__qualname__ == other.__qualname__)
