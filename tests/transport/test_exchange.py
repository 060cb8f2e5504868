"""One small request and its whole answer."""

import gzip

import anyio
import httpx
import pytest

from quackcore_async.errors import TimedOutError, TransportError
from quackcore_async.transport import Wire
from quackcore_async.transport.exchange import exchange
from tests.servers import faulty
from tests.servers.faulty import FaultyServer, answer


async def test_a_form_is_posted_and_the_answer_read(wire: Wire, server: FaultyServer) -> None:
    server.script(answer(400, b'{"error": "no"}', {"Content-Type": "application/json"}))
    got = await exchange(wire, "POST", f"{server.url}/token", form={"a": "b c"}, headers={"X-Mine": "1"})
    assert (got.status, got.body, got.headers["content-type"]) == (400, b'{"error": "no"}', "application/json")
    (seen,) = server.requests
    assert (seen.method, seen.target, seen.body) == ("POST", "/token", b"a=b+c")
    assert (seen.headers["accept-encoding"], seen.headers["x-mine"]) == ("identity", "1")
    assert "error" not in repr(got)


async def test_nothing_is_followed(wire: Wire, server: FaultyServer) -> None:
    server.script(answer(302, headers={"Location": "/elsewhere"}))
    assert (await exchange(wire, "GET", server.url)).status == 302
    assert len(server.requests) == 1


async def test_an_answer_that_was_packed_all_the_same_is_unpacked(wire: Wire, server: FaultyServer) -> None:
    server.script(answer(body=gzip.compress(b"packed"), headers={"Content-Encoding": "gzip"}))
    assert (await exchange(wire, "GET", server.url)).body == b"packed"


@pytest.mark.filterwarnings(
    "ignore:Async generator:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.parametrize("step", [answer(body=b"x" * 100_000), faulty.endless()])
async def test_an_answer_that_is_too_long_is_refused(wire: Wire, server: FaultyServer, step) -> None:
    server.script(step)
    with pytest.raises(TransportError) as caught:
        await exchange(wire, "GET", server.url)
    assert caught.value.code == "too_large"


@pytest.mark.parametrize("step", [faulty.stall(), faulty.drip()])
async def test_the_time_is_for_all_of_it(wire: Wire, server: FaultyServer, step) -> None:
    server.script(step)
    with anyio.fail_after(3), pytest.raises(TimedOutError, match="did not answer within 0.3 seconds"):
        await exchange(wire, "GET", server.url, timeout=0.3)


async def test_a_broken_answer_is_an_error_of_ours(wire: Wire, server: FaultyServer) -> None:
    server.script(faulty.reset())
    with pytest.raises(TransportError) as caught:
        await exchange(wire, "POST", f"{server.url}/token?secret=hidden")
    assert caught.value.indeterminate
    assert "hidden" not in str(caught.value)


async def test_any_transport_will_do() -> None:
    transport = httpx.MockTransport(lambda _request: httpx.Response(200, content=b"mocked"))
    assert (await exchange(transport, "GET", "http://service.test/")).body == b"mocked"
