"""What a start bound to an integration, and how it is closed again."""

import inspect
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["BoundResources", "close_resource"]

_ABSENT: Final = object()
_OWN: Final = frozenset({"_exit_stack", "_lifecycle", "logger"})


class BoundResources:
    """The attributes that changed while an integration started and that hold something to be closed."""

    def __init__(self, owner: object) -> None:
        self._owner = owner
        self._before: Mapping[str, Any] = dict(vars(owner))

    def restore(self) -> list[Any]:
        """Put the attributes back as they were before the start; return what is to be closed, newest first."""
        resources: list[Any] = []
        for name, value in list(vars(self._owner).items()):
            earlier = self._before.get(name, _ABSENT)
            if name in _OWN or value is earlier or not _is_closeable(value):
                continue
            if earlier is _ABSENT:
                delattr(self._owner, name)
            else:
                setattr(self._owner, name, earlier)
            if not any(value is known for known in resources):
                resources.append(value)
        resources.reverse()
        return resources


def _is_closeable(value: object) -> bool:
    if isinstance(value, type) or inspect.ismodule(value):
        return False
    return callable(getattr(value, "aclose", None)) or callable(getattr(value, "close", None))


async def close_resource(resource: Any) -> None:  # noqa: ANN401 - whatever an author bound
    """Close one resource by its `aclose`, else by its `close`."""
    close = getattr(resource, "aclose", None) or resource.close
    outcome = close()
    if inspect.isawaitable(outcome):
        await outcome
