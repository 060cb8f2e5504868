"""What stands before the connections to a service: how many at a time, how fast, and whether at all."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import anyio
import httpx

from quackcore_async.concurrency import LoopBinding, wrong_loop
from quackcore_async.errors import QuackError, TimedOutError
from quackcore_async.transport.breaker import Breaker, BreakerPolicy
from quackcore_async.transport.pace import Pace
from quackcore_async.transport.rate_headers import read_rate_limit
from quackcore_async.transport.slots import Slots

__all__ = ["HostGate", "Permit", "Throttle"]

_DOWN_FROM: Final = 500
_MOST_IDLE_HOSTS: Final = 256


@dataclass(frozen=True, slots=True)
class Throttle:
    """A request that waits for its time, or is refused because that is too far away.

    Attributes:
        origin: Scheme, host and port of the service.
        wait: Seconds.
    """

    origin: str
    wait: float


class HostGate:
    """Limits what goes to each origin (scheme, host, port), in front of the connections.

    Calls wait here in the order in which they came, with no clock but `queue_timeout` running; so a busy service
    is never an error. It holds for the event loop in which it is used; in a later one it starts anew.

    Args:
        max_concurrency: Requests under way at a time to each origin.
        max_connections: Requests under way at a time to all of them: no more than the wire has connections.
        queue_timeout: Seconds that a call waits for its slot and its time at most; None waits as long as it takes.
        rate: Requests per second to each origin in the long run; None sets no limit.
        burst: Requests that may go at once after a pause, where there is a `rate`.
        throttle_max: Seconds that a call waits, at most, for the window that the service's own rate limit
            (`RateLimit`, `X-RateLimit-*`) begins next; a longer wait is refused with `retry_after`.
        breaker: When a service counts as down and is left alone; None never leaves it alone.
        on_throttle: Told of each call that waits for its time.
    """

    def __init__(
        self,
        *,
        max_concurrency: int = 100,
        max_connections: int = 100,
        queue_timeout: float | None = None,
        rate: float | None = None,
        burst: int = 1,
        throttle_max: float = 60.0,
        breaker: BreakerPolicy | None = BreakerPolicy(),  # noqa: B008 - frozen
        on_throttle: Callable[[Throttle], None] | None = None,
    ) -> None:
        if rate is not None and not rate > 0:
            raise ValueError(f"rate is {rate}: give requests per second above 0, or None for no limit")
        for name, value in (("max_concurrency", max_concurrency), ("burst", burst)):
            if value < 1:
                raise ValueError(f"{name} is {value}: without one nothing is ever sent")
        self._max_concurrency = max_concurrency
        self._max_connections = max_connections
        self._queue_timeout = queue_timeout
        self._rate = rate
        self._burst = burst
        self._throttle_max = throttle_max
        self._breaker = breaker
        self._on_throttle = on_throttle
        self._binding: LoopBinding | None = None
        self._all = Slots(max_connections)
        self._hosts: dict[tuple[bytes, bytes, int | None], _Host] = {}

    async def acquire(self, url: httpx.URL, *, first: bool = False) -> "Permit":
        """Wait until a request may be sent.

        Args:
            url: Where to.
            first: Go before all that wait: for a request that is tried again.

        Raises:
            TimedOutError: if `queue_timeout` passes, code `queue`.
            ConnectFailedError: if the service is left alone, code `circuit_open`.
            TransportError: if the service's rate limit is used up for too long, code `rate_limited`.
            LifecycleError: if it is in use in another event loop.
        """
        host = self._host(url)
        if host.breaker is not None:
            host.breaker.check()
        if host.slots.try_acquire():
            if self._all.try_acquire():
                if host.pace.try_take():
                    return self._admitted(host)
                self._all.release()
            host.slots.release()
        return await self._queue(host, first=first)

    def state(self, url: httpx.URL | str) -> str:
        """Return what the breaker of an origin says: `closed`, `open` or `half_open`."""
        host = self._hosts.get(_origin(httpx.URL(url)))
        return "closed" if host is None or host.breaker is None else host.breaker.state

    async def _queue(self, host: "_Host", *, first: bool) -> "Permit":
        with anyio.move_on_after(self._queue_timeout):
            await host.slots.acquire(first=first)
            try:
                await self._all.acquire(first=first)
                try:
                    await host.pace.take()
                except BaseException:
                    self._all.release()
                    raise
            except BaseException:
                host.slots.release()
                raise
            return self._admitted(host)
        raise TimedOutError(
            f"{host.name} had no free slot within {self._queue_timeout} seconds", code="queue", retryable=True
        )

    def _admitted(self, host: "_Host") -> "Permit":
        try:
            probe = host.breaker is not None and host.breaker.admit()
        except QuackError:
            host.let_go(self._all)
            raise
        return Permit(host, self._all, probe=probe)

    def _host(self, url: httpx.URL) -> "_Host":
        binding = self._binding
        if binding is None or not binding.is_here():
            self._bind(binding)
        origin = _origin(url)
        host = self._hosts.get(origin)
        if host is None:
            if len(self._hosts) >= _MOST_IDLE_HOSTS:
                self._hosts = {known: host for known, host in self._hosts.items() if host.is_busy()}
            host = self._hosts[origin] = self._make(url)
        return host

    def _bind(self, binding: LoopBinding | None) -> None:
        if binding is not None and binding.is_alive():
            raise wrong_loop("the gate is in use in another running event loop: make one for each loop")
        self._binding = LoopBinding.current()
        self._all = Slots(self._max_connections)
        self._hosts = {}

    def _make(self, url: httpx.URL) -> "_Host":
        name = f"{url.scheme}://{url.netloc.decode('ascii')}"
        hook = self._on_throttle
        return _Host(
            name,
            Slots(self._max_concurrency),
            Pace(
                self._rate,
                self._burst,
                self._throttle_max,
                None if hook is None else lambda wait: hook(Throttle(name, wait)),
            ),
            None if self._breaker is None else Breaker(self._breaker, name),
        )


class _Host:
    """One origin."""

    __slots__ = ("breaker", "name", "pace", "slots")

    def __init__(self, name: str, slots: Slots, pace: Pace, breaker: Breaker | None) -> None:
        self.name = name
        self.slots = slots
        self.pace = pace
        self.breaker = breaker

    def is_busy(self) -> bool:
        open_circuit = self.breaker is not None and self.breaker.state != "closed"
        return self.slots.held > 0 or open_circuit or self.pace.is_held_up()

    def let_go(self, everything: Slots) -> None:
        self.pace.ended(None)
        self.slots.release()
        everything.release()


class Permit:
    """Leave to send one request. Whoever got it tells how it went, and releases it."""

    __slots__ = ("_all", "_host", "_judged", "_paced", "_probe", "_released")

    def __init__(self, host: _Host, everything: Slots, *, probe: bool) -> None:
        self._host = host
        self._all = everything
        self._probe = probe
        self._judged = False
        self._paced = False
        self._released = False

    def answered(self, response: httpx.Response) -> None:
        """Note an answer: its status, and what its headers say about the rate limit.

        A 429 is no sign of trouble: who counts requests is there to answer them.
        """
        if not self._paced:
            self._paced = True
            self._host.pace.ended(read_rate_limit(response.headers) if _tells_rate(response) else None)
        self._judge(down=response.status_code >= _DOWN_FROM)

    def failed(self, error: QuackError) -> None:
        """Note that no answer came; what the caller did wrong says nothing about the service."""
        if error.retryable or error.indeterminate:
            self._judge(down=True)

    def release(self) -> None:
        """Give the slot back; a second time does nothing."""
        if self._released:
            return
        self._released = True
        if not self._paced:
            self._host.pace.ended(None)
        if not self._judged and self._host.breaker is not None:
            self._host.breaker.abandoned(probe=self._probe)
        self._all.release()
        self._host.slots.release()

    def _judge(self, *, down: bool) -> None:
        if self._judged or self._host.breaker is None:
            return
        self._judged = True
        if down:
            self._host.breaker.failed(probe=self._probe)
        else:
            self._host.breaker.succeeded(probe=self._probe)


def _origin(url: httpx.URL) -> tuple[bytes, bytes, int | None]:
    return url.raw_scheme, url.raw_host, url.port


def _tells_rate(response: httpx.Response) -> bool:
    """Look for a header about rates; asking for each name costs more than all the rest of the gate."""
    return b"limit" in b" ".join([name for name, _ in response.headers.raw]).lower()
