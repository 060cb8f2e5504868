"""Bring integrations up all at once, each isolated from the others, and take them down in order."""

from __future__ import annotations  # `IntegrationResult[...]` builds a pydantic class: not at import

import logging
import math
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, TypeAlias

import anyio

from quackcore_async.errors import ContractError, ErrorKind, QuackError, TimedOutError
from quackcore_async.protocols.core import IntegrationProtocol, call_method
from quackcore_async.results import IntegrationResult

__all__ = ["bring_up", "take_down"]

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
    needs = {name: _requirements(item, find) for name, item in integrations.items()}
    results: dict[str, Result] = {
        name: _failed(QuackError(message, kind=ErrorKind.MISCONFIGURED, code=code), name, "initialize")
        for name, code, message in (*_unmet(needs, integrations), *_cyclic(needs))
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
    with anyio.CancelScope(shield=True):
        for name, integration in integrations.items():
            if not callable(getattr(integration, "aclose", None)):
                results[name] = IntegrationResult.success_result(message=f"{name} has nothing to close")
                continue
            results[name] = await _contained(name, "aclose", timeout, lambda item=integration: _close(item))  # type: ignore[misc]
            if not results[name].success:
                logger.warning("%s did not close: %s", name, results[name].error)
    return results


async def _close(integration: object) -> Result:
    await call_method(integration, "aclose")
    return IntegrationResult.success_result(message="closed")


async def _contained(name: str, operation: str, timeout: float, call: Callable[[], Awaitable[Any]]) -> Result:  # noqa: ASYNC109 - of one child
    """Await one integration's method; whatever it does by itself is its own result.

    Its `SystemExit` and its own cancellation count as that; a cancellation from outside goes on.
    """
    started = anyio.current_time()
    try:
        with anyio.move_on_after(timeout):
            result = await call()
            if isinstance(result, IntegrationResult):
                return result
            returned = type(result).__name__
            return _failed(
                ContractError(f"{name}.{operation} returned {returned}: return a result"), name, operation
            )
    except Exception as exc:  # noqa: BLE001 - it is a value in the report
        return _failed(exc, name, operation)
    except SystemExit as exc:
        return _failed(QuackError(f"{name} called sys.exit({exc.code!r})", code="system_exit"), name, operation)
    except anyio.get_cancelled_exc_class():
        if anyio.current_effective_deadline() == -math.inf:
            raise
        return _failed(QuackError(f"{name} cancelled itself", code="cancelled"), name, operation)
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


def _requirements(integration: object, find: Find) -> tuple[str, ...]:
    required = getattr(integration, "requires", ())
    if not isinstance(required, tuple | list):
        return ()
    return tuple(find(name) or name for name in required)


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
