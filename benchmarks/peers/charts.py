"""Charts."""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["BarChart"]


@dataclass(frozen=True, slots=True)
class BarChart:
    """Horizontal bars.

    Attributes:
        name: Name of its file, without the ending.
        title: What it shows.
        unit: In what.
        rows: Label, value, and whether it is ours.
    """

    name: str
    title: str
    unit: str
    rows: Sequence[tuple[str, float, bool]]
