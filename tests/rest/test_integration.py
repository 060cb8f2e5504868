"""`RestIntegration` over a real server: by configuration, as a base class, and as the results that it gives."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import AsyncMock, MagicMock

import httpx
import pytest

from quackcore_async import IntegrationProtocol, IntegrationRegistry, QuackError, RetryPolicy
from quackcore_async.errors import ErrorKind
from quackcore_async.rest import RestIntegration
from quackcore_async.service import IntegrationState
from tests.clients.http.providers import Rotating
from tests.servers.api import ApiRequest, ApiServer, Reply, json_reply, serving


class Things:
    """A service that keeps things below /v1/things."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.failures: list[int] = []

    async def __call__(self, request: ApiRequest) -> Reply:
        if self.failures:
            return json_reply({"error": "later"}, self.failures.pop(0))
        if request.path == "/v1/things":
            if request.method == "POST":
                self.items["7"] = {"id": "7", **request.json}
                return json_reply(self.items["7"], 201)
            return json_reply({"items": list(self.items.values())})
        identifier = request.path.removeprefix("/v1/things/")
        if identifier not in self.items:
            return json_reply({"error": "no such thing"}, 404)
        if request.method in ("PUT", "PATCH"):
            kept = self.items[identifier] if request.method == "PATCH" else {"id": identifier}
            self.items[identifier] = {**kept, **request.json}
        if request.method == "DELETE":
            del self.items[identifier]
            return Reply(204)
        return json_reply(self.items[identifier])


@asynccontextmanager
async def things(**options: Any) -> AsyncIterator[tuple[RestIntegration, ApiServer, Things]]:
    service = Things()
    async with serving(service) as server:
        config = {"base_url": f"{server.url}/v1", "wait_initial": 0, **options.pop("config", {})}
        async with RestIntegration(config=config, **options) as integration:
            yield integration, server, service


async def test_a_resource_is_created_read_changed_listed_and_deleted():
    async with things() as (integration, server, _):
        assert isinstance(integration, IntegrationProtocol)
        created = await integration.create_resource("things", {"name": "duck", "legs": 2})
        assert created.content == {"id": "7", "name": "duck", "legs": 2}
        changed = await integration.update_resource("things", "7", {"name": "drake"}, partial=True)
        assert changed.content == {"id": "7", "name": "drake", "legs": 2}
        changed = await integration.update_resource("things", 7, {"name": "drake"})
        assert changed.content == {"id": "7", "name": "drake"}
        assert (await integration.get_resource("things", "7")).content == {"id": "7", "name": "drake"}
        listed = await integration.list_resources("things")
        assert listed.content == [{"id": "7", "name": "drake"}]
        assert listed.message == "listed 1 things"
        deleted = await integration.delete_resource("things", "7")
        assert deleted.success
        assert deleted.content is True
    assert [request.method for request in server.requests] == ["POST", "PATCH", "PUT", "GET", "GET", "DELETE"]


async def test_what_is_not_there_is_a_failure_also_when_deleted():
    async with things() as (integration, _, _):
        results = [
            await integration.get_resource("things", "404"),
            await integration.delete_resource("things", "404"),
        ]
    for result in results:
        assert not result.success
        assert result.error_info is not None
        assert result.error_info.kind is ErrorKind.NOT_FOUND
        assert result.error_info.status_code == 404
        assert result.error_info.service == "RestIntegration"
        assert "no such thing" in str(result.error)
        with pytest.raises(QuackError):
            result.unwrap()


async def test_passing_trouble_is_waited_for_and_a_post_is_not_repeated_blindly():
    async with things() as (integration, server, service):
        service.failures[:] = [503, 503]
        assert (await integration.list_resources("things")).success
        assert len(server.requests) == 3
        service.failures[:] = [500]
        result = await integration.create_resource("things", {})
        assert result.error_info is not None
        assert result.error_info.indeterminate
        assert len(server.requests) == 4
        service.failures[:] = [500]
        assert (await integration.create_resource("things", {}, idempotency_key="once")).success
        assert server.requests[-1].headers["idempotency-key"] == "once"


async def test_the_integration_starts_at_the_first_call_and_says_why_it_cannot():
    service = Things()
    async with serving(service) as server:
        integration = RestIntegration(config={"base_url": server.url + "/v1"})
        assert integration.client is None
        assert (await integration.list_resources("things")).success
        assert await integration.is_available()
        await integration.aclose()
        assert integration.client is None
        result = await integration.list_resources("things")
        assert result.error_info is not None
        assert result.error_info.code == "closed"
    broken = RestIntegration(config={"base_url": "ftp://nowhere"})
    result = await broken.list_resources("things")
    assert not result.success
    assert "http" in str(result.error)
    assert broken.state is IntegrationState.MISCONFIGURED
    with pytest.raises(QuackError):
        _ = [item async for item in broken.iter_resources("things")]


@pytest.mark.parametrize(
    "identifier", ["../x", "a b", "a/b", "%2e%2e", "é", "x?y=1#z", "a:b", ".hidden", "\r\nX: 1"]
)
async def test_an_identifier_is_one_segment_whatever_is_in_it(identifier: str):
    seen: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.raw_path.decode())
        return httpx.Response(200, json={})

    config = {"base_url": "https://api.test/v1"}
    integration = RestIntegration(config=config, transport=httpx.MockTransport(handle))
    assert (await integration.get_resource("things", identifier)).success
    assert (await integration.delete_resource(identifier, "1")).success
    assert all(path.count("/") == 3 and path.startswith("/v1/") for path in seen)
    assert not any(character in "".join(seen) for character in " ?#\r\n")
    await integration.aclose()


@pytest.mark.parametrize("identifier", ["", ".", "..", "\ud800"])
async def test_an_identifier_that_names_nothing_is_refused(identifier: str):
    async with things() as (integration, server, _):
        results = [
            await integration.get_resource("things", identifier),
            await integration.delete_resource("things", identifier),
            await integration.update_resource(identifier, "1", {}),
        ]
    assert [result.error_info and result.error_info.code for result in results] == ["invalid_name"] * 3
    assert server.requests == []


async def test_a_change_may_be_answered_with_nothing_but_a_resource_may_not():
    answers = {"PUT": httpx.Response(204), "POST": httpx.Response(201), "GET": httpx.Response(200)}
    transport = httpx.MockTransport(lambda request: answers[request.method])
    async with RestIntegration(config={"base_url": "https://api.test"}, transport=transport) as integration:
        assert (await integration.update_resource("a", "1", {})).content == {}
        assert (await integration.create_resource("a", {})).content == {}
        result = await integration.get_resource("a", "1")
        assert result.error_info is not None
        assert result.error_info.code == "decode"
        answers["GET"] = httpx.Response(200, json=[1])
        result = await integration.get_resource("a", "1")
        assert result.error_info is not None
        assert result.error_info.code == "decode"


async def test_resources_have_configured_paths_and_lists_have_pages():
    async def script(request: ApiRequest) -> Reply:
        page = int(request.query.get("after", "0"))
        following = page + 1 if page < 2 else None
        return json_reply({"data": {"rows": [{"n": page}, {"n": page}]}, "paging": {"next": following}})

    config = {
        "resources": {"contacts": "crm/v3/objects/contacts/"},
        "items": "data.rows",
        "pagination": {"style": "cursor", "param": "after", "path": "paging.next"},
        "params": {"archived": "false"},
    }
    async with (
        serving(script) as server,
        RestIntegration(config={"base_url": server.url, **config}) as integration,
    ):
        result = await integration.list_resources("contacts", params={"q": "duck"}, max_items=5)
        assert [item["n"] for item in result.unwrap()] == [0, 0, 1, 1, 2]
        found = [item["n"] async for item in integration.iter_resources("contacts")]
        assert found == [0, 0, 1, 1, 2, 2]
    assert {request.path for request in server.requests} == {"/crm/v3/objects/contacts"}
    assert all(request.query["archived"] == "false" for request in server.requests)
    assert server.requests[0].query["q"] == "duck"


async def test_an_expired_token_is_renewed_and_nobody_notices():
    provider = Rotating()
    await provider.authenticate()

    async def script(request: ApiRequest) -> Reply:
        return json_reply({"items": []}, 200 if request.authorization == "Bearer S3CR3T-token-2" else 401)

    async with (
        serving(script) as server,
        RestIntegration(auth_provider=provider, config={"base_url": server.url}) as integration,
    ):
        assert (await integration.list_resources("things")).success
    assert provider.refreshes == 1


async def test_a_subclass_is_an_integration_of_its_own():
    class DuckPond(RestIntegration):
        defaults: ClassVar[dict[str, Any]] = {"items": "ducks"}

        async def count_ducks(self) -> int:
            assert self.client is not None
            return len((await self.client.get_json("ducks"))["ducks"])

    async def script(request: ApiRequest) -> Reply:
        return json_reply({"ducks": [{"id": "1"}]})

    async with serving(script) as server:
        Path("quack_config.yaml").write_text(f"duck_pond:\n  api_url: {server.url}\n  timeout_seconds: 3\n")
        async with DuckPond() as integration:
            assert integration.name == "DuckPond"
            assert integration.config is not None
            assert integration.config["timeout"] == 3
            assert (await integration.list_resources("ducks")).content == [{"id": "1"}]
            assert await integration.count_ducks() == 1


class ExampleServiceIntegration(RestIntegration):
    """Named by a property, as the guide does; what that returns is there only after the base class's part."""

    defaults: ClassVar[dict[str, Any]] = {"base_url": "https://default.test"}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.called = "ExampleService"

    @property
    def name(self) -> str:
        return self.called


async def test_an_overridden_name_decides_about_the_section():
    Path("quack_config.yaml").write_text(
        "example_service: {base_url: 'https://own.test'}\n"
        "example_service_integration: {base_url: 'https://of-the-class.test'}\n"
    )
    async with ExampleServiceIntegration() as integration:
        assert integration.config is not None
        assert integration.config["base_url"] == "https://own.test"


async def test_an_overridden_name_decides_about_the_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    own = tmp_path / "own.yaml"
    own.write_text("ExampleService: {base_url: 'https://own.test'}")
    monkeypatch.setenv("QUACK_EXAMPLESERVICE_CONFIG", str(own))
    async with ExampleServiceIntegration() as integration:
        assert integration.config is not None
        assert integration.config["base_url"] == "https://own.test"


async def test_the_name_of_an_instance_goes_before_an_overridden_one():
    Path("quack_config.yaml").write_text(
        "ExampleService: {base_url: 'https://own.test'}\nspare: {base_url: 'https://spare.test'}\n"
    )
    async with ExampleServiceIntegration(name="spare") as integration:
        assert integration.config is not None
        assert integration.config["base_url"] == "https://spare.test"


async def test_a_registry_makes_it_from_a_file():
    async def script(request: ApiRequest) -> Reply:
        return json_reply({"items": [{"path": request.path}]})

    async with serving(script) as server:
        Path("quack_config.yaml").write_text(
            f"integrations:\n  crm:\n    use: rest\n    base_url: {server.url}\n    resources: {{people: a/b}}\n"
        )
        async with IntegrationRegistry() as registry:
            await registry.configure()
            results = await registry.initialize_all()
            assert results["crm"].success
            integration = registry.get_integration("crm")
            assert isinstance(integration, RestIntegration)
            assert (await integration.list_resources("people")).content == [{"path": "/a/b"}]


async def test_providers_of_the_guide_s_kind_are_used_as_they_are():
    config = MagicMock()
    config.name = "ExampleService"
    config.load_config = AsyncMock()
    config.load_config.return_value.success = True
    config.load_config.return_value.content = {
        "api_url": "https://api.test",
        "timeout_seconds": 10,
        "max_retries": 3,
    }
    auth = MagicMock()
    auth.name = "ExampleService"
    auth.authenticate = AsyncMock()
    auth.authenticate.return_value.success = True
    auth.get_credentials = AsyncMock(return_value={"token": "test_token"})
    auth.refresh_credentials = AsyncMock()
    auth.save_credentials = AsyncMock(return_value=True)
    seen: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"])
        return httpx.Response(200, json={"items": [{"id": "1"}, {"id": "2"}]})

    integration = RestIntegration(config, auth, transport=httpx.MockTransport(handle))
    assert (await integration.initialize()).success
    config.load_config.assert_called_once()
    auth.authenticate.assert_called_once()
    assert len((await integration.list_resources("items")).unwrap()) == 2
    assert seen == ["Bearer test_token"]
    await integration.aclose()


async def test_how_patient_it_is_can_be_given():
    transport = httpx.MockTransport(lambda _: httpx.Response(503))
    integration = RestIntegration(
        config={"base_url": "https://api.test"}, transport=transport, retry=RetryPolicy(attempts=1)
    )
    result = await integration.list_resources("things")
    assert result.error_info is not None
    assert result.error_info.attempts == 1
    await integration.aclose()
