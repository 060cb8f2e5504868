"""Which faults a request gets: by a script, in order, or drawn from a seed."""

import fnmatch
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from quackcore_async.testing.faults.exchange import Fault
from quackcore_async.testing.faults.requests import ProxiedRequest, dice

__all__ = ["Drawn", "FaultPlan", "FirstOf", "InOrder", "Rule", "Script"]


@runtime_checkable
class FaultPlan(Protocol):
    """Says which faults a request gets. Called once for each request, in the order in which they come in."""

    @property
    def seed(self) -> int:
        """What random choices of faults, such as a jitter, are drawn from."""
        ...

    def faults_for(self, request: ProxiedRequest) -> Sequence[Fault]:
        """Return the faults of a request, in the order in which they apply; none lets it through."""
        ...


@dataclass(frozen=True, slots=True)
class Rule:
    """Faults, and the requests that get them.

        Rule(SlowDown(), operation="PutObject", times=3)    # the first three
        Rule(Reset(after=100), method="GET", path="/bucket/large*", nth=2)
        Rule((Latency(0.1), ServerError()), when=lambda request: request.attempt == 1)

    Attributes:
        faults: One fault, or several that apply one after the other.
        method: Method in capitals; None is any.
        path: Pattern of the decoded path, with `*` and `?`; None is any.
        operation: S3 operation, such as `UploadPart`; None is any.
        when: A further condition.
        nth: The first of the matching requests that gets them, from 1.
        times: How many get them; None is all, or with `nth` one.
    """

    faults: Fault | Sequence[Fault]
    method: str | None = None
    path: str | None = None
    operation: str | None = None
    when: Callable[[ProxiedRequest], bool] | None = None
    nth: int | None = None
    times: int | None = None

    def matches(self, request: ProxiedRequest) -> bool:
        """Tell whether a request is meant, whichever of them it is."""
        return (
            self.method in {None, request.method}
            and (self.path is None or fnmatch.fnmatchcase(request.path, self.path))
            and self.operation in {None, request.operation}
            and (self.when is None or self.when(request))
        )

    def counts(self, position: int) -> bool:
        """Tell whether the matching request at that position, from 1, is meant."""
        first = self.nth or 1
        times = self.times if self.times is not None else (1 if self.nth is not None else None)
        return position >= first and (times is None or position < first + times)

    def as_tuple(self) -> tuple[Fault, ...]:
        """Return its faults as a sequence."""
        return (self.faults,) if isinstance(self.faults, Fault) else tuple(self.faults)


@dataclass
class Script:
    """Rules: the first one that a request meets says what it gets.

        Script(Rule(SlowDown(), nth=1), Rule(LostAnswer(), operation="CompleteMultipartUpload", times=1))

    Args:
        *rules: The rules.
        seed: What jitter and the like are drawn from.
    """

    rules: tuple[Rule, ...]
    seed: int

    def __init__(self, *rules: Rule, seed: int = 0) -> None:
        wrong = next((rule for rule in rules if not isinstance(rule, Rule)), None)
        if wrong is not None:
            raise TypeError(f"{wrong!r} is no Rule: give the rules one by one, `Script(Rule(...), Rule(...))`")
        self.rules, self.seed = rules, seed
        self._met = [0] * len(rules)

    def faults_for(self, request: ProxiedRequest) -> Sequence[Fault]:
        """Return the faults of the first rule that is met; each rule counts what it matches."""
        for index, rule in enumerate(self.rules):
            if rule.matches(request):
                self._met[index] += 1
                if rule.counts(self._met[index]):
                    return rule.as_tuple()
        return ()


@dataclass
class InOrder:
    """The first request gets the first entry, the second the next one, and what comes behind the last gets none.

        InOrder(ServerError(), None, Reset())    # the second request goes through

    Args:
        *entries: Faults; None is none.
        seed: What jitter and the like are drawn from.
    """

    entries: tuple[Fault | None, ...]
    seed: int

    def __init__(self, *entries: Fault | None, seed: int = 0) -> None:
        self.entries, self.seed = entries, seed

    def faults_for(self, request: ProxiedRequest) -> Sequence[Fault]:
        """Return the entry of the request's number."""
        entry = self.entries[request.number - 1] if request.number <= len(self.entries) else None
        return () if entry is None else (entry,)


@dataclass
class FirstOf:
    """Several plans: the first that has something for a request decides, and its seed is the seed of all.

        FirstOf(Drawn(menu, rate=0.05), Script(Rule(ExpiredToken(), nth=100)))

    Args:
        *plans: The plans.
    """

    plans: tuple[FaultPlan, ...]

    def __init__(self, *plans: FaultPlan) -> None:
        self.plans = plans

    @property
    def seed(self) -> int:
        """Seed of the first plan; 0 without any."""
        return self.plans[0].seed if self.plans else 0

    def faults_for(self, request: ProxiedRequest) -> Sequence[Fault]:
        """Return the faults of the first plan that has some; each plan is asked about each request."""
        answers = [plan.faults_for(request) for plan in self.plans]
        return next((faults for faults in answers if faults), ())


@dataclass(frozen=True, slots=True)
class Drawn:
    """Each request gets a fault with the same probability; whether and which is drawn from a seed.

    The draw depends on the seed, on the `identity` of the request and on which try of it this is, and on nothing
    else: the same seed gives the same faults, in whatever order the requests come in.

        Drawn(rate=0.05, menu=[Reset(), ServerError(), Rule(ErrorIn200(), operation="CopyObject")])

    Attributes:
        menu: Faults, and rules for faults that only some requests can have; `nth` and `times` do not count here.
        rate: Share of the requests that get one, from 0 to 1.
        seed: What it is drawn from. Left out, it is drawn itself: print the plan to see it.
        when: Which requests may get one; None is all.
    """

    menu: Sequence[Fault | Rule]
    rate: float
    seed: int = field(default_factory=lambda: secrets.randbits(32))
    when: Callable[[ProxiedRequest], bool] | None = None

    def faults_for(self, request: ProxiedRequest) -> Sequence[Fault]:
        """Draw."""
        if self.when is not None and not self.when(request):
            return ()
        rolled = dice(self.seed, request)
        if rolled.random() >= self.rate:
            return ()
        choices = list(self._choices(request))
        return rolled.choice(choices) if choices else ()

    def _choices(self, request: ProxiedRequest) -> Iterable[tuple[Fault, ...]]:
        for entry in self.menu:
            if not isinstance(entry, Rule):
                yield (entry,)
            elif entry.matches(request):
                yield entry.as_tuple()
