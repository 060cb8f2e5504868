"""What is really there: the files of a folder or of a storage, and what should not have been left in it."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from quackcore_async.concurrency import run_in_thread
from quackcore_async.protocols import ObjectStorageProtocol
from quackcore_async.storage.names import is_partial

__all__ = ["ActualState", "digest_of", "state_of_folder", "state_of_storage"]

_PIECE: Final = 1024**2  # bytes


@dataclass(frozen=True, slots=True)
class ActualState:
    """What was found.

    Attributes:
        contents: The digest of each file, as `digest_of` makes it, by name.
        leftovers: What nobody asked for: unfinished files, multipart uploads that are open still.
    """

    contents: Mapping[str, str] = field(default_factory=dict)
    leftovers: tuple[str, ...] = ()


def digest_of(data: bytes) -> str:
    """Return what stands for a content in a history: its length and its hash."""
    return _shown(len(data), hashlib.blake2b(data, digest_size=16))


async def state_of_folder(folder: str | os.PathLike[str]) -> ActualState:
    """Read a local folder with all below it; names are relative to it, with `/` between their parts."""
    return await run_in_thread(_read_folder, Path(folder))


async def state_of_storage(storage: ObjectStorageProtocol, folder: str = "") -> ActualState:
    """Read a storage below a folder; names are whole.

    Give it a way to the service that is not under test: past a fault proxy, without the faults of a wrapper. It
    sees files only, and no multipart uploads.
    """
    contents: dict[str, str] = {}
    async for file in storage.iter_files(folder):
        path = file["path"]
        contents[path] = digest_of((await storage.read_bytes(path)).unwrap())
    return ActualState(contents)


def _read_folder(folder: Path) -> ActualState:
    contents: dict[str, str] = {}
    leftovers: list[str] = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if is_partial(path.name):
            leftovers.append(name)
        elif path.is_file():
            contents[name] = _digest_file(path)
    return ActualState(contents, tuple(leftovers))


def _digest_file(path: Path) -> str:
    digest, length = hashlib.blake2b(digest_size=16), 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
            length += len(piece)
    return _shown(length, digest)


def _shown(length: int, digest: "hashlib.blake2b") -> str:
    return f"{length} bytes, {digest.hexdigest()}"
