"""Removing the unfinished files of processes that are gone from a tree of files."""

import os
import stat
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from quackcore_async.errors import QuackError
from quackcore_async.protocols import CleanupOutcome, CleanupStatus, moment_of
from quackcore_async.results import to_quack_error
from quackcore_async.storage.folders import Folder
from quackcore_async.storage.locks import try_lock
from quackcore_async.storage.names import is_partial
from quackcore_async.storage.steps import Steps
from quackcore_async.storage.tree import Tree

__all__ = ["TreeCleanup"]

_READ_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)


class TreeCleanup:
    """One clean-up of a tree. Blocking: for worker threads.

    Args:
        tree: The tree.
        before: What was written to since then is left alone.
        dry_run: Change nothing.
    """

    def __init__(self, tree: Tree, before: datetime, *, dry_run: bool) -> None:
        self._tree = tree
        self._before = before
        self._dry_run = dry_run
        self._outcomes: list[CleanupOutcome] = []

    def run(self, prefix: str) -> Steps[list[CleanupOutcome]]:
        """Go through a folder and those below it; a folder that cannot be read is an outcome that failed."""
        pending = [prefix]
        while pending:
            prefix = pending.pop()
            try:
                with self._open(prefix) as folder:
                    pending += self._sweep(folder, prefix)
            except FileNotFoundError:
                pass
            except (OSError, QuackError) as exc:
                self._add(prefix, "failed", error=str(to_quack_error(exc)))
            yield len(self._outcomes)
        return self._outcomes

    def _open(self, prefix: str) -> Folder:
        folder = Folder.open(self._tree.root)
        for part in prefix.split("/")[:-1]:
            with folder:
                folder = folder.child(part)
        return folder

    def _sweep(self, folder: Folder, prefix: str) -> Iterator[str]:
        """Clean one folder up; yield those in it."""
        for entry in folder.entries():
            name = os.fsdecode(entry)
            if name.endswith("/"):
                yield f"{prefix}{name}"
            elif is_partial(name):
                try:
                    self._remove(folder, name, f"{prefix}{name}")
                except FileNotFoundError:
                    pass  # it has become what it was to be
                except OSError as exc:
                    self._add(f"{prefix}{name}", "failed", error=str(to_quack_error(exc)))

    def _remove(self, folder: Folder, name: str, path: str) -> None:
        fd = folder.open_file(name, _READ_FLAGS)
        try:
            found = os.fstat(fd)
            if not self._is_old(found):
                return
            if not try_lock(fd):
                self._add(path, "in_use", found)
                return
            found = os.fstat(fd)  # somebody may have been at it, and done with it, since then
            if not self._is_old(found) or not os.path.samestat(found, folder.stat(name)):
                return
            if not self._dry_run:
                folder.unlink(name)
            self._add(path, "would_remove" if self._dry_run else "removed", found)
        finally:
            os.close(fd)

    def _is_old(self, found: os.stat_result) -> bool:
        return stat.S_ISREG(found.st_mode) and found.st_mtime < self._before.timestamp()

    def _add(
        self, path: str, status: CleanupStatus, found: os.stat_result | None = None, *, error: str | None = None
    ) -> None:
        self._outcomes.append(
            CleanupOutcome(
                kind="file",
                path=path,
                url=self._tree.url_of(path),
                status=status,
                modified=None if found is None else moment_of(found.st_mtime),
                size=None if found is None else found.st_size,
                error=error,
            )
        )
