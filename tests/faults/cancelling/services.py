"""HTTP clients and REST integrations, over a server in another thread."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

from anyio.from_thread import start_blocking_portal

from quackcore_async import BearerTokenProvider, HttpClient, RestIntegration, RetryPolicy
from quackcore_async.errors import ConnectFailedError
from tests.faults.cancelling.attempts import Case
from tests.faults.cancelling.stage import Cases, Stage
from tests.faults.cancelling.storages import count
from tests.servers.api import ApiRequest, Reply, json_reply, serving


async def answer(request: ApiRequest) -> Reply:
    """Answer everything; what is made has an identifier."""
    if request.method == "POST":
        return json_reply({"id": "7", "padding": "x" * 100_000}, 201)
    if request.method == "DELETE":
        return Reply(204)
    if request.path.endswith("things"):
        page = int(request.query.get("page", "1"))
        return json_reply({"items": [{"id": str(page)}] if page < 3 else []})
    return json_reply({"id": "7", "padding": "x" * 100_000})


@contextlib.contextmanager
def server_in_a_thread() -> Iterator[str]:
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(serving(answer)) as server:
        yield server.url


class HttpClients(Stage):
    owners = (HttpClient,)
    closes_sockets = False  # those of the server are here too: `_open` counts ours

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        with server_in_a_thread() as self.url:
            async with HttpClient(self.url, auth=BearerTokenProvider("token"), max_concurrency=1) as self.client:
                yield

    def _case(self, call: Callable[[], Awaitable[object]]) -> Case:
        return Case(call)

    def get(self) -> Cases:
        return self._case(lambda: self.client.get("/x"))

    def head(self) -> Cases:
        return self._case(lambda: self.client.head("/x"))

    def options(self) -> Cases:
        return self._case(lambda: self.client.options("/x"))

    def post(self) -> Cases:
        return self._case(lambda: self.client.post("/x", json={"a": "b" * 100_000}))

    def put(self) -> Cases:
        return self._case(lambda: self.client.put("/x", json={"a": 1}))

    def patch(self) -> Cases:
        return self._case(lambda: self.client.patch("/x", json={"a": 1}))

    def delete(self) -> Cases:
        return self._case(lambda: self.client.delete("/x"))

    def get_json(self) -> Cases:
        return self._case(lambda: self.client.get_json("/x"))

    def request(self) -> Cases:
        return self._case(lambda: self.client.request("GET", "/x"))

    def send(self) -> Cases:
        async def send() -> object:
            response = await self.client.send(self.client.build_request("GET", "/x"))
            return await response.aread()

        return self._case(send)

    def stream(self) -> Cases:
        async def whole() -> int:
            async with self.client.stream("GET", "/x") as response:
                return len(await response.aread())

        async def left_early() -> int:
            async with self.client.stream("GET", "/x") as response:
                return response.status_code

        return {"whole": self._case(whole), "left early": self._case(left_early)}

    def aclose(self) -> Cases:
        async def close() -> None:
            client = HttpClient(self.url)
            try:
                await client.get("/x")
            finally:
                await client.aclose()

        return self._case(close)

    def on_entering(self) -> Cases:
        return self._lives()

    def on_leaving(self) -> Cases:
        return self._lives()

    def _lives(self) -> Cases:
        async def live() -> None:
            async with HttpClient(self.url) as client:
                await client.get("/x")

        return self._case(live)


class RestIntegrations(Stage):
    owners = (RestIntegration,)
    closes_sockets = False

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        with server_in_a_thread() as self.url:
            async with self._make() as self.integration:
                yield

    def _make(self) -> RestIntegration:
        return RestIntegration(config={"base_url": self.url})

    def create_resource(self) -> Cases:
        return Case(lambda: self.integration.create_resource("things", {"a": 1}))

    def get_resource(self) -> Cases:
        return Case(lambda: self.integration.get_resource("things", 7))

    def update_resource(self) -> Cases:
        return Case(lambda: self.integration.update_resource("things", 7, {"a": 1}))

    def delete_resource(self) -> Cases:
        return Case(lambda: self.integration.delete_resource("things", 7))

    def list_resources(self) -> Cases:
        return Case(lambda: self.integration.list_resources("things"))

    def iter_resources(self) -> Cases:
        return Case(lambda: count(self.integration.iter_resources("things")))

    def initialize(self) -> Cases:
        return self._lives(lambda integration: integration.initialize())

    def aclose(self) -> Cases:
        async def close(integration: RestIntegration) -> None:
            await integration.get_resource("things", 7)
            await integration.aclose()

        return self._lives(close)

    def is_available(self) -> Cases:
        return Case(self._available)

    def load_auth_provider(self) -> Cases:
        return self._lives(lambda integration: integration.load_auth_provider())

    def on_entering(self) -> Cases:
        return self._lives(self._live)

    def on_leaving(self) -> Cases:
        return self._lives(self._live)

    async def _available(self) -> object:
        return await self.integration.is_available()

    @staticmethod
    async def _live(integration: RestIntegration) -> None:
        async with integration:
            await integration.get_resource("things", 7)

    def _lives(self, act: Callable[[RestIntegration], Awaitable[object]]) -> Cases:
        made: list[RestIntegration] = []

        async def first() -> object:
            made[:] = [self._make()]
            result = await act(made[0])  # which leaves nothing open when it is cancelled
            await made[0].aclose()
            return result

        async def second() -> object:
            (await made[0].initialize()).unwrap()
            result = await made[0].get_resource("things", 7)
            await made[0].aclose()
            return result

        return Case(first, again=second)


class Policies(Stage):
    owners = (RetryPolicy,)

    def call(self) -> Cases:
        async def twice() -> object:
            tried = 0

            async def attempt() -> str:
                nonlocal tried
                tried += 1
                if tried == 1:
                    raise ConnectFailedError("down", retryable=True)
                return "done"

            return await RetryPolicy(wait_initial=0.001).call(attempt)

        return Case(twice)
