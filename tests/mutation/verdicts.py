"""What became of each mutant, kept in a file so that a run can be interrupted and gone on with."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path


class Status(StrEnum):
    """What the tests said of a mutant."""

    KILLED = "killed"
    SURVIVED = "survived"
    TIMED_OUT = "timed out"


@dataclass(frozen=True)
class Verdict:
    """What became of one mutant.

    Attributes:
        key: The mutant's.
        source: Digest of the file that it was made of: of another one, the verdict says nothing.
        status: What the tests said.
        tests: How many of them execute the mutant, and were chosen.
        seconds: How long they took.
        by: The test that killed it.
    """

    key: str
    source: str
    status: Status
    tests: int
    seconds: float
    by: str = ""


class Verdicts:
    """A file with a seed and a verdict a line, each written when it is known."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._verdicts: dict[str, Verdict] = {}
        self.seed: int | None = None
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                self._read(line)

    def _read(self, line: str) -> None:
        try:
            data = json.loads(line)
        except json.JSONDecodeError:  # the last line of a run that was killed
            return
        if "seed" in data:
            self.seed = data["seed"]
        else:
            verdict = Verdict(**{**data, "status": Status(data["status"])})
            self._verdicts[verdict.key] = verdict

    def begin(self, seed: int) -> None:
        """Note the seed of the run."""
        self.seed = seed
        self._append({"seed": seed})

    def add(self, verdict: Verdict) -> None:
        """Note what became of a mutant."""
        self._verdicts[verdict.key] = verdict
        self._append(asdict(verdict))

    def get(self, key: str, source: str) -> Verdict | None:
        """Return the verdict on a mutant, when it is on this very file."""
        verdict = self._verdicts.get(key)
        return verdict if verdict is not None and verdict.source == source else None

    def forget(self, keys: Iterable[str]) -> None:
        """Let mutants be judged again."""
        for key in keys:
            self._verdicts.pop(key, None)

    def _append(self, data: object) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"\n{json.dumps(data)}" if self._path.stat().st_size else json.dumps(data))
