"""`LocalStorage`: files below a folder of this machine, and the reference for what a storage does."""

import os
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Iterator, Mapping
from contextlib import aclosing
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any, ClassVar, Final

from pydantic import BaseModel, Field

from quackcore_async.concurrency import run_in_thread, shielded
from quackcore_async.config import BaseConfigProvider
from quackcore_async.errors import ErrorKind, InvalidNameError, LifecycleError, MissingConfigError, StorageError
from quackcore_async.protocols import CleanupOutcome, RemoteFile, StorageCapabilities, nanoseconds_of
from quackcore_async.protocols.core import AuthProviderProtocol, ConfigProviderProtocol
from quackcore_async.storage.base import BaseStorageIntegration
from quackcore_async.storage.files import DownloadTarget, SourceFile, local_path_of
from quackcore_async.storage.folders import blaming
from quackcore_async.storage.hooks import Pages, Write
from quackcore_async.storage.names import check_component, shown
from quackcore_async.storage.steps import CHUNK_BYTES, run_steps
from quackcore_async.storage.streams import Reader, cut_range
from quackcore_async.storage.tree import Tree
from quackcore_async.storage.tree_cleanup import TreeCleanup

__all__ = ["LocalConfig", "LocalConfigProvider", "LocalStorage"]

_PAGE: Final = 1000  # files listed in one thread hop
_CAPABILITIES: Final = StorageCapabilities(
    folders=True, conditional_write=True, ordered_listing=True, modification_time=True, cleanup=True
)


class LocalConfig(BaseModel):
    """Section of a `LocalStorage`."""

    root: str = Field(min_length=1, description="Folder below which the files lie; `~` is expanded.")


class LocalConfigProvider(BaseConfigProvider):
    """Reads the section `local` or `LocalStorage`, in all spellings."""

    config_model: ClassVar[type[BaseModel] | None] = LocalConfig
    section_aliases: ClassVar[tuple[str, ...]] = ("local",)

    @property
    def name(self) -> str:
        """Name of the section."""
        return "LocalStorage"


class LocalStorage(BaseStorageIntegration):
    """Files below a folder of this machine.

    Names are data: `..`, absolute names and symbolic links never lead out of the root. Files are written beside
    their place and renamed, so that they are whole or absent; time and permission bits of an uploaded file are
    kept, other metadata is not. Listings leave symbolic links and special files out.

    Args:
        config_provider: Loads and checks the configuration; None reads the section, unless `root` is given.
        auth_provider: Not needed.
        config_path: File to load the configuration from; None looks in the usual places.
        log_level: Level of `self.logger`, as a number or a name; None leaves it alone.
        root: The folder; it is made by the first write. None takes `root` of the configuration.
        name: Name of this instance, and of its section in a configuration.
        config: The configuration itself, in place of loading it.
    """

    def __init__(
        self,
        config_provider: ConfigProviderProtocol | None = None,
        auth_provider: AuthProviderProtocol | None = None,
        config_path: str | None = None,
        log_level: int | str | None = None,
        *,
        root: str | os.PathLike[str] | None = None,
        name: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        if config_provider is None and root is None:
            config_provider = LocalConfigProvider(log_level, section=name)
            self._section_follows_name = name is None
        super().__init__(config_provider, auth_provider, config_path, log_level, name=name, config=config)
        self._given_root = root
        self._opened_tree: Tree | None = None

    @property
    def capabilities(self) -> StorageCapabilities:
        """Folders, conditional writes, ordered listings, modification times, clean-up."""
        return _CAPABILITIES

    @property
    def root(self) -> str:
        """Absolute path of the root folder, once the storage is initialized."""
        return self._tree.root

    async def _setup(self) -> None:
        root = self._given_root or (self.config or {}).get("root")
        if not root:
            raise MissingConfigError(f"{self.name} has no root folder: pass `root=` or configure `root`")
        self._opened_tree = _tree_at(root)

    @property
    def _tree(self) -> Tree:
        if self._opened_tree is None:
            raise LifecycleError(f"{self.name} is not initialized: call initialize() first", code="not_ready")
        return self._opened_tree

    def _url_of(self, path: str) -> str:
        return self._tree.url_of(path)

    def _path_of(self, remote: str) -> str:
        return self._tree.path_of(remote)

    def _check_path(self, path: str) -> str:
        if not path:
            raise InvalidNameError("the remote name is empty: name the file")
        for part in path.removesuffix("/").split("/"):
            check_component(part)
        return path

    async def _put_file(self, source: SourceFile, write: Write) -> None:
        self._check_options(write)
        await run_steps(self._tree.store(source, write), write.progress)

    async def _put_bytes(self, data: bytes, write: Write) -> None:
        self._check_options(write)
        await run_in_thread(self._tree.store_bytes, data, write)

    async def _put_stream(self, chunks: AsyncIterable[bytes], write: Write) -> None:
        self._check_options(write)
        target = self._tree.partial(write.path, overwrite=write.overwrite, mode=write.options.mode)
        try:
            await run_in_thread(target.open)
            async with aclosing(_blocks(chunks)) as blocks:
                async for block in blocks:
                    await run_in_thread(target.write, block)
            await run_in_thread(partial(target.commit, mtime_ns=nanoseconds_of(write.options.mtime)))
        finally:
            await shielded(partial(run_in_thread, target.discard))

    async def _fetch(self, path: str, target: DownloadTarget, progress: Callable[[int], None]) -> None:
        await run_steps(self._tree.fetch(path, target), progress)

    async def _open(self, path: str, start: int | None, end: int | None) -> Reader:
        reader = _LocalReader(self._tree, path, start, end)
        try:
            await run_in_thread(reader.open)
        except BaseException:
            await reader.aclose()
            raise
        return reader

    def _pages(self, folder: str, *, recursive: bool) -> Pages:
        return _paged(self._tree.walk(folder, recursive=recursive))

    def _tree_pages(self, folder: str) -> Pages:
        return _paged(self._tree.walk(folder, recursive=True, empty_folders=True))

    async def _stat(self, path: str) -> RemoteFile:
        return await run_in_thread(self._tree.stat, path)

    async def _delete(self, path: str) -> bool:
        return await run_in_thread(self._tree.delete, path)

    async def _copy(self, source: str, target: str, *, overwrite: bool) -> None:
        await run_steps(self._tree.copy(source, target, overwrite=overwrite), _ignore)

    async def _move(self, source: str, target: str, *, overwrite: bool) -> None:
        await run_in_thread(partial(self._tree.move, source, target, overwrite=overwrite))

    async def _make_folder(self, path: str) -> None:
        await run_in_thread(self._tree.make_folder, path)

    async def _cleanup(self, folder: str, before: datetime, *, dry_run: bool) -> list[CleanupOutcome]:
        cleanup = TreeCleanup(self._tree, before, dry_run=dry_run)
        return await run_steps(cleanup.run(folder), _ignore)

    def _check_options(self, write: Write) -> None:
        if write.options.if_match is not None:
            message = f"{self.name} has no entity tags: write {shown(write.path)} without `if_match`"
            raise StorageError(message, kind=ErrorKind.UNSUPPORTED, code="capability")


class _LocalReader(Reader):
    """Reads a range of a file, a chunk for each thread hop; the last one closes it."""

    def __init__(self, tree: Tree, path: str, start: int | None, end: int | None) -> None:
        self._tree = tree
        self._path = path
        self._range = (start, end)
        self._fd = -1
        self._position = self._end = 0

    def open(self) -> None:
        self._fd, self.file = self._tree.open_file(self._path)
        self._position, self._end = cut_range(*self._range, self.file["size"])

    async def read(self) -> bytes:
        if self._position >= self._end:
            return b""
        return await run_in_thread(self._read)

    def _read(self) -> bytes:
        with blaming("read", self._path):
            os.lseek(self._fd, self._position, os.SEEK_SET)
            chunk = os.read(self._fd, min(CHUNK_BYTES, self._end - self._position))
        self._position += len(chunk)
        if self._position >= self._end:
            self._close()
        return chunk

    def _close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    async def aclose(self) -> None:
        self._close()


async def _blocks(chunks: AsyncIterable[bytes]) -> AsyncGenerator[bytearray, None]:
    """Gather small chunks, so that a thread hop is worth it."""
    block = bytearray()
    async for chunk in chunks:
        block += chunk
        if len(block) >= CHUNK_BYTES:
            yield block
            block = bytearray()
    if block:
        yield block


def _tree_at(root: str | os.PathLike[str]) -> Tree:
    return Tree(os.path.abspath(local_path_of(root)))


async def _paged(files: Generator[RemoteFile, None, None]) -> Pages:
    try:
        while page := await run_in_thread(_take, files):
            yield page
    finally:
        files.close()


def _take(files: Iterator[RemoteFile]) -> list[RemoteFile]:
    return list(islice(files, _PAGE))


def _ignore(_done: int) -> None:
    return None
