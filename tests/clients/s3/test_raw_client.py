"""The aioboto3 client behind a client of ours: opened late, and closed however late that was."""

import threading
from contextlib import asynccontextmanager

import anyio
import pytest

from quackcore_async.clients.s3.raw_client import RawClient
from quackcore_async.errors import LifecycleError

pytestmark = pytest.mark.parametrize("anyio_backend", ["asyncio"])


class Opening:
    """Prepares a client once it may, and knows how many are open."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.allowed = threading.Event()
        self.open = 0

    def prepare(self):
        self.begun.set()
        assert self.allowed.wait(10)
        return self._opened

    @asynccontextmanager
    async def _opened(self):
        self.open += 1
        yield object()
        self.open -= 1


@pytest.fixture
def opening(monkeypatch):
    monkeypatch.setattr("quackcore_async.clients.s3.raw_client.tune", lambda raw: None)
    return Opening()


async def test_a_client_that_is_closed_while_it_opens_does_not_stay_open(opening):
    client, refused = RawClient(opening.prepare), []

    async def get() -> None:
        try:
            await client.get()
        except LifecycleError as error:
            refused.append(error)

    async with anyio.create_task_group() as group:
        group.start_soon(get)
        with anyio.fail_after(10):
            while not opening.begun.is_set():
                await anyio.lowlevel.checkpoint()
        group.start_soon(client.aclose)
        await anyio.wait_all_tasks_blocked()
        opening.allowed.set()
    assert opening.open == 0


async def test_a_closed_client_is_not_opened_again(opening):
    opening.allowed.set()
    client = RawClient(opening.prepare)
    await client.get()
    await client.aclose()
    with pytest.raises(LifecycleError):
        await client.get()
    assert opening.open == 0
