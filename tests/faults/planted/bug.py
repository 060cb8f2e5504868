"""A bug that is planted to see that a test fails."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class Bug:
    """One edit of one file of the package.

    Attributes:
        name: What is wrong then.
        file: Path of the file below the package.
        find: Text that is in it exactly once.
        put: What takes its place.
        tests: Tests one of which must fail then: node identifiers below `tests`, whole files or folders too.
        only: Expression for `-k` that leaves of them those that are about it.
        why_not_found: Why no test can see it. A bug that has a reason may stay unfound.
    """

    name: str
    file: str
    find: str
    put: str
    tests: tuple[str, ...]
    only: str = ""
    why_not_found: str = ""

    def place(self, root: Path) -> Path:
        """Return its file in a copy of the project."""
        return root / "quackcore_async" / self.file

    def plant(self, root: Path) -> str:
        """Put it into a copy of the project and return what the file was."""
        path = self.place(root)
        before = path.read_text(encoding="utf-8")
        if before.count(self.find) != 1:
            raise ValueError(f"{self.name}: what it edits is {before.count(self.find)} times in {self.file}")
        path.write_text(before.replace(self.find, self.put), encoding="utf-8")
        return before
