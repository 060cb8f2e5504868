"""The decorator of an integration's public methods, beyond those of its protocol."""

import functools
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar

from quackcore_async.results import IntegrationResult, returns_result
from quackcore_async.service.base import BaseIntegrationService

__all__ = ["operation"]

P = ParamSpec("P")
OwnerT = TypeVar("OwnerT", bound=BaseIntegrationService)
ResultT = TypeVar("ResultT", bound=IntegrationResult[Any])


def operation(
    result_type: type[ResultT],
) -> Callable[
    [Callable[Concatenate[OwnerT, P], Awaitable[ResultT]]],
    Callable[Concatenate[OwnerT, P], Coroutine[Any, Any, ResultT]],
]:
    """Start the integration on first use, and turn what the method raises into a `result_type`."""

    def decorate(
        method: Callable[Concatenate[OwnerT, P], Awaitable[ResultT]],
    ) -> Callable[Concatenate[OwnerT, P], Coroutine[Any, Any, ResultT]]:
        @returns_result(result_type)
        @functools.wraps(method)
        async def guarded(self: OwnerT, /, *args: P.args, **kwargs: P.kwargs) -> ResultT:
            failure = await self._ensure_initialized()
            if failure is not None:
                return result_type.from_failure(failure)
            return await method(self, *args, **kwargs)

        return guarded

    return decorate
