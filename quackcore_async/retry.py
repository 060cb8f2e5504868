"""When a failed call is tried again, how long to wait, and when to stop. The only importer of tenacity."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Generic, Self, TypeVar

import anyio

from quackcore_async.errors import ErrorKind, QuackError, TimedOutError

if TYPE_CHECKING:
    import tenacity

__all__ = ["RetryBudget", "RetryEvent", "RetryPolicy", "full_jitter"]

T = TypeVar("T")


def full_jitter(ceiling: float) -> float:
    """Draw a wait between 0 and `ceiling` seconds.

    Full jitter spreads callers best:
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    return random.uniform(0.0, ceiling)  # noqa: S311 - spreading load, not keeping a secret


@dataclass(frozen=True, slots=True)
class RetryEvent:
    """One retry that is about to be waited for.

    Attributes:
        attempt: Number of the attempt that failed, from 1.
        wait: Seconds until the next one.
        error: Why it failed.
    """

    attempt: int
    wait: float
    error: QuackError


@dataclass(slots=True)
class RetryBudget:
    """A token bucket that keeps an outage from multiplying the load.

    Retries are paid from it and successes fill it; when it is empty, calls fail at their first error. The
    figures are botocore's (its `retries/quota.py`): 500 tokens, 5 a retry, 10 after a time-out, 1 back for each
    success.

    Attributes:
        capacity: Tokens when full.
        retry_cost: Tokens of a retry.
        timeout_cost: Tokens of a retry after a time-out.
    """

    capacity: int = 500
    retry_cost: int = 5
    timeout_cost: int = 10
    tokens: int = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = self.capacity

    def try_spend(self, error: QuackError) -> int | None:
        """Pay for a retry after `error`: return what it cost, None when the bucket is too empty."""
        cost = self.timeout_cost if error.kind is ErrorKind.TIMEOUT else self.retry_cost
        if cost > self.tokens:
            return None
        self.tokens -= cost
        return cost

    def give_back(self, amount: int = 1) -> None:
        """Fill the bucket after a success: 1, or what the retry that succeeded had cost."""
        self.tokens = min(self.capacity, self.tokens + amount)


_UNLIMITED: Final = RetryBudget(capacity=0, retry_cost=0, timeout_cost=0)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how patiently a call is tried. Immutable: share one between clients.

    Attributes:
        attempts: Tries in all, the first included; 1 never retries.
        timeout: Seconds that one call may take with all its attempts and waits; None is unlimited.
        wait_initial: Ceiling of the wait before the second attempt, in seconds.
        wait_max: Ceiling of every wait, in seconds.
        wait_exp_base: Factor by which the ceiling grows from attempt to attempt.
        retry_after_max: Longest server-directed wait in seconds that is slept through; a longer one ends the
            call at once, and the error's `retry_after` says when to come back.
        jitter: Draws a wait from its ceiling; full jitter by default.
    """

    attempts: int = 4
    timeout: float | None = 60.0
    wait_initial: float = 0.5
    wait_max: float = 20.0
    wait_exp_base: float = 2.0
    retry_after_max: float = 60.0
    jitter: Callable[[float], float] = full_jitter

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError(f"attempts is {self.attempts}: it counts the first try, so it is at least 1")
        for name in ("wait_initial", "wait_max", "retry_after_max"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is {getattr(self, name)}: seconds are not negative")
        if self.wait_exp_base < 1:
            raise ValueError(f"wait_exp_base is {self.wait_exp_base}: waits do not shrink, so it is at least 1")
        if self.timeout is not None and not self.timeout > 0:
            raise ValueError(f"timeout is {self.timeout}: give seconds above 0, or None for no limit")

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some attributes changed."""
        return replace(self, **changes)

    def wait_before(self, attempt: int, retry_after: float | None) -> float:
        """Return the seconds to wait after the failed attempt number `attempt`.

        A server's `retry_after` is waited for at least, with a little jitter on top so that not everybody comes
        back at the same moment.
        """
        ceiling = min(self.wait_max, self.wait_initial * self.wait_exp_base ** min(attempt - 1, 64))
        if retry_after is None:
            return self.jitter(ceiling)
        return max(0.0, retry_after + self.jitter(min(ceiling, 0.5)))  # in this order NaN gives 0

    async def call(
        self,
        operation: Callable[[], Awaitable[T]],
        *,
        budget: RetryBudget | None = None,
        on_retry: Callable[[RetryEvent], None] | None = None,
        before_wait: Callable[[], Awaitable[None]] | None = None,
        retry_if: Callable[[QuackError], bool] | None = None,
        spent: float = 0.0,
    ) -> T:
        """Await `operation()` until it succeeds, fails for good, or the policy is used up.

        Only a `QuackError` that calls itself `retryable` is tried again: gates translate foreign errors before
        they get here. Cancellation during a wait returns at once.

        Args:
            operation: Makes a fresh awaitable for each attempt.
            budget: Shared bucket that retries are paid from.
            on_retry: Told of each retry before its wait.
            before_wait: Awaited before each wait: lets go of what the failed attempt holds.
            retry_if: Asked about each error that calls itself retryable; False ends the call with it.
            spent: Seconds of the policy's `timeout` that are gone already, on what this call goes on with.

        Raises:
            QuackError: the last failure, with `attempts` and `elapsed` filled in.
            TimedOutError: if the policy's `timeout` passes; the last failure is its cause.
        """
        run = _Run(
            self,
            operation,
            budget=budget or _UNLIMITED,
            on_retry=on_retry,
            before_wait=before_wait,
            retry_if=retry_if,
        )
        if self.timeout is None:
            run.started = anyio.current_time() - spent
            return await run.go()
        with anyio.move_on_after(self.timeout - spent) as scope:
            run.started = scope.deadline - self.timeout
            return await run.go()
        if scope.cancelled_caught:
            raise run.timed_out(self.timeout) from run.last_error
        raise AssertionError("unreachable: a scope is left by return, exception or cancellation")


class _Run(Generic[T]):
    """One call under a policy: tries once, and enters tenacity only after the first failure."""

    __slots__ = (
        "attempt",
        "before_wait",
        "budget",
        "last_error",
        "on_retry",
        "operation",
        "policy",
        "retry_if",
        "spent",
        "started",
        "trying",
    )

    def __init__(
        self,
        policy: RetryPolicy,
        operation: Callable[[], Awaitable[T]],
        *,
        budget: RetryBudget,
        on_retry: Callable[[RetryEvent], None] | None,
        before_wait: Callable[[], Awaitable[None]] | None,
        retry_if: Callable[[QuackError], bool] | None,
    ) -> None:
        self.policy = policy
        self.operation = operation
        self.budget = budget
        self.on_retry = on_retry
        self.before_wait = before_wait
        self.retry_if = retry_if
        self.started = 0.0
        self.attempt = 0
        self.spent = 0
        self.trying = False
        self.last_error: QuackError | None = None

    async def go(self) -> T:
        try:
            outcome = await self.try_once()
        except QuackError as error:
            if not self.may_retry(error):
                raise
            outcome = await self.retry(error)
        self.budget.give_back(self.spent or 1)
        return outcome

    async def try_once(self) -> T:
        self.attempt += 1
        self.trying = True
        try:
            return await self.operation()
        except QuackError as error:
            self.trying = False
            self.last_error = error
            error.attempts = self.attempt
            error.elapsed = anyio.current_time() - self.started
            raise

    def may_retry(self, error: QuackError) -> bool:
        """Decide, and pay: whether the attempt that just failed with `error` is followed by another."""
        if not error.retryable or self.attempt >= self.policy.attempts:
            return False
        if self.retry_if is not None and not self.retry_if(error):
            return False
        if error.retry_after is not None and error.retry_after > self.patience():
            return False
        cost = self.budget.try_spend(error)
        if cost is None:
            return False
        self.spent = cost
        return True

    def patience(self) -> float:
        """Return the longest server-directed wait that still fits."""
        longest = self.policy.retry_after_max
        if self.policy.timeout is None:
            return longest
        return min(longest, self.started + self.policy.timeout - anyio.current_time())

    async def retry(self, first_error: QuackError) -> T:
        import tenacity

        await self.pause(self.next_wait(first_error))
        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(lambda exc: isinstance(exc, QuackError) and self.may_retry(exc)),
            stop=tenacity.stop_never,
            wait=self.announced_wait,
            sleep=self.pause,
            reraise=True,
        )
        return await retrying(self.try_once)

    async def pause(self, seconds: float) -> None:
        if self.before_wait is not None:
            await self.before_wait()
        await anyio.sleep(seconds)

    def announced_wait(self, _state: "tenacity.RetryCallState") -> float:
        assert self.last_error is not None  # noqa: S101 - tenacity asks only after a failure
        return self.next_wait(self.last_error)

    def next_wait(self, error: QuackError) -> float:
        wait = self.policy.wait_before(self.attempt, error.retry_after)
        if self.on_retry is not None:
            self.on_retry(RetryEvent(self.attempt, wait, error))
        return wait

    def timed_out(self, timeout: float) -> TimedOutError:
        last = self.last_error
        reason = f"; the last attempt failed: {last}" if last else ""
        error = TimedOutError(
            f"no success within {timeout:g} seconds{reason}",
            retryable=True,
            indeterminate=self.trying or last is None or last.indeterminate,
            status_code=last.status_code if last else None,
        )
        error.attempts = self.attempt
        error.elapsed = anyio.current_time() - self.started
        return error
