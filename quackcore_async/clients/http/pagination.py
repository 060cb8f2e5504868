"""`paginate`: all items of a list that a service parts into pages."""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Unpack

import anyio
import httpx

from quackcore_async.clients.http.answers import response_json
from quackcore_async.clients.http.options import CallOptions
from quackcore_async.clients.http.origins import Origin, origin_of, shown_url
from quackcore_async.clients.http.paginators import Page, PageAddress, Paginator, member, nonsense
from quackcore_async.errors import ErrorKind, TransportError

if TYPE_CHECKING:
    from quackcore_async.clients.http.client import HttpClient

__all__ = ["ItemsOf", "iter_pages", "paginate"]

ItemsOf = str | Callable[[Any], Sequence[Any]] | None
"""Where the items of a page are: a path of keys with dots between them, a function, or the whole body."""

_NOTHING: Final = object()


async def paginate(
    client: "HttpClient",
    paginator: Paginator,
    url: str,
    *,
    params: Mapping[str, Any] | None = None,
    items: ItemsOf = "items",
    max_items: int | None = None,
    max_pages: int | None = None,
    prefetch: int = 1,
    **options: Unpack[CallOptions],
) -> AsyncIterator[Any]:
    """Stream the items of a list, page by page.

    Nothing is held open between items: the iterator may be left at any of them.

    Args:
        client: Asks for the pages.
        paginator: Says where they are.
        url: Where the list begins.
        params: Query parameters of its first page, and of others that have no address of their own.
        items: Where the items of a page are.
        max_items: Stop after so many; None goes on to the end.
        max_pages: Stop after so many pages.
        prefetch: Pages that are asked for at a time, where it is known which ones follow.
        **options: As those of `HttpClient.get`.

    Raises:
        TransportError: with code `protocol`, if a page leads back to one that was there before, or has no list
            where the items should be; with code `origin`, if it leads to another origin.
        QuackError: if a page cannot be had; the items before it have been yielded by then.
    """
    left = max_items
    if left is not None and left <= 0:
        return
    pages = iter_pages(
        client,
        paginator,
        url,
        params=params,
        items=items,
        max_items=max_items,
        max_pages=max_pages,
        prefetch=prefetch,
        **options,
    )
    async with aclosing(pages):
        async for page in pages:
            for item in page.items if left is None else page.items[:left]:
                yield item
            if left is not None:
                left -= len(page.items)
                if left <= 0:
                    return


async def iter_pages(
    client: "HttpClient",
    paginator: Paginator,
    url: str,
    *,
    params: Mapping[str, Any] | None = None,
    items: ItemsOf = "items",
    max_items: int | None = None,
    max_pages: int | None = None,
    prefetch: int = 1,
    **options: Unpack[CallOptions],
) -> AsyncGenerator[Page, None]:
    """Stream the pages of a list; see `paginate`, which streams its items.

    Raises:
        TransportError: as `paginate` does.
    """
    if prefetch < 1:
        raise ValueError(f"prefetch is {prefetch}: at least 1 page is asked for at a time")
    walk = _Walk(client, paginator, items, options)
    left = max_pages
    window = [paginator.first(url, params or {})]
    known: Iterator[PageAddress] = iter(())
    while window and (left is None or left > 0):
        window = window if left is None else window[:left]
        page = None
        for outcome in await walk.fetch(window):
            page = walk.checked(outcome)
            yield page
            if not (page.items or paginator.names_next):
                return
        assert page is not None  # noqa: S101 - no window is empty
        left = None if left is None else left - len(window)
        if prefetch > 1 and page.address.number == 0:
            known = paginator.known_after(page)
        width = prefetch if max_items is None else _pages_for(max_items - page.address.before, page, prefetch)
        window = list(islice(known, width)) or [after for after in (paginator.after(page),) if after is not None]


class _Walk:
    """One way through a list: what was seen on it, and where it may lead."""

    def __init__(self, client: "HttpClient", paginator: Paginator, items: ItemsOf, options: CallOptions) -> None:
        self._client = client
        self._paginator = paginator
        self._items = items
        self._options = options
        self._origin: Origin | None = None
        self._seen: set[bytes] = set()
        self._before: object = _NOTHING

    async def fetch(self, window: list[PageAddress]) -> list[Page | Exception]:
        """Get some pages at the same time, each or why it could not be had; no task outlives this."""
        for address in window:
            self._check(address)
        if len(window) == 1:
            return [await self._page(window[0])]
        outcomes: list[Page | Exception] = [AssertionError("unreachable: every page has an outcome")] * len(window)

        async def get(index: int) -> None:
            try:
                outcomes[index] = await self._page(window[index])
            except Exception as exc:  # noqa: BLE001 - raised where the page's turn comes
                outcomes[index] = exc

        async with anyio.create_task_group() as group:
            for index in range(len(window)):
                group.start_soon(get, index)
        return outcomes

    def checked(self, outcome: Page | Exception) -> Page:
        """Return a page whose turn has come.

        Raises:
            Exception: why it could not be had.
            TransportError: if it is the page before once more.
        """
        if isinstance(outcome, Exception):
            raise outcome
        if not self._paginator.names_next and outcome.items and outcome.body == self._before:
            raise nonsense(
                f"page {outcome.address.number + 1} of {shown_url(outcome.url)} is the page before once more: "
                "the service does not know the parameter that asks for it"
            )
        self._before = outcome.body
        return outcome

    async def _page(self, address: PageAddress) -> Page:
        response = await self._client.get(address.url, params=address.params or None, **self._options)
        self._origin = self._origin or origin_of((*response.history, response)[0].url)
        body = response_json(response)
        return Page(address, response.url, body, self._items_of(body, response), response.headers)

    def _items_of(self, body: Any, response: httpx.Response) -> Sequence[Any]:  # noqa: ANN401 - JSON
        if callable(self._items):
            return self._items(body)
        found = body if self._items is None else member(body, self._items)
        if isinstance(found, list):
            return found
        where = "its body" if self._items is None else f"{self._items!r}"
        raise nonsense(f"{shown_url(response.url)} has no list of items in {where}")

    def _check(self, address: PageAddress) -> None:
        """Refuse an address that was there before, or that leads to another origin."""
        text = f"{address.url}\n{sorted((name, str(value)) for name, value in address.params.items())}"
        key = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        if key in self._seen:
            raise nonsense(f"the list goes round in circles: page {address.number + 1} was there before")
        self._seen.add(key)
        if self._origin is None:
            return
        url = httpx.URL(address.url)
        if not url.is_relative_url and origin_of(url) != self._origin and not self._client.allows(url):
            raise TransportError(
                f"the next page is said to be at {shown_url(url)}, which is another origin: "
                "name it in allowed_origins if it is to be trusted",
                kind=ErrorKind.MISCONFIGURED,
                code="origin",
            )


def _pages_for(items: int, page: Page, prefetch: int) -> int:
    """Return how many pages to ask for at a time when so many items are left, those of this page included."""
    size = max(len(page.items), 1)
    return max(1, min(prefetch, -(-(items - size) // size)))
