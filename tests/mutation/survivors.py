"""The survivors that somebody has looked at, each with the reason why no test kills it."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.plan import Mutant

WHYS = ("equivalent", "not worth it")


@dataclass(frozen=True)
class Survivor:
    """A survivor that is listed. It is recognised by its lines, wherever in its file they are.

    Attributes:
        file: Its file, relative to the root.
        before: The lines that change, stripped and joined.
        after: The same lines with the fault.
        why: Whether nothing could tell it from the original, or nothing should have to.
        reason: In a sentence.
    """

    file: str
    before: str
    after: str
    why: str
    reason: str

    def __post_init__(self) -> None:
        if self.why not in WHYS or not self.reason:
            raise ValueError(f"{self.before!r} needs a reason, and a why of {' or '.join(WHYS)}")


class Survivors:
    """The list."""

    def __init__(self, listed: Iterable[Survivor]) -> None:
        self._listed = {(entry.file, entry.before, entry.after): entry for entry in listed}

    @classmethod
    def read(cls, path: Path) -> "Survivors":
        """Read it from a TOML file."""
        if not path.exists():
            return cls(())
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        return cls(Survivor(**entry) for entry in data.get("survivor", ()))

    def find(self, mutant: Mutant) -> Survivor | None:
        """Return the entry of a mutant."""
        return self._listed.get((mutant.file, mutant.before, mutant.after))

    def outdated(self, root: Path) -> list[Survivor]:
        """Return the entries whose lines are no longer in their files."""
        return [entry for entry in self._listed.values() if not _is_in(root / entry.file, entry.before)]


def _is_in(path: Path, lines: str) -> bool:
    text = (
        " ".join(line.strip() for line in path.read_text(encoding="utf-8").splitlines()) if path.exists() else ""
    )
    return lines in text
