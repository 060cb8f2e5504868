"""HTTP with retries, credentials and pagination."""

import httpx

from quackcore_async.clients.http.answers import response_json
from quackcore_async.clients.http.client import HttpClient
from quackcore_async.clients.http.options import CLIENT_AUTH, BodyOptions, RequestOptions, SendOptions
from quackcore_async.clients.http.pagination import iter_pages, paginate
from quackcore_async.clients.http.paginators import (
    CursorPages,
    LinkPages,
    NextUrlPages,
    OffsetPages,
    Page,
    PageAddress,
    PageNumbers,
    Paginator,
    SinglePage,
)
from quackcore_async.clients.http.provider import RenewalEvent
from quackcore_async.clients.http.signing import SigningTransport

__all__ = [
    "CLIENT_AUTH",
    "BodyOptions",
    "CursorPages",
    "HttpClient",
    "LinkPages",
    "NextUrlPages",
    "OffsetPages",
    "Page",
    "PageAddress",
    "PageNumbers",
    "Paginator",
    "RenewalEvent",
    "RequestOptions",
    "SendOptions",
    "SigningTransport",
    "SinglePage",
    "Transport",
    "iter_pages",
    "paginate",
    "response_json",
]

Transport = httpx.AsyncBaseTransport
"""What sends requests: a pool of connections, or something that a test puts in its place."""
