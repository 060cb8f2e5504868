"""What a contestant is to do, as it is handed to its process."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Work"]


@dataclass(frozen=True, slots=True)
class Work:
    """Objects to move or to list.

    Attributes:
        bucket: Where they are, or go to.
        prefix: What their keys begin with, without a `/` at the end.
        folder: Folder of the files.
        count: How many there are.
        size: Bytes of each.
        concurrency: How many objects, or parts of one, are under way at a time.
        part_size: Bytes of a part; None leaves it to the client, for objects too small to have parts.
        variant: What tells contestants apart that share their code.
    """

    bucket: str
    prefix: str
    folder: str = ""
    count: int = 1
    size: int = 0
    concurrency: int = 32
    part_size: int | None = None
    variant: str = ""

    def names(self) -> Iterator[str]:
        """Yield the name of each file."""
        return (f"{number:06d}.bin" for number in range(self.count))

    def keys(self) -> Iterator[str]:
        """Yield the key of each object."""
        return (f"{self.prefix}/{name}" for name in self.names())

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Yield the path and the key of each object."""
        return ((f"{self.folder}/{name}", f"{self.prefix}/{name}") for name in self.names())

    def options(self) -> dict[str, Any]:
        """Return it as it goes to a child."""
        return asdict(self)
