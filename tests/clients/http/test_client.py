"""The client over real connections: its verbs, its errors, its loops, and what it does to bodies."""

import contextlib
import gc
import gzip
import io
import json
import logging

import anyio
import httpx
import pytest
import respx

from quackcore_async import QuackError, RetryPolicy
from quackcore_async.clients import HttpClient, response_json
from quackcore_async.errors import (
    ConnectFailedError,
    ErrorKind,
    LifecycleError,
    ResponseError,
    TimedOutError,
    TransportError,
)
from quackcore_async.transport import Wire
from tests.servers.api import ApiRequest, Reply, json_reply, serving
from tests.servers.faulty import FaultyServer, answer, hang_up, head

PATIENT = RetryPolicy(wait_initial=0, jitter=lambda _: 0.0)


async def echo(request: ApiRequest) -> Reply:
    return json_reply(
        {
            "method": request.method,
            "target": request.target,
            "body": request.body.decode(),
            "type": request.headers.get("content-type"),
            "plain": request.headers.get("x-plain"),
        }
    )


@pytest.mark.parametrize("verb", ["get", "options", "post", "put", "patch", "delete"])
async def test_a_verb_is_the_method(verb: str):
    async with serving(echo) as server, HttpClient(f"{server.url}/v1/") as client:
        response = await getattr(client, verb)("things")
    assert response.json()["method"] == verb.upper()
    assert response.json()["target"] == "/v1/things"


async def test_head_has_the_length_of_a_body_that_it_has_not():
    async def script(request: ApiRequest) -> Reply:
        return Reply(declared=10**12)

    async with serving(script) as server, HttpClient(server.url) as client:
        response = await client.head("/")
    assert response.headers["content-length"] == str(10**12)
    assert response.content == b""


@pytest.mark.parametrize(
    ("base", "path", "target"),
    [
        ("/v1", "things", "/v1/things"),
        ("/v1/", "/things", "/v1/things"),
        ("", "/", "/"),
        ("/v1", "", "/v1"),
        ("/v1", "a%2Fb/c?x=1&x=2", "/v1/a%2Fb/c?x=1&x=2"),
        ("/v1", "urn:a:b", "/v1/urn:a:b"),
    ],
)
async def test_relative_addresses_are_appended(base: str, path: str, target: str):
    async with serving(echo) as server, HttpClient(f"{server.url}{base}") as client:
        assert (await client.get_json(path))["target"] == target


async def test_parameters_are_added_to_those_of_the_address_and_of_the_client():
    async with serving(echo) as server, HttpClient(server.url, params={"v": "1", "a": "client"}) as client:
        found = await client.get_json("/?a=address&b=2", params={"b": "call", "c": [1, 2]})
        assert found["target"] == "/?a=address&b=call&v=1&c=1&c=2"
        assert (await client.get_json("/"))["target"] == "/?v=1&a=client"


async def test_headers_of_the_call_go_before_those_of_the_client():
    async with serving(echo) as server, HttpClient(server.url, headers={"X-Plain": "client"}) as client:
        assert (await client.get_json("/"))["plain"] == "client"
        assert (await client.get_json("/", headers={"x-plain": "call"}))["plain"] == "call"
        client.headers["X-Plain"] = "changed"
        assert (await client.get_json("/"))["plain"] == "changed"


async def test_bodies_are_sent_as_httpx_sends_them():
    async with serving(echo) as server, HttpClient(server.url) as client:
        sent = (await client.post("/", json={"a": [1]})).json()
        assert (json.loads(sent["body"]), sent["type"]) == ({"a": [1]}, "application/json")
        sent = (await client.post("/", data={"a": "1"})).json()
        assert (sent["body"], sent["type"]) == ("a=1", "application/x-www-form-urlencoded")
        assert (await client.post("/", content=b"raw")).json()["body"] == "raw"


@pytest.mark.parametrize("content", [bytearray(b"abc"), memoryview(b"abc")])
async def test_any_bytes_are_a_body(content: bytearray):
    async with serving(echo) as server, HttpClient(server.url) as client:
        assert (await client.post("/", content=content)).json()["body"] == "abc"


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        ({"content": [b"a", b"b"]}, "asynchronous iterator"),
        ({"content": iter([b"a"])}, "asynchronous iterator"),
        ({"content": {"a": 1}}, "json="),
        ({"json": {1, 2}}, "set is not JSON serializable"),
        ({"json": float("nan")}, "not JSON compliant"),
        ({"files": {"f": io.StringIO("text")}}, "StringIO"),
        ({"headers": {"X-Number": 1}}, "not of int"),
        ({"params": {"q": "\ud800"}}, "no text"),
    ],
)
async def test_what_cannot_be_sent_is_refused_with_a_remedy(options, remedy: str):
    async with HttpClient("http://127.0.0.1:1") as client:
        with pytest.raises(TransportError, match=remedy) as caught:
            await client.post("/", **options)
    assert caught.value.kind is ErrorKind.INVALID_INPUT


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        ({"cookies": {"a": "b"}}, "Cookie"),
        ({"param": {"q": 1}}, "'param': is it spelled right"),
        ({"stream": True}, "client.stream"),
        ({"auth": ("user", "password")}, "BasicAuthProvider"),
        ({"auth": httpx.BasicAuth("user", "password")}, "BasicAuthProvider"),
    ],
)
async def test_an_option_that_would_have_no_effect_is_refused(options, remedy: str):
    async with HttpClient("http://127.0.0.1:1") as client:
        with pytest.raises(TypeError, match=remedy):
            await client.get("/", **options)
        with pytest.raises(TypeError, match=remedy):
            async with client.stream("GET", "/", **options):
                pass


async def test_a_response_says_how_long_it_took_and_how_much_came():
    async def script(request: ApiRequest) -> Reply:
        await anyio.sleep(0.05)
        return Reply(200, gzip.compress(bytes(1000)), {"content-encoding": "gzip"})

    async with serving(script) as server, HttpClient(server.url) as client:
        for response in (await client.get("/"), await client.head("/")):
            assert 0.04 < response.elapsed.total_seconds() < 5
        assert 0 < (await client.get("/")).num_bytes_downloaded < 100


async def test_an_address_may_be_a_relative_url_of_httpx():
    async with serving(echo) as server, HttpClient(f"{server.url}/v1") as client:
        assert (await client.get(httpx.URL("/things?q=1"))).json()["target"] == "/v1/things?q=1"


def test_one_whose_construction_failed_can_be_shown():
    assert repr(HttpClient.__new__(HttpClient)) == "<HttpClient>"


@pytest.mark.parametrize("base", ["http://h.test/v1?key=secret", "http://h.test/v1#part"])
def test_a_base_with_a_query_is_refused_with_a_remedy(base: str):
    with pytest.raises(TransportError, match="params=") as caught:
        HttpClient(base)
    assert "secret" not in str(caught.value)


async def test_a_head_that_has_a_body_is_an_error_of_this_package():
    with FaultyServer(hang_up(head(200, {"Content-Length": "2"}) + b"ok"), answer(204)) as server:
        async with HttpClient(server.url, retry=PATIENT) as client:
            with contextlib.suppress(TransportError):  # aiohttp does not see it
                assert (await client.head("/")).content == b""


async def test_a_transport_of_one_s_own_opens_again_with_its_client():
    async with serving(echo) as server:
        client = HttpClient(server.url, transport=Wire(trust_env=False))
        for _ in range(2):
            async with client:
                assert (await client.get("/")).status_code == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_is_under_way_when_the_client_is_closed_says_whether_it_may_have_been_done(method: str):
    arrived, errors = anyio.Event(), []

    async def script(request: ApiRequest) -> Reply:
        arrived.set()
        await anyio.sleep_forever()
        raise AssertionError

    async def call() -> None:
        with pytest.raises(LifecycleError) as caught:
            await client.request(method, "/")
        errors.append(caught.value)

    async with serving(script) as server:
        client = HttpClient(server.url)
        async with anyio.create_task_group() as group:
            group.start_soon(call)
            await arrived.wait()
            await client.aclose()
    assert errors[0].indeterminate is (method == "POST")


async def test_a_plain_file_as_content_is_refused(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x")
    client = HttpClient("https://api.test")
    with path.open("rb") as file, pytest.raises(QuackError, match="body_factory"):
        await client.post("/", content=file)
    await client.aclose()


async def test_a_request_made_elsewhere_is_sent_and_left_as_it_is():
    async with serving(echo) as server, HttpClient(server.url) as client:
        request = httpx.Request(
            "POST", f"{server.url}/x", headers={"Authorization": "Bearer S3CR3T"}, content=b"b"
        )
        response = await client.send(request)
    assert server.requests[0].authorization == "Bearer S3CR3T"
    assert response.json()["body"] == "b"
    assert request.headers["authorization"] == "Bearer S3CR3T"
    assert "authorization" not in response.request.headers


async def test_a_built_request_is_sent():
    async with serving(echo) as server, HttpClient(server.url) as client:
        request = client.build_request("PUT", "/x", content=b"b", headers={"X-Api-Key": "S3CR3T"})
        assert "x-api-key" not in request.headers
        await client.send(request)
    assert server.requests[0].headers["x-api-key"] == "S3CR3T"


async def test_an_error_status_says_what_is_known():
    async def script(request: ApiRequest) -> Reply:
        return json_reply({"error": "no such thing", "token": "S3CR3T-value"}, 404, x_request_id="req-7")

    async with serving(script) as server, HttpClient(server.url) as client:
        with pytest.raises(ResponseError) as caught:
            await client.get("/things/7?api_key=S3CR3T", headers={"Authorization": "Bearer S3CR3T-value"})
    error = caught.value
    assert (error.kind, error.code, error.status_code) == (ErrorKind.NOT_FOUND, "not_found", 404)
    assert (error.request_id, error.attempts) == ("req-7", 1)
    assert f"GET {server.url}/things/7 answered 404" in str(error)
    assert "no such thing" in str(error)
    assert "S3CR3T" not in str(error)


@pytest.mark.parametrize("body", [b"", b"\0\1\2" * 500, b"x" * 5000, "ä".encode("utf-16"), b"\xff" * 300])
@pytest.mark.parametrize("content_type", ["text/html; charset=nonsense", "application/json", "text/plain"])
async def test_any_body_of_an_error_is_shown_in_one_short_line(body: bytes, content_type: str):
    async def script(request: ApiRequest) -> Reply:
        return Reply(500, body, {"content-type": content_type})

    async with serving(script) as server, HttpClient(server.url, retry=RetryPolicy(attempts=1)) as client:
        with pytest.raises(ResponseError) as caught:
            await client.get("/")
    assert len(str(caught.value)) < 400
    assert str(caught.value).isprintable()


async def test_a_status_may_be_no_error():
    async def script(request: ApiRequest) -> Reply:
        return Reply(404, b"gone")

    async with serving(script) as server, HttpClient(server.url, raise_for_status=False) as client:
        assert (await client.get("/")).status_code == 404
        with pytest.raises(ResponseError):
            await client.get("/", raise_for_status=True)


async def test_failed_attempts_are_repeated_and_counted():
    async def script(request: ApiRequest) -> Reply:
        return Reply(503)

    told = []
    async with (
        serving(script) as server,
        HttpClient(server.url, retry=PATIENT.replace(attempts=3), on_retry=told.append) as client,
    ):
        with pytest.raises(ResponseError) as caught:
            await client.get("/")
        assert caught.value.attempts == 3
        assert len(told) == 2
        with pytest.raises(ResponseError) as caught:
            await client.get("/", retry=PATIENT.replace(attempts=1))
        assert caught.value.attempts == 1
        server.requests.clear()
        with pytest.raises(ResponseError):
            await client.post("/", content=b"x")
        assert len(server.requests) == 1
        for options in ({"idempotent": True}, {"idempotency_key": "key-1"}):
            server.requests.clear()
            with pytest.raises(ResponseError):
                await client.post("/", content=b"x", **options)
            assert len(server.requests) == 3
    assert {request.headers.get("idempotency-key") for request in server.requests} == {"key-1"}


async def test_a_body_that_breaks_off_is_asked_for_again():
    async def script(request: ApiRequest) -> Reply:
        return Reply(200, b"half", declared=4 if len(server.requests) > 1 else 8)

    async with serving(script) as server, HttpClient(server.url, retry=PATIENT) as client:
        assert (await client.get("/")).content == b"half"
    assert len(server.requests) == 2


async def test_the_deadline_covers_redirects():
    async def script(request: ApiRequest) -> Reply:
        await anyio.sleep(0.2)
        return Reply(302, headers={"location": f"/{int(request.target[1:]) + 1}"})

    policy = RetryPolicy(timeout=0.7)
    async with serving(script) as server, HttpClient(server.url, follow_redirects=True, retry=policy) as client:
        started = anyio.current_time()
        with pytest.raises(TimedOutError, match=r"within 0\.7 seconds"):
            await client.get("/0")
    assert anyio.current_time() - started < 1.5


async def test_the_deadline_covers_the_body():
    forever = anyio.Event()

    async def drip():
        yield b"a"
        await forever.wait()

    async def script(request: ApiRequest) -> Reply:
        return Reply(chunks=drip())

    async with serving(script) as server, HttpClient(server.url, retry=RetryPolicy(timeout=0.2)) as client:
        with pytest.raises(TimedOutError):
            await client.get("/")


async def test_a_refused_connection_is_named():
    async with serving(echo) as server:
        pass
    async with HttpClient(server.url, retry=RetryPolicy(attempts=1)) as client:
        with pytest.raises(ConnectFailedError, match="GET http://127.0.0.1"):
            await client.get("/")


async def test_a_body_that_is_too_long_is_refused_by_what_comes_out_of_it():
    async def script(request: ApiRequest) -> Reply:
        return Reply(200, gzip.compress(bytes(3_000_000)), {"content-encoding": "gzip"})

    async with serving(script) as server, HttpClient(server.url, max_response_bytes=1_000_000) as client:
        with pytest.raises(QuackError) as caught:
            await client.get("/")
        assert (caught.value.code, caught.value.kind) == ("too_large", ErrorKind.CORRUPTED)
        async with client.stream("GET", "/") as response:
            assert len(await response.aread()) == 3_000_000


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"<html>Log in to the network</html>", {"content-type": "text/html"}),
        (b"", {}),
        (b'{"token": "S3CR3T"', {}),
        (b"[" * 100_000, {}),
        (b"\xff\xfe\xfa{}", {}),
        (b'{"n": ' + b"9" * 5000 + b"}", {}),
        (b"no gzip", {"content-encoding": "gzip"}),
    ],
)
async def test_what_is_no_json_is_a_decoding_error(body: bytes, headers: dict[str, str]):
    async def script(request: ApiRequest) -> Reply:
        return Reply(200, body, headers)

    async with serving(script) as server, HttpClient(server.url, retry=RetryPolicy(attempts=1)) as client:
        with pytest.raises(QuackError) as caught:
            await client.get_json("/")
    assert caught.value.code == "decode"
    assert caught.value.kind is ErrorKind.CORRUPTED
    assert "S3CR3T" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("reply", [Reply(200, b"<html>"), Reply(303, headers={"location": "/elsewhere"})])
@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_what_has_no_json_may_have_been_done(reply: Reply, method: str):
    async def script(request: ApiRequest) -> Reply:
        return reply

    async with serving(script) as server, HttpClient(server.url) as client:
        response = await client.request(method, "/")
        with pytest.raises(TransportError) as caught:
            response_json(response)
    assert caught.value.indeterminate is (method == "POST")


async def test_json_may_be_anything():
    async with HttpClient(
        "https://api.test", transport=httpx.MockTransport(lambda _: httpx.Response(200))
    ) as client:
        request = client.build_request("GET", "/")
    for text, value in (("null", None), ("[1]", [1]), ('"a"', "a")):
        assert response_json(httpx.Response(200, text=text, request=request)) == value


@pytest.mark.parametrize(
    "url",
    ["ftp://api.test", "api.test", "https://", "http://user:pw@api.test", "https:///x", "file:///etc/passwd"],
)
async def test_a_base_that_cannot_be_asked_is_refused(url: str):
    with pytest.raises(QuackError) as caught:
        HttpClient(url)
    assert caught.value.kind is ErrorKind.INVALID_INPUT
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["/x", "ftp://api.test", "http://user:pw@api.test/", "http://a:b/", "http://a\0b/"]
)
async def test_an_address_that_cannot_be_asked_is_refused(url: str):
    async with HttpClient() as client:
        with pytest.raises(QuackError) as caught:
            await client.get(url)
    assert caught.value.code == "url"
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-A": "b\r\nX-Evil: 1"},
        {"X-A\r\nX-Evil": "1"},
        {"X-A": "b\0"},
        {"X-A": " b"},
        {"X A": "b"},
        {"": "b"},
        {"X-A": "é"},
        {"X-A": "b" * 100_000},
    ],
)
async def test_headers_that_cannot_be_sent_are_refused_before(headers: dict[str, str]):
    with pytest.raises(QuackError) as caught:
        HttpClient("https://api.test", headers=headers)
    assert caught.value.code == "header"
    async with serving(echo) as server, HttpClient(server.url) as client:
        with pytest.raises(QuackError, match="header"):
            await client.get("/", headers=headers)
        with pytest.raises(QuackError, match="header"):
            await client.post("/", idempotency_key="a\nb")
    assert server.requests == []


async def test_cookies_are_not_kept():
    async def script(request: ApiRequest) -> Reply:
        return Reply(headers={"set-cookie": "session=S3CR3T; Path=/"})

    async with serving(script) as server, HttpClient(server.url) as client:
        assert (await client.get("/")).cookies["session"] == "S3CR3T"
        await client.get("/")
        await client.get("/", headers={"Cookie": "session=mine"})
    assert [request.headers.get("cookie") for request in server.requests] == [None, None, "session=mine"]


async def test_a_stream_is_read_as_it_comes():
    go_on = anyio.Event()

    async def slowly():
        yield b"first"
        await go_on.wait()
        yield b"second"

    async def script(request: ApiRequest) -> Reply:
        return Reply(chunks=slowly())

    async with serving(script) as server, HttpClient(server.url) as client:
        chunks = []
        async with client.stream("GET", "/") as response:
            async for chunk in response.aiter_raw():
                chunks.append(chunk)
                go_on.set()
        assert chunks == [b"first", b"second"]


async def test_a_stream_that_is_held_open_delays_nobody():
    held = anyio.Event()

    async def holding():
        yield b"x"
        await held.wait()

    async def script(request: ApiRequest) -> Reply:
        return Reply(chunks=holding()) if request.path == "/held" else json_reply({})

    async with (
        serving(script) as server,
        HttpClient(server.url) as client,
        client.stream("GET", "/held") as response,
    ):
        chunks = response.aiter_raw()
        await anext(chunks)
        with anyio.fail_after(5):
            for _ in range(20):
                await client.get("/")
        held.set()
        assert [chunk async for chunk in chunks] == []


async def test_an_error_status_of_a_stream_is_raised_with_its_body():
    async def script(request: ApiRequest) -> Reply:
        return json_reply({"error": "not yours"}, 403)

    async with serving(script) as server, HttpClient(server.url, max_concurrency=1) as client:
        with pytest.raises(ResponseError, match="not yours"):
            async with client.stream("GET", "/"):
                raise AssertionError("unreachable")
        async with client.stream("GET", "/", raise_for_status=False) as response:
            assert response.status_code == 403


async def test_a_stream_that_breaks_off_is_an_error_of_this_package():
    async def script(request: ApiRequest) -> Reply:
        return Reply(200, b"half", declared=8)

    async with serving(script) as server, HttpClient(server.url) as client, client.stream("GET", "/") as response:
        with pytest.raises(QuackError) as caught:
            await response.aread()
    assert caught.value.retryable


@pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")  # httpx's own
async def test_a_stream_that_is_no_gzip_is_an_error_of_this_package():
    async def script(request: ApiRequest) -> Reply:
        return Reply(200, b"no gzip", {"content-encoding": "gzip"})

    async with serving(script) as server, HttpClient(server.url) as client:
        with pytest.raises(QuackError) as caught:
            async with client.stream("GET", "/") as response:
                await response.aread()
    assert caught.value.code == "decode"


async def test_calls_queue_and_say_so_when_they_wait_too_long():
    held = anyio.Event()

    async def script(request: ApiRequest) -> Reply:
        await held.wait()
        return json_reply({})

    async with (
        serving(script) as server,
        HttpClient(server.url, max_concurrency=1, queue_timeout=0.1, retry=RetryPolicy(attempts=1)) as client,
        anyio.create_task_group() as group,
    ):
        group.start_soon(client.get, "/")
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(TimedOutError) as caught:
            await client.get("/")
        held.set()
    assert caught.value.code == "queue"


async def test_a_closed_client_says_so_and_opens_again():
    async with serving(echo) as server:
        client = HttpClient(server.url)
        await client.get("/")
        await client.aclose()
        await client.aclose()
        with pytest.raises(LifecycleError, match="closed"):
            await client.get("/")
        async with client:
            await client.get("/")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # sockets that a loop left
def test_one_loop_after_the_other():
    client = HttpClient()

    async def main() -> int:
        async with serving(echo) as server:
            response = await client.get(server.url)
            return response.status_code

    for backend in ("asyncio", "trio", "asyncio"):
        assert anyio.run(main, backend=backend) == 200

    async def close() -> None:
        await client.aclose()

    anyio.run(close)
    gc.collect()


async def test_two_loops_at_a_time_are_refused():
    async with serving(echo) as server, HttpClient(server.url) as client:
        await client.get("/")

        async def elsewhere() -> None:
            with pytest.raises(LifecycleError) as caught:
                await client.get("/")
            assert caught.value.code == "wrong_loop"
            with pytest.raises(LifecycleError):
                await client.aclose()

        await anyio.to_thread.run_sync(lambda: anyio.run(elsewhere))
        await client.get("/")


async def test_httpx_s_own_log_shows_no_secret_of_the_query(caplog):
    async with serving(echo) as server, HttpClient(server.url) as client:
        with caplog.at_level(logging.DEBUG):
            await client.get("/?api_key=S3CR3T-in-the-query")
    assert "HTTP Request" in caplog.text
    assert "S3CR3T" not in caplog.text


async def test_it_can_be_mocked_by_respx():
    with respx.mock(using="httpx") as router:
        route = router.get("https://api.test/v1/things").respond(json={"items": []})
        async with HttpClient("https://api.test/v1") as client:
            assert await client.get_json("things") == {"items": []}
    assert route.call_count == 1


async def test_it_can_be_mocked_by_a_transport_with_its_retries():
    answers = [httpx.Response(503), httpx.Response(200, json=1)]
    transport = httpx.MockTransport(lambda _: answers.pop(0))
    async with HttpClient("https://api.test", transport=transport, retry=PATIENT) as client:
        assert await client.get_json("/") == 1
