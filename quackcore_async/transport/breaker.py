"""A circuit breaker: a service that is down is left alone for a while."""

from dataclasses import dataclass

import anyio

from quackcore_async.errors import ConnectFailedError, ErrorKind

__all__ = ["Breaker", "BreakerPolicy"]


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When a service counts as down.

    Attributes:
        failures: Failures in a row that open the circuit: no answer, or a status of 500 and above.
        reset_after: Seconds that it stays open before one request may try.
    """

    failures: int = 20
    reset_after: float = 30.0

    def __post_init__(self) -> None:
        if self.failures < 1:
            raise ValueError(f"failures is {self.failures}: the circuit opens after at least 1")
        if not self.reset_after > 0:
            raise ValueError(f"reset_after is {self.reset_after}: give seconds above 0")


class Breaker:
    """Closed while things go well, open after failures in a row, half open while one request tries.

    Args:
        policy: When it opens, and for how long.
        target: Names the service in messages.
    """

    __slots__ = ("_failures", "_opened_at", "_policy", "_probing", "_target")

    def __init__(self, policy: BreakerPolicy, target: str) -> None:
        self._policy = policy
        self._target = target
        self._failures = 0
        self._opened_at: float | None = None
        self._probing = False

    @property
    def state(self) -> str:
        """`closed`, `open` or `half_open`: then the next request is let through, or one is under way."""
        if self._opened_at is None:
            return "closed"
        return "open" if self._remaining() > 0 else "half_open"

    def check(self) -> None:
        """Refuse what would be refused anyway, before it queues.

        Raises:
            ConnectFailedError: if the circuit is open, kind `rate_limited`, code `circuit_open`.
        """
        if self._opened_at is not None and (self._probing or self._remaining() > 0):
            raise ConnectFailedError(
                f"{self._target} failed {self._failures} times in a row and is left alone for a while",
                kind=ErrorKind.RATE_LIMITED,
                code="circuit_open",
                retryable=True,
                retry_after=max(self._remaining(), 1.0),
            )

    def admit(self) -> bool:
        """Let a request through: True if it is the one that tries a service that was down.

        Raises:
            ConnectFailedError: if the circuit is open.
        """
        if self._opened_at is None:
            return False
        self.check()
        self._probing = True
        return True

    def succeeded(self, *, probe: bool) -> None:
        """Note an answer; what was sent before the circuit opened does not close it."""
        if probe:
            self._probing = False
            self._opened_at = None
        if self._opened_at is None:
            self._failures = 0

    def failed(self, *, probe: bool) -> None:
        """Note a failure."""
        self._failures += 1
        if probe:
            self._probing = False
        if probe or (self._opened_at is None and self._failures >= self._policy.failures):
            self._opened_at = anyio.current_time()

    def abandoned(self, *, probe: bool) -> None:
        """Note a request that came to nothing, such as one that was cancelled: the next one tries."""
        if probe:
            self._probing = False

    def _remaining(self) -> float:
        if self._opened_at is None:
            return 0.0
        return self._opened_at + self._policy.reset_after - anyio.current_time()
