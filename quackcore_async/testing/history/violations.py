"""A promise that was broken, and the error that tells of all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from quackcore_async.testing.history.operations import Operation, Place, shown_place

__all__ = ["HistoryError", "Violation"]

_SHOWN: Final = 20  # violations in the message of an error


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was broken.

    Attributes:
        kind: `lost`: what has to be there is not. `torn`: a content that nobody ever wrote there. `stale`: one
            that should have been replaced, or never come. `undeleted`: what has to be gone is there. `left
            behind`: what nobody asked for. `unlisted` and `listed`: a listing without what is there, or with what
            is not.
        place: Where.
        detail: What was found, and what was expected.
        operation: The last operation there; None where there was none.
        seed: Seed of the run.
    """

    kind: str
    place: Place
    detail: str
    operation: Operation | None = None
    seed: int | None = None

    def __str__(self) -> str:
        last = f"; last there: {self.operation}" if self.operation else ""
        return f"{self.kind}: {shown_place(self.place)}: {self.detail}{last} [seed {self.seed}]"


class HistoryError(AssertionError):
    """Raised when what is there is not what was promised.

    Attributes:
        violations: All of them.
    """

    def __init__(self, violations: Sequence[Violation], seed: int | None) -> None:
        lines = [str(violation) for violation in violations[:_SHOWN]]
        more = len(violations) - len(lines)
        if more:
            lines.append(f"and {more} more")
        super().__init__("\n".join([f"{len(violations)} broken promises, seed {seed}:", *lines]))
        self.violations = list(violations)
