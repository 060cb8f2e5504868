import contextlib
import math
import subprocess
import sys

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from quackcore_async.errors import ErrorKind, QuackError, RemoteNotFoundError, TimedOutError, TransportError
from quackcore_async.retry import RetryBudget, RetryEvent, RetryPolicy, full_jitter

NO_WAIT = RetryPolicy(wait_initial=0.0, wait_max=0.0)
STEADY = RetryPolicy(attempts=5, timeout=None, wait_initial=1.0, wait_max=4.0, jitter=lambda ceiling: ceiling)

# Waits pass at once: trio's clock jumps when every task is asleep.
on_mock_clock = pytest.mark.parametrize(
    "anyio_backend", [("trio", {"clock": MockClock(autojump_threshold=0)})], ids=["mock clock"]
)


def transient(**details) -> TransportError:
    return TransportError("reset", retryable=True, **details)


class Scripted:
    """An operation that raises the errors of a script one after the other, and then succeeds."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        await anyio.lowlevel.checkpoint()
        if self.errors:
            raise self.errors.pop(0)
        return "done"


async def test_success_is_returned_at_once() -> None:
    operation = Scripted()
    assert await NO_WAIT.call(operation) == "done"
    assert operation.calls == 1


async def test_transient_errors_are_tried_again() -> None:
    operation = Scripted(transient(), transient(), transient())
    assert await NO_WAIT.call(operation) == "done"
    assert operation.calls == 4


async def test_last_error_comes_out_when_attempts_are_used_up() -> None:
    errors = [transient() for _ in range(5)]
    operation = Scripted(*errors)
    with pytest.raises(TransportError) as caught:
        await NO_WAIT.call(operation)
    assert caught.value is errors[3]
    assert caught.value.attempts == operation.calls == 4
    assert caught.value.elapsed is not None


async def test_one_attempt_never_retries() -> None:
    operation = Scripted(transient())
    with pytest.raises(TransportError):
        await NO_WAIT.replace(attempts=1).call(operation)
    assert operation.calls == 1


async def test_final_error_is_not_retried() -> None:
    operation = Scripted(transient(), RemoteNotFoundError("gone"))
    with pytest.raises(RemoteNotFoundError) as caught:
        await NO_WAIT.call(operation)
    assert caught.value.attempts == operation.calls == 2


async def test_untranslated_error_is_not_retried() -> None:
    operation = Scripted(ConnectionResetError())
    with pytest.raises(ConnectionResetError):
        await NO_WAIT.call(operation)
    assert operation.calls == 1


async def test_hundred_calls_share_a_policy_and_each_has_its_own_attempts() -> None:
    operations = [Scripted(*(transient() for _ in range(3))) for _ in range(100)]
    async with anyio.create_task_group() as group:
        for operation in operations:
            group.start_soon(NO_WAIT.call, operation)
    assert {operation.calls for operation in operations} == {4}


@on_mock_clock
async def test_waits_grow_up_to_their_ceiling() -> None:
    events: list[RetryEvent] = []
    started = anyio.current_time()
    await STEADY.call(Scripted(*(transient() for _ in range(4))), on_retry=events.append)
    assert [(event.attempt, event.wait) for event in events] == [(1, 1.0), (2, 2.0), (3, 4.0), (4, 4.0)]
    assert anyio.current_time() - started == pytest.approx(11.0)


@on_mock_clock
async def test_retry_after_is_waited_for_at_least() -> None:
    started = anyio.current_time()
    await STEADY.call(Scripted(transient(retry_after=7.0)))
    assert 7.0 <= anyio.current_time() - started <= 7.5


@on_mock_clock
@pytest.mark.parametrize("policy", [STEADY.replace(timeout=5.0), STEADY.replace(retry_after_max=5.0)])
async def test_retry_after_that_does_not_fit_ends_the_call_at_once(policy) -> None:
    operation = Scripted(transient(retry_after=7.0))
    started = anyio.current_time()
    with pytest.raises(TransportError) as caught:
        await policy.call(operation)
    assert caught.value.retry_after == 7.0
    assert (operation.calls, anyio.current_time()) == (1, started)


@on_mock_clock
async def test_timeout_bounds_a_single_attempt() -> None:
    started = anyio.current_time()
    with pytest.raises(TimedOutError) as caught:
        await STEADY.replace(timeout=3.0).call(anyio.sleep_forever)
    assert anyio.current_time() - started == pytest.approx(3.0)
    assert (caught.value.attempts, caught.value.retryable, caught.value.indeterminate) == (1, True, True)
    assert str(caught.value) == "no success within 3 seconds"
    assert caught.value.__cause__ is None


@on_mock_clock
async def test_timeout_bounds_attempts_and_waits_together() -> None:
    last = transient(status_code=503)
    started = anyio.current_time()
    with pytest.raises(TimedOutError, match="within 2 seconds; the last attempt failed: reset") as caught:
        await STEADY.replace(timeout=2.0).call(Scripted(transient(), last, transient()))
    assert anyio.current_time() - started == pytest.approx(2.0)
    assert caught.value.__cause__ is last
    assert (caught.value.status_code, caught.value.attempts) == (503, 2)
    assert not caught.value.indeterminate


@on_mock_clock
async def test_a_time_out_in_a_wait_may_have_happened_when_the_attempt_before_it_may() -> None:
    with pytest.raises(TimedOutError) as caught:
        await STEADY.replace(timeout=0.5).call(Scripted(transient(indeterminate=True)))
    assert caught.value.indeterminate


@on_mock_clock
async def test_an_attempt_that_the_timeout_cuts_off_may_have_happened() -> None:
    calls = iter([transient(), None])

    async def operation() -> None:
        failure = next(calls)
        if failure is not None:
            raise failure
        await anyio.sleep_forever()

    with pytest.raises(TimedOutError) as caught:
        await STEADY.replace(timeout=5.0).call(operation)
    assert caught.value.indeterminate


@on_mock_clock
async def test_timeout_from_outside_is_not_the_policy_s() -> None:
    with pytest.raises(TimeoutError):
        with anyio.fail_after(1.0):
            await STEADY.replace(timeout=10.0).call(anyio.sleep_forever)


@on_mock_clock
@pytest.mark.parametrize("timeout", [None, 100.0])
async def test_elapsed_counts_attempts_waits_and_what_was_spent_before(timeout) -> None:
    await anyio.sleep(1000.0)
    policy = STEADY.replace(attempts=3, timeout=timeout)
    with pytest.raises(TransportError) as caught:
        await policy.call(Scripted(*(transient() for _ in range(3))), spent=30.0)
    assert caught.value.elapsed == pytest.approx(33.0)


@on_mock_clock
async def test_what_was_spent_before_shortens_the_timeout() -> None:
    await anyio.sleep(1000.0)
    started = anyio.current_time()
    with pytest.raises(TimedOutError) as caught:
        await STEADY.replace(timeout=10.0).call(anyio.sleep_forever, spent=4.0)
    assert anyio.current_time() - started == pytest.approx(6.0)
    assert caught.value.elapsed == pytest.approx(10.0)


@on_mock_clock
@pytest.mark.parametrize("policy", [STEADY.replace(retry_after_max=7.0), STEADY.replace(timeout=7.0)])
async def test_retry_after_that_just_fits_is_no_reason_to_give_up(policy) -> None:
    await anyio.sleep(1000.0)
    told: list[RetryEvent] = []
    policy = policy.replace(jitter=lambda _ceiling: 0.0)
    with contextlib.suppress(TimedOutError):
        await policy.call(Scripted(transient(retry_after=7.0)), on_retry=told.append)
    assert [event.wait for event in told] == [7.0]


@on_mock_clock
async def test_retry_after_has_to_fit_into_what_is_left_of_the_timeout() -> None:
    await anyio.sleep(1000.0)
    operation = Scripted(transient(retry_after=6.0), transient(retry_after=6.0))
    with pytest.raises(TransportError) as caught:
        await STEADY.replace(timeout=10.0).call(operation)
    assert (operation.calls, caught.value.attempts) == (2, 2)


async def test_a_time_out_is_retried_without_a_budget_too() -> None:
    operation = Scripted(TimedOutError("slow", retryable=True))
    assert await NO_WAIT.call(operation) == "done"


async def test_untranslated_error_of_a_later_attempt_is_not_retried() -> None:
    operation = Scripted(transient(), ConnectionResetError())
    with pytest.raises(ConnectionResetError):
        await NO_WAIT.call(operation)
    assert operation.calls == 2


async def test_cancellation_during_a_wait_returns_at_once() -> None:
    waits: list[RetryEvent] = []
    policy = STEADY.replace(wait_initial=3600.0, wait_max=3600.0)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:

            async def call() -> None:
                await policy.call(Scripted(transient()), on_retry=waits.append)

            group.start_soon(call)
            await anyio.wait_all_tasks_blocked()
            assert len(waits) == 1
            group.cancel_scope.cancel()


async def test_budget_pays_retries_and_is_filled_by_success() -> None:
    budget = RetryBudget(capacity=10)
    await NO_WAIT.call(Scripted(transient()), budget=budget)
    assert budget.tokens == 10
    with pytest.raises(TransportError):
        await NO_WAIT.replace(attempts=2).call(Scripted(transient(), transient()), budget=budget)
    assert budget.tokens == 5
    await NO_WAIT.call(Scripted(), budget=budget)
    assert budget.tokens == 6


async def test_empty_budget_ends_calls_at_their_first_error() -> None:
    budget = RetryBudget(capacity=10)
    calls = 0
    for _ in range(10):
        operation = Scripted(*(transient() for _ in range(4)))
        with pytest.raises(TransportError):
            await NO_WAIT.call(operation, budget=budget)
        calls += operation.calls
    assert calls == 12


def test_retry_after_a_time_out_costs_more() -> None:
    budget = RetryBudget()
    assert budget.try_spend(TimedOutError("slow")) == 10
    assert budget.try_spend(transient()) == 5
    assert budget.tokens == 485


def test_a_success_gives_one_token_back() -> None:
    budget = RetryBudget(capacity=10)
    budget.try_spend(transient())
    budget.give_back()
    assert budget.tokens == 6


@given(st.lists(st.booleans(), max_size=300))
def test_budget_stays_between_empty_and_full(spendings) -> None:
    budget = RetryBudget(capacity=50)
    for spending in spendings:
        if spending:
            budget.try_spend(transient())
        else:
            budget.give_back()
        assert 0 <= budget.tokens <= 50


@given(
    attempt=st.integers(1, 10_000),
    initial=st.floats(0, 1e3),
    longest=st.floats(0, 1e4),
    base=st.floats(1, 10),
)
def test_wait_lies_between_zero_and_its_ceiling(attempt, initial, longest, base) -> None:
    policy = RetryPolicy(wait_initial=initial, wait_max=longest, wait_exp_base=base)
    wait = policy.wait_before(attempt, None)
    assert 0.0 <= wait <= longest
    assert wait <= initial * base ** (attempt - 1) if attempt < 20 else math.isfinite(wait)


@given(attempt=st.integers(1, 100), retry_after=st.floats(0, 3600))
def test_wait_with_retry_after_is_that_and_little_more(attempt, retry_after) -> None:
    assert retry_after <= RetryPolicy().wait_before(attempt, retry_after) <= retry_after + 0.5


@given(st.floats(0, 1e6))
def test_full_jitter_uses_the_whole_range(ceiling) -> None:
    assert 0.0 <= full_jitter(ceiling) <= ceiling


@pytest.mark.parametrize(
    "wrong",
    [
        {"attempts": 0},
        {"wait_initial": -1.0},
        {"wait_max": -0.1},
        {"retry_after_max": -1.0},
        {"wait_exp_base": 0.5},
        {"timeout": 0.0},
        {"timeout": -1.0},
    ],
)
def test_policy_that_makes_no_sense_is_refused_by_name(wrong) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RetryPolicy(**wrong)


@pytest.mark.parametrize(
    "least",
    [
        {"attempts": 1},
        {"wait_initial": 0.0},
        {"wait_max": 0.0},
        {"retry_after_max": 0.0},
        {"wait_exp_base": 1.0},
        {"timeout": 0.001},
        {"timeout": None},
    ],
)
def test_the_least_that_makes_sense_is_taken(least) -> None:
    assert RetryPolicy(**least) == RetryPolicy().replace(**least)


def test_defaults_are_those_of_the_documentation() -> None:
    assert RetryPolicy() == RetryPolicy(
        attempts=4, timeout=60.0, wait_initial=0.5, wait_max=20.0, wait_exp_base=2.0, retry_after_max=60.0
    )
    assert RetryBudget() == RetryBudget(capacity=500, retry_cost=5, timeout_cost=10)


def test_policy_is_immutable_and_hashable() -> None:
    policy = RetryPolicy()
    with pytest.raises(AttributeError):
        policy.attempts = 5
    assert policy.replace(attempts=5) == RetryPolicy(attempts=5)
    assert policy == RetryPolicy()
    assert hash(policy) == hash(RetryPolicy())


async def test_call_that_succeeds_at_once_does_not_load_tenacity() -> None:
    script = (
        "import anyio, sys\nfrom quackcore_async.retry import RetryPolicy\n"
        "anyio.run(RetryPolicy().call, anyio.lowlevel.checkpoint)\nassert 'tenacity' not in sys.modules"
    )
    done = await anyio.run_process([sys.executable, "-c", script], check=False, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr


async def test_error_without_kind_of_its_own_is_judged_by_retryable_alone() -> None:
    operation = Scripted(QuackError("odd", kind=ErrorKind.RATE_LIMITED, retryable=True))
    with contextlib.suppress(QuackError):
        await NO_WAIT.call(operation)
    assert operation.calls == 2


def test_not_a_number_is_no_time() -> None:
    with pytest.raises(ValueError, match="timeout is nan"):
        RetryPolicy(timeout=math.nan)
    with pytest.raises(ValueError, match="wait_max is nan"):
        RetryPolicy(wait_max=math.nan)
    assert RetryPolicy(jitter=lambda _ceiling: 0.0).wait_before(1, math.nan) == 0.0


async def test_what_is_held_is_let_go_before_each_wait() -> None:
    happened: list[str] = []

    async def let_go() -> None:
        happened.append("let go")

    def told(event: RetryEvent) -> None:
        happened.append(f"retry {event.attempt}")

    policy = NO_WAIT.replace(attempts=3)
    with pytest.raises(TransportError):
        await policy.call(Scripted(*(transient() for _ in range(3))), on_retry=told, before_wait=let_go)
    assert happened == ["retry 1", "let go", "retry 2", "let go"]


async def test_a_caller_may_refuse_to_try_again() -> None:
    operation = Scripted(transient(code="first"), transient(code="last"))
    budget = RetryBudget()
    with pytest.raises(TransportError) as caught:
        await NO_WAIT.call(operation, retry_if=lambda error: error.code == "first", budget=budget)
    assert (caught.value.code, operation.calls) == ("last", 2)
    assert budget.tokens == 495
