"""How a client comes by the stores that its requests go through."""

import anyio
import pytest

from quackcore_async.clients.objectstore import requester
from quackcore_async.errors import QuackError


@pytest.fixture
def made(monkeypatch):
    """Take note of each store that is made."""
    uses: list[tuple[str, str]] = []
    make = requester.open_store

    def note(*arguments):
        uses.append(arguments[-2:])
        return make(*arguments)

    monkeypatch.setattr(requester, "open_store", note)
    return uses


async def test_a_store_is_made_once_however_many_need_it_first(client, bucket, made):
    found: list[object] = []

    async def ask() -> None:
        found.append(await client.store(bucket))

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(ask)
    assert made == [(bucket, "plain")]
    assert all(each is found[0] for each in found)


async def test_each_use_has_a_store_of_its_own_when_it_comes(client, bucket, made):
    await client.store(bucket)
    await client.store(bucket, "patient")
    await client.store(bucket)
    assert made == [(bucket, "plain"), (bucket, "patient")]


async def test_a_store_that_could_not_be_made_is_tried_again(client, bucket, monkeypatch):
    make = requester.open_store

    def fail(*_arguments):
        raise QuackError("no certificates")

    monkeypatch.setattr(requester, "open_store", fail)
    with pytest.raises(QuackError, match="no certificates"):
        await client.store(bucket)
    monkeypatch.setattr(requester, "open_store", make)
    assert await client.store(bucket) is not None


async def test_what_is_being_made_when_stores_are_forgotten_is_forgotten_too(client, bucket, made, monkeypatch):
    note = requester.open_store

    def forget_meanwhile(*arguments):
        if not made:
            client.forget_stores()
        return note(*arguments)

    monkeypatch.setattr(requester, "open_store", forget_meanwhile)
    await client.store(bucket)
    await client.store(bucket)
    assert len(made) == 2
