"""Bring integrations up all at once, each isolated from the others, and take them down in order."""

from __future__ import annotations  # `IntegrationResult[...]` builds a pydantic class: not at import

import logging
import math
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any, TypeAlias

import anyio

from quackcore_async.concurrency import cleanup_within, comes_from_outside, own_error, shielded
from quackcore_async.errors import ContractError, ErrorKind, QuackError, TimedOutError
from quackcore_async.protocols.core import IntegrationProtocol, call_method
from quackcore_async.results import IntegrationResult

__all__ = ["bring_up", "required_names", "take_down"]

Result: TypeAlias = "IntegrationResult[Any]"
Find = Callable[[str], str | None]


async def bring_up(
    integrations: Mapping[str, IntegrationProtocol],
    *,
    find: Find,
    timeout: float,  # noqa: ASYNC109 - of each integration
    max_concurrency: int | None,
    logger: logging.Logger,
) -> dict[str, Result]:
    """Initialize every integration in one task group; return the result of each, in the order of coming up.

    Args:
        integrations: What to bring up, by name, with all that they require.
        find: Returns the registered name that a required name stands for.
        timeout: Seconds for each, from when it has its turn.
        max_concurrency: How many at the same time; None is all.
        logger: Told of each failure.
    """
    needs = {
        name: tuple(find(required) or required for required in required_names(item))
        for name, item in integrations.items()
    }
    results: dict[str, Result] = {
        name: _failed(QuackError(message, kind=ErrorKind.MISCONFIGURED, code=code), name, "initialize")
        for name, code, message in (*_unmet(needs, integrations), *_cyclic(needs))
    }
    complaints = {name: _complaint(item) for name, item in integrations.items()}
    results |= {
        name: _failed(ContractError(complaint), name, "initialize")
        for name, complaint in complaints.items()
        if complaint is not None
    }
    settled = {name: anyio.Event() for name in integrations}
    for name in results:
        settled[name].set()
    turn = nullcontext() if max_concurrency is None else anyio.CapacityLimiter(max_concurrency)

    async def child(name: str) -> None:
        try:
            for required in needs[name]:
                await settled[required].wait()
            failed = [required for required in needs[name] if not results[required].success]
            if failed:
                results[name] = _blocked(name, failed)
                return
            async with turn:
                results[name] = await _contained(
                    name, "initialize", timeout, lambda: call_method(integrations[name], "initialize")
                )
        finally:
            settled[name].set()

    async with anyio.create_task_group() as group:
        for name in integrations:
            if name not in results:
                group.start_soon(child, name)
    for name, result in results.items():
        if not result.success:
            logger.warning("%s did not come up: %s", name, result.error)
    return results


async def take_down(
    integrations: Mapping[str, object],
    *,
    timeout: float,  # noqa: ASYNC109 - of each integration
    logger: logging.Logger,
) -> dict[str, Result]:
    """Close integrations one after the other, each under its own deadline, also under cancellation."""
    results: dict[str, Result] = {}

    async def close_all() -> None:
        for name, integration in integrations.items():
            result = results[name] = await _contained(name, "aclose", timeout, partial(_close, name, integration))
            if not result.success:
                logger.warning("%s did not close: %s", name, result.error)

    await shielded(close_all, timeout=math.inf)
    return results


async def _close(name: str, integration: object) -> Result:
    if not callable(getattr(integration, "aclose", None)):
        return IntegrationResult.success_result(message=f"{name} has nothing to close")
    await call_method(integration, "aclose")
    return IntegrationResult.success_result(message="closed")


async def _contained(name: str, operation: str, timeout: float, call: Callable[[], Awaitable[Any]]) -> Result:  # noqa: ASYNC109 - of one child
    """Await one integration's method; whatever it does by itself is its own result.

    Its `SystemExit` and its own cancellation count as that; what comes from outside goes on.
    """
    started = anyio.current_time()
    try:
        with cleanup_within(timeout), anyio.move_on_after(timeout):
            result = await call()
            if isinstance(result, IntegrationResult):
                return result
            returned = type(result).__name__
            return _failed(
                ContractError(f"{name}.{operation} returned {returned}: return a result"), name, operation
            )
    except BaseException as exc:
        if comes_from_outside(exc):
            raise
        return _failed(own_error(name, exc), name, operation)
    late = TimedOutError(f"{name} did not finish {operation} within {timeout:g} seconds", retryable=True)
    late.elapsed = anyio.current_time() - started
    return _failed(late, name, operation)


def _failed(error: Exception, name: str, operation: str) -> Result:
    return IntegrationResult.from_exception(error, service=name, operation=operation)


def _blocked(name: str, failed: Sequence[str]) -> Result:
    error = QuackError(
        f"{name} is blocked: it requires {', '.join(failed)}, which did not come up",
        kind=ErrorKind.UNAVAILABLE,
        code="blocked",
    )
    return _failed(error, name, "initialize")


def required_names(integration: object) -> tuple[str, ...]:
    """Return the names that an integration requires; none when what it says makes no sense."""
    try:
        required = getattr(integration, "requires", ())
    except Exception:  # noqa: BLE001 - reported when it is brought up
        return ()
    if isinstance(required, tuple | list | set | frozenset):
        return tuple(name for name in required if isinstance(name, str))
    return ()


def _complaint(integration: object) -> str | None:
    """Say what is wrong with `requires`; a mock's is taken for none."""
    label = f"{type(integration).__name__}.requires"
    try:
        required = getattr(integration, "requires", ())
    except Exception as exc:  # noqa: BLE001 - it is a value in the report
        return f"{label} raised {type(exc).__name__}: {exc}"
    if isinstance(required, str):
        return f"{label} is a text: write ({required!r},)"
    if isinstance(required, tuple | list | set | frozenset) and len(required_names(integration)) < len(required):
        return f"{label} must hold names only"
    return None


def _unmet(needs: Mapping[str, Sequence[str]], known: Mapping[str, object]) -> Iterator[tuple[str, str, str]]:
    for name, required in needs.items():
        absent = [item for item in required if item not in known]
        if absent:
            yield name, "requirement_missing", f"{name} requires {', '.join(absent)}, which is not registered"


def _cyclic(needs: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str, str]]:
    """Yield each member of a cycle with the path of the cycle."""
    for name in needs:
        path = _path_back(name, needs)
        if path:
            yield name, "requirement_cycle", f"{name} requires itself: {' -> '.join(path)}"


def _path_back(start: str, needs: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a path of requirements from `start` back to it; empty when there is none."""
    paths = [[start]]
    seen = set()
    while paths:
        path = paths.pop()
        for required in needs.get(path[-1], ()):
            if required == start:
                return [*path, start]
            if required not in seen:
                seen.add(required)
                paths.append([*path, required])
    return []
