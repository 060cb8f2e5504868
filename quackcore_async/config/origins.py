"""Where each value of a configuration came from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from quackcore_async.config.document import Document, KeyPath

__all__ = ["ABSENT", "OriginMap", "ValueOrigin", "child", "leaf_paths", "merge_over"]


@dataclass(frozen=True, slots=True)
class ValueOrigin:
    """The source of one value.

    Attributes:
        kind: `file`, `variable` (a file that refers to environment variables) or `default`.
        path: The file.
        line: The line of its key.
        variables: The environment variables that it refers to.
    """

    kind: Literal["file", "variable", "default"]
    path: str | None = None
    line: int | None = None
    variables: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.path is None:
            return self.kind
        place = self.path if self.line is None else f"{self.path}:{self.line}"
        return f"{', '.join(self.variables)} in {place}" if self.variables else place


_DEFAULT = ValueOrigin("default")


@dataclass(frozen=True, slots=True)
class OriginMap:
    """Answers where the values of one section came from.

    Attributes:
        document: The file; None when only defaults are used.
        prefix: The keys that lead to the section in the file.
        given: The section as the file has it.
        variables: Which variables stand in the value at a key path below the section.
    """

    document: Document | None = None
    prefix: tuple[str, ...] = ()
    given: Mapping[str, Any] = field(default_factory=dict, repr=False)
    variables: Mapping[KeyPath, tuple[str, ...]] = field(default_factory=dict)

    def label(self, path: KeyPath) -> str:
        """Return the key path as people read it, the section's own keys first."""
        return ".".join(map(str, (*self.prefix, *path)))

    def of(self, path: KeyPath) -> ValueOrigin:
        """Return the origin of the value at `path`, or of the nearest value around it that the file has."""
        if self.document is None or not path or not _has(self.given, path[:1]):
            return _DEFAULT
        known = path
        while not _has(self.given, known):
            known = known[:-1]
        value = _value_at(self.given, known)
        if isinstance(value, dict) and known != path:
            return _DEFAULT  # a key beside the file's own ones, in a mapping that was merged
        line = self.document.line_of((*self.prefix, *known))
        names = self._variables_below(known)
        return ValueOrigin("variable" if names else "file", self.document.path, line, names)

    def describe(self, path: KeyPath) -> str:
        """Return the origin for an error message: of a missing key, the file that lacks it."""
        origin = self.of(path)
        if origin.path is None and self.document is not None and not _has(self.given, path):
            return f"not in {self.document.path}"
        return str(origin)

    def _variables_below(self, path: KeyPath) -> tuple[str, ...]:
        names = (name for key, values in self.variables.items() if key[: len(path)] == path for name in values)
        return tuple(dict.fromkeys(names))


def merge_over(defaults: Mapping[str, Any], section: Mapping[str, Any]) -> dict[str, Any]:
    """Return `section` laid over `defaults`: mappings merge at every depth, everything else replaces.

    The result shares no mapping and no list with either.
    """
    merged = {key: _copied(value) for key, value in defaults.items()}
    for key, value in section.items():
        below = merged.get(key)
        if isinstance(below, dict) and isinstance(value, Mapping):
            merged[key] = merge_over(below, value)
        else:
            merged[key] = _copied(value)
    return merged


def leaf_paths(values: Mapping[str, Any], prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of every value that is no mapping with something in it."""
    for key, value in values.items():
        path = (*prefix, str(key))
        if isinstance(value, Mapping) and value:
            yield from leaf_paths(value, path)
        else:
            yield path


def _copied(value: Any) -> Any:  # noqa: ANN401 - any configuration value
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


ABSENT: Final = object()


def child(values: object, step: str | int) -> Any:  # noqa: ANN401 - any configuration value
    """Return what stands under one key or index, `ABSENT` when nothing does."""
    if isinstance(values, Mapping):
        return values.get(step, ABSENT)
    if isinstance(values, list) and isinstance(step, int) and step < len(values):
        return values[step]
    return ABSENT


def _has(values: object, path: KeyPath) -> bool:
    return _value_at(values, path) is not ABSENT


def _value_at(values: object, path: KeyPath) -> object:
    for step in path:
        values = child(values, step)
    return values
