"""A service with so many places, a queue and a temper, and a client that always has more to send."""

import heapq
import random
from dataclasses import dataclass, field

from quackcore_async.clients.s3.adaptive import AdaptiveLimit


class Clock:
    """A clock that the simulation moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Service:
    """Serves `places` requests at a time, each in about `seconds`; what comes beyond waits in line.

    Attributes:
        places: Requests that are served side by side.
        seconds: What one takes without load.
        noise: Sigma of the lognormal factor on it.
        queue: Requests that wait at most; more are refused at once. None is any number.
        seed: Of the noise.
    """

    places: int
    seconds: float = 0.03
    noise: float = 0.0
    queue: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._free_at = [0.0] * self.places
        self._ends: list[float] = []

    def take(self, now: float) -> tuple[float, str]:
        """Return when a request that comes now is answered, and how."""
        while self._ends and self._ends[0] <= now:
            heapq.heappop(self._ends)
        if self.queue is not None and len(self._ends) >= self.places + self.queue:
            return now + self.seconds / 5, "throttled"
        begin = max(now, self._free_at[0])
        end = begin + self.seconds * self._random.lognormvariate(0, self.noise)
        heapq.heapreplace(self._free_at, end)
        heapq.heappush(self._ends, end)
        return end, "ok"


@dataclass
class Run:
    """What came of a while of sending.

    Attributes:
        served: Requests that were served.
        refused: Requests that were refused.
        limits: The limit after each request.
        seconds: How long it took.
    """

    served: int = 0
    refused: int = 0
    limits: list[int] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Requests served per second."""
        return self.served / self.seconds

    @property
    def mean_limit(self) -> float:
        """The limit, over the requests."""
        return sum(self.limits) / len(self.limits)


def send(limit: AdaptiveLimit, service: Service, clock: Clock, seconds: float, wanted: int = 10**6) -> Run:
    """Send for so long, with as many requests in flight as the limit lets, `wanted` at most."""
    run = Run(seconds=seconds)
    until = clock.now + seconds
    under_way: list[tuple[float, int, float, str]] = []
    number = 0
    while clock.now < until:
        while len(under_way) < wanted and limit.try_acquire():
            end, outcome = service.take(clock.now)
            number += 1
            heapq.heappush(under_way, (end, number, clock.now, outcome))
        end, _, start, outcome = heapq.heappop(under_way)
        clock.now = max(clock.now, end)
        limit.note(outcome, clock.now - start)
        limit.release()
        run.served += outcome == "ok"
        run.refused += outcome == "throttled"
        run.limits.append(limit.limit)
    for *_, outcome in under_way:
        limit.note("ignored")
        limit.release()
    return run
