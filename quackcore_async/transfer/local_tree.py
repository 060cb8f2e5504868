"""The files of a local folder, streamed in the order of the UTF-8 bytes of their relative paths."""

import os
import stat
from collections.abc import AsyncGenerator, Callable, Iterator
from itertools import islice
from typing import Final

from quackcore_async.concurrency import run_in_thread
from quackcore_async.errors import QuackError
from quackcore_async.results import to_quack_error
from quackcore_async.storage.names import is_partial
from quackcore_async.transfer.entries import Entry
from quackcore_async.transfer.patterns import PatternFilter

__all__ = ["walk_folder"]

_BATCH: Final = 512  # entries for each hop to a thread


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

    def __iter__(self) -> Iterator[Entry]:
        yield from self._walk(b"")

    def _walk(self, top: bytes) -> Iterator[Entry]:
        pending = [iter(self._names(top) or ())]
        folders = [top]
        while pending:
            name = next(pending[-1], None)
            if name is None:
                pending.pop()
                folders.pop()
                continue
            relative = folders[-1] + name
            if not name.endswith(b"/"):
                yield from self._file(relative)
            elif self._patterns.enters(_text(relative)):
                names = self._names(relative)
                if names == [] and self._patterns.keeps_folder(_text(relative)):
                    yield Entry(relative)
                pending.append(iter(names or ()))
                folders.append(relative)

    def _names(self, folder: bytes) -> list[bytes] | None:
        """Return the names in a folder, in order, folders with `/` behind; None when it cannot be read."""
        try:
            with os.scandir(self._root + folder) as found:
                return sorted(name for entry in found if (name := self._usable(folder, entry)))
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
        if entry.is_dir(follow_symlinks=False):
            return entry.name + b"/"
        if is_partial(os.fsdecode(entry.name)):
            return b""
        if entry.is_file(follow_symlinks=False):
            return entry.name
        path = _text(folder + entry.name)
        if self._patterns.takes(path):
            kind = "symbolic link" if entry.is_symlink() else "not a regular file"
            self._on_skipped(f"{path}: {kind}, left out")
        return b""

    def _file(self, relative: bytes) -> Iterator[Entry]:
        if not self._patterns.takes(_text(relative)):
            return
        try:
            found = os.lstat(self._root + relative)
        except FileNotFoundError:
            return  # it went away since its folder was read
        except OSError as exc:
            self._on_failure(to_quack_error(exc))
            return
        if stat.S_ISREG(found.st_mode):
            yield Entry(relative, found.st_size, found.st_mtime_ns / 1e9)


async def walk_folder(
    root: str,
    patterns: PatternFilter,
    *,
    on_skipped: Callable[[str], None],
    on_failure: Callable[[QuackError], None],
) -> AsyncGenerator[Entry, None]:
    """Stream the regular files and the empty folders below a folder; a folder that is missing has none.

    Args:
        root: The folder.
        patterns: Which files take part.
        on_skipped: Gets a sentence for each symbolic link and each special file, which are left out.
        on_failure: Gets the error of each folder that cannot be read.
    """
    walk = iter(_Walk(root, patterns, on_skipped, on_failure))
    while batch := await run_in_thread(_take, walk):
        for entry in batch:
            yield entry


def _take(walk: Iterator[Entry]) -> list[Entry]:
    return list(islice(walk, _BATCH))


def _text(path: bytes) -> str:
    return os.fsdecode(path.removesuffix(b"/"))
