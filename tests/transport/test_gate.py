"""How many requests go to a host at a time, how fast, and whether at all."""

import asyncio

import anyio
import anyio.to_thread
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from quackcore_async.errors import ErrorKind, LifecycleError, QuackError, TimedOutError, TransportError
from quackcore_async.transport import BreakerPolicy, HostGate, Throttle

HERE = httpx.URL("http://here.test/a")
THERE = httpx.URL("http://there.test/a")
on_mock_clock = pytest.mark.parametrize(
    "anyio_backend", [("trio", {"clock": MockClock(autojump_threshold=0)})], ids=["mock clock"]
)


def limits(remaining: int, reset: float, limit: int | None = None) -> httpx.Response:
    headers = {"RateLimit-Remaining": str(remaining), "RateLimit-Reset": str(reset)}
    if limit is not None:
        headers["RateLimit-Limit"] = str(limit)
    return httpx.Response(200, headers=headers)


async def go(gate: HostGate, url: httpx.URL = HERE, response: httpx.Response | None = None) -> float:
    permit = await gate.acquire(url)
    moment = anyio.current_time()
    permit.answered(response or httpx.Response(200))
    permit.release()
    return moment


async def test_a_free_slot_is_taken_without_a_checkpoint() -> None:
    gate = HostGate()
    coroutine = gate.acquire(HERE)
    with pytest.raises(StopIteration) as caught:
        coroutine.send(None)
    caught.value.value.release()


class TestConcurrency:
    """How many at a time."""

    async def test_each_host_has_its_own_slots(self) -> None:
        gate = HostGate(max_concurrency=1, queue_timeout=0.02)
        here = await gate.acquire(HERE)
        (await gate.acquire(THERE)).release()
        with pytest.raises(TimedOutError):
            await gate.acquire(HERE)
        here.release()
        (await gate.acquire(HERE)).release()

    @pytest.mark.parametrize("other", ["https://here.test/", "http://here.test:81/", "http://HERE.test:80/b"])
    async def test_a_host_is_scheme_name_and_port(self, other: str) -> None:
        gate = HostGate(max_concurrency=1, queue_timeout=0.02)
        await gate.acquire(HERE)
        same = other.endswith("/b")
        if same:
            with pytest.raises(TimedOutError):
                await gate.acquire(httpx.URL(other))
        else:
            await gate.acquire(httpx.URL(other))

    async def test_all_hosts_together_have_no_more_than_there_are_connections(self) -> None:
        gate = HostGate(max_connections=2, queue_timeout=0.02)
        permits = [await gate.acquire(HERE), await gate.acquire(THERE)]
        with pytest.raises(TimedOutError):
            await gate.acquire(THERE)
        permits[0].release()
        await gate.acquire(THERE)

    async def test_releasing_twice_gives_one_slot(self) -> None:
        gate = HostGate(max_concurrency=1, queue_timeout=0.02)
        permit = await gate.acquire(HERE)
        permit.release()
        permit.release()
        await gate.acquire(HERE)
        with pytest.raises(TimedOutError):
            await gate.acquire(HERE)

    @on_mock_clock
    async def test_waiting_is_bounded_by_the_queue_time_out_alone(self) -> None:
        gate = HostGate(max_concurrency=1, queue_timeout=7)
        await gate.acquire(HERE)
        started = anyio.current_time()
        with pytest.raises(TimedOutError, match=r"http://here.test .* within 7 seconds") as caught:
            await gate.acquire(HERE)
        assert anyio.current_time() - started == pytest.approx(7)
        assert (caught.value.code, caught.value.retryable, caught.value.indeterminate) == ("queue", True, False)

    async def test_many_hosts_are_forgotten(self) -> None:
        gate = HostGate()
        for index in range(2000):
            await go(gate, httpx.URL(f"http://host-{index}.test/"))
        assert len(gate._hosts) <= 256

    @on_mock_clock
    async def test_what_a_host_said_is_not_forgotten_with_them(self) -> None:
        gate = HostGate(queue_timeout=1)
        await go(gate, response=limits(0, 30))
        for index in range(500):
            await go(gate, httpx.URL(f"http://host-{index}.test/"))
        with pytest.raises(TimedOutError):
            await gate.acquire(HERE)

    @pytest.mark.parametrize(
        "wrong", [{"max_concurrency": 0}, {"max_connections": 0}, {"rate": 0}, {"rate": -1.0}, {"burst": 0}]
    )
    def test_what_would_let_nothing_through_is_refused(self, wrong) -> None:
        with pytest.raises(ValueError, match=r"is (0|-1)"):
            HostGate(**wrong)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["start", "start", "run", "run", "cancel", "scope", "finish"]), st.integers(0, 9)
        ),
        min_size=10,
        max_size=50,
    ),
    st.integers(1, 2),
    st.sampled_from([None, 1000.0]),
)
def test_no_slot_is_lost_whatever_is_cancelled(steps, limit: int, rate: float | None) -> None:
    async def scenario() -> None:
        gate = HostGate(max_concurrency=limit, max_connections=limit, rate=rate)
        tasks: list[asyncio.Task[None]] = []
        scopes: list[anyio.CancelScope] = []
        ends: list[asyncio.Event] = []
        holding = most = 0

        async def call(scope: anyio.CancelScope, end: asyncio.Event) -> None:
            nonlocal holding, most
            with scope:
                permit = await gate.acquire(HERE)
                holding += 1
                most = max(most, holding)
                try:
                    await end.wait()
                finally:
                    holding -= 1
                    permit.release()

        for step, index in steps:
            if step == "start":
                scopes.append(anyio.CancelScope())
                ends.append(asyncio.Event())
                tasks.append(asyncio.create_task(call(scopes[-1], ends[-1])))
            elif step == "run":
                await asyncio.sleep(0)
            elif tasks:
                chosen = index % len(tasks)
                {"cancel": tasks[chosen].cancel, "scope": scopes[chosen].cancel, "finish": ends[chosen].set}[
                    step
                ]()
        for end in ends:
            end.set()
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)
        assert most <= limit
        for _ in range(limit):
            await asyncio.wait_for(gate.acquire(HERE), 1)

    asyncio.run(scenario())


class TestRate:
    """How fast."""

    @on_mock_clock
    async def test_a_set_rate_is_kept(self) -> None:
        gate = HostGate(rate=2.0)
        started = anyio.current_time()
        moments = [await go(gate) - started for _ in range(5)]
        assert moments == pytest.approx([0, 0.5, 1.0, 1.5, 2.0])

    @on_mock_clock
    async def test_a_burst_goes_at_once_after_a_pause(self) -> None:
        gate = HostGate(rate=1.0, burst=3)
        started = anyio.current_time()
        assert [await go(gate) - started for _ in range(5)] == pytest.approx([0, 0, 0, 1, 2])
        await anyio.sleep(100)
        started = anyio.current_time()
        assert [await go(gate) - started for _ in range(4)] == pytest.approx([0, 0, 0, 1])

    @on_mock_clock
    async def test_those_who_wait_go_in_order(self) -> None:
        gate = HostGate(rate=1.0)
        order = []

        async def call(index: int) -> None:
            await go(gate)
            order.append(index)

        async with anyio.create_task_group() as group:
            for index in range(10):
                group.start_soon(call, index)
                await anyio.lowlevel.checkpoint()
        assert len(order) == 10

    @on_mock_clock
    async def test_those_who_are_cancelled_use_nothing_up(self) -> None:
        gate = HostGate(rate=1.0)
        await go(gate)
        for _ in range(50):
            with anyio.move_on_after(0.001):
                await go(gate)
        started = anyio.current_time()
        assert await go(gate) - started <= 1.0

    @on_mock_clock
    async def test_other_hosts_have_their_own_rate(self) -> None:
        gate = HostGate(rate=0.1)
        started = anyio.current_time()
        await go(gate, HERE)
        assert await go(gate, THERE) == started


class TestWhatTheServiceSays:
    """Rate limits learnt from headers."""

    @on_mock_clock
    async def test_when_nothing_is_left_the_next_one_waits_for_the_reset(self) -> None:
        gate = HostGate()
        started = anyio.current_time()
        await go(gate, response=limits(0, 30))
        assert await go(gate) - started == pytest.approx(30)

    @on_mock_clock
    async def test_what_is_left_may_go(self) -> None:
        gate = HostGate()
        await go(gate, response=limits(2, 30))
        started = anyio.current_time()
        permits = [await gate.acquire(HERE) for _ in range(2)]
        assert anyio.current_time() == started
        with anyio.move_on_after(29):
            await gate.acquire(HERE)
            raise AssertionError("went beyond what was left")
        for permit in permits:
            permit.release()

    @on_mock_clock
    async def test_a_new_window_has_its_limit(self) -> None:
        gate = HostGate()
        await go(gate, response=limits(0, 10, limit=2))
        permits = [await gate.acquire(HERE) for _ in range(2)]
        with anyio.move_on_after(60):
            await gate.acquire(HERE)
            raise AssertionError("went beyond the new window's limit")
        permits[0].answered(limits(1, 10, limit=2))
        permits[0].release()
        permits[1].release()

    @on_mock_clock
    async def test_what_comes_back_lets_the_next_one_go(self) -> None:
        gate = HostGate(throttle_max=2000)
        await go(gate, response=limits(1, 1000))
        last = await gate.acquire(HERE)
        started = anyio.current_time()
        async with anyio.create_task_group() as group:
            group.start_soon(go, gate)
            await anyio.wait_all_tasks_blocked()
            last.answered(limits(5, 1000))
            last.release()
        assert anyio.current_time() - started < 1

    @on_mock_clock
    async def test_what_is_under_way_may_not_have_been_counted_yet(self) -> None:
        gate = HostGate()
        permits = [await gate.acquire(HERE) for _ in range(3)]
        permits[0].answered(limits(2, 30))
        permits[0].release()
        with anyio.move_on_after(29):
            await gate.acquire(HERE)
            raise AssertionError("the other two use up what is left")

    @on_mock_clock
    async def test_a_service_that_stops_telling_is_not_held_back(self) -> None:
        gate = HostGate()
        await go(gate, response=limits(0, 10, limit=1))
        await go(gate)
        started = anyio.current_time()
        permits = [await gate.acquire(HERE) for _ in range(3)]
        assert anyio.current_time() == started
        for permit in permits:
            permit.release()

    @on_mock_clock
    async def test_a_reset_too_far_away_is_refused_with_its_time(self) -> None:
        gate = HostGate(throttle_max=60)
        await go(gate, response=limits(0, 3600))
        with pytest.raises(TransportError) as caught:
            await gate.acquire(HERE)
        assert (caught.value.kind, caught.value.retryable) == (ErrorKind.RATE_LIMITED, True)
        assert caught.value.retry_after == pytest.approx(3600)

    @on_mock_clock
    async def test_waiting_for_it_counts_for_the_queue_time_out(self) -> None:
        gate = HostGate(queue_timeout=5)
        await go(gate, response=limits(0, 30))
        with pytest.raises(TimedOutError):
            await gate.acquire(HERE)

    @on_mock_clock
    async def test_each_wait_is_told(self) -> None:
        told: list[Throttle] = []
        gate = HostGate(on_throttle=told.append)
        await go(gate, response=limits(0, 30))
        await go(gate)
        assert told == [Throttle("http://here.test", 30)]


class TestBreaker:
    """A host that is down is left alone."""

    async def fail(self, gate: HostGate, times: int, status: int | None = 503) -> None:
        for _ in range(times):
            permit = await gate.acquire(HERE)
            if status is None:
                permit.failed(TransportError("reset", retryable=True))
            else:
                permit.answered(httpx.Response(status))
            permit.release()

    @on_mock_clock
    @pytest.mark.parametrize("status", [500, 502, 503, 504, None])
    async def test_failures_in_a_row_open_it(self, status: int | None) -> None:
        gate = HostGate(breaker=BreakerPolicy(failures=3, reset_after=30))
        await self.fail(gate, 2, status)
        assert gate.state(HERE) == "closed"
        await self.fail(gate, 1, status)
        assert gate.state(HERE) == "open"
        await anyio.sleep(10)
        with pytest.raises(QuackError, match="http://here.test failed 3 times") as caught:
            await gate.acquire(HERE)
        assert (caught.value.kind, caught.value.code) == (ErrorKind.RATE_LIMITED, "circuit_open")
        assert caught.value.retry_after == pytest.approx(20)
        (await gate.acquire(THERE)).release()

    @pytest.mark.parametrize("status", [200, 301, 400, 401, 403, 404, 409, 429])
    async def test_the_caller_s_mistakes_do_not(self, status: int) -> None:
        gate = HostGate(breaker=BreakerPolicy(failures=2))
        await self.fail(gate, 1)
        await self.fail(gate, 1, status)
        await self.fail(gate, 1)
        assert gate.state(HERE) == "closed"

    async def test_neither_does_what_was_never_sent_because_it_was_wrong(self) -> None:
        gate = HostGate(breaker=BreakerPolicy(failures=1))
        permit = await gate.acquire(HERE)
        permit.failed(TransportError("no", kind=ErrorKind.INVALID_INPUT))
        permit.release()
        assert gate.state(HERE) == "closed"

    @on_mock_clock
    async def test_one_request_tries_and_closes_it(self) -> None:
        gate = HostGate(breaker=BreakerPolicy(failures=1, reset_after=30))
        await self.fail(gate, 1)
        await anyio.sleep(30)
        assert gate.state(HERE) == "half_open"
        probe = await gate.acquire(HERE)
        with pytest.raises(QuackError):
            await gate.acquire(HERE)
        probe.answered(httpx.Response(200))
        probe.release()
        assert gate.state(HERE) == "closed"
        await go(gate)

    @on_mock_clock
    async def test_one_that_fails_opens_it_again(self) -> None:
        gate = HostGate(breaker=BreakerPolicy(failures=1, reset_after=30))
        await self.fail(gate, 1)
        await anyio.sleep(30)
        await self.fail(gate, 1)
        assert gate.state(HERE) == "open"
        await anyio.sleep(29)
        assert gate.state(HERE) == "open"

    @on_mock_clock
    async def test_one_that_is_cancelled_leaves_the_next_one_to_try(self) -> None:
        gate = HostGate(breaker=BreakerPolicy(failures=1, reset_after=30))
        await self.fail(gate, 1)
        await anyio.sleep(30)
        (await gate.acquire(HERE)).release()
        await go(gate)
        assert gate.state(HERE) == "closed"

    @on_mock_clock
    async def test_those_who_queue_when_it_opens_are_refused_and_hold_nothing(self) -> None:
        gate = HostGate(max_concurrency=1, breaker=BreakerPolicy(failures=1, reset_after=30))
        permit = await gate.acquire(HERE)
        refused = 0

        async def call() -> None:
            nonlocal refused
            with pytest.raises(QuackError):
                await gate.acquire(HERE)
            refused += 1

        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(call)
            await anyio.wait_all_tasks_blocked()
            permit.answered(httpx.Response(503))
            permit.release()
        assert refused == 5
        await anyio.sleep(30)
        await go(gate)

    @on_mock_clock
    async def test_a_late_success_does_not_close_it(self) -> None:
        gate = HostGate(breaker=BreakerPolicy(failures=1, reset_after=30))
        late = await gate.acquire(HERE)
        await self.fail(gate, 1)
        late.answered(httpx.Response(200))
        late.release()
        assert gate.state(HERE) == "open"

    async def test_it_can_be_left_out(self) -> None:
        gate = HostGate(breaker=None)
        await self.fail(gate, 100)
        assert gate.state(HERE) == "closed"

    @pytest.mark.parametrize("wrong", [{"failures": 0}, {"reset_after": 0.0}, {"reset_after": float("nan")}])
    def test_a_policy_that_makes_no_sense_is_refused(self, wrong) -> None:
        with pytest.raises(ValueError, match=next(iter(wrong))):
            BreakerPolicy(**wrong)


class TestLoops:
    """It belongs to one event loop."""

    def test_a_later_loop_begins_anew(self) -> None:
        gate = HostGate(max_concurrency=1, queue_timeout=1)

        async def take() -> None:
            await gate.acquire(HERE)

        for backend in ("asyncio", "trio", "asyncio"):
            anyio.run(take, backend=backend)

    async def test_two_at_once_are_refused(self) -> None:
        gate = HostGate()
        await go(gate)
        with pytest.raises(LifecycleError) as caught:
            await anyio.to_thread.run_sync(lambda: asyncio.run(go(gate)))
        assert caught.value.code == "wrong_loop"
