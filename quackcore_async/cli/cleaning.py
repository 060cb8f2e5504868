"""What `cleanup` does: looks, asks, removes, and says what became of each."""

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import timedelta

from quackcore_async.cli.asking import is_confirmed
from quackcore_async.cli.exits import ExitCode
from quackcore_async.cli.locations import Location
from quackcore_async.cli.output import Outcome, Output
from quackcore_async.cli.storages import Place, Storages
from quackcore_async.errors import ErrorKind, QuackError
from quackcore_async.protocols import CleanupOutcome
from quackcore_async.storage.base import BaseStorageIntegration

__all__ = ["clean_up"]

_DEEDS = {
    "removed": "removed",
    "would_remove": "would remove",
    "in_use": "left alone, somebody is at it:",
    "failed": "could not remove",
}


async def clean_up(
    out: Output, locations: Iterable[Location], *, older_than: timedelta, dry_run: bool, yes: bool
) -> Outcome:
    """Clean locations up.

    Args:
        out: Where to write.
        locations: Where to look.
        older_than: Age from which on something is removed.
        dry_run: Change nothing.
        yes: Do not ask.

    Raises:
        UsageFault: if there is nobody to ask.
        QuackError: if a location cannot be looked through.
    """
    async with Storages() as storages:
        places = [await storages.folder(location) for location in locations]
        found = [await _look(place, older_than, dry_run=dry_run or not yes) for place in places]
        wanted = sum(outcome.status == "would_remove" for outcomes in found for outcome in outcomes)
        if wanted and not dry_run and not yes:
            _show(out, found, places)
            if not await is_confirmed(f"Remove these {wanted}", what="clean up"):
                return Outcome(summary="nothing was removed", data={"confirmed": False}, code=ExitCode.ERROR)
            found = [await _look(place, older_than, dry_run=False) for place in places]
    _show(out, found, places)
    return _outcome([outcome for outcomes in found for outcome in outcomes], dry_run=dry_run)


async def _look(place: Place, older_than: timedelta, *, dry_run: bool) -> Sequence[CleanupOutcome]:
    storage = place.storage
    if not isinstance(storage, BaseStorageIntegration):
        raise QuackError(
            f"{place.location} is in a storage that does not tell what is unfinished", kind=ErrorKind.UNSUPPORTED
        )
    return (await storage.cleanup(place.folder or None, older_than=older_than, dry_run=dry_run)).unwrap()


def _show(out: Output, found: Iterable[Sequence[CleanupOutcome]], places: Iterable[Place]) -> None:
    for outcomes, place in zip(found, places, strict=True):
        for outcome in outcomes:
            label = place.label_of(outcome.path)
            if out.settings.as_json:
                out.record("unfinished", {**asdict(outcome), "location": label})
            elif outcome.status == "failed":
                out.complain(f"could not remove {label}: {outcome.error}")
            else:
                out.line(f"{_DEEDS[outcome.status]} {outcome.kind} {label}{_details(outcome)}")
    sys.stdout.flush()


def _details(outcome: CleanupOutcome) -> str:
    size = "" if outcome.size is None else f"{outcome.size} bytes"
    since = "" if outcome.modified is None else f"last touched {outcome.modified:%Y-%m-%d %H:%M}"
    details = ", ".join(filter(None, (size, since)))
    return f" ({details})" if details else ""


def _outcome(outcomes: Sequence[CleanupOutcome], *, dry_run: bool) -> Outcome:
    counts = Counter(outcome.status for outcome in outcomes)
    size = sum(outcome.size or 0 for outcome in outcomes if outcome.status in ("removed", "would_remove"))
    data = {"dry_run": dry_run, **{status: counts[status] for status in _DEEDS}, "bytes": size}  # type: ignore[index]
    said = [f"{counts[status]} {deed.rstrip(':')}" for status, deed in _DEEDS.items() if counts[status]]  # type: ignore[index]
    error = None
    if counts["failed"]:
        error = QuackError(f"{counts['failed']} could not be removed", code="partial_failure")
    return Outcome(data=data, summary="; ".join(said) or "nothing is unfinished", error=error)
