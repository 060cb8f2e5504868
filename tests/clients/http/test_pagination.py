"""Lists in pages: every style, every way to go round in circles, and nothing held between items."""

import json
import math
from collections.abc import Callable
from typing import Any

import anyio
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quackcore_async import QuackError, RetryPolicy
from quackcore_async.clients import (
    CursorPages,
    HttpClient,
    LinkPages,
    NextUrlPages,
    OffsetPages,
    PageNumbers,
    Paginator,
    paginate,
)
from quackcore_async.clients.http import SinglePage

ITEMS = list(range(23))
URL = "https://api.test/things"


class Service:
    """Lists `items` in every style, at most `cap` on a page."""

    def __init__(self, items: list[Any] = ITEMS, cap: int = 10) -> None:
        self.items = items
        self.cap = cap
        self.queries: list[dict[str, str]] = []
        self.now = self.most = 0
        self.failing: str | None = None

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        query = dict(request.url.params)
        self.queries.append(query)
        self.now += 1
        self.most = max(self.most, self.now)
        await anyio.lowlevel.checkpoint()
        self.now -= 1
        if self.failing is not None and query.get("page") == self.failing:
            return httpx.Response(500)
        size = min(int(query.get("limit", query.get("per_page", self.cap))), self.cap)
        start = (
            int(query["page"]) * size - size
            if "page" in query
            else int(query.get("offset", query.get("cursor", 0)))
        )
        more = start + size < len(self.items)
        following = str(request.url.copy_set_param("cursor", start + size)) if more else None
        return httpx.Response(
            200,
            json={
                "items": self.items[start : start + size],
                "total": len(self.items),
                "pages": math.ceil(len(self.items) / size),
                "meta": {"next": following, "cursor": start + size if more else None},
                "has_more": more,
            },
            headers={"link": f'<{following}>; rel="next"', "x-next": str(start + size)} if following else {},
        )

    def client(self) -> HttpClient:
        return HttpClient(
            "https://api.test", transport=httpx.MockTransport(self), retry=RetryPolicy(attempts=1), breaker=None
        )


STYLES: list[Paginator] = [
    LinkPages(),
    NextUrlPages("meta.next"),
    CursorPages(path="meta.cursor"),
    CursorPages(path="meta.cursor", has_more="has_more", size=7),
    CursorPages(header="x-next"),
    PageNumbers(),
    PageNumbers(size=7),
    PageNumbers(size=5, total="total"),
    PageNumbers(total_pages="pages"),
    PageNumbers(size=50, total="total"),
    OffsetPages(limit=5),
    OffsetPages(limit=50),
    OffsetPages(limit=5, total="total"),
    OffsetPages(limit=50, total="total"),
]


@pytest.mark.parametrize("prefetch", [1, 3])
@pytest.mark.parametrize("style", STYLES, ids=repr)
async def test_every_item_comes_once_and_in_order(style: Paginator, prefetch: int):
    service = Service()
    found = [item async for item in paginate(service.client(), style, "things", prefetch=prefetch)]
    assert found == ITEMS


@pytest.mark.parametrize("style", STYLES, ids=repr)
@pytest.mark.parametrize("items", [[], [1], list(range(10))])
async def test_short_lists_too(style: Paginator, items: list[int]):
    service = Service(items)
    assert [item async for item in paginate(service.client(), style, URL)] == items


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 40), st.integers(1, 12), st.integers(1, 15), st.integers(1, 4), st.sampled_from(range(4)))
def test_no_size_loses_an_item(count: int, cap: int, size: int, prefetch: int, style: int):
    paginator = (
        PageNumbers(size=size, total="total"),
        PageNumbers(size=size),
        OffsetPages(limit=size, total="total"),
        OffsetPages(limit=size),
    )[style]

    async def main() -> list[int]:
        client = Service(list(range(count)), cap).client()
        return [item async for item in paginate(client, paginator, "things", prefetch=prefetch)]

    assert anyio.run(main) == list(range(count))


async def test_a_whole_list_may_be_the_body_or_be_taken_out_by_a_function():
    client = HttpClient(
        "https://api.test", transport=httpx.MockTransport(lambda _: httpx.Response(200, json=[1, 2]))
    )
    assert [item async for item in paginate(client, SinglePage(), "/", items=None)] == [1, 2]
    assert [item async for item in paginate(client, SinglePage(), "/", items=lambda body: body[:1])] == [1]


async def test_limits_are_kept_and_no_page_is_asked_for_in_vain():
    service = Service()
    style = PageNumbers(size=5, total="total")
    assert [i async for i in paginate(service.client(), style, URL, max_items=12, prefetch=9)] == ITEMS[:12]
    assert len(service.queries) == 3
    service.queries.clear()
    assert [i async for i in paginate(service.client(), style, URL, max_pages=2, prefetch=9)] == ITEMS[:10]
    assert len(service.queries) == 2
    assert [i async for i in paginate(service.client(), style, URL, max_items=0)] == []


async def test_pages_that_are_known_are_asked_for_together_and_no_more_than_allowed():
    service = Service(list(range(100)), cap=5)
    found = [item async for item in paginate(service.client(), PageNumbers(total="total"), URL, prefetch=4)]
    assert found == list(range(100))
    assert service.most == 4


async def test_items_before_a_page_that_fails_are_yielded():
    service = Service(list(range(30)), cap=5)
    service.failing = "4"
    found: list[int] = []

    async def read() -> None:
        async for item in paginate(service.client(), PageNumbers(total="total"), URL, prefetch=5):
            found.append(item)

    with pytest.raises(QuackError, match="500"):
        await read()
    assert found == list(range(15))


async def test_an_iterator_left_halfway_leaves_nothing_running():
    service = Service(list(range(100)), cap=5)
    items = paginate(service.client(), PageNumbers(total="total"), URL, prefetch=4)
    async for item in items:
        if item == 7:
            break
    await items.aclose()
    await anyio.wait_all_tasks_blocked()
    assert service.now == 0


async def test_parameters_and_headers_go_with_the_pages():
    service = Service()
    pages = paginate(service.client(), CursorPages(path="meta.cursor"), URL, params={"state": "open"})
    assert [item async for item in pages] == ITEMS
    assert all(query["state"] == "open" for query in service.queries)


def answering(*bodies: Any, headers: dict[str, str] | None = None) -> HttpClient:
    left = list(bodies)

    def handle(_request: httpx.Request) -> httpx.Response:
        body = left.pop(0) if len(left) > 1 else left[0]
        return httpx.Response(200, text=json.dumps(body), headers=headers)

    return HttpClient("https://api.test", transport=httpx.MockTransport(handle))


@pytest.mark.parametrize(
    ("client", "style"),
    [
        (answering({"items": [1], "next_cursor": "a"}), CursorPages()),
        (answering({"items": [1], "next_cursor": "a"}, {"items": [2], "next_cursor": "b"}, {"items": [3], "next_cursor": "a"}), CursorPages()),
        (answering({"items": [1]}, headers={"link": "</things>; rel=next"}), LinkPages()),
        (answering({"items": [1], "next": "/things?page=2"}), NextUrlPages()),
        (answering({"items": [1, 2]}), PageNumbers()),
        (answering({"items": [1, 2]}), OffsetPages()),
        (answering({"items": [1], "next": 7}), NextUrlPages()),
        (answering({"items": [1], "next_cursor": {"a": 1}}), CursorPages()),
        (answering({"items": [1], "next_cursor": "\ud800"}), CursorPages()),
        (answering({"items": [1], "total": "many"}), PageNumbers(total="total")),
        (answering({"items": [1], "total": True}), OffsetPages(total="total")),
        (answering({"items": "text"}), SinglePage()),
        (answering({"other": []}), SinglePage()),
        (answering([1]), SinglePage()),
    ],
)  # fmt: skip
async def test_what_makes_no_sense_is_a_protocol_error(client: HttpClient, style: Paginator):
    with pytest.raises(QuackError) as caught:
        _ = [item async for item in paginate(client, style, URL)]
    assert caught.value.code == "protocol"


@pytest.mark.parametrize(
    "target", ["https://evil.test/2", "http://api.test/2", "https://api.test:8443/2", "//evil.test/2"]
)
@pytest.mark.parametrize(
    ("style", "page"),
    [
        (NextUrlPages(), lambda target: {"json": {"items": [1], "next": target}}),
        (LinkPages(), lambda target: {"json": {"items": [1]}, "headers": {"link": f"<{target}>; rel=next"}}),
    ],
)
async def test_a_next_page_at_another_origin_is_refused(style: Paginator, page: Callable[[str], Any], target: str):
    hosts = []

    def handle(request: httpx.Request) -> httpx.Response:
        hosts.append(request.url.host)
        return httpx.Response(200, **page(target))

    client = HttpClient("https://api.test", transport=httpx.MockTransport(handle))
    with pytest.raises(QuackError) as caught:
        _ = [item async for item in paginate(client, style, "things")]
    assert caught.value.code == "origin"
    assert hosts == ["api.test"]


async def test_a_next_page_at_an_allowed_origin_is_asked_for():
    def handle(request: httpx.Request) -> httpx.Response:
        following = "https://pages.test/2" if request.url.host == "api.test" else None
        return httpx.Response(200, json={"items": [request.url.host], "next": following})

    client = HttpClient(
        "https://api.test", transport=httpx.MockTransport(handle), allowed_origins=["https://pages.test"]
    )
    found = [item async for item in paginate(client, NextUrlPages(), "things")]
    assert found == ["api.test", "pages.test"]


async def test_no_prefetch_below_one():
    with pytest.raises(ValueError, match="prefetch"):
        _ = [item async for item in paginate(Service().client(), LinkPages(), URL, prefetch=0)]
