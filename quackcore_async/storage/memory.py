"""`MemoryStorage`: files in this process, for tests and for embedding."""

import hashlib
from bisect import bisect_left
from collections.abc import AsyncIterable, Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from quackcore_async.errors import ConflictError, RemoteNotFoundError
from quackcore_async.protocols import RemoteFile, StorageCapabilities, UploadOptions
from quackcore_async.protocols.core import AuthProviderProtocol, ConfigProviderProtocol
from quackcore_async.storage.base import BaseStorageIntegration
from quackcore_async.storage.files import DownloadTarget, SourceFile
from quackcore_async.storage.hooks import Pages, Write
from quackcore_async.storage.names import base_name, folder_entry, shown
from quackcore_async.storage.partial import already_exists
from quackcore_async.storage.steps import CHUNK_BYTES, Steps, run_steps
from quackcore_async.storage.streams import Reader, cut_range

__all__ = ["MemoryStorage"]

_PAGE: Final = 1000
_CAPABILITIES: Final = StorageCapabilities(
    folders=True,
    conditional_write=True,
    ordered_listing=True,
    metadata=True,
    modification_time=True,
    server_side_copy=True,
)


@dataclass(frozen=True, slots=True)
class _StoredFile:
    data: bytes = field(repr=False)
    etag: str
    last_modified: datetime
    options: UploadOptions
    mtime: float | None = None
    mode: int | None = None


class MemoryStorage(BaseStorageIntegration):
    """Files in this process, which are gone with the object.

    Names are keys, byte for byte, as in S3: `..`, `//` and a leading slash are names like any other, a file may
    lie beside a folder of its name, and an empty folder is a marker. The entity tag is the MD5 of the content.

    Args:
        config_provider: Not needed.
        auth_provider: Not needed.
        config_path: Not needed.
        log_level: Level of `self.logger`, as a number or a name; None leaves it alone.
        name: Name of this instance, which is also in its URLs.
        config: Not needed.
    """

    def __init__(
        self,
        config_provider: ConfigProviderProtocol | None = None,
        auth_provider: AuthProviderProtocol | None = None,
        config_path: str | None = None,
        log_level: int | str | None = None,
        *,
        name: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(config_provider, auth_provider, config_path, log_level, name=name, config=config)
        self._files: dict[str, _StoredFile] = {}

    @property
    def capabilities(self) -> StorageCapabilities:
        """Everything but presigning."""
        return _CAPABILITIES

    def _url_of(self, path: str) -> str:
        return f"memory://{self.name}/{path}"

    async def _put_file(self, source: SourceFile, write: Write) -> None:
        self._check_condition(write.path, write)
        data = await run_steps(_load(source), write.progress)
        self._store(data, write, mtime=source.mtime, mode=source.mode)

    async def _put_bytes(self, data: bytes, write: Write) -> None:
        self._store(bytes(data), write)

    async def _put_stream(self, chunks: AsyncIterable[bytes], write: Write) -> None:
        self._check_condition(write.path, write)
        data = bytearray()
        async for chunk in chunks:
            data += chunk
        self._store(bytes(data), write)

    async def _fetch(self, path: str, target: DownloadTarget, progress: Callable[[int], None]) -> None:
        stored = self._find(path)
        await run_steps(_save(stored.data, self._describe(path, stored), target), progress)

    async def _open(self, path: str, start: int | None, end: int | None) -> Reader:
        stored = self._find(path)
        first, last = cut_range(start, end, len(stored.data))
        return _MemoryReader(self._describe(path, stored), memoryview(stored.data)[first:last])

    async def _pages(self, folder: str, *, recursive: bool) -> Pages:
        entries = self._list(folder, recursive=recursive)
        while page := list(islice(entries, _PAGE)):
            yield page

    async def _tree_pages(self, folder: str) -> Pages:
        entries = self._list(folder, recursive=True, markers=True)
        while page := list(islice(entries, _PAGE)):
            yield page

    async def _stat(self, path: str) -> RemoteFile:
        return self._describe(path, self._find(path))

    async def _delete(self, path: str) -> bool:
        return self._files.pop(path, None) is not None

    async def _copy(self, source: str, target: str, *, overwrite: bool) -> None:
        stored = self._find(source)
        if not overwrite and target in self._files:
            raise already_exists(self._url_of(target))
        self._files[target] = replace(stored, last_modified=datetime.now(UTC))

    async def _make_folder(self, path: str) -> None:
        self._files.setdefault(path, _StoredFile(b"", "", datetime.now(UTC), UploadOptions()))

    def _find(self, path: str) -> _StoredFile:
        stored = self._files.get(path)
        if stored is None:
            raise RemoteNotFoundError(f"there is no {shown(path)} in {self.name}: check the name")
        return stored

    def _store(self, data: bytes, write: Write, *, mtime: float | None = None, mode: int | None = None) -> None:
        self._check_condition(write.path, write)
        options = write.options
        mtime = mtime if options.mtime is None else options.mtime
        mode = mode if options.mode is None else options.mode
        etag = f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'
        self._files[write.path] = _StoredFile(data, etag, datetime.now(UTC), options, mtime, mode)
        write.progress(len(data))

    def _check_condition(self, path: str, write: Write) -> None:
        stored = self._files.get(path)
        if stored is not None and not write.overwrite:
            raise already_exists(self._url_of(path))
        wanted = write.options.if_match
        if wanted is not None and (stored is None or stored.etag != wanted):
            message = f"{self._url_of(path)} is not what `if_match` says any more: read it again"
            raise ConflictError(message, code="changed")

    def _list(self, folder: str, *, recursive: bool, markers: bool = False) -> Generator[RemoteFile, None, None]:
        """Yield a folder from a snapshot of the names; code point order is the order of the UTF-8 bytes."""
        names = sorted(name for name in self._files if name.startswith(folder))
        index = 0
        while index < len(names):
            path = names[index]
            head, slash, _ = path.removeprefix(folder).partition("/")
            stored = self._files.get(path)
            if slash and not recursive:
                inner = f"{folder}{head}/"
                yield folder_entry(inner, self._url_of(inner))
                index = bisect_left(names, f"{folder}{head}0")  # "0" follows "/"
                continue
            if stored is not None and not path.endswith("/"):
                yield self._describe(path, stored)
            elif stored is not None and markers and path != folder:
                yield folder_entry(path, self._url_of(path))
            index += 1

    def _describe(self, path: str, stored: _StoredFile) -> RemoteFile:
        file: RemoteFile = {
            "name": base_name(path),
            "path": path,
            "size": len(stored.data),
            "last_modified": stored.last_modified,
            "url": self._url_of(path),
            "etag": stored.etag,
            "metadata": dict(stored.options.metadata),
        }
        if stored.options.content_type is not None:
            file["content_type"] = stored.options.content_type
        if stored.mtime is not None:
            file["mtime"] = stored.mtime
        if stored.mode is not None:
            file["mode"] = stored.mode
        return file


class _MemoryReader(Reader):
    def __init__(self, file: RemoteFile, view: memoryview) -> None:
        self.file = file
        self._view = view

    async def read(self) -> bytes:
        chunk, self._view = self._view[:CHUNK_BYTES], self._view[CHUNK_BYTES:]
        return bytes(chunk)

    async def aclose(self) -> None:
        self._view = memoryview(b"")


def _load(source: SourceFile) -> Steps[bytes]:
    data = bytearray()
    with source.opened():
        for chunk in source.chunks():
            data += chunk
            yield len(data)
    return bytes(data)


def _save(data: bytes, file: RemoteFile, target: DownloadTarget) -> Steps[None]:
    target.open(file)
    for start in range(0, len(data), CHUNK_BYTES):
        target.write(memoryview(data)[start : start + CHUNK_BYTES])
        yield min(start + CHUNK_BYTES, len(data))
    target.commit("length")
