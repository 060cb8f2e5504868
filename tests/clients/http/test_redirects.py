"""Redirects: off by default, bounded, never to http, never with a body that is gone, never with secrets."""

import httpx
import pytest

from quackcore_async import QuackError, RetryPolicy
from quackcore_async.clients import HttpClient
from quackcore_async.errors import ErrorKind
from tests.servers.api import ApiRequest, Reply, json_reply, serving


def mocked(handler, base="https://api.test", **options) -> HttpClient:
    options = {"follow_redirects": True, **options}
    return HttpClient(base, transport=httpx.MockTransport(handler), **options)


def to(location: str, status: int = 302) -> httpx.Response:
    return httpx.Response(status, headers={"location": location})


async def refusal(client: HttpClient, method: str = "GET", path: str = "/", **options) -> QuackError:
    async with client:
        with pytest.raises(QuackError) as caught:
            await client.request(method, path, **options)
    assert caught.value.code in {"redirect", "url"}
    assert caught.value.kind in {ErrorKind.MISCONFIGURED, ErrorKind.INVALID_INPUT}
    return caught.value


async def test_they_are_not_followed_by_default():
    async with mocked(lambda _: to("/there"), follow_redirects=False) as client:
        response = await client.get("/")
        assert response.status_code == 302
        assert response.next_request is not None
    await refusal_of_json()


async def refusal_of_json() -> None:
    async with mocked(lambda _: to("https://login.test/"), follow_redirects=False) as client:
        with pytest.raises(QuackError, match="leads to https://login.test/"):
            await client.get_json("/")


async def test_they_are_followed_when_asked_for():
    async def script(request: ApiRequest) -> Reply:
        if request.path == "/there":
            return json_reply({"body": request.body.decode(), "method": request.method})
        return Reply(307 if request.path == "/307" else 303, b"moved", {"location": "/there"})

    async with serving(script) as server, HttpClient(server.url) as client:
        response = await client.post("/303", content=b"x", follow_redirects=True)
        assert response.json() == {"body": "", "method": "GET"}
        assert [past.status_code for past in response.history] == [303]
        response = await client.post("/307", content=b"x", follow_redirects=True)
        assert response.json() == {"body": "x", "method": "POST"}
        async with client.stream("GET", "/303", follow_redirects=True) as response:
            assert (await response.aread()).startswith(b'{"body"')


async def test_twenty_are_followed_and_no_more():
    hops = []

    def step(request: httpx.Request) -> httpx.Response:
        hops.append(request.url.path)
        return to(f"/{len(hops)}") if len(hops) <= 20 else httpx.Response(200)

    async with mocked(step) as client:
        assert (await client.get("/")).status_code == 200
    assert len(hops) == 21
    await refusal(mocked(lambda request: to("/again")))


async def test_from_https_to_http_is_refused():
    error = await refusal(mocked(lambda _: to("http://api.test/")))
    assert "https to http" in str(error)


@pytest.mark.parametrize("location", ["ftp://api.test/", "https://user:S3CR3T@api.test/", "javascript:alert(1)"])
async def test_odd_targets_are_refused_without_being_shown_whole(location: str):
    error = await refusal(mocked(lambda _: to(location)))
    assert "S3CR3T" not in str(error)


@pytest.mark.parametrize("status", [307, 308])
async def test_a_body_that_is_gone_is_not_sent_again(status: int):
    async def chunks():
        yield b"once"

    async def script(request: ApiRequest) -> Reply:
        return Reply(status, headers={"location": "/there"}) if request.path == "/" else Reply()

    async with serving(script) as server:
        await refusal(HttpClient(server.url, follow_redirects=True), "PUT", content=chunks())
        assert server.seen("path", "body") == [("/", b"once")]
        server.requests.clear()
        async with HttpClient(server.url, follow_redirects=True) as client:
            await client.put("/", body_factory=chunks)
        assert server.seen("path", "body") == [("/", b"once"), ("/there", b"once")]


async def test_secrets_stay_and_plain_headers_go_along():
    seen = []

    def step(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return to("https://elsewhere.test/there") if len(seen) == 1 else httpx.Response(200)

    secret = {"Authorization": "Bearer S3CR3T", "X-Api-Key": "S3CR3T", "Cookie": "a=S3CR3T"}
    async with mocked(step, headers={**secret, "X-Plain": "1"}) as client:
        await client.get("/", headers={"X-Auth-Token": "S3CR3T"})
    assert all(seen[0].headers[name] for name in (*secret, "X-Auth-Token"))
    assert "S3CR3T" not in repr(seen[1].headers.raw)
    assert seen[1].headers["x-plain"] == "1"


async def test_an_address_that_cannot_be_read_is_an_error_of_this_package():
    async with mocked(lambda _: to("https://api.test:port/"), retry=RetryPolicy(attempts=1)) as client:
        with pytest.raises(QuackError):
            await client.get("/")
