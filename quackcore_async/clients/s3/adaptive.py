"""How many requests one service takes at a time, found out while they run."""

import time
from collections.abc import Callable, Hashable
from math import exp, log
from typing import Final, Literal

from quackcore_async.transport.slots import Slots

__all__ = ["DEFAULT_FLOOR", "AdaptiveLimit", "Outcome"]

Outcome = Literal["ok", "throttled", "ignored"]
"""How a request ended: served, refused for want of capacity, or in a way that says nothing of the load."""

DEFAULT_FLOOR: Final = 4
"""Requests in flight that go on whatever the service says: one would take its answer for that to no load."""

_BACK_OFF: Final = 0.7  # of the limit stays when the service refuses: RFC 9438 section 4.6
_STEEPEST: Final = 0.5  # of the limit stays when answers have become very slow
_TOLERANCE: Final = 1.5  # times the best seen that answers may take: half of the limit may stand in a queue
_SAMPLES: Final = 32  # latencies that are judged together at least: the mean of fewer is mostly chance
_FEW: Final = 4  # latencies of a kind that say nothing yet
_RENEWAL: Final = 30.0  # seconds after which the best seen is measured anew: routes and services change
_FIRST_RENEWAL: Final = 2.0  # seconds until then at first: who begins at the maximum knows no other latency
_INSTANT: Final = 1e-9  # seconds; nothing is faster
_GAIN: Final = 0.25  # how far a better mean moves the best seen: a lucky one is not to become the yardstick


class AdaptiveLimit(Slots):
    """A limit of requests in flight to one service, which moves with what the service takes.

    It rises by one whenever so many requests were served as it allows, falls to 0.7 of itself when the service
    refuses, and falls when answers take more than 1.5 times the best seen, which means that they wait in a queue
    somewhere. What a refusal says counts once for all requests that were in flight with it. Twice a minute a limit
    that queues is lowered for a moment, to see how fast the service is without a queue.

    More may be in flight than it allows for a while after it has fallen. For one event loop.

    Args:
        maximum: Requests in flight that are never exceeded.
        floor: Requests in flight that always go; at most `maximum`.
        initial: Where it begins, rising fast until the first sign of load; None begins at `maximum`.
        clock: Tells the seconds; for tests.
    """

    __slots__ = (
        "_busy",
        "_clock",
        "_floor",
        "_latency",
        "_level",
        "_maximum",
        "_probe",
        "_probe_at",
        "_recovering",
        "_rising",
        "_samples",
        "_served",
    )

    def __init__(
        self,
        maximum: int,
        *,
        floor: int = DEFAULT_FLOOR,
        initial: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if maximum < 1 or floor < 1:
            raise ValueError(f"maximum is {maximum}, floor is {floor}: without a place nothing is ever sent")
        super().__init__(maximum)
        self._maximum: Final = maximum
        self._floor: Final = min(floor, maximum)
        self._clock: Final = clock
        self._latency: Final = _Latency()
        self._probe: tuple[float, float] | None = None  # limit and slowness before the fall that is to measure
        self._probe_at = clock() + _FIRST_RENEWAL
        self._served = 0
        self._recovering = 0  # requests to come back that were sent before the last fall
        self._rising = True  # fast, until the first sign of load
        self._busy = False  # whether the limit was felt since it was last raised
        self._set(float(maximum if initial is None else initial))

    def note(self, outcome: Outcome, latency: float | None = None, kind: Hashable = None) -> None:
        """Say how a request went, which still has its place; each time that it was sent.

        Args:
            outcome: `ok` when it was served (a 404 is an answer, too), `throttled` when the service refused it for
                want of capacity (429, 503 SlowDown) or did not answer in time, `ignored` otherwise.
            latency: Seconds that the answer to a served request took; None says nothing about it.
            kind: What is as fast as what: one of a few values, such as the operation and the size of the part.
                Latencies are compared with the best of their kind only.
        """
        if self._held >= self._limit:
            self._busy = True
        if self._recovering:
            self._recovering -= 1  # it was sent before the last fall, and says nothing of what is allowed since
        elif outcome == "ok":
            self._note_served(latency, kind)
        elif outcome == "throttled":
            self._fall(_BACK_OFF)

    def _note_served(self, latency: float | None, kind: Hashable) -> None:
        self._served += 1
        if latency is not None:
            self._latency.add(latency, kind)
            if self._latency.count >= self._samples:
                self._judge()
        if self._served >= self._limit or self._rising:
            self._served = 0
            if self._busy and self._level < self._maximum and self._probe is None:
                self._busy = False
                self._set(self._level + 1)

    def _judge(self) -> None:
        """Compare the latencies of a while with the best ones."""
        slowness = self._latency.judge()
        if self._probe is not None:
            level, before = self._probe
            self._probe = None
            queueing = before / slowness
            self._set(level if queueing <= _TOLERANCE else level * max(_TOLERANCE / queueing, _STEEPEST))
            if queueing > _TOLERANCE:  # and perhaps still does: what is best is not known yet
                self._probe_at = self._clock() + _FIRST_RENEWAL
        elif self._clock() >= self._probe_at:
            self._probe_at = self._clock() + _RENEWAL
            self._latency.renew()
            if self._limit > self._floor:
                level = self._level
                self._fall(_STEEPEST)
                self._probe = (level, slowness)
        elif slowness > _TOLERANCE:
            self._fall(max(_TOLERANCE / slowness, _STEEPEST))

    def _fall(self, factor: float) -> None:
        self._rising = False
        self._probe = None
        self._served = 0
        self._latency.clear()
        if self._limit > self._floor:
            self._recovering = max(self._held - 1, 0)
            self._set(self._level * factor)

    def _set(self, level: float) -> None:
        self._level = min(max(level, float(self._floor)), float(self._maximum))
        self._limit = int(self._level)
        self._samples = max(_SAMPLES, 2 * self._limit)


class _Latency:
    """What answers take now, by kind, and what they took at best; of logarithms, whose mean no tail moves."""

    __slots__ = ("_best", "_recent", "_renewal", "count")

    def __init__(self) -> None:
        self._best: dict[Hashable, float] = {}
        self._recent: dict[Hashable, list[float]] = {}
        self._renewal = False
        self.count = 0

    def add(self, seconds: float, kind: Hashable) -> None:
        """Take a latency."""
        recent = self._recent.get(kind)
        if recent is None:
            recent = self._recent[kind] = [0.0, 0.0]
        recent[0] += log(max(seconds, _INSTANT))
        recent[1] += 1
        self.count += 1

    def clear(self) -> None:
        """Forget what was not judged yet: it belongs to another load."""
        self._recent.clear()
        self.count = 0

    def judge(self) -> float:
        """Return how many times the best known these latencies are, over all kinds, and keep better ones."""
        ratios = samples = 0.0
        for kind, (total, count) in self._recent.items():
            if count < _FEW:
                continue
            mean = total / count
            best = self._best.get(kind, mean)
            if mean < best and not self._renewal:
                best += (mean - best) * _GAIN
            ratios += (mean - best) * count
            samples += count
            self._best[kind] = mean if self._renewal else best
        self._renewal = False
        self.clear()
        return exp(ratios / samples) if samples else 1.0

    def renew(self) -> None:
        """Take the next latencies for the best ones, whatever they are."""
        self._renewal = True
