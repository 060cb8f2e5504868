"""A copy of the working tree, in which mutants are planted and tests run."""

import hashlib
import os
import shutil
from pathlib import Path

from tests.mutation.plan import Mutant, Plan


class Copy:
    """What a plan says is copied, in a folder of its own.

    Byte code is kept beside it from run to run. It is told apart by the modification time of its source, in whole
    seconds; so a planted file gets a time that follows from its content.
    """

    def __init__(self, plan: Plan, place: Path) -> None:
        self.plan = plan
        self.place = place
        self.tree = place / "tree"
        self.bytecode = place / "bytecode"
        self.log = place / "output.txt"
        self.report = place / "report.json"

    def make(self) -> None:
        """Copy the working tree as it is now."""
        shutil.rmtree(self.tree, ignore_errors=True)
        self.tree.mkdir(parents=True)
        for name in self.plan.copied:
            source, target = self.plan.root / name, self.tree / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            elif source.exists():
                shutil.copy2(source, target)

    def plant(self, mutant: Mutant) -> None:
        """Put a fault into the copy."""
        distinct = int.from_bytes(hashlib.sha256(mutant.content).digest()[:4]) // 4
        self._write(mutant, mutant.content, distinct)

    def restore(self, mutant: Mutant) -> None:
        """Take the fault out again."""
        self._write(mutant, mutant.source, (self.plan.root / mutant.file).stat().st_mtime)

    def _write(self, mutant: Mutant, content: bytes, modified: float) -> None:
        path = self.tree / mutant.file
        path.write_bytes(content)
        os.utime(path, (modified, modified))
