"""Find integrations that other packages offer: by entry point, and by module."""

import importlib
import inspect
import logging
import math
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, TypeVar, overload

import anyio

from quackcore_async.concurrency import (
    comes_from_outside,
    for_each,
    own_error,
    protected,
    run_in_daemon,
    run_in_thread,
)
from quackcore_async.errors import ContractError, DiscoveryError, QuackError, TimedOutError
from quackcore_async.protocols.core import (
    IntegrationProtocol,
    contract_violations,
    coroutine_methods,
    protocol_of,
)
from quackcore_async.redaction import scrub

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = [
    "GROUPS",
    "DiscoveryReport",
    "EntryPointInfo",
    "discover",
    "installed_versions",
    "list_entry_points",
    "load_entry_point",
    "load_module",
]

T = TypeVar("T")

logger = logging.getLogger(__name__)

GROUPS: Final = ("quackcore_async.integrations", "quackcore.integrations", "quack-core.integrations")
"""Entry-point groups that are read: this package's own, and the two spellings of the synchronous framework."""

_FACTORY: Final = "create_integration"
_PARALLEL_IMPORTS: Final = 4


@dataclass(frozen=True, slots=True)
class EntryPointInfo:
    """An integration that an installed distribution offers, known without importing it.

    Attributes:
        name: Name of the entry point.
        value: What it refers to, as `module:attribute`.
        group: The group that it was found under.
        distribution: Name of the distribution.
        version: Version of the distribution.
    """

    name: str
    value: str
    group: str
    distribution: str
    version: str

    @property
    def origin(self) -> str:
        """A phrase for messages."""
        return f"entry point {self.name!r} ({self.value}) of {self.distribution} {self.version}"


@dataclass(slots=True)
class DiscoveryReport(Sequence[IntegrationProtocol]):
    """The integrations that were loaded, as a sequence, and what became of the others.

    Attributes:
        loaded: The integrations.
        skipped: Name to reason: what was written for the synchronous framework.
        failed: Name to reason: what could not be loaded.
    """

    loaded: list[IntegrationProtocol] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    @overload
    def __getitem__(self, index: int) -> IntegrationProtocol: ...
    @overload
    def __getitem__(self, index: slice) -> list[IntegrationProtocol]: ...
    def __getitem__(self, index: int | slice) -> IntegrationProtocol | list[IntegrationProtocol]:
        return self.loaded[index]

    def __len__(self) -> int:
        return len(self.loaded)


Accept = Callable[[object, str], IntegrationProtocol]
"""Takes an instance and its origin; returns it, or the one of its kind that is there already."""


def list_entry_points() -> tuple[EntryPointInfo, ...]:
    """List what installed distributions offer, without importing any of it. It reads the disk."""
    return tuple(_info(entry) for entry in _entry_points())


def installed_versions(distributions: Iterable[str]) -> dict[str, str]:
    """Return the versions of distributions, without importing them; one that is not installed is left out."""
    import importlib.metadata

    versions: dict[str, str] = {}
    for distribution in distributions:
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[distribution] = importlib.metadata.version(distribution)
    return versions


def load_entry_point(name: str, *, known: tuple[str, ...] = ()) -> Callable[..., Any]:
    """Import what the entry point of that name refers to: a class or a factory. It blocks.

    Args:
        name: Name of the entry point.
        known: Other names that could have been meant, for the message.

    Raises:
        DiscoveryError: if there is none of that name.
    """
    entries = {entry.name: entry for entry in _entry_points()}
    if name not in entries:
        choices = ", ".join(sorted({*known, *entries}))
        raise DiscoveryError(f"there is no integration {name!r} to use: installed are {choices}")
    target: Callable[..., Any] = entries[name].load()
    return target


async def discover(accept: Accept, *, timeout: float) -> DiscoveryReport:  # noqa: ASYNC109 - of each entry point
    """Load every entry point in a worker thread, each on its own: what fails is a reason in the report.

    Which of two with one name wins, and the order of registration, are those of the list.

    Args:
        accept: Registers an instance.
        timeout: Seconds for each.
    """
    entries = await run_in_thread(_entry_points)
    loaded: list[object] = [None] * len(entries)

    async def load(index: int, entry: "EntryPoint") -> None:
        origin = _info(entry).origin
        try:
            loaded[index] = await _contained(partial(_instance, entry.load, origin), timeout, origin)
        except Exception as exc:  # noqa: BLE001 - a broken plugin is a value in the report
            loaded[index] = exc

    await for_each(load, entries, max_concurrency=_PARALLEL_IMPORTS)
    report = DiscoveryReport()
    for entry, outcome in zip(entries, loaded, strict=True):
        await _take_up(outcome, _info(entry), accept, report)
    report.loaded = _unique(report.loaded)
    return report


async def _take_up(outcome: object, info: EntryPointInfo, accept: Accept, report: DiscoveryReport) -> None:
    """Register what an entry point led to, or note why not: an exception is what it failed with."""

    async def register() -> None:
        if isinstance(outcome, Exception):
            raise outcome
        complaints = list(contract_violations(outcome, protocol_of(outcome)))
        if complaints:
            _note(report.skipped, info, "; ".join(complaints))
        else:
            report.loaded.append(accept(outcome, info.origin))

    try:
        await _contained(register, math.inf, info.origin)
    except QuackError as error:
        _note(report.failed, info, str(error))
    except Exception as exc:  # noqa: BLE001 - a broken plugin is a value in the report
        _note(report.failed, info, f"{info.origin} cannot be loaded: {type(exc).__name__}: {exc}")


def _note(reasons: dict[str, str], info: EntryPointInfo, reason: str) -> None:
    """Note a reason under the name of the entry point; under a longer one when two distributions use that name."""
    name = f"{info.name} of {info.distribution}" if info.name in reasons else info.name
    reasons[name] = scrub(reason)


async def load_module(path: str, accept: Accept, registered: Callable[[], Mapping[int, Any]]) -> DiscoveryReport:
    """Import a module in a worker thread and take up the integrations in it.

    That is what the module registers while it is imported and what its `create_integration` makes; without
    either, an instance of each concrete integration class that it defines.

    Args:
        path: Dotted name of the module.
        accept: Registers an instance.
        registered: Tells what is registered now, by object identity.

    Raises:
        DiscoveryError: if the module cannot be imported.
    """
    earlier = set(registered())
    try:
        module = await run_in_daemon(partial(_plugin_call, partial(importlib.import_module, path), path))
    except Exception as exc:
        raise DiscoveryError(f"cannot import {path}: {scrub(str(exc) or type(exc).__name__)}") from exc
    report = DiscoveryReport()
    found: list[IntegrationProtocol | None] = [
        item for key, item in registered().items() if key not in earlier and _is_from(type(item), module)
    ]
    makers = [vars(module)[_FACTORY]] if callable(vars(module).get(_FACTORY)) else _classes(module)
    for maker in makers:
        label = f"{path}.{maker.__name__}"
        try:
            found.append(accept(await _made(maker, label), label))
        except Exception as exc:  # noqa: BLE001 - one class that cannot be made does not hide the others
            report.failed[label] = scrub(str(exc) or type(exc).__name__)
    report.loaded = _unique(found)
    return report


async def _contained(operation: Callable[[], Awaitable[T]], timeout: float, origin: str) -> T:  # noqa: ASYNC109 - of one plugin
    """Await what a plugin does: its own `SystemExit` and its own cancellation are its errors, nobody else's."""
    try:
        with anyio.move_on_after(None if timeout == math.inf else timeout):
            return await operation()
    except BaseException as exc:
        if isinstance(exc, Exception) or comes_from_outside(exc):
            raise
        raise DiscoveryError(str(own_error(origin, exc))) from exc
    raise TimedOutError(f"{origin} did not load within {timeout:g} seconds")


async def _made(maker: Callable[[], Any], label: str) -> object:
    # In a task of its own: a native cancellation of the caller must not look like one of the plugin's.
    return await protected(partial(_contained, lambda: _instance(lambda: maker, label), math.inf, label), grace=0)


async def _instance(load: Callable[[], Any], origin: str) -> object:
    """Make an integration of whatever an entry point or a factory leads to, in a worker thread."""

    def make() -> tuple[Any]:
        target = load()
        if isinstance(target, type) or not _has_members(target):
            target = target()
        return (target() if isinstance(target, type) else target,)

    (made,) = await run_in_daemon(partial(_plugin_call, make, origin))
    if inspect.isawaitable(made):
        made = await made
    if not _has_members(made):
        raise ContractError(f"{origin} leads to {type(made).__name__}, which is no integration")
    return made


def _plugin_call(call: Callable[[], T], origin: str) -> T:
    """Run a plugin's code: whatever it raises is an ordinary error of the plugin.

    In a worker thread there is nobody else's cancellation or exit that could be meant.
    """
    try:
        return call()
    except Exception:
        raise
    except SystemExit as exc:
        raise DiscoveryError(f"{origin} called sys.exit({exc.code!r})") from exc
    except BaseException as exc:
        raise DiscoveryError(f"{origin} raised {type(exc).__name__}") from exc


def _has_members(candidate: object) -> bool:
    names = ("name", "version", *coroutine_methods(IntegrationProtocol))
    return all(inspect.getattr_static(candidate, name, None) is not None for name in names)


def _classes(module: ModuleType) -> list[type]:
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and _is_from(value, module)
        and not inspect.isabstract(value)
        and not getattr(value, "_is_protocol", False)
        and _has_members(value)
    ]


def _is_from(cls: type, module: ModuleType) -> bool:
    return cls.__module__ == module.__name__ or cls.__module__.startswith(f"{module.__name__}.")


def _unique(found: Sequence[IntegrationProtocol | None]) -> list[IntegrationProtocol]:
    return list({id(item): item for item in found if item is not None}.values())


def _entry_points() -> list["EntryPoint"]:
    return list(_without_repeats())


def _without_repeats() -> Iterator["EntryPoint"]:
    """Yield each entry point once, though it may stand in several groups."""
    import importlib.metadata

    seen: set[tuple[str, str]] = set()
    for group in GROUPS:
        try:
            entries: Iterable[EntryPoint] = importlib.metadata.entry_points(group=group)
        except Exception:  # noqa: BLE001 - one distribution's malformed file hides the others
            entries = [entry for entry in _readable_entry_points() if entry.group == group]
        for entry in entries:
            if (entry.name, entry.value) not in seen:
                seen.add((entry.name, entry.value))
                yield entry


def _readable_entry_points() -> Iterator["EntryPoint"]:
    import importlib.metadata

    for distribution in importlib.metadata.distributions():
        try:
            yield from distribution.entry_points
        except Exception as exc:  # noqa: BLE001 - whatever the parser stumbles over
            logger.warning("the entry points of %s cannot be read: %s", distribution.name, exc)


def _info(entry: "EntryPoint") -> EntryPointInfo:
    name = version = None
    with suppress(Exception):  # a distribution may lack its metadata
        name, version = (entry.dist.name, entry.dist.version) if entry.dist else (None, None)
    return EntryPointInfo(
        name=entry.name,
        value=entry.value,
        group=entry.group,
        distribution=name or "unknown",
        version=version or "unknown",
    )
