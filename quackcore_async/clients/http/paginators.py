"""How services part their lists into pages: links, cursors, page numbers, offsets, addresses in the body."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import httpx

from quackcore_async.clients.http.links import find_link
from quackcore_async.errors import ErrorKind, TransportError

__all__ = [
    "CursorPages",
    "LinkPages",
    "NextUrlPages",
    "OffsetPages",
    "Page",
    "PageAddress",
    "PageNumbers",
    "Paginator",
    "SinglePage",
    "member",
    "nonsense",
]

_LONGEST_COUNT: Final = 18  # digits


@dataclass(frozen=True, slots=True)
class PageAddress:
    """Where a page is.

    Attributes:
        url: Its address; a relative one counts from the base of the client.
        params: Query parameters, in addition to those of the address.
        number: How many pages lie before it.
        before: How many items lie before it.
    """

    url: str
    params: Mapping[str, Any] = field(default_factory=dict)
    number: int = 0
    before: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list.

    Attributes:
        address: Where it was asked for.
        url: Where it came from, redirects followed.
        body: The JSON of the response.
        items: Its items.
        headers: Headers of the response.
    """

    address: PageAddress
    url: httpx.URL
    body: Any
    items: Sequence[Any]
    headers: httpx.Headers


class Paginator(ABC):
    """Says where the first page of a list is, and where the page after a page.

    Attributes:
        names_next: Whether each page names the next one, so that only an address that comes again is a loop; where
            pages are counted, a page that is like the one before is one too.
    """

    names_next: ClassVar[bool] = True

    def first(self, url: str, params: Mapping[str, Any]) -> PageAddress:
        """Return where the list begins."""
        return PageAddress(url, params)

    @abstractmethod
    def after(self, page: Page) -> PageAddress | None:
        """Return where the list goes on after a page, None at its end.

        Raises:
            TransportError: with code `protocol`, if the page says so in no way that makes sense.
        """

    def known_after(self, page: Page) -> Iterator[PageAddress]:
        """Yield the pages that are known to follow without having been seen; none where each names the next."""
        del page
        return iter(())


@dataclass(frozen=True, slots=True)
class SinglePage(Paginator):
    """The list is all on one page."""

    def after(self, page: Page) -> PageAddress | None:
        """Return None."""
        del page
        return None


@dataclass(frozen=True, slots=True)
class LinkPages(Paginator):
    """Each page names the next in a `Link` header (RFC 8288), as GitHub's do.

    Attributes:
        relation: Relation of the link to it.
    """

    relation: str = "next"

    def after(self, page: Page) -> PageAddress | None:
        """Return the page that the header links to."""
        joined = ", ".join(page.headers.get_list("link"))
        return _elsewhere(page, find_link(joined, self.relation))


@dataclass(frozen=True, slots=True)
class NextUrlPages(Paginator):
    """Each page names the address of the next in its body.

    Attributes:
        path: Where, with dots between the keys: `next`, `paging.next.link`.
    """

    path: str = "next"

    def after(self, page: Page) -> PageAddress | None:
        """Return the page at the address in the body."""
        url = member(page.body, self.path)
        if url is not None and not isinstance(url, str):
            raise nonsense(f"the address of the next page, {self.path}, is no text")
        return _elsewhere(page, url)


@dataclass(frozen=True, slots=True)
class CursorPages(Paginator):
    """Each page has a cursor, which asks for the next.

    Attributes:
        param: Name of the query parameter that takes it.
        path: Where it is in the body, with dots between the keys.
        header: Name of the header that has it, in place of the body.
        has_more: Where the body says whether there are more pages; without it the list ends where no cursor is.
        size: Items that are asked for on a page; None leaves it to the service.
        size_param: Name of the query parameter for `size`.
    """

    param: str = "cursor"
    path: str = "next_cursor"
    header: str | None = None
    has_more: str | None = None
    size: int | None = None
    size_param: str = "limit"

    def first(self, url: str, params: Mapping[str, Any]) -> PageAddress:
        """Return the page without a cursor."""
        return PageAddress(url, _sized(params, self.size_param, self.size))

    def after(self, page: Page) -> PageAddress | None:
        """Return the page at the cursor."""
        if self.has_more is not None and not member(page.body, self.has_more):
            return None
        cursor = page.headers.get(self.header) if self.header else member(page.body, self.path)
        if cursor is None or cursor == "":
            return None
        if isinstance(cursor, bool) or not isinstance(cursor, str | int):
            raise nonsense("the cursor of the next page is neither text nor a number")
        if isinstance(cursor, str) and not _can_be_sent(cursor):
            raise nonsense("the cursor of the next page has characters that are no text in it")
        return beside(page, {self.param: cursor}, page.address.number + 1, page.address.before + len(page.items))


@dataclass(frozen=True, slots=True)
class PageNumbers(Paginator):
    """Pages are numbered.

    Without a total the list ends at the first page without items: pages that are shorter than others do not end
    it, because services cap sizes and filter pages.

    Attributes:
        param: Name of the query parameter for the number.
        start: Number of the first page.
        size: Items that are asked for on a page; None leaves it to the service.
        size_param: Name of the query parameter for `size`.
        total_pages: Where the body says how many pages there are, with dots between the keys.
        total: Where the body says how many items there are on all pages.
    """

    param: str = "page"
    start: int = 1
    size: int | None = None
    size_param: str = "per_page"
    total_pages: str | None = None
    total: str | None = None

    names_next: ClassVar[bool] = False

    def first(self, url: str, params: Mapping[str, Any]) -> PageAddress:
        """Return the page of number `start`."""
        return PageAddress(url, {**_sized(params, self.size_param, self.size), self.param: self.start})

    def after(self, page: Page) -> PageAddress | None:
        """Return the page of the next number."""
        number = page.address.number + 1
        pages, total = count(page, self.total_pages), count(page, self.total)
        before = page.address.before + len(page.items)
        if not page.items or (pages is not None and number >= pages) or (total is not None and before >= total):
            return None
        return self._numbered(page, number, before)

    def known_after(self, page: Page) -> Iterator[PageAddress]:
        """Yield the pages up to the last, where the first says how many there are."""
        size, pages, total = len(page.items), count(page, self.total_pages), count(page, self.total)
        if pages is None and total is not None and size and self.size in (None, size):
            pages = math.ceil(total / size)
        if page.address.number or not size or pages is None:
            return
        for number in range(1, pages):
            yield self._numbered(page, number, number * size)

    def _numbered(self, page: Page, number: int, before: int) -> PageAddress:
        return beside(page, {self.param: self.start + number}, number, before)


@dataclass(frozen=True, slots=True)
class OffsetPages(Paginator):
    """Pages begin at an offset, which goes on by as many items as came.

    Without a total the list ends at the first page without items.

    Attributes:
        param: Name of the query parameter for the offset.
        limit: Items that are asked for on a page.
        limit_param: Name of the query parameter for `limit`.
        total: Where the body says how many items there are in all, with dots between the keys.
        start: First offset.
    """

    param: str = "offset"
    limit: int = 100
    limit_param: str = "limit"
    total: str | None = None
    start: int = 0

    names_next: ClassVar[bool] = False

    def first(self, url: str, params: Mapping[str, Any]) -> PageAddress:
        """Return the page at the first offset."""
        return PageAddress(url, {**params, self.param: self.start, self.limit_param: self.limit})

    def after(self, page: Page) -> PageAddress | None:
        """Return the page that begins after the last item of this one."""
        before = page.address.before + len(page.items)
        total = count(page, self.total)
        if not page.items or (total is not None and before >= total):
            return None
        return self._at(page, before, page.address.number + 1)

    def known_after(self, page: Page) -> Iterator[PageAddress]:
        """Yield the pages up to the last, where the first is as long as was asked for."""
        total = count(page, self.total)
        if page.address.number or total is None or len(page.items) != self.limit:
            return
        for number in range(1, math.ceil(total / self.limit)):
            yield self._at(page, number * self.limit, number)

    def _at(self, page: Page, before: int, number: int) -> PageAddress:
        return beside(page, {self.param: self.start + before}, number, before)


def member(body: Any, path: str) -> Any:  # noqa: ANN401 - JSON
    """Return what lies at a path of keys with dots between them, None where there is nothing."""
    for key in path.split("."):
        if not isinstance(body, Mapping):
            return None
        body = body.get(key)
    return body


def beside(page: Page, changes: Mapping[str, Any], number: int, before: int) -> PageAddress:
    """Return the page with other query parameters."""
    return PageAddress(page.address.url, {**page.address.params, **changes}, number, before)


def count(page: Page, path: str | None) -> int | None:
    """Return a count in the body of a page, None where there is none.

    Raises:
        TransportError: if something else is there.
    """
    found = None if path is None else member(page.body, path)
    if isinstance(found, str) and found.isdecimal() and len(found) <= _LONGEST_COUNT:
        return int(found)
    if found is None or (isinstance(found, int) and not isinstance(found, bool) and found >= 0):
        return found
    raise nonsense(f"{path}, the count of items or pages, is no whole number")


def nonsense(message: str) -> TransportError:
    """Return the error of a page that says what cannot be."""
    return TransportError(message, kind=ErrorKind.CORRUPTED, code="protocol")


def _elsewhere(page: Page, url: str | None) -> PageAddress | None:
    if not url:
        return None
    try:
        target = page.url.join(url)
    except Exception:  # noqa: BLE001 - whatever the library says of it
        raise nonsense("the address of the next page is none") from None
    return PageAddress(str(target), {}, page.address.number + 1, page.address.before + len(page.items))


def _can_be_sent(text: str) -> bool:
    """Tell whether a text can be encoded: JSON may name halves of characters."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _sized(params: Mapping[str, Any], name: str, size: int | None) -> dict[str, Any]:
    return {**params} if size is None else {**params, name: size}
