"""Where a configuration file is looked for, in which order, and which place decides."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quackcore_async.config.places import DEFAULT_CONFIG_LOCATIONS
from quackcore_async.errors import MissingConfigError

__all__ = [
    "DEFAULT_CONFIG_LOCATIONS",
    "SHARED_VARIABLE",
    "ConfigPlace",
    "ConfigSearch",
    "config_variable",
    "resolve_path",
    "search_config",
    "using_config_file",
]

SHARED_VARIABLE: Final = "QUACK_INTEGRATION_CONFIG"
"""Environment variable with the path of the configuration file of all integrations."""

_PROJECT_MARKERS: Final = ("pyproject.toml", ".git")
_forced_file: ContextVar[str | None] = ContextVar("quackcore_async_config_file", default=None)


@dataclass(frozen=True, slots=True)
class ConfigPlace:
    """A place where a configuration file may be.

    Attributes:
        source: Who names it: `--config`, the name of an environment variable, `config_path` or `default`.
        path: Absolute path; None when the source names no file.
        exists: Whether there is something at that path.
    """

    source: str
    path: str | None
    exists: bool = False

    @property
    def is_required(self) -> bool:
        """Whether somebody asked for exactly this file, so that it must be there."""
        return self.path is not None and self.source != "default"

    def __str__(self) -> str:
        if self.path is None:
            return f"{self.source} (not set)"
        return self.path if self.source == "default" else f"{self.path} (from {self.source})"


@dataclass(frozen=True, slots=True)
class ConfigSearch:
    """Every place that was considered, in order of precedence, and the one that decides.

    Attributes:
        places: All places, also those after the deciding one.
        chosen: The first that is required or exists; None when no file was found.
    """

    places: tuple[ConfigPlace, ...]
    chosen: ConfigPlace | None

    @property
    def overridden(self) -> ConfigPlace | None:
        """The path given to `load_config`, where a source of higher precedence names another file."""
        decided = self.chosen.path if self.chosen else None
        given = (place for place in self.places if place.source == "config_path")
        return next((place for place in given if place.path != decided), None)

    def describe(self) -> str:
        """Return all places as one line of text."""
        return ", ".join(map(str, self.places))

    def require_file(self) -> str | None:
        """Return the path of the deciding file, None when there is none.

        Raises:
            MissingConfigError: if the deciding place names a file that does not exist.
        """
        if self.chosen is None:
            return None
        if not self.chosen.exists:
            raise MissingConfigError(f"there is no file {self.chosen}: create it, or correct the path")
        return self.chosen.path


def config_variable(name: str) -> str:
    """Return the environment variable that names the file of one integration: `QUACK_<NAME>_CONFIG`."""
    return f"QUACK_{re.sub('[^A-Z0-9]', '_', name.upper())}_CONFIG"


@contextmanager
def using_config_file(path: str | os.PathLike[str] | None) -> Iterator[None]:
    """Let `path` go before every other source while the context lasts: the command line's `--config`.

    It holds for what runs in the context and for the tasks started there. None changes nothing.
    """
    token = _forced_file.set(os.fspath(path) if path is not None else _forced_file.get())
    try:
        yield
    finally:
        _forced_file.reset(token)


def resolve_path(path: str | os.PathLike[str], base: Path | None = None) -> str:
    """Return `path` as an absolute one, with `~` and environment variables expanded.

    Args:
        path: The path as somebody wrote it.
        base: Directory that a relative path starts from; None is the working directory.

    Raises:
        MissingConfigError: if it starts with `~` and there is no such home directory, or the working
            directory that it is relative to has been removed.
    """
    written = os.fspath(path)
    try:
        expanded = Path(os.path.expandvars(Path(written).expanduser()))
    except RuntimeError:
        raise MissingConfigError(
            f"{written!r}: no such home directory: set HOME, or give an absolute path"
        ) from None
    if not expanded.is_absolute():
        directory = base or _working_directory()
        if directory is None:
            raise MissingConfigError(f"the working directory is gone: give {written!r} as an absolute path")
        expanded = directory / expanded
    return os.path.normpath(expanded)


def search_config(
    name: str | None = None,
    config_path: str | os.PathLike[str] | None = None,
    locations: Sequence[str] = DEFAULT_CONFIG_LOCATIONS,
) -> ConfigSearch:
    """Look for the configuration file. Touches the disk: from an event loop, call it in a worker thread.

    The order is: the file of `using_config_file`, `QUACK_<NAME>_CONFIG`, `QUACK_INTEGRATION_CONFIG`,
    `config_path`, then `locations`. The first source that names a file decides, also when that file is missing;
    of the `locations` the first that exists does. A variable that is empty counts as not set.

    Args:
        name: Name of the integration; None looks for the file of all.
        config_path: Path that the program gives.
        locations: Where to look when nobody names a file.

    Raises:
        MissingConfigError: if a named path cannot be made absolute.
    """
    places = (*_named_places(name, config_path), *_default_places(locations))
    chosen = next((place for place in places if place.is_required or place.exists), None)
    return ConfigSearch(places, chosen)


def _named_places(name: str | None, config_path: str | os.PathLike[str] | None) -> Iterator[ConfigPlace]:
    forced = _forced_file.get()
    if forced is not None:
        yield _place("--config", forced)
    variables = (SHARED_VARIABLE,) if name is None else (config_variable(name), SHARED_VARIABLE)
    for variable in dict.fromkeys(variables):
        yield _place(variable, os.environ.get(variable, "").strip() or None)
    if config_path is not None:
        yield _place("config_path", config_path)


def _default_places(locations: Sequence[str]) -> Iterator[ConfigPlace]:
    bases = _base_directories()
    seen: set[str] = set()
    for location in locations:
        for path in _candidates(location, bases):
            if path not in seen:
                seen.add(path)
                yield _place("default", path)


def _candidates(location: str, bases: Sequence[Path]) -> Iterator[str]:
    for base in bases or (None,):
        try:
            yield resolve_path(location, base)
        except MissingConfigError:
            continue  # nobody asked for this place: without a home directory there is nothing to look at


def _place(source: str, path: str | os.PathLike[str] | None) -> ConfigPlace:
    if path is None:
        return ConfigPlace(source, None)
    resolved = resolve_path(path)
    return ConfigPlace(source, resolved, _exists(resolved))


def _exists(path: str | Path) -> bool:
    try:
        Path(path).stat()
    except (OSError, ValueError):  # not there, out of reach, or a NUL in the path
        return False
    return True


def _working_directory() -> Path | None:
    try:
        return Path.cwd()
    except OSError:
        return None


def _base_directories() -> tuple[Path, ...]:
    """Return the working directory and, where it is another one, the root of the project around it."""
    current = _working_directory()
    if current is None:
        return ()
    for directory in (current, *current.parents):
        if any(_exists(directory / marker) for marker in _PROJECT_MARKERS):
            return tuple(dict.fromkeys((current, directory)))
    return (current,)
