"""Where the local files of a benchmark lie: in memory, where that can be had, so that no disk is measured."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["scratch_folder"]

_MEMORY = Path("/dev/shm")


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a folder for one benchmark and remove it afterwards."""
    place = _MEMORY if _MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="quack-bench-", dir=place) as folder:
        yield Path(folder)
