"""`${VAR}` and `${VAR:-default}` in the text values of a section."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from quackcore_async.config.document import KeyPath

__all__ = ["MAX_EXPANDED_SIZE", "Expansion", "expand_variables"]

MAX_EXPANDED_SIZE: Final = 1024 * 1024
"""Characters that the variables of one section may bring in."""

_UNREADABLE: Final = "a reference that cannot be read: write ${NAME} or ${NAME:-default}, and $${ for a plain ${"
_REFERENCE: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)


@dataclass(slots=True)
class Expansion:
    """A section with its variables replaced.

    Attributes:
        value: The section.
        variables: Which variables stand in the value at a key path.
        missing: Complaints about variables that are not set.
        malformed: Complaints about references that cannot be read.
    """

    value: Any = field(default=None, repr=False)
    variables: dict[KeyPath, tuple[str, ...]] = field(default_factory=dict)
    missing: list[tuple[KeyPath, str]] = field(default_factory=list)
    malformed: list[tuple[KeyPath, str]] = field(default_factory=list)


def expand_variables(value: Any, environ: Mapping[str, str]) -> Expansion:  # noqa: ANN401 - any configuration value
    """Replace the variables in every text of `value`, in one pass: what a variable holds is not expanded again.

    `${VAR}` needs a value; `${VAR:-default}` takes `default` when the variable is empty or not set, and `${VAR:-}`
    is empty then. `$${` stands for `${`. Keys are left alone.

    Args:
        value: Parsed values; not changed.
        environ: The variables.

    Returns:
        The copy with the variables replaced, and every complaint: none of them holds a value.
    """
    walk = _Walk(environ)
    walk.expansion.value = walk.expand(value, ())
    return walk.expansion


class _Walk:
    def __init__(self, environ: Mapping[str, str]) -> None:
        self.expansion = Expansion()
        self._environ = environ
        self._budget = MAX_EXPANDED_SIZE

    def expand(self, value: Any, path: KeyPath) -> Any:  # noqa: ANN401 - any configuration value
        if isinstance(value, dict):
            return {key: self.expand(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.expand(item, (*path, index)) for index, item in enumerate(value)]
        if isinstance(value, str) and "${" in value:
            return self._expand_text(value, path)
        return value

    def _expand_text(self, text: str, path: KeyPath) -> str:
        parts: list[str] = []
        names: list[str] = []
        for literal, reference in _split(text):
            parts.append(literal)
            if reference is None:
                continue
            match = _REFERENCE.fullmatch(reference)
            if match is None or "${" in reference:
                self.expansion.malformed.append((path, _UNREADABLE))
                return text
            names.append(match[1])
            parts.append(self._lookup(match[1], match[2], path))
        if names:
            self.expansion.variables[path] = tuple(names)
        return "".join(parts)

    def _lookup(self, name: str, default: str | None, path: KeyPath) -> str:
        value = self._environ.get(name) or default
        if value is None:
            state = "empty" if name in self._environ else "not set"
            self.expansion.missing.append(
                (path, f"the environment variable {name} is {state}: set it, or write ${{{name}:-default}}")
            )
            return ""
        self._budget -= len(value)
        if self._budget < 0:
            self.expansion.malformed.append((path, f"the variables hold more than {MAX_EXPANDED_SIZE} characters"))
            return ""
        return value


def _split(text: str) -> Iterator[tuple[str, str | None]]:
    """Yield literal texts, each with the inside of the reference that follows it, if any."""
    position = 0
    while (start := text.find("${", position)) >= 0:
        if start > position and text[start - 1] == "$":
            yield f"{text[position : start - 1]}${{", None
            position = start + 2
            continue
        end = text.find("}", start)
        if end < 0:
            yield text[position:start], ""
            return
        yield text[position:start], text[start + 2 : end]
        position = end + 1
    yield text[position:], None
