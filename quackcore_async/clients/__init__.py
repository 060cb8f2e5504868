"""Clients of services: HTTP with credentials and pagination, and S3.

Each name is loaded when it is first asked for, so that importing this package loads no HTTP library.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from quackcore_async.clients.http import (
        CursorPages,
        HttpClient,
        LinkPages,
        NextUrlPages,
        OffsetPages,
        PageNumbers,
        Paginator,
        iter_pages,
        paginate,
        response_json,
    )

__all__ = [
    "CursorPages",
    "HttpClient",
    "LinkPages",
    "NextUrlPages",
    "OffsetPages",
    "PageNumbers",
    "Paginator",
    "iter_pages",
    "paginate",
    "response_json",
]

_HTTP: Final = frozenset(__all__)


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    if name not in _HTTP:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module("quackcore_async.clients.http"), name)
    return value
