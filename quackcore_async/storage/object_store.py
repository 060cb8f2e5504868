"""`ObjectStoreStorage`: what the storages over obstore have in common."""

import secrets
from collections.abc import AsyncIterable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, Final, Protocol

from quackcore_async.clients.objectstore import (
    MAX_BATCH,
    MAX_KEY_BYTES,
    ObjectAddress,
    ObjectStoreClient,
    ObjectStoreSettings,
    ObjectStream,
    Upload,
    check_object_key,
    download,
    upload_bytes,
    upload_file,
    upload_stream,
)
from quackcore_async.clients.s3.attributes import OWN_KEYS, mode_of, mtime_ns_of, mtime_of
from quackcore_async.clients.s3.objects import ListPage, ObjectInfo
from quackcore_async.concurrency import for_each
from quackcore_async.config import BaseConfigProvider
from quackcore_async.errors import InvalidNameError, LifecycleError, RemoteNotFoundError
from quackcore_async.protocols import RemoteFile, UploadOptions
from quackcore_async.protocols.core import AuthProviderProtocol, ConfigProviderProtocol
from quackcore_async.results import IntegrationResult
from quackcore_async.retry import RetryPolicy
from quackcore_async.storage.base import BaseStorageIntegration
from quackcore_async.storage.files import DownloadTarget, SourceFile
from quackcore_async.storage.hooks import NO_OPTIONS, Pages, Write
from quackcore_async.storage.names import PARTIAL_SUFFIX, base_name, folder_entry, is_partial, shown
from quackcore_async.storage.streams import Reader

__all__ = ["ObjectStoreConfig", "ObjectStoreStorage"]

_AT_ONCE: Final = 16  # requests for the objects of a page or a batch that need one each


class ObjectStoreConfig(Protocol):
    """What the configuration of such a storage tells."""

    @property
    def place(self) -> str:
        """Name of the bucket or the container."""
        ...

    def folder(self) -> str:
        """Return the prefix as it stands before names: empty, or with one `/` at its end."""
        ...

    def settings(self) -> ObjectStoreSettings:
        """Return what the client needs of it."""
        ...


class ObjectStoreStorage(BaseStorageIntegration):
    """Base of the storages that obstore reaches. A storage names its scheme, reads its configuration, and is done.

    Names with empty parts, `.` or `..` between slashes, and with control characters cannot be reached and are
    refused. There are no empty folders: `create_folder` succeeds and makes nothing; markers that other tools made
    are not listed as files.

    Args:
        config_provider: Loads and checks the configuration; None reads the section.
        auth_provider: Gives the credentials, where the configuration does not.
        config_path: File to load the configuration from; None looks in the usual places.
        log_level: Level of `self.logger`, as a number or a name; None leaves it alone.
        name: Name of this instance, and of its section in a configuration.
        config: The configuration itself, in place of loading it.
        retry: How patient one request is.

    Attributes:
        scheme: What its addresses begin with, such as `gs`.
        provider_class: Reads its section.
    """

    scheme: ClassVar[str]
    provider_class: ClassVar[type[BaseConfigProvider]]

    def __init__(
        self,
        config_provider: ConfigProviderProtocol | None = None,
        auth_provider: AuthProviderProtocol | None = None,
        config_path: str | None = None,
        log_level: int | str | None = None,
        *,
        name: str | None = None,
        config: Mapping[str, Any] | None = None,
        retry: RetryPolicy | None = None,
    ) -> None:
        if config_provider is None:
            config_provider = self.provider_class(log_level, section=name)
            self._section_follows_name = name is None
        super().__init__(config_provider, auth_provider, config_path, log_level, name=name, config=config)
        self._retry = retry
        self._opened: tuple[ObjectAddress, ObjectStoreClient] | None = None
        self._foreign_buckets: set[str] = set()

    async def _open_client(self, config: ObjectStoreConfig, settings: ObjectStoreSettings) -> None:
        """Open the client, see that the bucket is there, and be ready."""
        client = ObjectStoreClient(settings, retry=self._retry)
        await self._exit_stack.enter_async_context(client)
        root = ObjectAddress(self.scheme, config.place, config.folder())
        await client.check_bucket(root)
        self._opened = root, client

    async def _delete_batch(self, remotes: Sequence[str]) -> IntegrationResult[Sequence[IntegrationResult[bool]]]:
        """Delete many files with few requests; those of a request that failed by themselves."""
        refused: dict[str, IntegrationResult[bool]] = {}
        addresses: dict[str, ObjectAddress] = {}
        for remote in remotes:
            try:
                addresses[remote] = self._address(self._file_path(remote))
            except Exception as exc:  # noqa: BLE001 - each file has an outcome of its own
                refused[remote] = IntegrationResult[bool].from_exception(exc, operation="delete_files")
        names = {address: remote for remote, address in addresses.items()}  # a file may be named in several ways
        buckets: dict[str, list[ObjectAddress]] = {}
        for address in names:
            buckets.setdefault(address.bucket, []).append(address)
        results: dict[ObjectAddress, IntegrationResult[bool]] = {}
        for bucket, listed in buckets.items():
            for start in range(0, len(listed), MAX_BATCH):
                batch = listed[start : start + MAX_BATCH]
                try:
                    await self._client.delete_batch(bucket, [address.key for address in batch])
                except Exception:  # noqa: BLE001 - it does not tell whose failure it was: each is asked for its own
                    results |= await self._delete_each({address: names[address] for address in batch})
                else:
                    results |= {address: IntegrationResult[bool].success_result(content=True) for address in batch}
        return IntegrationResult.success_result(
            [refused[remote] if remote in refused else results[addresses[remote]] for remote in remotes]
        )

    async def _delete_each(
        self, names: Mapping[ObjectAddress, str]
    ) -> Mapping[ObjectAddress, IntegrationResult[bool]]:
        results: dict[ObjectAddress, IntegrationResult[bool]] = {}

        async def delete(_index: int, named: tuple[ObjectAddress, str]) -> None:
            address, remote = named
            result = await self.delete_file(remote)
            # One that is not there may have been deleted by the batch that failed for another's sake.
            results[address] = IntegrationResult[bool].success_result(content=True) if result.success else result

        await for_each(delete, names.items(), max_concurrency=_AT_ONCE)
        return results

    @property
    def _client(self) -> ObjectStoreClient:
        return self._ready()[1]

    @property
    def _root(self) -> ObjectAddress:
        return self._ready()[0]

    def _ready(self) -> tuple[ObjectAddress, ObjectStoreClient]:
        if self._opened is None:
            raise LifecycleError(f"{self.name} is not initialized: call initialize() first", code="not_ready")
        return self._opened

    @property
    def _max_name_bytes(self) -> int:
        return MAX_KEY_BYTES - (len(self._root.key.encode()) if self._opened is not None else 0)

    @property
    def _scheme(self) -> str:
        return f"{self.scheme}://"

    def _url_of(self, path: str) -> str:
        return path if path.startswith(self._scheme) else f"{self._root}{path}"

    def _path_of(self, remote: str) -> str:
        """Take the address of a file of this storage as its path, and leave any other address as it is."""
        own = str(self._root)
        if remote.startswith(own) or f"{remote}/" == own:
            return remote[len(own) :]
        if remote.startswith(self._scheme):
            bucket = remote.removeprefix(self._scheme).partition("/")[0]
            if bucket not in self._foreign_buckets:
                self._foreign_buckets.add(bucket)
                self.logger.warning("%s is asked for %s, which is outside of %s", self.name, remote, own)
        return remote

    def _check_path(self, path: str) -> str:
        address = self._address(path)
        if not address.bucket:
            raise InvalidNameError(f"{shown(path)} names no bucket: write {self._scheme}bucket/name")
        folder = path.endswith("/")
        if path != f"{self._scheme}{address.bucket}/":  # else it is a whole bucket
            check_object_key(path and (address.key.removesuffix("/") if folder else address.key))
        return path

    def _address(self, path: str) -> ObjectAddress:
        if path.startswith(self._scheme):
            bucket, _, key = path.removeprefix(self._scheme).partition("/")
            return ObjectAddress(self.scheme, bucket, key)
        root = self._root
        return ObjectAddress(self.scheme, root.bucket, f"{root.key}{path}")

    def _upload(self, write: Write) -> Upload:
        address = self._address(write.path)
        return Upload(
            address,
            partial(_hidden_beside, address),
            write.overwrite,
            write.options if write.options is not NO_OPTIONS else None,
            write.progress,
        )

    async def _put_file(self, source: SourceFile, write: Write) -> None:
        await upload_file(self._client, source, self._upload(write))

    async def _put_bytes(self, data: bytes, write: Write) -> None:
        await upload_bytes(self._client, data, self._upload(write))

    async def _put_stream(self, chunks: AsyncIterable[bytes], write: Write) -> None:
        await upload_stream(self._client, chunks, self._upload(write))

    async def _fetch(self, path: str, target: DownloadTarget, progress: Callable[[int], None]) -> None:
        def begin(info: ObjectInfo) -> int:
            target.discard()
            return target.open(self._describe(path, info), mtime_ns=mtime_ns_of(info.metadata))

        with target.named_in_errors():
            await download(self._client, self._address(path), begin, target.commit, progress)

    async def _open(self, path: str, start: int | None, end: int | None) -> Reader:
        stream = self._client.stream(self._address(path), start=start, end=end)
        await stream.__aenter__()
        return _StreamReader(self._describe(path, stream.info), stream)

    async def _pages(self, folder: str, *, recursive: bool) -> Pages:
        place = self._address(folder)
        if not recursive:
            page = await self._client.folder_page(place.bucket, place.key)
            yield sorted(self._entries(folder, place.key, page), key=_path_bytes)
            return
        async with aclosing(self._client.pages(place.bucket, place.key)) as pages:
            async for page in pages:
                markers = await self._markers(place, page)
                files = self._entries(folder, place.key, page)
                yield [file for file in files if file["path"] not in markers]

    async def _tree_pages(self, folder: str) -> Pages:
        place = self._address(folder)
        async with aclosing(self._client.pages(place.bucket, place.key)) as pages:
            async for page in pages:
                markers = await self._markers(place, page)
                yield [
                    folder_entry(f"{file['path']}/", self._url_of(f"{file['path']}/"))
                    if file["path"] in markers
                    else file
                    for file in self._entries(folder, place.key, page)
                ]

    async def _markers(self, place: ObjectAddress, page: ListPage) -> set[str]:
        """Return the keys of a page that are none: obstore drops the `/` from the markers `name/` of folders."""
        found: set[str] = set()

        async def look(_index: int, info: ObjectInfo) -> None:
            try:
                await self._client.head(ObjectAddress(place.scheme, place.bucket, info.key))
            except RemoteNotFoundError:
                found.add(info.key)

        await for_each(look, (info for info in page.objects if info.size == 0), max_concurrency=_AT_ONCE)
        return found

    def _entries(self, folder: str, key: str, page: ListPage) -> Iterator[RemoteFile]:
        for info in page.objects:
            path = folder + info.key.removeprefix(key)
            if f"{info.key}/" != key and not is_partial(base_name(path)):
                yield self._describe(path, info)
        for prefix in page.prefixes:
            path = f"{folder}{prefix.removeprefix(key)}/"
            yield folder_entry(path, self._url_of(path))

    async def _stat(self, path: str) -> RemoteFile:
        return self._describe(path, await self._client.head(self._address(path)))

    async def _delete(self, path: str) -> bool:
        if path.endswith("/"):
            return False  # there are no empty folders
        return await self._client.delete(self._address(path))

    async def _copy(self, source: str, target: str, *, overwrite: bool) -> None:
        origin, goal = self._address(source), self._address(target)
        if origin.bucket == goal.bucket:
            await self._client.copy(origin, goal, overwrite=overwrite)
            return
        async with self._client.stream(origin) as stream:
            write = Write(target, overwrite, UploadOptions(**_kept(stream.info)), _ignore)
            await upload_stream(self._client, _chunks(stream), self._upload(write))

    async def _make_folder(self, path: str) -> None:
        """Make nothing: a folder is there when something is in it."""

    async def _presign(self, path: str, method: str, expires_in: float) -> str:
        return await self._client.presign(self._address(path), method=method, expires_in=expires_in)

    def _describe(self, path: str, info: ObjectInfo) -> RemoteFile:
        file: RemoteFile = {
            "name": base_name(path),
            "path": path,
            "size": info.size,
            "last_modified": info.last_modified,
            "url": self._url_of(path),
        }
        optional = {
            "etag": info.etag,
            "content_type": info.content_type,
            "metadata": {key: value for key, value in info.metadata.items() if key not in OWN_KEYS},
            "mtime": mtime_of(info.metadata),
            "mode": mode_of(info.metadata),
            "storage_class": info.storage_class,
            "version_id": info.version_id,
        }
        file.update({key: value for key, value in optional.items() if value not in (None, {})})  # type: ignore[typeddict-item]  # each key has its own type
        return file


class _StreamReader(Reader):
    def __init__(self, file: RemoteFile, stream: ObjectStream) -> None:
        self.file = file
        self._stream = stream

    async def read(self) -> bytes:
        return await self._stream.read()

    async def aclose(self) -> None:
        self._stream.close()


async def _chunks(stream: ObjectStream) -> AsyncIterable[bytes]:
    while chunk := await stream.read():
        yield chunk


def _hidden_beside(address: ObjectAddress) -> ObjectAddress:
    folder = address.key[: address.key.rfind("/") + 1]
    return replace(address, key=f"{folder}.{secrets.token_hex(8)}{PARTIAL_SUFFIX}")


def _kept(info: ObjectInfo) -> dict[str, Any]:
    return {"content_type": info.content_type, "metadata": info.metadata}


def _path_bytes(file: RemoteFile) -> bytes:
    return file["path"].encode()


def _ignore(_done: int) -> None:
    return None
