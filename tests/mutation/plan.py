"""What is mutated, by which tests it is judged, and which of all mutants are drawn."""

import ast
import difflib
import hashlib
import heapq
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.mutation.operators import Change, changes_of


@dataclass(frozen=True)
class Target:
    """A part of a package.

    Attributes:
        name: What the table calls it.
        sources: Patterns of its files, relative to the root.
        tests: Patterns of the test files that judge it.
    """

    name: str
    sources: tuple[str, ...]
    tests: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """What is done where.

    Attributes:
        root: The working tree. It is read, and nothing else.
        copied: Files and folders that the tests need, relative to the root.
        package: The package that is mutated.
        preloaded: Modules that are imported once for all mutants. None of them may import the package.
        targets: The parts.
    """

    root: Path
    copied: tuple[str, ...]
    package: str
    preloaded: tuple[str, ...]
    targets: tuple[Target, ...]

    @classmethod
    def read(cls, root: Path, file: Path) -> Self:
        """Read a plan from a TOML file."""
        data = tomllib.loads(file.read_text(encoding="utf-8"))
        targets = (
            Target(target["name"], tuple(target["sources"]), tuple(target["tests"])) for target in data["target"]
        )
        preloaded = tuple(data.get("preloaded", ()))
        return cls(root.resolve(), tuple(data["copied"]), data["package"], preloaded, tuple(targets))

    def files(self, patterns: tuple[str, ...]) -> list[str]:
        """Return the files that patterns name, relative to the root."""
        found = {
            path.relative_to(self.root).as_posix() for pattern in patterns for path in self.root.glob(pattern)
        }
        return sorted(name for name in found if name.endswith(".py"))


@dataclass(frozen=True)
class Mutant:
    """One fault in one file.

    Attributes:
        target: Name of the part that it is in.
        file: Its file, relative to the root.
        source: The file's content without the fault.
        change: The fault.
        key: The same for the same fault at the same place, also after other lines have changed.
    """

    target: str
    file: str
    source: bytes
    change: Change
    key: str

    @property
    def content(self) -> bytes:
        """The file's content with the fault."""
        return self.change.apply(self.source)

    @property
    def before(self) -> str:
        """The lines that change, as they are, joined and stripped."""
        return self._lines("-")

    @property
    def after(self) -> str:
        """The same lines with the fault."""
        return self._lines("+")

    @property
    def diff(self) -> str:
        """What changes, as a diff without its headers."""
        old, new = (text.decode().splitlines() for text in (self.source, self.content))
        return "\n".join(line for line in difflib.unified_diff(old, new, n=0, lineterm="") if _is_change(line))

    def _lines(self, sign: str) -> str:
        changed = (line[1:].strip() for line in self.diff.splitlines() if line.startswith(sign))
        return " ".join(changed)


def _is_change(line: str) -> bool:
    return line.startswith(("-", "+")) and line.rstrip() not in {"---", "+++"}


def mutants_of(target: str, file: str, source: bytes) -> Iterator[Mutant]:
    """Yield every mutant of a file."""
    seen: Counter[tuple[bytes, ...]] = Counter()
    lines = source.splitlines()
    for change in changes_of(source):
        line_start = source.rfind(b"\n", 0, change.start) + 1
        column = str(change.start - line_start).encode()
        place = (lines[change.line - 1].strip(), column, change.operator.encode(), change.text.encode())
        seen[place] += 1
        named = b"\0".join((file.encode(), *place, str(seen[place]).encode()))
        yield Mutant(target, file, source, change, hashlib.sha256(named).hexdigest()[:16])


def draw(plan: Plan, target: Target, count: int, seed: int) -> list[Mutant]:
    """Draw mutants of a target, evenly and the same for the same seed.

    Each mutant has a rank that follows from the seed and its key, and those of the lowest ranks are drawn: so a
    change of a file leaves the draw of all others as it was.
    """
    every = (
        mutant
        for file in plan.files(target.sources)
        for mutant in mutants_of(target.name, file, (plan.root / file).read_bytes())
    )
    ranked = heapq.nsmallest(2 * count, every, key=lambda mutant: _rank(seed, mutant))
    return [mutant for mutant in ranked if _is_valid(mutant.content)][:count]


def _rank(seed: int, mutant: Mutant) -> bytes:
    return hashlib.sha256(f"{seed}:{mutant.key}".encode()).digest()


def _is_valid(content: bytes) -> bool:
    try:
        ast.parse(content)
    except SyntaxError:
        return False
    return True
