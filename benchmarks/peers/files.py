"""Files to upload."""

import os
from pathlib import Path

from benchmarks.report import MIB

__all__ = ["write_files"]


def write_files(folder: Path, count: int, size: int) -> None:
    """Write files named as `Work` names them; a large one repeats the same random MiB."""
    folder.mkdir(parents=True)
    block = os.urandom(MIB)
    for number in range(count):
        with (folder / f"{number:06d}.bin").open("wb") as file:
            if size < MIB:
                file.write(os.urandom(size))
            for _ in range(size // MIB):
                file.write(block)
