"""What the tests of the transport share."""

from collections.abc import AsyncIterator, Callable, Iterator

import httpx
import pytest

from quackcore_async.transport import Wire
from tests.servers.faulty import FaultyServer


@pytest.fixture
def server(clean_environ: None) -> Iterator[FaultyServer]:
    with FaultyServer() as server:
        yield server


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire(trust_env=False) as wire:
        yield wire


class Source(httpx.AsyncByteStream):
    """A body that is there only once; `begun` counts how often its first piece was asked for."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)
        self.begun = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        self.begun += 1
        if not self.pieces:
            raise StopAsyncIteration
        return self.pieces.pop(0)


class Stub(httpx.AsyncBaseTransport):
    """Answers in memory, one after the other: a status, a response, an error, or what a function makes of it."""

    def __init__(self, *script: object) -> None:
        self.script = list(script)
        self.requests: list[httpx.Request] = []
        self.bodies: list[bytes] = []
        self.closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(step, type) and issubclass(step, Exception):
            step = step("made up")
        if isinstance(step, Exception):
            raise step
        self.bodies.append(b"".join([piece async for piece in request.stream]))
        if isinstance(step, Callable):
            step = await step(request)
        return step if isinstance(step, httpx.Response) else httpx.Response(step)

    async def aclose(self) -> None:
        self.closed = True


def a_request(
    method: str = "GET", url: str = "http://service.test/things", *, timeout: float | None = None, **options
) -> httpx.Request:
    extensions = options.pop("extensions", {})
    if timeout is not None:
        extensions = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), timeout), **extensions}
    return httpx.Request(method, url, extensions=extensions, **options)


async def fetched(wire: httpx.AsyncBaseTransport, request: httpx.Request) -> bytes:
    """Send a request, read the answer and close it."""
    response = await wire.handle_async_request(request)
    try:
        return b"".join([piece async for piece in response.stream])
    finally:
        await response.aclose()
