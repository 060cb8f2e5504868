"""What is tried again, when, how often, and what comes out."""

import gc
import gzip
from email.utils import formatdate

import anyio
import httpx
import pytest
from trio.testing import MockClock

from quackcore_async.errors import ErrorKind, QuackError, ResponseError, TimedOutError
from quackcore_async.retry import RetryBudget, RetryEvent, RetryPolicy
from quackcore_async.transport import BreakerPolicy, HostGate, RetryTransport, Wire
from tests.servers import faulty
from tests.servers.faulty import FaultyServer, answer, head
from tests.servers.ports import free_ports
from tests.transport.conftest import Source, Stub, a_request, fetched

QUICK = RetryPolicy(wait_initial=0.0, wait_max=0.0)
STEADY = RetryPolicy(wait_initial=1.0, wait_max=8.0, jitter=lambda ceiling: ceiling)
on_mock_clock = pytest.mark.parametrize(
    "anyio_backend", [("trio", {"clock": MockClock(autojump_threshold=0)})], ids=["mock clock"]
)
UNSENT = [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout]
SENT = [httpx.ReadError, httpx.ReadTimeout, httpx.WriteError, httpx.WriteTimeout, httpx.RemoteProtocolError]
FINAL = [httpx.LocalProtocolError, httpx.UnsupportedProtocol, httpx.ProxyError, httpx.DecodingError]


async def streaming(_request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, stream=Tracked(b"x"))


async def hanging(_request: httpx.Request) -> httpx.Response:
    await anyio.sleep_forever()
    raise AssertionError


class Tracked(httpx.AsyncByteStream):
    """A response's body that says whether it was closed."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces
        self.closed = False

    async def __aiter__(self):
        for piece in self.pieces:
            yield piece

    async def aclose(self) -> None:
        self.closed = True


async def test_an_answer_is_returned_at_once() -> None:
    stub = Stub(200)
    response = await RetryTransport(stub, QUICK).handle_async_request(a_request())
    assert (response.status_code, response.extensions["quack_attempts"]) == (200, 1)
    assert "quack_not_retried" not in response.extensions
    assert len(stub.requests) == 1


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_a_status_that_may_pass_is_tried_again(status: int) -> None:
    stub = Stub(status, status, 200)
    response = await RetryTransport(stub, QUICK).handle_async_request(a_request())
    assert (response.status_code, response.extensions["quack_attempts"]) == (200, 3)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 412, 413, 422, 501, 505])
async def test_a_status_that_stays_is_returned(status: int) -> None:
    stub = Stub(status, 200)
    response = await RetryTransport(stub, QUICK).handle_async_request(a_request())
    assert (response.status_code, response.extensions["quack_attempts"]) == (status, 1)


async def test_the_last_response_is_returned_readable_when_attempts_run_out() -> None:
    bodies = [Tracked(b"try ", str(index).encode()) for index in range(4)]
    stub = Stub(*(httpx.Response(503, stream=body) for body in bodies))
    response = await RetryTransport(stub, QUICK).handle_async_request(a_request())
    assert (response.status_code, await response.aread()) == (503, b"try 3")
    assert response.extensions["quack_attempts"] == 4
    assert response.extensions["quack_not_retried"] == "attempts"
    assert [body.closed for body in bodies] == [True] * 4


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
@pytest.mark.parametrize("error", [*UNSENT, *SENT])
async def test_what_may_be_sent_twice_is_after_every_passing_failure(error, method: str) -> None:
    stub = Stub(error, 200)
    assert (await RetryTransport(stub, QUICK).handle_async_request(a_request(method))).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PATCH"])
class TestWhatMayNotBeSentTwice:
    """POST and PATCH without a key."""

    @pytest.mark.parametrize("error", UNSENT)
    async def test_it_is_tried_again_when_nothing_was_sent(self, method: str, error) -> None:
        stub = Stub(error, 200)
        assert (await RetryTransport(stub, QUICK).handle_async_request(a_request(method))).status_code == 200

    @pytest.mark.parametrize("error", SENT)
    async def test_it_is_sent_once_when_it_may_have_been_done(self, method: str, error) -> None:
        stub = Stub(error, 200)
        with pytest.raises(QuackError) as caught:
            await RetryTransport(stub, QUICK).handle_async_request(a_request(method))
        assert len(stub.requests) == 1
        assert (caught.value.indeterminate, caught.value.retryable, caught.value.attempts) == (True, False, 1)

    @pytest.mark.parametrize("headers", [{}, {"Retry-After": "0"}])
    async def test_it_is_tried_again_when_it_was_refused(self, method: str, headers) -> None:
        stub = Stub(httpx.Response(429, headers=headers), 200)
        assert (await RetryTransport(stub, QUICK).handle_async_request(a_request(method))).status_code == 200

    @pytest.mark.parametrize(
        ("response", "sent"),
        [
            (httpx.Response(503, headers={"Retry-After": "0"}), 2),
            (httpx.Response(503), 1),
            (httpx.Response(500, headers={"Retry-After": "0"}), 1),
            (httpx.Response(408), 1),
            (httpx.Response(502), 1),
            (httpx.Response(504), 1),
        ],
    )
    async def test_a_server_that_failed_may_have_done_it(self, method: str, response, sent: int) -> None:
        stub = Stub(response, 200)
        last = await RetryTransport(stub, QUICK).handle_async_request(a_request(method))
        assert len(stub.requests) == sent
        if sent == 1:
            assert last is response
            assert last.extensions["quack_not_retried"] == "method"

    @pytest.mark.parametrize(
        "options", [{"headers": {"idempotency-key": "k"}}, {"extensions": {"idempotent": True}}]
    )
    async def test_a_key_or_the_caller_s_word_makes_it_safe(self, method: str, options) -> None:
        stub = Stub(httpx.ReadError, 500, 200)
        request = a_request(method, **options)
        assert (await RetryTransport(stub, QUICK).handle_async_request(request)).status_code == 200


async def test_the_caller_s_word_can_make_a_put_unsafe() -> None:
    stub = Stub(500, 200)
    request = a_request("PUT", extensions={"idempotent": False})
    assert (await RetryTransport(stub, QUICK).handle_async_request(request)).status_code == 500


@pytest.mark.parametrize("error", FINAL)
async def test_what_trying_again_does_not_mend_is_not_tried_again(error) -> None:
    stub = Stub(error, 200)
    with pytest.raises(QuackError):
        await RetryTransport(stub, QUICK).handle_async_request(a_request())
    assert len(stub.requests) == 1


async def test_an_error_says_what_failed_how_often_and_how_long_it_took() -> None:
    stub = Stub(httpx.ConnectError)
    request = a_request(url="http://user:pass-word-9@service.test/things?token=hidden-8")
    with pytest.raises(QuackError, match="GET http://service.test/things: made up") as caught:
        await RetryTransport(stub, QUICK).handle_async_request(request)
    assert caught.value.attempts == len(stub.requests) == 4
    assert caught.value.elapsed is not None
    assert isinstance(caught.value.__cause__, httpx.ConnectError)
    assert "hidden-8" not in str(caught.value)
    assert "pass-word-9" not in str(caught.value)


class TestBodies:
    """Bodies that are there once, and others."""

    async def test_bytes_are_sent_again(self) -> None:
        stub = Stub(500, httpx.ConnectError, 200)
        await RetryTransport(stub, QUICK).handle_async_request(a_request("PUT", content=b"all of it"))
        assert stub.bodies == [b"all of it"] * 2

    async def test_a_form_with_files_is_sent_again(self, tmp_path) -> None:
        path = tmp_path / "file"
        path.write_bytes(b"contents")
        stub = Stub(500, 200)
        with path.open("rb") as file:
            request = a_request("PUT", files={"f": file})
            assert (await RetryTransport(stub, QUICK).handle_async_request(request)).status_code == 200
        assert stub.bodies[0] == stub.bodies[1]
        assert b"contents" in stub.bodies[1]

    async def test_a_stream_that_was_begun_is_not_sent_again(self) -> None:
        stub = Stub(503, 200)
        request = a_request("PUT", content=Source(b"a", b"b"))
        response = await RetryTransport(stub, QUICK).handle_async_request(request)
        assert (response.status_code, len(stub.requests)) == (503, 1)
        assert response.extensions["quack_not_retried"] == "body"

    async def test_the_error_says_why(self, server: FaultyServer) -> None:
        server.script(faulty.reset())
        async with Wire(trust_env=False) as wire:
            with pytest.raises(QuackError, match="not tried again: the body of the request was sent") as caught:
                await RetryTransport(wire, QUICK).handle_async_request(
                    a_request("PUT", server.url, content=Source(b"a"))
                )
        assert (len(server.requests), caught.value.retryable) == (1, True)

    async def test_a_stream_that_was_not_begun_is_still_there(self) -> None:
        stub = Stub(httpx.ConnectError, 200)
        source = Source(b"a", b"b")
        await RetryTransport(stub, QUICK).handle_async_request(a_request("POST", content=source))
        assert stub.bodies == [b"ab"]

    async def test_a_stream_that_can_be_begun_anew_says_so(self) -> None:
        class Again(httpx.AsyncByteStream):
            async def __aiter__(self):
                yield b"fresh"

        stub = Stub(503, 200)
        request = a_request("PUT", stream=Again(), extensions={"replayable": True})
        await RetryTransport(stub, QUICK).handle_async_request(request)
        assert stub.bodies == [b"fresh"] * 2


class TestWaiting:
    """How long it waits; time is trio's mock clock."""

    @on_mock_clock
    async def test_waits_grow(self) -> None:
        started = anyio.current_time()
        events: list[RetryEvent] = []
        transport = RetryTransport(Stub(500, 500, 500, 200), STEADY, on_retry=events.append)
        await transport.handle_async_request(a_request())
        assert [event.wait for event in events] == [1.0, 2.0, 4.0]
        assert anyio.current_time() - started == pytest.approx(7.0)
        assert events[0].error.status_code == 500

    @on_mock_clock
    @pytest.mark.parametrize(
        ("headers", "least"),
        [
            ({"Retry-After": "2"}, 2.0),
            ({"retry-after-ms": "2500"}, 2.5),
            ({"x-ms-retry-after-ms": "2500", "Retry-After": "9"}, 2.5),
            ({"x-amz-retry-after": "1500"}, 1.5),
            (
                {
                    "Retry-After": formatdate(1_000_000_005, usegmt=True),
                    "Date": formatdate(1_000_000_000, usegmt=True),
                },
                5,
            ),
        ],
    )
    async def test_the_server_s_wait_is_waited_for_and_little_more(self, headers, least: float) -> None:
        started = anyio.current_time()
        stub = Stub(httpx.Response(429, headers=headers), 200)
        await RetryTransport(stub, RetryPolicy()).handle_async_request(a_request("POST"))
        assert least <= anyio.current_time() - started <= least + 0.5

    @on_mock_clock
    @pytest.mark.parametrize(
        "value", ["-5", "1e309", "NaN", "soon", "", "2, 3", "9" * 10_000, formatdate(1_000_000_000, usegmt=True)]
    )
    async def test_a_wait_that_makes_no_sense_is_not_waited_for(self, value: str) -> None:
        started = anyio.current_time()
        stub = Stub(httpx.Response(503, headers={"Retry-After": value}), 200)
        await RetryTransport(stub, STEADY).handle_async_request(a_request())
        assert anyio.current_time() - started <= 1.5

    @on_mock_clock
    @pytest.mark.parametrize(("value", "timeout"), [("99999999", None), ("61", 300.0), ("20", 10.0)])
    async def test_a_wait_that_does_not_fit_ends_the_call_at_once(self, value: str, timeout: float | None) -> None:
        started = anyio.current_time()
        stub = Stub(httpx.Response(503, headers={"Retry-After": value}), 200)
        transport = RetryTransport(stub, RetryPolicy(timeout=timeout))
        response = await transport.handle_async_request(a_request())
        assert (response.status_code, anyio.current_time()) == (503, started)
        assert response.extensions["quack_not_retried"] == "retry_after"

    @on_mock_clock
    async def test_the_deadline_covers_attempts_and_waits(self) -> None:
        async def slow(_request: httpx.Request) -> httpx.Response:
            await anyio.sleep(20)
            return httpx.Response(500)

        started = anyio.current_time()
        with pytest.raises(
            TimedOutError, match=r"^GET http://service.test/things: no success within 60"
        ) as caught:
            await RetryTransport(Stub(slow), RetryPolicy(attempts=9)).handle_async_request(a_request())
        assert anyio.current_time() - started == pytest.approx(60)
        assert (caught.value.kind, caught.value.retryable, caught.value.indeterminate) == (
            ErrorKind.TIMEOUT,
            True,
            False,
        )

    @on_mock_clock
    @pytest.mark.parametrize("method", ["GET", "POST"])
    async def test_only_a_post_that_runs_out_of_time_may_have_been_done(self, method: str) -> None:
        async def hanging(_request: httpx.Request) -> httpx.Response:
            await anyio.sleep_forever()
            raise AssertionError

        with pytest.raises(TimedOutError) as caught:
            await RetryTransport(Stub(hanging), RetryPolicy()).handle_async_request(a_request(method))
        assert caught.value.indeterminate is (method == "POST")

    @on_mock_clock
    @pytest.mark.parametrize("before", [[], [httpx.ConnectError], [429]], ids=["nothing", "unsent", "refused"])
    async def test_a_post_that_runs_out_of_time_may_have_been_done(self, before: list[object]) -> None:
        with pytest.raises(TimedOutError) as caught:
            await RetryTransport(Stub(*before, hanging), RetryPolicy()).handle_async_request(a_request("POST"))
        assert (caught.value.indeterminate, caught.value.retryable) == (True, False)

    @on_mock_clock
    async def test_one_that_runs_out_of_time_between_attempts_was_not(self) -> None:
        policy = RetryPolicy(wait_initial=100.0, wait_max=100.0, jitter=lambda ceiling: ceiling)
        with pytest.raises(TimedOutError) as caught:
            await RetryTransport(Stub(httpx.ConnectError), policy).handle_async_request(a_request("POST"))
        assert (caught.value.indeterminate, caught.value.retryable) == (False, True)

    @on_mock_clock
    async def test_a_host_that_lets_time_run_out_counts_as_down(self) -> None:
        gate = HostGate(breaker=BreakerPolicy(failures=2))
        transport = RetryTransport(Stub(hanging), RetryPolicy(timeout=5.0), gate=gate)
        for _ in range(2):
            with pytest.raises(TimedOutError):
                await transport.handle_async_request(a_request())
        assert gate.state(a_request().url) == "open"

    @on_mock_clock
    async def test_time_spent_before_is_taken_off_the_deadline(self) -> None:
        started = anyio.current_time()
        with pytest.raises(TimedOutError, match="within 60 seconds") as caught:
            await RetryTransport(Stub(hanging)).handle_async_request(a_request(extensions={"quack_spent": 50.0}))
        assert anyio.current_time() - started == pytest.approx(10)
        assert caught.value.elapsed == pytest.approx(60)

    async def test_cancellation_in_a_wait_returns_at_once_and_holds_nothing(self) -> None:
        gate = HostGate(max_concurrency=1)
        body = Tracked(b"busy")
        slow = RetryPolicy(wait_initial=3600, wait_max=3600, timeout=None, jitter=lambda ceiling: ceiling)
        transport = RetryTransport(Stub(httpx.Response(503, stream=body)), slow, gate=gate)
        with anyio.fail_after(5):
            async with anyio.create_task_group() as group:
                group.start_soon(transport.handle_async_request, a_request())
                await anyio.wait_all_tasks_blocked()
                assert body.closed  # before the wait, not after it
                (await gate.acquire(a_request().url)).release()
                group.cancel_scope.cancel()

    @on_mock_clock
    async def test_a_request_has_its_own_policy(self) -> None:
        stub = Stub(500, 200)
        request = a_request(extensions={"retry_policy": RetryPolicy(attempts=1)})
        assert (await RetryTransport(stub).handle_async_request(request)).status_code == 500


class TestReading:
    """Bodies that are read as part of the attempt."""

    async def test_a_body_that_is_cut_short_is_tried_again(self, server: FaultyServer) -> None:
        server.script(faulty.truncated(), faulty.overlong(), faulty.cut_chunk(), answer(body=b"whole"))
        async with Wire(trust_env=False) as wire:
            transport = RetryTransport(wire, QUICK, max_response_bytes=1000)
            response = await transport.handle_async_request(a_request(url=server.url))
            assert (response.content, response.extensions["quack_attempts"]) == (b"whole", 4)

    async def test_the_deadline_covers_the_body(self, server: FaultyServer) -> None:
        server.script(faulty.drip())
        async with Wire(trust_env=False) as wire:
            transport = RetryTransport(wire, RetryPolicy(timeout=0.4), max_response_bytes=10_000)
            with anyio.fail_after(3), pytest.raises(TimedOutError):
                await transport.handle_async_request(a_request(url=server.url, timeout=10))

    async def test_the_deadline_covers_a_head_that_drips(self, server: FaultyServer) -> None:
        server.script(faulty.drip(headers_too=True))
        async with Wire(trust_env=False) as wire:
            transport = RetryTransport(wire, RetryPolicy(timeout=0.4))
            with anyio.fail_after(3), pytest.raises(TimedOutError):
                await transport.handle_async_request(a_request(url=server.url, timeout=10))

    @pytest.mark.parametrize("sent", [b"short", b""])
    async def test_an_error_status_stands_without_its_body(self, server: FaultyServer, sent: bytes) -> None:
        server.script(faulty.hang_up(head(404, {"Content-Length": "100"}) + sent))
        async with Wire(trust_env=False) as wire:
            transport = RetryTransport(wire, QUICK, max_response_bytes=1000)
            with pytest.raises(ResponseError, match=r"answered 404, and its body cannot be read: .") as caught:
                await transport.handle_async_request(a_request("POST", server.url))
        error = caught.value
        assert (error.kind, error.status_code, error.indeterminate) == (ErrorKind.NOT_FOUND, 404, False)
        assert len(server.requests) == 1

    @pytest.mark.parametrize("method", ["GET", "POST"])
    @pytest.mark.parametrize("step", [faulty.bad_gzip(), answer(body=b"x" * 2000)], ids=["no gzip", "too long"])
    async def test_what_was_answered_with_nonsense_may_have_been_done(
        self, server: FaultyServer, step, method: str
    ) -> None:
        server.script(step)
        async with Wire(trust_env=False) as wire:
            transport = RetryTransport(wire, QUICK, max_response_bytes=1000)
            with pytest.raises(QuackError) as caught:
                await transport.handle_async_request(a_request(method, server.url))
        assert caught.value.indeterminate is (method == "POST")

    async def test_a_refusal_without_its_body_is_one(self, server: FaultyServer) -> None:
        refusal = head(429, {"Content-Length": "100", "Retry-After": "0"})
        server.script(faulty.hang_up(refusal), answer(body=b"done"))
        async with Wire(trust_env=False) as wire:
            transport = RetryTransport(wire, QUICK, max_response_bytes=1000)
            response = await transport.handle_async_request(a_request("POST", server.url))
        assert (response.content, len(server.requests)) == (b"done", 2)

    @pytest.mark.filterwarnings(
        "ignore:Async generator:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
    )
    async def test_what_is_too_long_is_not_tried_again(self, server: FaultyServer) -> None:
        server.script(faulty.endless())
        async with Wire(trust_env=False) as wire:
            with pytest.raises(QuackError) as caught:
                await RetryTransport(wire, QUICK).handle_async_request(
                    a_request(url=server.url, extensions={"max_response_bytes": 100_000})
                )
        assert (caught.value.code, len(server.requests)) == ("too_large", 1)

    async def test_it_is_decoded(self, server: FaultyServer) -> None:
        server.script(answer(body=gzip.compress(b"unpacked"), headers={"Content-Encoding": "gzip"}))
        transport = RetryTransport(Wire(trust_env=False), QUICK, max_response_bytes=1000)
        async with httpx.AsyncClient(transport=transport) as client:
            response = await client.get(server.url)
        assert response.text == "unpacked"

    async def test_a_stream_of_the_client_is_left_to_the_caller(self, server: FaultyServer) -> None:
        server.script(answer(body=b"streamed"))
        client = httpx.AsyncClient(transport=RetryTransport(Wire(trust_env=False), QUICK))
        async with client, client.stream("GET", server.url) as response:
            assert b"".join([piece async for piece in response.aiter_bytes()]) == b"streamed"


class TestBudget:
    """An outage does not multiply the load."""

    async def test_a_storm_of_errors_costs_a_fifth_more_requests_at_most(self) -> None:
        stub = Stub(503)
        transport = RetryTransport(stub, QUICK, gate=HostGate(breaker=None))
        async with anyio.create_task_group() as group:
            for _ in range(1000):
                group.start_soon(transport.handle_async_request, a_request())
        assert 1000 < len(stub.requests) <= 1200

    async def test_the_last_response_says_that_the_budget_is_empty(self) -> None:
        transport = RetryTransport(Stub(503), QUICK, budget=RetryBudget(capacity=0))
        response = await transport.handle_async_request(a_request())
        assert response.extensions["quack_not_retried"] == "budget"

    async def test_each_transport_has_its_own(self) -> None:
        assert RetryTransport(Stub(200)).budget is not RetryTransport(Stub(200)).budget


class TestBehindAGate:
    """Slots, and what a waiting call must not suffer."""

    @on_mock_clock
    async def test_seven_hundred_calls_over_ten_slots_all_succeed(self) -> None:
        async def a_second(_request: httpx.Request) -> httpx.Response:
            await anyio.sleep(1)
            return httpx.Response(200)

        transport = RetryTransport(Stub(a_second), RetryPolicy(timeout=5), gate=HostGate(max_concurrency=10))
        started = anyio.current_time()
        statuses = []

        async def call() -> None:
            statuses.append((await transport.handle_async_request(a_request())).status_code)

        async with anyio.create_task_group() as group:
            for _ in range(700):
                group.start_soon(call)
        assert statuses == [200] * 700
        assert anyio.current_time() - started == pytest.approx(70)

    @on_mock_clock
    async def test_a_retry_goes_before_those_who_wait(self) -> None:
        failed_once = False

        async def a_second(_request: httpx.Request) -> httpx.Response:
            nonlocal failed_once
            await anyio.sleep(1)
            if not failed_once:
                failed_once = True
                return httpx.Response(503)
            return httpx.Response(200)

        transport = RetryTransport(Stub(a_second), RetryPolicy(timeout=10), gate=HostGate(max_concurrency=1))
        async with anyio.create_task_group() as group:
            for _ in range(100):
                group.start_soon(transport.handle_async_request, a_request())

    async def test_a_streamed_body_keeps_its_slot_until_it_is_closed(self) -> None:
        gate = HostGate(max_concurrency=1, queue_timeout=0.05)
        transport = RetryTransport(Stub(httpx.Response(200, stream=Tracked(b"x")), 200), QUICK, gate=gate)
        first = await transport.handle_async_request(a_request())
        with pytest.raises(TimedOutError) as caught:
            await transport.handle_async_request(a_request())
        assert (caught.value.code, caught.value.kind, caught.value.retryable) == ("queue", ErrorKind.TIMEOUT, True)
        await first.aclose()
        assert (await transport.handle_async_request(a_request())).status_code == 200

    @on_mock_clock
    async def test_a_cancelled_call_gives_its_slot_back(self) -> None:
        async def hanging(_request: httpx.Request) -> httpx.Response:
            await anyio.sleep_forever()
            raise AssertionError

        gate = HostGate(max_concurrency=1, queue_timeout=1)
        transport = RetryTransport(Stub(hanging, 200), QUICK, gate=gate)
        with anyio.move_on_after(1):
            await transport.handle_async_request(a_request())
        assert (await transport.handle_async_request(a_request())).status_code == 200

    async def test_an_answer_that_nobody_closed_gives_its_slot_back(self) -> None:
        gate = HostGate(max_concurrency=1, queue_timeout=0.05)
        transport = RetryTransport(Stub(streaming, streaming), QUICK, gate=gate)
        for _ in range(2):
            response = await transport.handle_async_request(a_request())
            assert not response.is_closed
            del response
            gc.collect()

    async def test_a_hook_that_fails_holds_nothing(self) -> None:
        def failing(_event: RetryEvent) -> None:
            raise ValueError("of the hook")

        gate = HostGate(max_concurrency=1, queue_timeout=0.05)
        body = Tracked(b"busy")
        transport = RetryTransport(Stub(httpx.Response(503, stream=body), 200), QUICK, gate=gate, on_retry=failing)
        with pytest.raises(ValueError, match="of the hook"):
            await transport.handle_async_request(a_request())
        assert body.closed
        assert (await transport.handle_async_request(a_request())).status_code == 200

    async def test_who_is_told_to_come_later_does_not_count_as_down(self) -> None:
        stub = Stub(*[429] * 40, 200)
        transport = RetryTransport(stub, QUICK, gate=HostGate(breaker=BreakerPolicy(failures=3)))
        statuses: list[int] = []

        async def call() -> None:
            statuses.append((await transport.handle_async_request(a_request())).status_code)

        async with anyio.create_task_group() as group:
            for _ in range(40):
                group.start_soon(call)
        assert statuses == [200] * 40

    async def test_a_failed_call_gives_its_slot_back(self) -> None:
        gate = HostGate(max_concurrency=1, queue_timeout=0.05)
        transport = RetryTransport(Stub(httpx.LocalProtocolError, ValueError("odd"), 404, 200), QUICK, gate=gate)
        for _ in range(2):
            with pytest.raises(QuackError):
                await transport.handle_async_request(a_request())
        for status in (404, 200):
            assert (await transport.handle_async_request(a_request())).status_code == status

    @on_mock_clock
    async def test_a_used_up_rate_limit_holds_the_next_call_and_repeats_none(self) -> None:
        used_up = {"RateLimit": '"default";r=0;t=30'}
        stub = Stub(httpx.Response(201, headers=used_up), 200)
        transport = RetryTransport(stub, RetryPolicy(timeout=5), gate=HostGate())
        started = anyio.current_time()
        assert (await transport.handle_async_request(a_request("POST"))).status_code == 201
        assert (anyio.current_time(), len(stub.requests)) == (started, 1)
        assert (await transport.handle_async_request(a_request("POST"))).status_code == 200
        assert anyio.current_time() - started == pytest.approx(30)

    @on_mock_clock
    async def test_an_open_circuit_ends_the_call_and_is_not_waited_for(self) -> None:
        stub = Stub(503)
        gate = HostGate(breaker=BreakerPolicy(failures=2, reset_after=30))
        started = anyio.current_time()
        with pytest.raises(QuackError) as caught:
            await RetryTransport(stub, STEADY, gate=gate).handle_async_request(a_request())
        assert caught.value.code == "circuit_open"
        assert (caught.value.kind, caught.value.retryable) == (ErrorKind.RATE_LIMITED, True)
        assert caught.value.retry_after == pytest.approx(28)
        assert (len(stub.requests), anyio.current_time() - started) == (2, pytest.approx(3))

    async def test_calls_over_sockets_share_connections_and_none_is_an_error(self, server: FaultyServer) -> None:
        async with Wire(trust_env=False, max_connections=4) as wire:
            transport = RetryTransport(wire, QUICK, gate=HostGate(max_concurrency=4), max_response_bytes=1000)
            async with anyio.create_task_group() as group:
                for _ in range(200):
                    group.start_soon(transport.handle_async_request, a_request(url=server.url))
        assert len(server.requests) == 200
        assert server.connections <= 4


async def test_it_works_under_a_plain_client(server: FaultyServer) -> None:
    server.script(answer(503, keep_alive=False), faulty.reset(), answer(body=b"finally"))
    async with httpx.AsyncClient(transport=RetryTransport(Wire(trust_env=False), QUICK)) as client:
        response = await client.get(server.url)
    assert (response.text, response.extensions["quack_attempts"]) == ("finally", 3)


async def test_a_refused_connection_is_named_after_all_attempts() -> None:
    (port,) = free_ports(1)
    async with Wire(trust_env=False) as wire:
        with pytest.raises(QuackError, match=f"127.0.0.1:{port}") as caught:
            await RetryTransport(wire, QUICK).handle_async_request(
                a_request("POST", f"http://127.0.0.1:{port}/", content=b"x")
            )
    assert (caught.value.code, caught.value.attempts) == ("connection", 4)


async def test_a_half_open_server_is_given_up_in_time(server: FaultyServer) -> None:
    server.script(faulty.stall())
    async with Wire(trust_env=False) as wire:
        transport = RetryTransport(wire, QUICK.replace(timeout=0.7))
        started = anyio.current_time()
        with pytest.raises(TimedOutError):
            await transport.handle_async_request(a_request(url=server.url, timeout=0.2))
        assert anyio.current_time() - started <= 1.2
    assert len(server.requests) >= 2


async def test_an_informational_answer_is_not_the_answer(server: FaultyServer) -> None:
    server.script(
        faulty.hang_up(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + head(200, {"Content-Length": "2"}) + b"ok")
    )
    async with Wire(trust_env=False) as wire:
        assert await fetched(wire, a_request(url=server.url)) == b"ok"


async def test_closing_closes_what_sends() -> None:
    stub = Stub(200)
    async with RetryTransport(stub):
        pass
    assert stub.closed
