"""Which part of a configuration file belongs to whom."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from quackcore_async.config.document import Document
from quackcore_async.errors import InvalidConfigError

__all__ = [
    "GROUP",
    "ConfiguredInstance",
    "Section",
    "find_section",
    "instances_of",
    "section_names",
    "similar_sections",
]

GROUP: Final = "integrations"
"""The key under which sections and instances may be gathered."""

_WORD: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z0-9]+")
_INSTANCE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Section:
    """A section as the file has it.

    Attributes:
        path: The keys that lead to it.
        value: What stands there; null when the section is empty.
    """

    path: tuple[str, ...]
    value: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class ConfiguredInstance:
    """An entry under `integrations:` that says which integration to make.

    Attributes:
        name: Name of the instance, and of its section.
        use: What it is an instance of: the value of `use`.
        section: Its other keys as written, `${VAR}` not replaced.
        path: The file.
        line: Where the entry starts.
    """

    name: str
    use: str
    section: dict[str, Any] = field(repr=False)
    path: str
    line: int | None


def section_names(name: str) -> tuple[str, ...]:
    """Return the spellings under which the section of `name` is accepted.

    `ExampleService` gives `exampleservice`, `example_service`, `example-service` and `ExampleService`.
    """
    words = [word.lower() for word in _WORD.findall(name)]
    spellings = ("".join(words), "_".join(words), "-".join(words), name) if words else (name,)
    return tuple(dict.fromkeys(spellings))


def find_section(
    data: Mapping[str, Any], names: Iterable[str], kinds: Iterable[str] | None = None
) -> Section | None:
    """Find the section of one of `names` at the top level or under `integrations:`.

    Args:
        data: What the file holds.
        names: Accepted names.
        kinds: When given, an entry under `integrations:` with a `use` that is none of them belongs to another
            integration and is passed over.

    Raises:
        InvalidConfigError: if there are two of them, or `integrations:` is no mapping.
    """
    wanted = dict.fromkeys(names)
    found = [Section((name,), data[name]) for name in wanted if name in data]
    found += [
        Section((GROUP, name), entry)
        for name, entry in _entries(data)
        if name in wanted and (kinds is None or not _is_instance(entry) or _is_one_of(entry["use"], kinds))
    ]
    if len(found) > 1:
        places = " and ".join(".".join(section.path) for section in found)
        raise InvalidConfigError(f"the same section stands in the file more than once, as {places}: keep one")
    return found[0] if found else None


def similar_sections(data: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """Return the names of sections in the file that may be misspellings of `names`."""
    present = [str(key) for key in data if key != GROUP] + [name for name, _ in _entries(data)]
    import difflib

    close = [match for name in names for match in difflib.get_close_matches(name, present, cutoff=0.8)]
    return list(dict.fromkeys(close))


def instances_of(document: Document) -> dict[str, ConfiguredInstance]:
    """List the instances of a file, in its order.

    Raises:
        InvalidConfigError: if a name cannot be used or a `use` is no text; all complaints are listed.
    """
    instances: dict[str, ConfiguredInstance] = {}
    errors: list[str] = []
    for name, entry in _entries(document.data):
        if not _is_instance(entry):
            continue
        line = document.line_of((GROUP, name))
        where = f"{GROUP}.{name} ({document.path}:{line})"
        use = entry["use"]
        if not _INSTANCE_NAME.fullmatch(name):
            errors.append(f"{where}: a name has 1 to 64 ASCII letters, digits, dots, dashes and underscores")
        elif not isinstance(use, str) or not use.strip():
            errors.append(f"{where}: `use` must name an integration")
        else:
            section = {key: value for key, value in entry.items() if key != "use"}
            instances[name] = ConfiguredInstance(name, use.strip(), section, document.path, line)
    if errors:
        raise InvalidConfigError("; ".join(errors), errors)
    return instances


def _entries(data: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    group = data.get(GROUP)
    if group is None:
        return
    if not isinstance(group, dict):
        raise InvalidConfigError(f"`{GROUP}:` must hold a mapping of sections")
    yield from group.items()


def _is_instance(entry: object) -> bool:
    return isinstance(entry, dict) and "use" in entry


def _is_one_of(use: object, kinds: Iterable[str]) -> bool:
    return isinstance(use, str) and _folded(use) in {_folded(kind) for kind in kinds}


def _folded(name: str) -> str:
    return re.sub(r"[\s_.-]", "", name).casefold()
