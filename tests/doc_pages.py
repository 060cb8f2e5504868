"""Reads the pages of the documentation: their code blocks, links, headings and tables."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

LANGUAGES = frozenset({"python", "console", "yaml", "toml", "json", "text"})
"""What a code block may be; `text` is for drawings and for what a block prints."""

_FENCE = re.compile(r"(?P<ticks>`{3,})(?P<language>\S*)(?P<attributes>.*)")
_ATTRIBUTE = re.compile(r'(\w+)="([^"]*)"')
_MARK = re.compile(r"<!-- (?P<kind>[a-z ]+): (?P<text>.+) -->")
_MARKS = frozenset({"not run", "exits"})
_LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
_HEADING = re.compile(r"#{1,6} (.+)")
_CODE_SPAN = re.compile(r"`[^`]*`")


@dataclass(frozen=True)
class Block:
    """A code block, and what the page says about running it.

    Attributes:
        page: The page that it stands in.
        line: Line of its first line of code, from 1.
        language: The word behind the fence.
        text: The code.
        attributes: `title` is the file that it is written to.
        marks: Comments before it: `not run` with the reason, `exits` with the exit status that is expected.
    """

    page: Path
    line: int
    language: str
    text: str
    attributes: dict[str, str] = field(default_factory=dict)
    marks: dict[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return f"{self.page.name}:{self.line}"

    @property
    def is_run(self) -> bool:
        return "not run" not in self.marks

    def commands(self) -> Iterator[tuple[str, str]]:
        """Yield the commands of a console block, each with the output that the page shows, if any."""
        command, shown = "", list[str]()
        for line in self.text.splitlines():
            if line.startswith("$ "):
                if command:
                    yield command, "\n".join(shown)
                command, shown = line[2:], []
            else:
                assert command, f"{self.label}: output without a `$ ` line before it"
                shown.append(line)
        if command:
            yield command, "\n".join(shown)


def pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks_of(page: Path) -> Iterator[Block]:
    lines = page.read_text(encoding="utf-8").splitlines()
    number = 0
    marks: dict[str, str] = {}
    while number < len(lines):
        line = lines[number]
        fence = _FENCE.fullmatch(line)
        if fence is None:
            marks = _marks(line, page, number) | (marks if not line or _MARK.fullmatch(line) else {})
            number += 1
            continue
        start = number + 1
        number = lines.index(fence["ticks"], start)
        yield Block(
            page,
            start + 1,
            fence["language"],
            "\n".join(lines[start:number]) + "\n",
            dict(_ATTRIBUTE.findall(fence["attributes"])),
            marks,
        )
        marks = {}
        number += 1


def _marks(line: str, page: Path, number: int) -> dict[str, str]:
    mark = _MARK.fullmatch(line)
    if mark is None:
        return {}
    assert mark["kind"] in _MARKS, f"{page.name}:{number + 1}: unknown mark {mark['kind']!r}"
    return {mark["kind"]: mark["text"]}


def prose_of(page: Path) -> str:
    """Return a page without its code blocks."""
    kept: list[str] = []
    ticks = ""
    for line in page.read_text(encoding="utf-8").splitlines():
        fence = _FENCE.fullmatch(line)
        if ticks:
            ticks = "" if line == ticks else ticks
        elif fence is not None:
            ticks = fence["ticks"]
        else:
            kept.append(line)
    assert not ticks, f"{page.name}: a code block does not end"
    return "\n".join(kept)


def links_of(page: Path) -> list[str]:
    return _LINK.findall(_CODE_SPAN.sub("``", prose_of(page)))


def anchors_of(page: Path) -> set[str]:
    """Return the anchors that headings get on GitHub."""
    headings = (_HEADING.fullmatch(line) for line in prose_of(page).splitlines())
    texts = (heading[1].replace("`", "").lower() for heading in headings if heading)
    return {re.sub(r"[^\w\- ]", "", text).replace(" ", "-") for text in texts}


def rows_of(page: Path, heading: str) -> list[list[str]]:
    """Return the rows of all tables of a page whose first column has this heading, without the heads."""
    rows: list[list[str]] = []
    in_table = False
    for line in prose_of(page).splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            in_table = False
        elif cells[0] == heading:
            in_table = True
        elif in_table and set(cells[0]) != {"-"}:
            rows.append(cells)
    return rows
