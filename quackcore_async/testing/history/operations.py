"""One operation of a history: what it was to do, and what it said of itself."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from quackcore_async.errors import QuackError
from quackcore_async.results import ErrorInfo

__all__ = ["ABSENT", "Operation", "Place", "Possible", "Verdict", "shown_place", "verdict_of"]

_CLAIMS_EQUAL: Final = frozenset({"it is unchanged", "it was not there"})

Place = tuple[str, str]
"""Where a file is: the name of a space, such as a bucket or a folder, and its own."""

Possible = frozenset[str | None]
"""Digests that a file may have; None is for no file."""

ABSENT: Final[Possible] = frozenset({None})


class Verdict(StrEnum):
    """What an operation said of itself."""

    OK = "ok"
    FAILED = "failed"
    INDETERMINATE = "indeterminate"
    UNCHANGED = "unchanged"
    PENDING = "pending"


@dataclass(slots=True)
class Operation:
    """One operation on one file, or on the two of a move.

    Attributes:
        number: Position in the history, from 1.
        verb: What it does, for people.
        target: The file that it writes or deletes.
        content: What the target is to have after it.
        source: The file that it takes the content from, and for a move takes away.
        moves: Whether the source is gone after it.
        verdict: What it said of itself; `pending` until it has.
        reason: Why it failed, where it did.
    """

    number: int
    verb: str
    target: Place
    content: Possible
    source: Place | None = None
    moves: bool = False
    verdict: Verdict = Verdict.PENDING
    reason: str = ""

    def __str__(self) -> str:
        reason = f" ({self.reason})" if self.reason else ""
        origin = f"{shown_place(self.source)} -> " if self.source else ""
        return f"operation {self.number}, {self.verb} {origin}{shown_place(self.target)}, {self.verdict}{reason}"


def verdict_of(outcome: object) -> tuple[Verdict, str]:
    """Return the verdict of an outcome of any kind, and its reason."""
    if isinstance(outcome, Verdict):
        return outcome, ""
    if isinstance(outcome, QuackError):
        return (Verdict.INDETERMINATE if outcome.indeterminate else Verdict.FAILED), str(outcome)
    if isinstance(outcome, BaseException):
        return Verdict.INDETERMINATE, f"{type(outcome).__name__}: {outcome}"
    status = getattr(outcome, "status", None)
    message = str(getattr(outcome, "message", None) or "")
    if status == "ok" or (status is None and getattr(outcome, "success", False)):
        return Verdict.OK, ""
    if status in {"skipped", "dry_run"}:
        return (Verdict.OK if message in _CLAIMS_EQUAL else Verdict.UNCHANGED), message
    info = getattr(outcome, "error_info", None)
    reason = str(getattr(outcome, "error", None) or message)
    if status == "cancelled" or not isinstance(info, ErrorInfo) or info.indeterminate:
        return Verdict.INDETERMINATE, reason
    return Verdict.FAILED, reason


def shown_place(place: Place) -> str:
    """Return a place as messages name it."""
    return f"{place[0]}:{place[1]}"
