"""Which targets of one call are taken already, so that no two items write to the same one."""

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Final

from quackcore_async.errors import ConflictError

__all__ = ["REMEMBERED_TARGETS", "TargetClaims"]

REMEMBERED_TARGETS: Final = 65_536
"""Finished targets that an endless transfer remembers; about 10 MB. Those under way it never forgets."""


class TargetClaims:
    """The targets that the items of one call have claimed; the first one to claim a target keeps it.

    It holds a digest of 16 bytes for each target, whatever the length of the names.

    Args:
        remember: Finished targets to remember, the oldest forgotten first; None remembers all.
        nested: Targets are paths of a file system, where no file can be a folder of others.
    """

    def __init__(self, *, remember: int | None = None, nested: bool = False) -> None:
        self._remember = remember
        self._nested = nested
        self._busy: set[bytes] = set()
        self._finished: dict[bytes, None] = {}
        self._folders: dict[bytes, None] = {}
        self._folder: tuple[str, bytes] = ("", b"")  # of the target before, which is mostly that of the next one

    def claim(self, target: str) -> Callable[[], None] | None:
        """Take a target.

        Returns:
            What to call once nothing is written to it any more, so that it may be forgotten in time; None where
            nothing is forgotten.

        Raises:
            ConflictError: if an item before has it, or needs a part of its path as a file or as a folder.
        """
        digest = _digest(target)
        if self._is_taken(digest):
            raise ConflictError(f"another item has the target {target!r} already", code="duplicate_target")
        if self._nested:
            self._claim_folders(target, digest)
        self._busy.add(digest)
        return None if self._remember is None else partial(self._finish, digest)

    def _finish(self, digest: bytes) -> None:
        self._busy.discard(digest)
        self._finished[digest] = None
        self._forget(self._finished)

    def _claim_folders(self, target: str, digest: bytes) -> None:
        if digest in self._folders:
            raise ConflictError(f"another item needs {target!r} as a folder", code="duplicate_target")
        folder = target.rpartition("/")[0]
        if folder == self._folder[0] and self._folder[1] in self._folders:
            return  # nobody can have made a file of it since
        folders = [_digest(folder) for folder in _ancestors(target)]
        if any(self._is_taken(folder) for folder in folders):
            raise ConflictError(f"another item has a part of {target!r} as a file", code="duplicate_target")
        self._folders.update(dict.fromkeys(folders))
        self._forget(self._folders)
        if folders:
            self._folder = folder, folders[-1]

    def _is_taken(self, digest: bytes) -> bool:
        return digest in self._busy or digest in self._finished

    def _forget(self, digests: dict[bytes, None]) -> None:
        if self._remember is not None:
            while len(digests) > self._remember:
                del digests[next(iter(digests))]


def _ancestors(target: str) -> list[str]:
    places = [place for place, letter in enumerate(target) if letter == "/" and place]
    return [target[:place] for place in places]


def _digest(target: str) -> bytes:
    return hashlib.blake2b(target.encode("utf-8", "surrogatepass"), digest_size=16).digest()
