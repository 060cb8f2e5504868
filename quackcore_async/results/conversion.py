"""The one place where an exception becomes a result."""

import functools
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from quackcore_async.errors import ErrorKind, QuackError
from quackcore_async.redaction import scrub
from quackcore_async.results.foreign import to_quack_error
from quackcore_async.results.models import BaseResult

__all__ = ["error_of_exception", "result_of_exception", "returns_result", "service_name"]

P = ParamSpec("P")
ResultT = TypeVar("ResultT", bound=BaseResult)


def returns_result(
    result_type: type[ResultT],
) -> Callable[[Callable[P, Awaitable[ResultT]]], Callable[P, Coroutine[Any, Any, ResultT]]]:
    """Turn what a public coroutine method raises into a failed result of `result_type`.

    For methods of objects with `name` and `logger`. Only `Exception` is taken: cancellation,
    `KeyboardInterrupt` and `SystemExit` pass. What nobody expected is logged with its traceback.
    """

    def decorate(method: Callable[P, Awaitable[ResultT]]) -> Callable[P, Coroutine[Any, Any, ResultT]]:
        operation = getattr(method, "__name__", "operation")

        @functools.wraps(method)
        async def wrapper(*args: P.args, **kwargs: P.kwargs) -> ResultT:
            try:
                return await method(*args, **kwargs)
            except Exception as exc:  # noqa: BLE001 - the one place where they become a result
                return result_of_exception(result_type, exc, owner=args[0], operation=operation)

        return wrapper

    return decorate


def result_of_exception(result_type: type[ResultT], exc: Exception, *, owner: object, operation: str) -> ResultT:
    """Make the failed result of what a method of `owner` raised, and log what nobody expected."""
    result = result_type.from_exception(exc, service=service_name(owner), operation=operation)
    if result.error_info is not None and result.error_info.kind is ErrorKind.INTERNAL:
        _log_unexpected(owner, operation, result.error, exc)
    return result


def error_of_exception(exc: Exception, *, owner: object, operation: str) -> QuackError:
    """Return the error that a failed result would hold, where none is made; log what nobody expected."""
    error = to_quack_error(exc)
    if error.kind is ErrorKind.INTERNAL:
        _log_unexpected(owner, operation, scrub(str(error)), exc)
    return error


def _log_unexpected(owner: object, operation: str, error: str | None, exc: Exception) -> None:
    logger = getattr(owner, "logger", None)
    if isinstance(logger, logging.Logger):
        logger.error("%s failed unexpectedly: %s", operation, error, exc_info=exc)


def service_name(owner: object) -> str:
    """Return the `name` of an integration or provider, its class name when that is no usable text."""
    try:
        name = getattr(owner, "name", None)
    except Exception:  # noqa: BLE001 - the name of a broken integration is still wanted in its error
        name = None
    return name if isinstance(name, str) and name else type(owner).__name__
