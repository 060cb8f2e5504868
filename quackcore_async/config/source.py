"""From the files on disk to the section of one provider, its variables replaced."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from quackcore_async.config.document import Document, read_document
from quackcore_async.config.interpolation import Expansion, expand_variables
from quackcore_async.config.locations import ConfigSearch
from quackcore_async.config.origins import OriginMap
from quackcore_async.config.sections import GROUP, Section, similar_sections
from quackcore_async.errors import InvalidConfigError, MissingConfigError

__all__ = ["ConfigSource", "read_source"]


@dataclass(frozen=True, slots=True)
class ConfigSource:
    """What was found for a provider, before it is merged over the defaults and checked.

    Attributes:
        label: Whose configuration it is.
        search: The places that were looked in.
        names: The section names that were looked for.
        document: The file; None when there is none.
        section: The dotted name of the section; None when there is none.
        values: The section with its variables replaced.
        origins: Where the values came from.
    """

    label: str
    search: ConfigSearch
    names: tuple[str, ...]
    document: Document | None = None
    section: str | None = None
    values: dict[str, Any] = field(default_factory=dict, repr=False)
    origins: OriginMap = field(default_factory=OriginMap)

    def summary(self) -> str:
        """Say in a sentence what the configuration is, for the message of a success."""
        if self.section is None:
            return f"{self.label} uses its defaults: {self.absence()}"
        message = f"{self.label} is configured by {self.search.chosen}, section {self.section}"
        overridden = self.search.overridden
        return f"{message}; {overridden.path} is not read" if overridden else message

    def absence(self) -> str:
        """Say where the section was looked for in vain."""
        looked_in = f"looked in {self.search.describe()}"
        if self.document is None:
            return f"there is no configuration file; {looked_in}"
        close = similar_sections(self.document.data, self.names)
        hint = f" (did you mean {', '.join(map(repr, close))}?)" if close else ""
        return f"{self.document.path} has none of the sections {', '.join(self.names)}{hint}; {looked_in}"


def read_source(
    label: str,
    search: ConfigSearch,
    names: tuple[str, ...],
    *,
    find: Callable[[dict[str, Any]], Section | None],
    extract: Callable[[dict[str, Any]], Any],
) -> ConfigSource:
    """Read the deciding file and take the section from it. Blocks: call it in a worker thread.

    Args:
        label: Whose configuration it is, for messages.
        search: The search whose deciding file is read.
        names: The section names, for messages.
        find: Finds the section by its names.
        extract: Returns the values of the section, or nothing; it may look elsewhere than `find`.

    Raises:
        MissingConfigError: if the file, or a variable that the section needs, is missing.
        InvalidConfigError: if the file or the section cannot be used.
    """
    path = search.require_file()
    if path is None:
        return ConfigSource(label, search, names)
    document = read_document(path)
    try:
        section = _taken(find(document.data), extract(document.data), document.data, label)
    except InvalidConfigError as error:
        raise InvalidConfigError(f"{path}: {error}") from None
    if section is None:
        return ConfigSource(label, search, names, document)
    given = _mapping_of(section, document)
    expansion = expand_variables(given, os.environ)
    origins = OriginMap(document, section.path, given, expansion.variables)
    _raise_unexpanded(expansion, origins)
    return ConfigSource(label, search, names, document, ".".join(section.path), expansion.value, origins)


def _taken(section: Section | None, extracted: Any, data: Mapping[str, Any], label: str) -> Section | None:  # noqa: ANN401 - an author's method may return anything
    """Return the extracted values as a section, under the label when they stand nowhere in the file."""
    if not extracted or (section is not None and extracted is section.value):
        return section
    group = data.get(GROUP)
    entries: list[tuple[tuple[str, ...], Any]] = [((str(key),), value) for key, value in data.items()]
    entries += [((GROUP, str(key)), value) for key, value in group.items()] if isinstance(group, dict) else []
    paths = (path for path, value in entries if value is extracted)
    return Section(next(paths, (label,)), extracted)


def _mapping_of(section: Section, document: Document) -> dict[str, Any]:
    value = section.value
    if value is None:
        return {}
    if not isinstance(value, dict):
        line = document.line_of(section.path)
        name = ".".join(section.path)
        where = document.path if line is None else f"{document.path}:{line}"
        raise InvalidConfigError(f"the section {name} must hold `key: value` lines ({where})")
    if section.path[0] == GROUP:
        return {key: item for key, item in value.items() if key != "use"}
    return value


def _raise_unexpanded(expansion: Expansion, origins: OriginMap) -> None:
    complaints = [*expansion.malformed, *expansion.missing]
    if not complaints:
        return
    errors = [f"{origins.label(path)}: {text} ({origins.describe(path)})" for path, text in complaints]
    error_type = InvalidConfigError if expansion.malformed else MissingConfigError
    raise error_type("; ".join(errors), errors)
