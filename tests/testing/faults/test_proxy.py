"""What passes through unchanged, what is kept of it, and how the proxy is run."""

import anyio
import httpx
import pytest

from quackcore_async.testing.faults import Drawn, FaultProxy, InOrder, Reset, Rule, Script, ServerError
from tests.servers.faulty import (
    FaultyServer,
    answer,
    cut_chunk,
    early,
    garbage,
    head,
    no_length,
    reset,
    stall,
    then_close,
    truncated,
)
from tests.testing.faults.conftest import SILENCE, get, put


def chunked(*chunks):
    def step(talk):
        talk.send(head(200, {"Transfer-Encoding": "chunked"}))
        for data in (*chunks, b""):
            talk.send(b"%x;ext=1\r\n%b\r\n" % (len(data), data))

    return step


def test_a_request_passes_as_it_was_sent(behind):
    request = get("/a%2Fb?x=1&y=%20", "X-Odd:  value ", "x-odd: again")
    behind.ask(request)
    assert behind.server.requests[0].raw_head + b"\r\n\r\n" == request


def test_the_host_that_was_signed_is_not_changed(behind):
    behind.ask(get())
    assert behind.server.requests[0].headers["host"] == "the.host.of.the.client"


def test_an_answer_passes_as_it_was_sent(behind):
    behind.server.script(answer(203, b"body", {"X-Odd": "  v", "ETag": '"e"'}))
    seen = behind.ask()
    assert seen.raw == head(203, [("Content-Length", "4"), ("X-Odd", "  v"), ("ETag", '"e"')]) + b"body"
    assert seen.end == "open"


def test_bodies_of_any_size_pass_in_both_directions(behind):
    body = bytes(range(256)) * 4096 * 3
    behind.server.script(answer(body=body))
    seen = behind.ask(put(body))
    assert behind.server.bodies() == [body]
    assert seen.body == body


def test_a_chunked_request_passes(behind):
    request = get("/", "Transfer-Encoding: chunked", method="POST") + b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
    assert behind.ask(request).status == 200
    assert behind.server.bodies() == [b"hello world"]


def test_a_chunked_answer_passes_and_leaves_the_connection_usable(behind):
    behind.server.script(chunked(b"hello", b" world"), answer(body=b"next"))
    line = behind.line()
    assert line.ask(get()).body.replace(b"\r\n", b"").endswith(b"world0")
    assert line.ask(get()).body == b"next"
    assert behind.server.connections == 1


def test_an_answer_without_length_ends_with_the_connection(behind):
    behind.server.script(no_length(b"until the end"))
    seen = behind.ask()
    assert (seen.body, seen.end) == (b"until the end", "closed")


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_that_has_no_body_is_not_waited_for(behind, status):
    behind.server.script(lambda talk: talk.send(head(status)))
    line = behind.line()
    assert [line.ask(get()).status for _ in range(2)] == [status, status]


def test_the_answer_to_a_head_has_no_body(behind):
    behind.server.script(answer(body=b"12345"))
    line = behind.line()
    seen = line.ask(get(method="HEAD"))
    assert (seen.header("content-length"), seen.body) == ("5", b"")
    assert line.ask(get(method="HEAD")).status == 200


def test_a_client_that_asks_first_is_told_to_send_its_body(behind):
    seen = behind.ask(put(b"body", "/", "Expect: 100-continue"))
    assert seen.raw.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")
    assert behind.server.bodies() == [b"body"]
    assert "expect" not in behind.server.requests[0].headers


def test_informational_answers_are_not_taken_for_the_answer(behind):
    def step(talk):
        talk.send(head(103) + head(200, {"Content-Length": "2"}) + b"ok")

    behind.server.script(step)
    assert behind.ask().body == b"ok"


def test_an_answer_that_comes_before_the_body_was_read_gets_through(behind):
    behind.server.script(early(answer(403, keep_alive=False)))
    assert behind.ask(put(bytes(1024))).status == 403


def test_a_server_that_closes_between_requests_is_connected_to_again(behind):
    behind.server.script(then_close(answer(body=b"once")))
    line = behind.line()
    assert [line.ask(get()).body for _ in range(3)] == [b"once"] * 3
    assert behind.server.connections == 3


@pytest.mark.parametrize(
    "step", [reset(), reset(head(200, {"Content-Length": "9"}) + b"par"), garbage(), truncated(), cut_chunk()]
)
def test_a_server_that_fails_closes_the_connection_of_the_client(behind, step):
    behind.server.script(step)
    seen = behind.ask()
    assert seen.end in {"closed", "reset"}
    assert len(seen.body) < 9 or b"hello" in seen.body


def test_no_server_at_all_closes_the_connection_of_the_client(proxy_backend):
    with FaultyServer() as server:
        url = server.url
    with FaultProxy(url, backend=proxy_backend) as proxy, pytest.raises(httpx.RemoteProtocolError):
        httpx.get(proxy.url, trust_env=False)


def test_a_client_that_goes_away_leaves_the_proxy_running(behind):
    behind.server.script(stall(), answer(body=b"alive"))
    line = behind.line()
    line.ask(get(), patience=SILENCE)
    line.sock.close()
    assert behind.ask().body == b"alive"


def test_what_is_no_http_closes_the_connection(behind):
    assert behind.ask(b"nonsense\r\nmore\r\nContent-Length: x\r\n\r\n").end in {"closed", "reset"}


def test_requests_on_many_connections_do_not_wait_for_each_other(behind):
    behind.server.script(stall(), answer(body=b"ok"))
    first = behind.line()
    first.ask(get(), patience=SILENCE)
    assert behind.ask().body == b"ok"


def test_the_record_tells_the_requests_and_what_was_done_to_them(behind):
    behind.proxy.plan = InOrder(ServerError(500), None, Reset())
    for number in range(3):
        behind.ask(get(f"/{number}"))
    rows = [(kept.request.target, kept.faults, kept.forwarded, kept.status) for kept in behind.proxy.record]
    assert rows == [
        ("/0", (ServerError(500),), False, 500),
        ("/1", (), True, 200),
        ("/2", (Reset(),), True, None),
    ]
    assert (behind.proxy.total, behind.proxy.faulted) == (3, 2)
    assert behind.proxy.by_fault == {"ServerError": 1, "Reset": 1}
    assert [seen.target for seen in behind.server.requests] == ["/1", "/2"]


def test_requests_can_be_chosen_from_the_record_and_forgotten(behind):
    for path in ("/a", "/b"):
        behind.ask(get(path))
    assert [request.target for request in behind.proxy.requests(lambda request: request.path == "/b")] == ["/b"]
    behind.proxy.forget()
    assert (behind.proxy.requests(), behind.proxy.total) == ([], 0)
    behind.ask(get("/a"))
    assert behind.proxy.requests()[0].attempt == 1


def test_the_record_keeps_no_more_than_it_is_told(proxy_backend):
    with FaultyServer() as server, FaultProxy(server.url, keep=2, backend=proxy_backend) as proxy:
        for number in range(4):
            httpx.get(f"{proxy.url}/{number}", trust_env=False)
        assert [request.target for request in proxy.requests()] == ["/2", "/3"]
        assert proxy.total == 4


def test_the_proxy_shows_its_seed():
    assert "seed=7" in repr(FaultProxy("http://127.0.0.1:1", Drawn([Reset()], rate=0.1, seed=7)))


@pytest.mark.parametrize("address", ["https://127.0.0.1:1", "", "http://"])
def test_an_upstream_that_cannot_be_forwarded_to_is_refused(address):
    with pytest.raises(ValueError, match="cannot be forwarded to"):
        FaultProxy(address)


def test_an_address_without_a_scheme_will_do():
    assert repr(FaultProxy("127.0.0.1:80")).startswith("FaultProxy('127.0.0.1:80'")


def test_a_proxy_that_does_not_run_says_so():
    with pytest.raises(RuntimeError, match="not running"):
        _ = FaultProxy("http://127.0.0.1:1").url


async def test_it_runs_on_the_event_loop_of_the_test():
    with FaultyServer(answer(body=b"ok")) as server:
        proxy = FaultProxy(server.url, Script(Rule(ServerError(), times=1)))
        async with anyio.create_task_group() as group, httpx.AsyncClient(trust_env=False) as client:
            assert await group.start(proxy.serve) == proxy.url
            assert [(await client.get(proxy.url)).status_code for _ in range(2)] == [503, 200]
            group.cancel_scope.cancel()
    with pytest.raises(RuntimeError, match="not running"):
        _ = proxy.port


async def test_a_mistake_in_a_fault_comes_out_of_the_proxy():
    class Wrong:
        async def apply(self, exchange):
            raise ZeroDivisionError

    async def ask(url):
        proxy = FaultProxy(url, InOrder(Wrong()))
        async with anyio.create_task_group() as group, httpx.AsyncClient(trust_env=False) as client:
            await group.start(proxy.serve)
            await client.get(proxy.url)

    with FaultyServer() as server, pytest.raises(ExceptionGroup) as caught:
        await ask(server.url)
    assert caught.value.subgroup(ZeroDivisionError)
