"""Which files of a tree take part: include and exclude patterns.

The rule, for both sides alike, so that an excluded file is never deleted either:

- a pattern without `/` is matched against the file name: `*.jpg`;
- a pattern with `/` is matched against the whole path relative to the tree: `2024/*.jpg`. A leading `/` stands for
  the top: `/notes.txt` is the file there. `*` matches `/` too;
- a pattern that ends in `/` stands for all that lies below the folders that it matches, by name (`cache/`) or,
  with another `/`, by path (`/build/`, `a/b/`);
- a file takes part when no exclude pattern matches it and, if there are include patterns, one of them does.

Matching is that of `fnmatch.fnmatchcase`: case counts, and `*`, `?`, `[...]` have their usual meaning.
"""

import fnmatch
import re
from collections.abc import Iterable

__all__ = ["PatternFilter"]


class _PatternSet:
    """Patterns of one list, compiled, apart by what they are matched against."""

    def __init__(self, patterns: Iterable[str]) -> None:
        names: list[str] = []
        paths: list[str] = []
        folder_names: list[str] = []
        folder_paths: list[str] = []
        for pattern in patterns:
            body = pattern.rstrip("/")
            of_folder = body != pattern
            by_path = "/" in body
            if of_folder:
                (folder_paths if by_path else folder_names).append(body.lstrip("/"))
            else:
                (paths if by_path else names).append(body.lstrip("/"))
        self._names = _compile(names)
        self._paths = _compile(paths)
        self._folder_names = _compile(folder_names)
        self._folder_paths = _compile(folder_paths)

    def match_file(self, path: str) -> bool:
        if self._names is not None and self._names.match(path.rpartition("/")[2]):
            return True
        if self._paths is not None and self._paths.match(path):
            return True
        return self._has_folders and any(self.match_folder(folder) for folder in _folders_of(path))

    def match_folder(self, path: str) -> bool:
        if self._folder_names is not None and self._folder_names.match(path.rpartition("/")[2]):
            return True
        return self._folder_paths is not None and self._folder_paths.match(path) is not None

    @property
    def _has_folders(self) -> bool:
        return self._folder_names is not None or self._folder_paths is not None


class PatternFilter:
    """Tells which files take part.

    Args:
        include: Patterns of which a file must match one; none at all takes every file.
        exclude: Patterns of which a file may match none.

    Attributes:
        takes_all: Whether there are no patterns at all, so that nothing need be asked.
    """

    def __init__(self, include: Iterable[str] = (), exclude: Iterable[str] = ()) -> None:
        included, excluded = _listed(include), _listed(exclude)
        self._include = _PatternSet(included) if included else None
        self._exclude = _PatternSet(excluded) if excluded else None
        self.takes_all = not included and not excluded

    def takes(self, path: str) -> bool:
        """Tell whether the file with this relative path takes part."""
        if self._exclude is not None and self._exclude.match_file(path):
            return False
        return self._include is None or self._include.match_file(path)

    def enters(self, path: str) -> bool:
        """Tell whether anything below the folder with this relative path can take part."""
        return self._exclude is None or not self._exclude.match_folder(path)

    def keeps_folder(self, path: str) -> bool:
        """Tell whether an empty folder takes part: it is no file, so that only a whole tree can include it."""
        folders = (*_folders_of(path), path)
        if self._exclude is not None and any(self._exclude.match_folder(folder) for folder in folders):
            return False
        return self._include is None or any(self._include.match_folder(folder) for folder in folders)


def _listed(patterns: Iterable[str]) -> tuple[str, ...]:
    return (patterns,) if isinstance(patterns, str) else tuple(patterns)


def _compile(patterns: list[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(map(fnmatch.translate, patterns))) if patterns else None


def _folders_of(path: str) -> tuple[str, ...]:
    return tuple(path[:place] for place, letter in enumerate(path) if letter == "/")
