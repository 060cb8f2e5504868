"""Credentials in requests: added at the last moment, for their origins only, renewed once, seen by nobody."""

import gc
from urllib.parse import quote

import anyio
import httpx
import pytest

from quackcore_async import QuackError
from quackcore_async.clients import HttpClient
from quackcore_async.errors import AuthError, CredentialsMissingError, ErrorKind, ResponseError
from tests.clients.http.providers import Foreign, QueryKey, Rotating
from tests.servers.api import ApiRequest, Reply, json_reply, serving


class Guarded:
    """A service that takes one token."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.refused = 0

    async def __call__(self, request: ApiRequest) -> Reply:
        if request.authorization == f"Bearer {self.token}":
            return json_reply({"got": request.body.decode()})
        self.refused += 1
        return json_reply({"error": "expired"}, 401)


async def test_the_token_goes_into_the_request_and_not_into_what_the_caller_sees():
    async with serving(Guarded("S3CR3T-token-1")) as server, HttpClient(server.url, auth=Rotating()) as client:
        response = await client.get("/things", headers={"X-API-Key": "S3CR3T-key"})
    (request,) = server.requests
    assert request.authorization == "Bearer S3CR3T-token-1"
    assert request.headers["x-api-key"] == "S3CR3T-key"
    assert "S3CR3T" not in repr((response.request.headers.raw, response.request.url, response.request.extensions))


async def test_a_login_that_needs_nobody_is_made_at_the_first_request_once():
    provider = Rotating()
    async with (
        serving(Guarded("S3CR3T-token-1")) as server,
        HttpClient(server.url, auth=provider) as client,
        anyio.create_task_group() as group,
    ):
        for _ in range(20):
            group.start_soon(client.get, "/")
    assert provider.logins == 1
    assert provider.refreshes == 0


async def test_a_login_that_needs_a_person_is_asked_for():
    class Interactive(Rotating):
        interactive = True

    async with serving(Guarded("x")) as server, HttpClient(server.url, auth=Interactive()) as client:
        with pytest.raises(CredentialsMissingError, match=r"authenticate\(\)"):
            await client.get("/")
    assert server.requests == []


async def test_a_failed_login_is_the_error():
    class Broken(Rotating):
        async def _authenticate(self):
            raise AuthError("wrong password", code="invalid_client")

    async with serving(Guarded("x")) as server, HttpClient(server.url, auth=Broken()) as client:
        with pytest.raises(QuackError, match="wrong password") as caught:
            await client.get("/")
    assert caught.value.code == "invalid_client"
    assert server.requests == []


@pytest.mark.parametrize("count", [100, pytest.param(1000, marks=pytest.mark.slow)])
async def test_many_401s_are_one_refresh_and_each_request_is_sent_at_most_twice(count: int):
    provider = Rotating()
    await provider.authenticate()
    bodies: list[str] = []
    async with serving(Guarded("S3CR3T-token-2")) as server, HttpClient(server.url, auth=provider) as client:

        async def post(index: int) -> None:
            bodies.append((await client.post("/", content=f"body-{index}")).json()["got"])

        async with anyio.create_task_group() as group:
            for index in range(count):
                group.start_soon(post, index)
    assert provider.refreshes == 1
    assert sorted(bodies) == sorted(f"body-{index}" for index in range(count))
    sent = [request.body for request in server.requests]
    assert max(sent.count(body) for body in set(sent)) == 2


async def test_many_401s_on_few_connections_do_not_wait_for_each_other():
    provider = Rotating()
    await provider.authenticate()
    async with (
        serving(Guarded("S3CR3T-token-2")) as server,
        HttpClient(server.url, auth=provider, max_concurrency=2) as client,
    ):
        with anyio.fail_after(20):
            async with anyio.create_task_group() as group:
                for _ in range(50):
                    group.start_soon(client.get, "/")
        assert server.open_connections <= 2
    assert provider.refreshes == 1


@pytest.mark.parametrize("count", [1, 50])
async def test_a_provider_that_knows_nothing_of_generations_is_asked_once_too(count: int):
    provider = Foreign()
    async with serving(Guarded("S3CR3T-foreign-2")) as server, HttpClient(server.url, auth=provider) as client:
        async with anyio.create_task_group() as group:
            for _ in range(count):
                group.start_soon(client.get, "/")
        await client.get("/")
    assert provider.refreshes == 1
    assert len(server.requests) <= 2 * count + 1


async def test_a_provider_without_a_login_is_logged_in():
    provider = Foreign(token=None)
    async with serving(Guarded("S3CR3T-foreign-1")) as server, HttpClient(server.url, auth=provider) as client:
        await client.get("/")
        await client.get("/")
    assert provider.logins == 1


async def test_the_failed_refresh_of_a_foreign_provider_is_shared():
    provider = Foreign()
    provider.fail = True
    errors: list[QuackError] = []
    async with serving(Guarded("nobody's")) as server, HttpClient(server.url, auth=provider) as client:

        async def get() -> None:
            with pytest.raises(ResponseError) as caught:
                await client.get("/")
            errors.append(caught.value)

        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(get)
    assert provider.refreshes == 1
    assert len(server.requests) == 20
    assert {error.retryable for error in errors} == {True}
    assert "the token endpoint is down" in str(errors[0])


async def test_a_second_401_is_an_error_and_no_further_refresh():
    provider = Rotating()
    async with serving(Guarded("nobody's")) as server, HttpClient(server.url, auth=provider) as client:
        with pytest.raises(ResponseError) as first:
            await client.get("/")
        with pytest.raises(ResponseError):
            await client.get("/")
    assert first.value.code == "unauthorized_after_refresh"
    assert first.value.kind is ErrorKind.AUTH_REQUIRED
    assert provider.refreshes == 1
    assert len(server.requests) == 3


async def test_why_a_refresh_failed_is_why_the_call_failed():
    provider = Rotating()
    provider.failure = AuthError("log in again", code="reauth_required")
    async with serving(Guarded("other")) as server, HttpClient(server.url, auth=provider) as client:
        with pytest.raises(ResponseError, match="log in again") as caught:
            await client.get("/")
    assert caught.value.code == "reauth_required"
    assert caught.value.status_code == 401
    assert len(server.requests) == 1


async def test_a_stream_is_not_replayed_but_the_credentials_are_renewed():
    provider = Rotating()
    await provider.authenticate()

    async def chunks():
        yield b"once"

    async with serving(Guarded("S3CR3T-token-2")) as server, HttpClient(server.url, auth=provider) as client:
        with pytest.raises(ResponseError) as caught:
            await client.put("/", content=chunks())
        assert caught.value.code == "body_not_replayable"
        assert caught.value.retryable
        assert (await client.put("/", content=chunks())).json() == {"got": "once"}
    assert provider.refreshes == 1
    assert len(server.requests) == 2


async def test_a_body_that_is_made_anew_is_replayed():
    provider = Rotating()
    await provider.authenticate()

    async def chunks():
        yield b"a"
        yield b"b"

    async with serving(Guarded("S3CR3T-token-2")) as server, HttpClient(server.url, auth=provider) as client:
        response = await client.post("/", body_factory=chunks)
    assert response.json() == {"got": "ab"}
    assert [request.body for request in server.requests] == [b"ab", b"ab"]


async def test_a_form_with_a_file_is_replayed(tmp_path):
    provider = Rotating()
    await provider.authenticate()
    path = tmp_path / "report.txt"
    path.write_bytes(b"all is well")
    async with serving(Guarded("S3CR3T-token-2")) as server, HttpClient(server.url, auth=provider) as client:
        with path.open("rb") as file:
            await client.post("/", files={"report": file})
    assert len(server.requests) == 2
    assert all(b"all is well" in request.body for request in server.requests)


async def test_a_static_key_that_is_refused_is_tried_once():
    class Static(Rotating):
        async def _refresh(self, credentials):
            raise AuthError("configured credentials cannot be renewed", code="static_credentials")

    async with serving(Guarded("other")) as server, HttpClient(server.url, auth=Static()) as client:
        with pytest.raises(ResponseError) as caught:
            await client.get("/")
    assert caught.value.kind is ErrorKind.AUTH_REQUIRED
    assert len(server.requests) == 1


async def test_the_body_of_the_401_is_in_the_error():
    provider = Rotating()
    provider.failure = AuthError("no")
    async with serving(Guarded("other")) as server, HttpClient(server.url, auth=provider) as client:
        with pytest.raises(ResponseError, match='"expired"'):
            await client.get("/")


@pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")  # httpcore's
async def test_a_401_with_an_endless_body_is_left():
    provider = Rotating()
    await provider.authenticate()

    async def endless():
        while True:
            yield b"x" * 10_000

    async def script(request: ApiRequest) -> Reply:
        if request.authorization == "Bearer S3CR3T-token-2":
            return Reply()
        return Reply(401, chunks=endless())

    async with serving(script) as server, HttpClient(server.url, auth=provider) as client:
        with anyio.fail_after(10):
            assert (await client.get("/")).status_code == 200
    gc.collect()


async def test_without_raising_the_401_is_the_response():
    provider = Rotating()
    provider.failure = AuthError("no")
    async with serving(Guarded("other")) as server, HttpClient(server.url, auth=provider) as client:
        response = await client.get("/", raise_for_status=False)
    assert response.status_code == 401
    assert response.json() == {"error": "expired"}


async def test_a_call_may_go_without_credentials():
    async with serving(Guarded("S3CR3T-token-1")) as server, HttpClient(server.url, auth=Rotating()) as client:
        response = await client.get("/", auth=None, raise_for_status=False)
    assert response.status_code == 401
    assert server.requests[0].authorization is None


async def test_the_caller_s_own_header_goes_before_the_provider_s():
    provider = Rotating()
    async with serving(Guarded("mine")) as server, HttpClient(server.url, auth=provider) as client:
        await client.get("/", headers={"authorization": "Bearer mine"})
        with pytest.raises(ResponseError):
            await client.get("/", headers={"Authorization": "Bearer wrong"})
    assert [request.authorization for request in server.requests] == ["Bearer mine", "Bearer wrong"]
    assert provider.refreshes == 0


async def test_an_absolute_address_elsewhere_gets_no_credentials():
    async with (
        serving(Guarded("S3CR3T-token-1")) as server,
        serving(Guarded("S3CR3T-token-1")) as other,
        HttpClient(server.url, auth=Rotating(), headers={"X-API-Key": "S3CR3T", "X-Plain": "1"}) as client,
    ):
        await client.get("/")
        response = await client.get(f"{other.url}/", raise_for_status=False)
    assert response.status_code == 401
    assert server.requests[0].headers["x-api-key"] == "S3CR3T"
    assert "S3CR3T" not in repr(other.requests[0].headers)
    assert other.requests[0].headers["x-plain"] == "1"


async def test_an_allowed_origin_gets_them():
    async with (
        serving(Guarded("S3CR3T-token-1")) as server,
        serving(Guarded("S3CR3T-token-1")) as other,
        HttpClient(server.url, auth=Rotating(), allowed_origins=[other.url]) as client,
    ):
        await client.get(f"{other.url}/")
    assert other.requests[0].authorization == "Bearer S3CR3T-token-1"


async def test_without_a_base_the_origin_that_the_caller_names_gets_them():
    provider = Rotating()

    async def redirect(request: ApiRequest) -> Reply:
        return Reply(302, headers={"location": f"{other.url}/there"})

    async with (
        serving(Guarded("nobody's")) as other,
        serving(redirect) as server,
        HttpClient(auth=provider, follow_redirects=True) as client,
    ):
        response = await client.get(f"{server.url}/", headers={"X-API-Key": "S3CR3T"}, raise_for_status=False)
    assert response.status_code == 401
    assert server.requests[0].authorization == "Bearer S3CR3T-token-1"
    assert server.requests[0].headers["x-api-key"] == "S3CR3T"
    assert "S3CR3T" not in repr(other.requests[0].headers)
    assert provider.refreshes == 0, "a 401 from elsewhere renews nothing"


async def test_a_key_in_the_query_is_seen_by_the_service_alone():
    async def script(request: ApiRequest) -> Reply:
        if request.path == "/old":
            return Reply(307, headers={"location": f"/new?a=1&key={quote(request.query['key'], safe='')}#part"})
        return json_reply({})

    async with serving(script) as server, HttpClient(server.url, auth=QueryKey(), follow_redirects=True) as client:
        response = await client.get("/old?q=a%20b", params={"key": "mine", "x": "1"})
    assert [request.query["key"] for request in server.requests] == ["S3CR3T-token-1&/"] * 2
    assert server.requests[0].query == {"q": "a b", "x": "1", "key": "S3CR3T-token-1&/"}
    assert str(response.url) == f"{server.url}/new?a=1#part"
    assert "S3CR3T" not in repr([(r.url, r.request.url, r.headers) for r in [*response.history, response]])


async def test_a_provider_that_refreshes_over_the_same_client_waits_for_nobody():
    class Recursive(Rotating):
        async def _refresh(self, credentials):
            answer = await client.post("/token", raise_for_status=False)
            assert answer.status_code == 200
            return await super()._refresh(credentials)

    async def script(request: ApiRequest) -> Reply:
        if request.path == "/token":
            return json_reply({})
        return json_reply({}, 200 if request.authorization == "Bearer S3CR3T-token-2" else 401)

    provider = Recursive()
    async with (
        serving(script) as server,
        HttpClient(server.url, auth=provider, max_concurrency=1) as client,
    ):
        with anyio.fail_after(10):
            await client.get("/")
    (token_request,) = [request for request in server.requests if request.path == "/token"]
    assert token_request.authorization is None


@pytest.mark.parametrize("token", ["a\r\nX-Evil: 1", "tok\n", "padded ", "t\u00f6ken", "x" * 100_000, "nul\0"])
async def test_a_token_that_cannot_be_sent_is_refused_without_being_shown(token: str):
    provider = Foreign()
    provider.credentials = {"token": token}
    async with serving(Guarded("x")) as server, HttpClient(server.url, auth=provider) as client:
        with pytest.raises(QuackError) as caught:
            await client.get("/")
    assert server.requests == []
    assert token not in repr(caught.value)
    assert caught.value.code == "header"


def test_a_provider_that_breaks_its_protocol_is_named():
    class Plain(Foreign):
        def get_credentials(self):  # type: ignore[override]
            return {}

    with pytest.raises(TypeError, match=r"Plain.get_credentials is a plain function"):
        HttpClient("https://api.test", auth=Plain())


async def test_refreshes_are_told_once():
    provider = Rotating()
    await provider.authenticate()
    told = []
    async with (
        serving(Guarded("S3CR3T-token-2")) as server,
        HttpClient(server.url, auth=provider, on_refresh=told.append) as client,
        anyio.create_task_group() as group,
    ):
        for _ in range(10):
            group.start_soon(client.get, "/")
    assert [(event.provider, event.success) for event in told] == [("rotating", True)]


async def test_a_mocked_transport_sees_the_signed_request():
    seen: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"])
        return httpx.Response(200, json={})

    client = HttpClient("https://api.test", auth=Rotating(), transport=httpx.MockTransport(handle))
    await client.get("/x")
    assert seen == ["Bearer S3CR3T-token-1"]
    await client.aclose()


@pytest.mark.parametrize(
    ("base", "warnings"),
    [("http://api.test", 1), ("https://api.test", 0), ("http://localhost:1", 0), ("http://127.0.0.1:1", 0)],
)
async def test_credentials_in_the_clear_are_warned_of_once(base: str, warnings: int, caplog):
    transport = httpx.MockTransport(lambda _: httpx.Response(200))
    async with HttpClient(base, auth=Rotating(), transport=transport) as client:
        for _ in range(3):
            await client.get("/x?token=S3CR3T")
    told = [record for record in caplog.records if "in the clear" in record.getMessage()]
    assert len(told) == warnings
    assert "S3CR3T" not in caplog.text
