"""What a start bound to an integration, and how it is closed again."""

import inspect
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

__all__ = ["BoundResources", "close_resource"]

_ABSENT: Final = object()
_OWN: Final = frozenset({"_exit_stack", "_lifecycle", "logger"})
_NOBODYS: Final = (
    "run_until_complete",
    "run_sync_soon",
)  # an event loop has a `close`, and is not to be closed here


class BoundResources:
    """The attributes that changed while an integration started and that hold something to be closed.

    What the owner held before, under whatever name, also in a list, tuple or dict, was not opened by the start and
    stays open; so does another integration that was up before, as it belongs to somebody else.
    """

    def __init__(self, owner: object) -> None:
        self._owner = owner
        self._began = time.monotonic()
        self._before: Mapping[str, Any] = dict(vars(owner))
        self._held = tuple(_with_contents(self._before.values()))

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
            if not self._is_shared(value) and not any(value is known for known in resources):
                resources.append(value)
        resources.reverse()
        return resources

    def _is_shared(self, value: object) -> bool:
        up_since = _up_since(value)
        was_up = isinstance(up_since, float) and up_since <= self._began
        return was_up or any(value is held for held in self._held)


def _with_contents(values: Iterable[object]) -> Iterator[object]:
    for value in values:
        yield value
        if isinstance(value, list | tuple):
            yield from value
        elif isinstance(value, dict):
            yield from value.values()


def _up_since(value: object) -> float | None:
    lifecycle = getattr(value, "__dict__", {}).get("_lifecycle")
    return getattr(lifecycle, "up_since", None)


def _is_closeable(value: object) -> bool:
    if isinstance(value, type) or inspect.ismodule(value) or any(hasattr(type(value), name) for name in _NOBODYS):
        return False
    try:
        return callable(getattr(value, "aclose", None)) or callable(getattr(value, "close", None))
    except Exception:  # noqa: BLE001 - what cannot be asked cannot be closed
        return False


async def close_resource(resource: Any) -> None:  # noqa: ANN401 - whatever an author bound
    """Close one resource by its `aclose`, else by its `close`."""
    close = getattr(resource, "aclose", None) or resource.close
    outcome = close()
    if inspect.isawaitable(outcome):
        await outcome
