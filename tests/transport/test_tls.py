"""TLS contexts are made once per process, off the event loop."""

import ssl
import threading
import time

import anyio
import pytest
import trustme

from quackcore_async.transport import tls
from quackcore_async.transport.tls import tls_context


@pytest.fixture(autouse=True)
def nothing_made_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "_contexts", {})


async def test_ten_clients_share_one(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    make = tls._make

    def noted(verify) -> ssl.SSLContext:
        made.append(threading.get_ident())
        return make(verify)

    monkeypatch.setattr(tls, "_make", noted)
    contexts = []

    async def get() -> None:
        contexts.append(await tls_context(True))

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(get)
    assert len({id(context) for context in contexts}) == 1
    assert len(made) == 1
    assert made[0] != threading.get_ident()


async def test_the_second_time_costs_nothing() -> None:
    await tls_context(True)
    started = time.perf_counter()
    await tls_context(True)
    assert time.perf_counter() - started < 0.005


async def test_each_way_of_verification_has_its_own(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(path)
    usual, none, own = await tls_context(True), await tls_context(False), await tls_context(path)
    assert len({id(usual), id(none), id(own)}) == 3
    assert await tls_context(str(path)) is own
    assert none.verify_mode is ssl.CERT_NONE
    assert usual.verify_mode is own.verify_mode is ssl.CERT_REQUIRED
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    assert await tls_context(True) is not usual


async def test_a_context_of_one_s_own_is_taken_as_it_is() -> None:
    context = ssl.create_default_context()
    assert await tls_context(context) is context


async def test_authorities_that_are_not_there_are_named(tmp_path) -> None:
    with pytest.raises(OSError, match=r"missing\.pem|No such file"):
        await tls_context(tmp_path / "missing.pem")
