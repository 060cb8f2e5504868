"""The limit of requests in flight follows what the service takes, and survives any cancellation."""

import asyncio
import math

import anyio
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from quackcore_async.clients.s3.adaptive import AdaptiveLimit
from tests.clients.s3.simulated_service import Clock, Service, send


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param


def capacity(service: Service, most: int) -> float:
    """Requests per second that it can serve."""
    return min(service.places, most) / (service.seconds * math.exp(service.noise**2 / 2))


@settings(
    max_examples=12, derandomize=True, phases=[Phase.generate]
)  # chance is part of the rule: one seed in thousands goes astray
@given(st.integers(8, 60), st.sampled_from([0.0, 0.3, 0.6, 1.0]), st.sampled_from([None, 8]), st.integers(0, 99))
def test_a_service_with_a_queue_is_used_to_the_full_without_filling_its_queue(places, noise, initial, seed):
    clock = Clock()
    limit = AdaptiveLimit(100, initial=initial, clock=clock)
    service = Service(places, noise=noise, seed=seed)
    send(limit, service, clock, 50)
    run = send(limit, service, clock, 20)
    assert run.rate >= 0.9 * capacity(service, 100)
    assert run.mean_limit <= 2.5 * places + 10


@pytest.mark.parametrize("noise", [0.0, 0.6, 1.0])
def test_latencies_that_vary_by_chance_do_not_lower_the_limit(noise):
    clock = Clock()
    limit = AdaptiveLimit(64, clock=clock)
    run = send(limit, Service(1000, noise=noise), clock, 40)
    assert run.mean_limit >= 60


@pytest.mark.parametrize(("places", "queue"), [(10, 0), (10, 10), (30, 5), (60, 20)])
def test_a_service_that_refuses_is_seldom_asked_for_more_than_it_has(places, queue):
    clock = Clock()
    limit = AdaptiveLimit(100, clock=clock)
    service = Service(places, noise=0.3, queue=queue)
    send(limit, service, clock, 20)
    run = send(limit, service, clock, 40)
    assert run.rate >= 0.8 * capacity(service, 100)
    assert run.refused / (run.served + run.refused) < 0.04


def test_what_was_in_flight_when_the_service_refused_lowers_the_limit_once():
    limit = AdaptiveLimit(40)
    for _ in range(40):
        assert limit.try_acquire()
    for _ in range(40):
        limit.note("throttled", 0.01)
        limit.release()
    assert limit.limit == 28
    assert limit.try_acquire()
    limit.note("throttled", 0.01)
    limit.release()
    assert limit.limit == 19


def test_the_limit_never_falls_below_its_floor_and_rises_again():
    clock = Clock()
    limit = AdaptiveLimit(32, floor=3, clock=clock)
    storm = send(limit, Service(1, queue=-1), clock, 10)
    assert storm.served == 0
    assert min(storm.limits) == 3
    assert limit.limit == 3
    send(limit, Service(1000), clock, 10)
    assert limit.limit == 32


def test_a_service_that_has_become_slower_for_good_gets_its_requests_back():
    clock = Clock()
    limit = AdaptiveLimit(32, clock=clock)
    send(limit, Service(1000, seconds=0.02), clock, 10)
    send(limit, Service(1000, seconds=0.1), clock, 5)
    assert limit.limit < 20  # it may be a queue: that is found out within half a minute
    send(limit, Service(1000, seconds=0.1), clock, 100)
    assert limit.limit == 32


def test_a_limit_that_is_not_felt_does_not_rise():
    clock = Clock()
    limit = AdaptiveLimit(64, initial=8, clock=clock)
    send(limit, Service(1000), clock, 0.5, wanted=5)
    assert limit.limit == 8
    send(limit, Service(1000), clock, 0.5)
    assert limit.limit == 64


def test_it_begins_fast_and_goes_on_by_one():
    def round_trip() -> int:
        while limit.try_acquire():
            pass
        for _ in range(limit.held):
            limit.note("ok")
            limit.release()
            while limit.try_acquire():
                pass
        return limit.limit

    limit = AdaptiveLimit(64, initial=4)
    assert [round_trip() for _ in range(3)] == [8, 16, 32]
    limit.note("throttled")
    limit.release()
    assert [round_trip() for _ in range(4)] == [22, 23, 24, 25]


def test_fast_and_slow_requests_are_compared_with_their_own_kind():
    def run(*, told: bool) -> int:
        clock = Clock()
        limit = AdaptiveLimit(16, clock=clock)
        for number in range(3000):
            assert limit.try_acquire()
            slow = number // 1000 % 2 == 1  # a while of large parts between two of small ones
            clock.now += 0.0001
            limit.note("ok", 2.0 if slow else 0.02, kind=slow if told else None)
            limit.release()
        return limit.limit

    assert run(told=True) == 16
    assert run(told=False) < 16


def test_a_single_lucky_answer_is_no_measure_for_its_kind():
    limit = AdaptiveLimit(16)
    for seconds, kind in [(0.02, "get")] * 31 + [(0.001, "head")] + [(0.02, "head")] * 100:
        assert limit.try_acquire()
        limit.note("ok", seconds, kind)
        limit.release()
    assert limit.limit == 16


def test_a_failure_that_says_nothing_of_the_load_changes_nothing():
    limit = AdaptiveLimit(8)
    for _ in range(100):
        assert limit.try_acquire()
        limit.note("ignored", 100.0)
        limit.release()
    assert limit.limit == 8
    assert limit.held == 0


async def test_a_free_place_is_taken_at_once_and_who_comes_first_is_served_first():
    limit = AdaptiveLimit(1)
    with pytest.raises(StopIteration):
        limit.acquire().send(None)
    order = []

    async def hold(name: str, *, first: bool = False) -> None:
        await limit.acquire(first=first)
        order.append(name)
        limit.note("ok")
        limit.release()

    async with anyio.create_task_group() as group:
        for name in ("a", "b", "c"):
            group.start_soon(hold, name)
            await anyio.wait_all_tasks_blocked()
        group.start_soon(lambda: hold("again", first=True))
        await anyio.wait_all_tasks_blocked()
        assert limit.waiting == 4
        limit.note("ok")
        limit.release()
        assert not limit.try_acquire()
    assert order == ["again", "a", "b", "c"]
    assert (limit.held, limit.waiting) == (0, 0)


async def test_those_in_flight_beyond_a_limit_that_fell_go_before_anybody_comes():
    limit = AdaptiveLimit(10, floor=1)
    for _ in range(10):
        await limit.acquire()
    async with anyio.create_task_group() as group:
        group.start_soon(limit.acquire)
        await anyio.wait_all_tasks_blocked()
        limit.note("throttled")
        limit.release()
        for held in (9, 8, 7):
            assert (limit.held, limit.waiting) == (held, 1)
            limit.note("ignored")
            limit.release()
        assert (limit.held, limit.waiting) == (7, 0)


async def test_a_place_given_to_somebody_who_is_cancelled_before_he_runs_goes_on():
    limit = AdaptiveLimit(1)
    await limit.acquire()
    scope = anyio.CancelScope()

    async def unlucky() -> None:
        with scope:
            await limit.acquire()
            limit.release()

    async with anyio.create_task_group() as group:
        group.start_soon(unlucky)
        await anyio.wait_all_tasks_blocked()
        group.start_soon(limit.acquire)
        await anyio.wait_all_tasks_blocked()
        scope.cancel()
        limit.release()
    assert (limit.held, limit.waiting) == (1, 0)


@pytest.mark.parametrize("arguments", [{"maximum": 0}, {"maximum": 1, "floor": 0}])
def test_without_a_place_nothing_would_ever_be_sent(arguments):
    with pytest.raises(ValueError, match="place"):
        AdaptiveLimit(**arguments)


@pytest.mark.parametrize(("arguments", "begins"), [({}, 3), ({"initial": 1}, 3), ({"initial": 99}, 3)])
def test_the_floor_is_no_higher_than_the_maximum(arguments, begins):
    assert AdaptiveLimit(3, floor=4, **arguments).limit == begins


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["start", "start", "run", "run", "cancel", "scope", "ok", "throttled"]),
        st.integers(0, 9),
        st.floats(0, 2),
    ),
    min_size=10,
    max_size=60,
)


@settings(max_examples=200)
@given(STEPS, st.integers(1, 3), st.integers(1, 6))
def test_no_place_is_lost_or_there_twice_whatever_is_cancelled(steps, floor, maximum):
    """Native cancellation, scopes, answers and refusals in any order, also several in the same turn of the loop."""

    async def scenario() -> None:
        limit = AdaptiveLimit(maximum, floor=floor)
        holding = 0
        tasks: list[asyncio.Task] = []
        scopes: list[anyio.CancelScope] = []
        finish: list[asyncio.Future] = []

        async def hold(scope, done) -> None:
            nonlocal holding
            with scope:
                await limit.acquire()
                outcome, latency = "ignored", None
                holding += 1
                assert holding <= maximum
                try:
                    outcome, latency = await asyncio.shield(done)
                finally:
                    holding -= 1
                    limit.note(outcome, latency)
                    limit.release()

        for step, index, latency in steps:
            if step == "start":
                scopes.append(anyio.CancelScope())
                finish.append(asyncio.get_running_loop().create_future())
                tasks.append(asyncio.create_task(hold(scopes[-1], finish[-1])))
            elif step == "run":
                await asyncio.sleep(0)
            elif tasks:
                chosen = index % len(tasks)
                if step == "cancel":
                    tasks[chosen].cancel()
                elif step == "scope":
                    scopes[chosen].cancel()
                elif not finish[chosen].done():
                    finish[chosen].set_result((step, latency))
            assert min(floor, maximum) <= limit.limit <= maximum
        for done in finish:
            if not done.done():
                done.set_result(("ok", 0.1))
        results = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)
        assert [result for result in results if isinstance(result, Exception)] == []
        assert (limit.held, limit.waiting) == (0, 0)

    asyncio.run(scenario())
