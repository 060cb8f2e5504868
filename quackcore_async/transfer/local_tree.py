"""The files of a local folder, streamed in the order of the UTF-8 bytes of their relative paths."""

import os
import stat
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Final

from quackcore_async.concurrency import run_in_thread
from quackcore_async.errors import QuackError
from quackcore_async.results import to_quack_error
from quackcore_async.storage.names import PARTIAL_SUFFIX, is_partial
from quackcore_async.transfer.entries import Entry
from quackcore_async.transfer.patterns import PatternFilter

__all__ = ["walk_folder"]

_BATCH: Final = 2048  # entries for each hop to a thread
_PIECE: Final = 64  # files of a folder between two looks at the clock
_PATIENCE: Final = 0.05  # seconds after which a slow disk hands over what it has

_PARTIAL: Final = os.fsencode(PARTIAL_SUFFIX)


class _Walk:
    """One walk through a folder; blocks.

    Paths are bytes all through: they sort as UTF-8 does, and take the least memory. The names of one folder, and
    those left over of the folders above it, are in memory at a time.
    """

    def __init__(
        self,
        root: str,
        patterns: PatternFilter,
        on_skipped: Callable[[str], None],
        on_failure: Callable[[QuackError], None],
    ) -> None:
        self._root = os.path.join(os.fsencode(root), b"")  # noqa: PTH118 - pathlib has no bytes
        self._patterns = patterns
        self._on_skipped = on_skipped
        self._on_failure = on_failure

    def __iter__(self) -> Iterator[list[Entry]]:
        pending = [self._content(b"")]
        while pending:
            found = next(pending[-1], None)
            if found is None:
                pending.pop()
            elif isinstance(found, bytes):
                pending.append(self._content(found))
            else:
                yield found

    def _content(self, folder: bytes) -> Iterator[list[Entry] | bytes]:
        """Yield the files of a folder, a few together, and the folders to be gone into next."""
        names = self._names(folder)
        if names == [] and folder and self._patterns.keeps_folder(_text(folder)):
            yield [Entry(folder)]
        files: list[Entry] = []
        for name in names or ():
            relative = folder + name
            if not name.endswith(b"/"):
                self._add_file(relative, files)
                if len(files) < _PIECE:
                    continue
            if files:
                yield files
                files = []
            if name.endswith(b"/") and self._patterns.enters(_text(relative)):
                yield relative
        if files:
            yield files

    def _add_file(self, relative: bytes, files: list[Entry]) -> None:
        if not (self._patterns.takes_all or self._patterns.takes(_text(relative))):
            return
        try:
            found = os.lstat(self._root + relative)
        except FileNotFoundError:
            return  # it went away since its folder was read
        except OSError as exc:
            self._on_failure(to_quack_error(exc))
            return
        if stat.S_ISREG(found.st_mode):
            files.append(Entry.of_local(relative, found))

    def _names(self, folder: bytes) -> list[bytes] | None:
        """Return the names in a folder, in order, folders with `/` behind; None when it cannot be read."""
        try:
            with os.scandir(self._root + folder) as found:
                return sorted([name for entry in found if (name := self._usable(folder, entry))])
        except OSError as exc:
            error = to_quack_error(exc)
            self._on_failure(
                type(error)(
                    f"cannot list {os.fsdecode(self._root + folder)}: {exc.strerror}",
                    kind=error.kind,
                    code=error.code,
                )
            )
            return None

    def _usable(self, folder: bytes, entry: "os.DirEntry[bytes]") -> bytes:
        name = entry.name
        if entry.is_dir(follow_symlinks=False):
            return name + b"/"
        if name.endswith(_PARTIAL) and is_partial(os.fsdecode(name)):
            return b""
        if entry.is_file(follow_symlinks=False):
            return name
        path = _text(folder + name)
        if self._patterns.takes(path):
            kind = "symbolic link" if entry.is_symlink() else "not a regular file"
            self._on_skipped(f"{path}: {kind}, left out")
        return b""


async def walk_folder(
    root: str,
    patterns: PatternFilter,
    *,
    on_skipped: Callable[[str], None],
    on_failure: Callable[[QuackError], None],
) -> AsyncGenerator[list[Entry], None]:
    """Stream the regular files and the empty folders below a folder; a folder that is missing has none.

    Args:
        root: The folder.
        patterns: Which files take part.
        on_skipped: Gets a sentence for each symbolic link and each special file, which are left out.
        on_failure: Gets the error of each folder that cannot be read.

    Yields:
        Up to 2048 entries, or what is found in a twentieth of a second.
    """
    walk = iter(_Walk(root, patterns, on_skipped, on_failure))
    while batch := await run_in_thread(_take, walk):
        yield batch


def _take(walk: Iterator[list[Entry]]) -> list[Entry]:
    batch: list[Entry] = []
    end = time.monotonic() + _PATIENCE
    for files in walk:
        batch += files
        if len(batch) >= _BATCH or time.monotonic() >= end:
            break
    return batch


def _text(path: bytes) -> str:
    return os.fsdecode(path.removesuffix(b"/"))
