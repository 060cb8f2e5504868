"""Clients of services: HTTP with credentials and pagination, and S3.

Each name is loaded when it is first asked for, so that importing this package loads no HTTP library.
"""

from typing import TYPE_CHECKING

from quackcore_async.exports import lazy_exports

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
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "http": (
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
            ),
        },
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
