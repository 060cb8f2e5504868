"""The `Link` header (RFC 8288 section 3): where the next page is, among others."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["Link", "find_link", "parse_links"]

_LONGEST_HEADER: Final = 64 * 1024
_TARGET: Final = re.compile(r"[\s,]*<([^<>]*)>")
_PARAMETER: Final = re.compile(
    r"""\s*;\s*([^\s;,="<>]+)        # name; an empty one between two semicolons is skipped elsewhere
        \s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*)))?""",
    re.VERBOSE,
)
_EMPTY_PARAMETER: Final = re.compile(r"\s*;(?=\s*(?:[;,]|$))")
_ESCAPE: Final = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Link:
    """One link.

    Attributes:
        target: Its address, often a relative one.
        parameters: Its parameters by lower-case name; of repeated ones the first, which is the one that counts.
    """

    target: str
    parameters: Mapping[str, str]

    def has_relation(self, relation: str) -> bool:
        """Tell whether `relation` is among the blank-separated ones of `rel`, in any case of letters."""
        return relation.lower() in self.parameters.get("rel", "").lower().split()


def parse_links(header: str | None) -> list[Link]:
    """Read a `Link` header, several joined by commas included; what makes no sense is left out.

    Addresses may have commas and semicolons in them, and so may quoted parameters.
    """
    if not header or len(header) > _LONGEST_HEADER:
        return []
    return list(_links(header))


def find_link(header: str | None, relation: str) -> str | None:
    """Return the target of the first link of that relation to the page itself, None when there is none."""
    for link in parse_links(header):
        if link.has_relation(relation) and not link.parameters.get("anchor"):
            return link.target
    return None


def _links(header: str) -> Iterator[Link]:
    position = 0
    while (start := _TARGET.match(header, position)) is not None:
        parameters: dict[str, str] = {}
        position = start.end()
        while True:
            if (skipped := _EMPTY_PARAMETER.match(header, position)) is not None:
                position = skipped.end()
                continue
            found = _PARAMETER.match(header, position)
            if found is None:
                break
            position = found.end()
            name, quoted, plain = found.groups()
            value = _ESCAPE.sub(r"\1", quoted) if quoted is not None else plain or ""
            parameters.setdefault(name.lower(), value)
        yield Link(start[1].strip(), parameters)
        position = _next_link(header, position)


def _next_link(header: str, position: int) -> int:
    """Skip what could not be read, up to the comma before the next target."""
    comma = header.find(",", position)
    return len(header) if comma < 0 else comma
