"""The two ends of a comparison or a sync: a local folder, or a folder of a storage."""

import os
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from itertools import islice
from typing import Any, Final

from quackcore_async.concurrency import run_in_thread
from quackcore_async.errors import ErrorKind, InvalidNameError, QuackError, RemoteNotFoundError
from quackcore_async.storage.local import LocalStorage
from quackcore_async.transfer.comparison import new_digest
from quackcore_async.transfer.entries import Entry, path_key
from quackcore_async.transfer.gateway import StorageGateway
from quackcore_async.transfer.gateways import gateway
from quackcore_async.transfer.items import LocalPath
from quackcore_async.transfer.local_tree import walk_folder
from quackcore_async.transfer.naming import TargetFolder
from quackcore_async.transfer.patterns import PatternFilter
from quackcore_async.transfer.report import KEPT_OUTCOMES

__all__ = ["Endpoint", "LocalSide", "StorageSide", "TreeSide", "check_apart", "local_entry", "side_of"]

Endpoint = LocalPath | tuple[object, str]
"""A local folder, or a (storage, folder in it) pair; the empty folder is the whole storage."""

_CHUNK: Final = 1024**2
_STEP_CHUNKS: Final = 64  # for each hop to a thread


class TreeSide(ABC):
    """One end, whatever it is.

    Attributes:
        label: What it is called in messages.
        name: Name of the storage.
        complaints: What was left out of its listing, a sentence each.
        failures: Why its listing is not whole.
    """

    is_local = False

    def __init__(self, label: str, name: str) -> None:
        self.label = label
        self.name = name
        self.complaints: list[str] = []
        self.failures: list[QuackError] = []

    def complain(self, complaint: str) -> None:
        """Keep a sentence on what is left out, the first 1000 of them."""
        if len(self.complaints) < KEPT_OUTCOMES:
            self.complaints.append(complaint)

    @property
    def lists_in_order(self) -> bool:
        """Whether the ascending order of the keys is promised."""
        return True

    @abstractmethod
    def batches(self, patterns: PatternFilter, *, must_exist: bool) -> AsyncGenerator[list[Entry], None]:
        """Stream what takes part, as many entries at a time as come together.

        Raises:
            QuackError: if the listing breaks off.
        """

    async def entries(self, patterns: PatternFilter, *, must_exist: bool) -> AsyncGenerator[Entry, None]:
        """Stream what takes part, one entry at a time.

        Raises:
            QuackError: if the listing breaks off.
        """
        async with aclosing(self.batches(patterns, must_exist=must_exist)) as batches:
            async for batch in batches:
                for entry in batch:
                    yield entry

    @abstractmethod
    def label_of(self, path: str) -> str:
        """Return what a file is called in outcomes."""


class LocalSide(TreeSide):
    """A local folder.

    Args:
        root: The folder.
    """

    is_local = True

    def __init__(self, root: LocalPath) -> None:
        self.folder = TargetFolder(root)
        self.root = self.folder.root
        super().__init__(self.root, "local")
        self.storage = gateway(LocalStorage(root=self.root))

    async def batches(self, patterns: PatternFilter, *, must_exist: bool) -> AsyncGenerator[list[Entry], None]:
        """Stream the files and the empty folders; as a target the folder need not exist."""
        if not await run_in_thread(os.path.isdir, self.root):
            if must_exist or await run_in_thread(os.path.lexists, self.root):
                raise RemoteNotFoundError(f"{self.root} is no folder")
            return
        walk = walk_folder(self.root, patterns, on_skipped=self.complain, on_failure=self.failures.append)
        async with aclosing(walk):
            async for batch in walk:
                yield batch

    def remote_of(self, path: str) -> str:
        """Return the name within the local storage."""
        return path

    def label_of(self, path: str) -> str:
        """Return the full path."""
        return os.path.join(self.root, path)  # noqa: PTH118 - names are data

    async def complete(self, entry: Entry) -> Entry:
        """Return the entry: a local one is complete."""
        return entry

    async def digest(self, entry: Entry, algorithm: str) -> bytes:
        """Read the file and compute its checksum."""
        return await _digest_file(self.label_of(entry.path), algorithm)


class StorageSide(TreeSide):
    """A folder of a storage.

    Args:
        storage: The storage.
        folder: The folder; the empty one is the whole storage.
    """

    def __init__(self, storage: object, folder: str) -> None:
        self.storage: StorageGateway = gateway(storage)
        self.prefix = f"{folder.rstrip('/')}/" if folder.rstrip("/") else ""
        super().__init__(f"{self.storage.name}:{self.prefix}", self.storage.name)
        self._folders: tuple[str, frozenset[str]] | None = None

    @property
    def lists_in_order(self) -> bool:
        """Whether the storage promises the ascending order of the keys."""
        return self.storage.lists_in_order

    async def batches(self, patterns: PatternFilter, *, must_exist: bool) -> AsyncGenerator[list[Entry], None]:
        """Stream the files and the empty folders; a folder that is not there has none, as services do not tell.

        A storage that is not there as a whole, such as a local one without its root, is an empty target.
        """
        has_listed = False
        try:
            async with aclosing(self.storage.tree_pages(self.prefix or None)) as pages:
                async for page in pages:
                    has_listed = True
                    yield list(self._taken(page, patterns))
        except RemoteNotFoundError as error:
            if must_exist or has_listed or error.kind is not ErrorKind.NOT_FOUND:
                raise

    def _taken(self, page: Sequence[Mapping[str, Any]], patterns: PatternFilter) -> Iterator[Entry]:
        takes_all = patterns.takes_all
        for file in page:
            path = self._path_of(file)
            if (takes_all and path and not path.endswith("/")) or self._takes(path, file, patterns):
                yield Entry.of_listed(path, file)

    def _path_of(self, file: Mapping[str, Any]) -> str:
        """Return the path of a listed file relative to the folder, a folder's with `/` at its end."""
        listed = str(file["path"])
        if file.get("is_folder") and not listed.endswith("/"):
            listed += "/"
        return listed[len(self.prefix) :] if listed.startswith(self.prefix) else ""

    def _takes(self, path: str, file: Mapping[str, Any], patterns: PatternFilter) -> bool:
        if not path.endswith("/"):
            return bool(path) and patterns.takes(path)
        if not path.removesuffix("/") or not patterns.keeps_folder(path.removesuffix("/")):
            return False
        if file.get("size"):
            self.complain(f"{path}: the name of a folder, its {file['size']} bytes are left out")
        return True

    def remote_of(self, path: str) -> str:
        """Return the name within the storage."""
        return f"{self.prefix}{path}"

    async def has_folder(self, remote: str) -> bool:
        """Tell whether there is such a folder; asked in order, each folder above is listed once."""
        parent = remote.rpartition("/")[0]
        if self._folders is None or self._folders[0] != parent:
            self._folders = parent, await self.storage.folders_in(parent)
        return remote in self._folders[1]

    def label_of(self, path: str) -> str:
        """Return the name with that of the storage before it."""
        return f"{self.label}{path}"

    async def complete(self, entry: Entry) -> Entry:
        """Look the file up, where that tells more than the listing did."""
        if not self.storage.is_object_storage or (entry.mtime is not None and entry.checksums is not None):
            return entry
        file = await self.storage.stat(entry.remote)
        if file is None:
            raise RemoteNotFoundError(f"{self.label_of(entry.path)} is not there any more")
        return Entry.of_listed(entry.path, file)

    async def digest(self, entry: Entry, algorithm: str) -> bytes:
        """Read the file and compute its checksum."""
        digest = new_digest(algorithm)
        async with self.storage.open_read(entry.remote) as stream:
            async for chunk in stream:
                digest.update(chunk)
        return digest.digest()


def side_of(endpoint: object) -> LocalSide | StorageSide:
    """Read one end of a sync.

    Raises:
        InvalidNameError: if it is neither a path nor a (storage, folder) pair.
    """
    match endpoint:
        case str() | os.PathLike() if os.fspath(endpoint):
            return LocalSide(endpoint)
        case (storage, str() as folder):
            return StorageSide(storage, folder)
        case _:
            raise InvalidNameError(f"cannot use {endpoint!r}: give a path or a (storage, folder) pair")


def check_apart(source: LocalSide | StorageSide, target: LocalSide | StorageSide, *, delete: bool) -> None:
    """Refuse two ends of which one would change the other.

    Raises:
        InvalidNameError: if they are the same, or the target lies within the source, or, when files are to be
            deleted, the source within the target.
    """
    if isinstance(source, LocalSide) and isinstance(target, LocalSide):
        ours, theirs = (os.path.join(side.root, "") for side in (source, target))  # noqa: PTH118 - names are data
    elif isinstance(source, StorageSide) and isinstance(target, StorageSide):
        if source.storage.storage is not target.storage.storage:
            return
        ours, theirs = source.prefix, target.prefix
    else:
        return
    if theirs.startswith(ours) or (delete and ours.startswith(theirs)):
        message = f"{source.label} and {target.label} lie within each other: take two that are apart"
        raise InvalidNameError(message, code="overlapping_trees")


def local_entry(path: str, found: os.stat_result) -> Entry:
    """Make the entry of a local file."""
    return Entry.of_local(path_key(path), found)


async def _digest_file(path: str, algorithm: str) -> bytes:
    digest = new_digest(algorithm)
    steps = _read_into(path, digest.update)
    while await run_in_thread(_advance, steps):
        pass
    return digest.digest()


def _read_into(path: str, update: Callable[[bytes], None]) -> Iterator[None]:
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - names are data
        while chunk := file.read(_CHUNK):
            update(chunk)
            yield


def _advance(steps: Iterator[None]) -> bool:
    return sum(1 for _ in islice(steps, _STEP_CHUNKS)) == _STEP_CHUNKS
