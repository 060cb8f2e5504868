"""Two packages written by the guide, with `async` added: they run as they are, over a real HTTP server."""

import importlib
import json
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import AsyncMock, MagicMock

import pytest

from quackcore_async import IntegrationProtocol, IntegrationResult, registry
from quackcore_async.errors import ErrorKind
from quackcore_async.service import IntegrationState


@dataclass
class Service:
    """What the server is told and what it has seen."""

    url: str = ""
    failures: list[int] = field(default_factory=list)
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    items: dict[str, dict[str, Any]] = field(default_factory=dict)


@pytest.fixture
def service() -> Iterator[Service]:
    state = Service()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_args: object) -> None: ...

        def answer(self, status: int, body: object = None) -> None:
            content = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            state.requests.append((self.command, self.path, self.headers.get("Authorization")))
            if state.failures and not self.path.startswith("/auth"):
                return self.answer(state.failures.pop(0))
            if self.path == "/auth":
                granted = body == {"username": "user", "password": "right"}
                return self.answer(200 if granted else 401, {"access_token": "token-1", "expires_at": 4102444800})
            if self.command == "GET" and self.path == "/v1/things":
                return self.answer(200, {"items": list(state.items.values())})
            identifier = self.path.rpartition("/")[2]
            if self.command == "POST":
                state.items["7"] = {"id": "7", **body}
                return self.answer(201, state.items["7"])
            if identifier not in state.items:
                return self.answer(404, {"error": "no such thing"})
            if self.command == "PUT":
                state.items[identifier].update(body)
            if self.command == "DELETE":
                del state.items[identifier]
                return self.answer(204)
            return self.answer(200, state.items[identifier])

        do_GET = do_POST = do_PUT = do_DELETE = serve

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def ported(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Make the packages importable as a user's, afresh, and leave the default registry as it was."""
    folder = Path(__file__).parent
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] in ("example_service", "my_service")]:
        del sys.modules[name]
    for name in ("ExampleService", "MyService"):
        registry.unregister(name)


@pytest.fixture
def example(ported: Path, service: Service, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setenv("EXAMPLE_SERVICE_URL", service.url)
    monkeypatch.setenv("EXAMPLE_SERVICE_USERNAME", "user")
    monkeypatch.setenv("EXAMPLE_SERVICE_PASSWORD", "right")
    Path("quack_config.yaml").write_text(f"exampleservice:\n  api_url: {service.url}/v1\n  retry_delay: 0\n")
    return importlib.import_module("example_service")


async def closed(integration: Any) -> None:
    await integration.client.session.aclose()
    await integration.aclose()


async def test_it_registers_itself_when_imported_and_serves(example: ModuleType, service: Service):
    integration = registry.get_integration("ExampleService")
    assert isinstance(integration, IntegrationProtocol)
    created = await integration.create_resource("things", {"name": "duck"})
    assert created.content == {"id": "7", "name": "duck"}
    assert (await integration.update_resource("things", "7", {"name": "drake"})).success
    assert (await integration.get_resource("things", "7")).content["name"] == "drake"
    assert (await integration.list_resources("things")).content == [{"id": "7", "name": "drake"}]
    assert (await integration.delete_resource("things", "7")).content is True
    assert await integration.is_available()
    assert integration.auth_provider.authenticated is True
    assert {header for _, path, header in service.requests if path != "/auth"} == {"Bearer token-1"}
    assert sum(1 for _, path, _ in service.requests if path == "/auth") == 1
    await closed(integration)


async def test_it_says_what_the_service_said(example: ModuleType, service: Service):
    integration = example.create_integration()
    result = await integration.get_resource("things", "404")
    assert not result.success
    assert "404" in result.error
    assert result.error_info.kind is ErrorKind.NOT_FOUND
    await closed(integration)


async def test_its_own_retry_runs(example: ModuleType, service: Service):
    integration = example.create_integration()
    service.failures[:] = [503, 503]
    assert (await integration.list_resources("things")).success
    await closed(integration)


async def test_a_stored_token_is_taken_up_again(example: ModuleType, service: Service):
    auth = importlib.import_module("example_service.auth")
    first = auth.ExampleServiceAuth(credentials_file="~/.quack/example.json")
    assert (await first.authenticate()).credentials_path == str(Path.home() / ".quack" / "example.json")
    second = auth.ExampleServiceAuth(credentials_file="~/.quack/example.json")
    assert (await second.authenticate()).message == "Using existing credentials"
    assert len(service.requests) == 1


async def test_a_wrong_password_is_a_login_that_is_needed(example: ModuleType, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("EXAMPLE_SERVICE_PASSWORD", "wrong")
    integration = example.create_integration()
    result = await integration.list_resources("things")
    assert not result.success
    assert "401" in result.error
    assert integration.state is IntegrationState.AUTH_REQUIRED
    assert not await integration.is_available()


async def test_a_wrong_configuration_is_told(example: ModuleType):
    Path("quack_config.yaml").write_text("example_service:\n  api_url: ftp://nowhere\n")
    integration = example.create_integration()
    result = await integration.initialize()
    assert not result.success
    assert integration.state is IntegrationState.MISCONFIGURED


async def test_loading_it_again_finds_the_one_that_is_there(example: ModuleType):
    loaded = await registry.load_integration_module("example_service")
    assert list(loaded) == [registry.get_integration("ExampleService")]


@pytest.fixture
def mocked(example: ModuleType) -> Any:
    config = MagicMock()
    config.name = "ExampleService"
    config.load_config = AsyncMock()
    config.load_config.return_value.success = True
    config.load_config.return_value.content = {"api_url": "https://api.example.com", "timeout_seconds": 10}
    auth = MagicMock()
    auth.name = "ExampleService"
    auth.authenticate = AsyncMock()
    auth.authenticate.return_value.success = True
    auth.get_credentials = AsyncMock(return_value={"token": "test_token"})
    kind = importlib.import_module("example_service.service").ExampleServiceIntegration
    return kind(config_provider=config, auth_provider=auth)


async def test_mocked_providers_are_asked_once(mocked: Any):
    result = await mocked.initialize()
    assert result.success
    assert result.message is not None
    mocked.config_provider.load_config.assert_called_once()
    mocked.auth_provider.authenticate.assert_called_once()
    await mocked.client.session.aclose()


async def test_a_mocked_client_is_used(mocked: Any):
    await mocked.initialize()
    await mocked.client.session.aclose()
    mocked.client = MagicMock()
    mocked.client.list_resources = AsyncMock(return_value=[{"id": "1"}, {"id": "2"}])
    assert len((await mocked.list_resources("items")).content) == 2
    mocked.client.list_resources.assert_called_once_with("items")
    mocked.client.list_resources.side_effect = Exception("API error")
    result = await mocked.list_resources("items")
    assert not result.success
    assert result.content is None
    assert "API error" in result.error


async def test_my_service_runs(ported: Path):
    Path("quack_config.yaml").write_text("myservice:\n  api_key: k-123\n")
    module = importlib.import_module("my_service")
    integration = module.MyServiceIntegration()
    refused = await integration.perform_action("wave", {})
    assert refused.error == "MyService integration is not available"
    assert (await integration.initialize()).success
    done: IntegrationResult[Any] = await integration.perform_action("wave", {"times": 2})
    assert done.content == {"action": "wave", "params": {"times": 2}}
    assert integration.config["endpoint_url"] == "https://api.myservice.com/v1"


async def test_my_service_without_a_key_is_not_up(ported: Path):
    module = importlib.import_module("my_service")
    integration = module.MyServiceIntegration()
    result = await integration.initialize()
    assert result.error == "API key not configured"
    assert not await integration.is_available()
    assert integration._initialized is False
