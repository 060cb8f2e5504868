"""`S3Storage`: files in a bucket of S3 or of a service that speaks its language."""

from collections.abc import AsyncIterable, Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from quackcore_async.clients.s3 import (
    MAX_KEY_BYTES,
    ListPage,
    ObjectInfo,
    ObjectStream,
    S3Address,
    S3Client,
    check_key,
    copy_object,
    delete_objects,
    download,
    parse_s3_url,
    upload_bytes,
    upload_file,
    upload_stream,
)
from quackcore_async.clients.s3.attributes import OWN_KEYS, mode_of, mtime_ns_of, mtime_of
from quackcore_async.errors import LifecycleError, QuackError
from quackcore_async.protocols import CleanupOutcome, RemoteFile, StorageCapabilities
from quackcore_async.protocols.core import AuthProviderProtocol, ConfigProviderProtocol
from quackcore_async.results import IntegrationResult
from quackcore_async.retry import RetryPolicy
from quackcore_async.service.operation import operation
from quackcore_async.storage.base import BaseStorageIntegration
from quackcore_async.storage.files import DownloadTarget, SourceFile
from quackcore_async.storage.hooks import Pages, Write
from quackcore_async.storage.names import base_name, folder_entry
from quackcore_async.storage.s3_cleanup import UploadCleanup
from quackcore_async.storage.s3_config import S3Config, S3ConfigProvider
from quackcore_async.storage.s3_login import with_login
from quackcore_async.storage.streams import Reader
from quackcore_async.storage.upload_journal import UploadJournal

if TYPE_CHECKING:
    from quackcore_async.clients.objectstore import ObjectStream as SmallStream
    from quackcore_async.storage.s3_obstore import SmallFiles

__all__ = ["S3Config", "S3ConfigProvider", "S3Storage"]

_SCHEME: Final = "s3://"


class S3Storage(BaseStorageIntegration):
    """Files in a bucket, below the prefix of the configuration, which is not part of their names.

    Names are keys, byte for byte. `s3://` addresses of other buckets are honoured, with a warning, under the same
    credentials. Folders are common prefixes; an empty one is kept by an object `name/` without content, which
    listings leave out. Runs on asyncio only. With `engine: obstore`, which needs the extra `obstore`, files of up
    to 1 MiB are read, written and deleted through that library.

    Args:
        config_provider: Loads and checks the configuration; None reads the section.
        auth_provider: Gives the keys or the profile, such as an `AwsCredentialsProvider`; None, or one that has
            neither, leaves it to the configuration and to the ways of the AWS tools.
        config_path: File to load the configuration from; None looks in the usual places.
        log_level: Level of `self.logger`, as a number or a name; None leaves it alone.
        name: Name of this instance, and of its section in a configuration.
        config: The configuration itself, in place of loading it.
        retry: How patient one request is.
        session: An aioboto3 session of the caller to make the client from.
        client: An open aioboto3 client of the caller, which stays open.
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
        retry: RetryPolicy | None = None,
        session: Any = None,  # noqa: ANN401 - aioboto3 is untyped
        client: Any = None,  # noqa: ANN401 - aioboto3 is untyped
    ) -> None:
        if config_provider is None:
            config_provider = S3ConfigProvider(log_level, section=name)
            self._section_follows_name = name is None
        super().__init__(config_provider, auth_provider, config_path, log_level, name=name, config=config)
        self._retry = retry
        self._session = session
        self._given_client = client
        self._opened: _Opened | None = None
        self._small: SmallFiles | None = None
        self._foreign_buckets: set[str] = set()

    @property
    def capabilities(self) -> StorageCapabilities:
        """Everything; the order of listings is promised for AWS only, since other services have their own."""
        at_aws = (
            self._opened is not None
            and self._client.destination.is_aws
            and not self._bucket.endswith("--x-s3")  # directory buckets have no order
        )
        return StorageCapabilities(
            folders=True,
            conditional_write=True,
            ordered_listing=at_aws,
            metadata=True,
            modification_time=True,
            presign=True,
            server_side_copy=True,
            batch_delete=True,
            cleanup=True,
            resume=True,
            max_name_bytes=MAX_KEY_BYTES - (len(self._prefix.encode()) if self._opened is not None else 0),
        )

    @operation(IntegrationResult[Sequence[IntegrationResult[bool]]])
    async def delete_files(self, remotes: Sequence[str]) -> IntegrationResult[Sequence[IntegrationResult[bool]]]:
        """Delete many files, a thousand with one request; `delete_many` does so by itself.

        Args:
            remotes: Their names; one that ends in `/` is the marker of a folder.

        Returns:
            A result for each of them, in their order: True, or why it could not be deleted. S3 does not tell
            whether it was there.
        """
        failures: dict[str, QuackError] = {}
        keys: dict[str, dict[str, str]] = {}
        for remote in remotes:
            try:
                address = self._address(self._check_path(self._locate(remote)))
            except QuackError as error:
                failures[remote] = error
            else:
                keys.setdefault(address.bucket, {})[remote] = address.key
        for bucket, places in keys.items():
            refused = await delete_objects(self._client, bucket, list(dict.fromkeys(places.values())))
            failures |= {remote: refused[key] for remote, key in places.items() if key in refused}
        return IntegrationResult.success_result(
            [
                IntegrationResult[bool].from_exception(failures[remote], operation="delete_files")
                if remote in failures
                else IntegrationResult[bool].success_result(content=True)
                for remote in remotes
            ]
        )

    async def _setup(self) -> None:
        config = S3Config.model_validate(self.config or {})
        settings = await with_login(config.settings(), self.auth_provider)
        client = S3Client(settings, retry=self._retry, session=self._session, client=self._given_client)
        await self._exit_stack.enter_async_context(client)
        await client.head_bucket(config.bucket_name)
        self._small = None
        if config.engine == "obstore":
            self._small = await self._open_small_files(client, config.bucket_name)
        root = f"{_SCHEME}{config.bucket_name}/{config.folder()}"
        self._opened = _Opened(client, config.bucket_name, config.folder(), root)

    async def _open_small_files(self, client: S3Client, bucket: str) -> "SmallFiles":
        from quackcore_async.clients.objectstore import ObjectStoreClient
        from quackcore_async.storage.s3_obstore import SmallFiles, settings_for

        hot = ObjectStoreClient(settings_for(client), retry=self._retry)
        await self._exit_stack.enter_async_context(hot)
        await hot.store(bucket)  # now, and not before the first file
        return SmallFiles(hot)

    @property
    def _client(self) -> S3Client:
        return self._ready().client

    @property
    def _bucket(self) -> str:
        return self._ready().bucket

    @property
    def _prefix(self) -> str:
        return self._ready().prefix

    def _ready(self) -> "_Opened":
        if self._opened is None:
            raise LifecycleError(f"{self.name} is not initialized: call initialize() first", code="not_ready")
        return self._opened

    def _url_of(self, path: str) -> str:
        return path if path.startswith(_SCHEME) else f"{self._ready().root}{path}"

    def _path_of(self, remote: str) -> str:
        """Take the address of a file of this storage as its path, and leave any other address as it is."""
        own = self._ready().root
        if remote.startswith(own) or f"{remote}/" == own:
            return remote[len(own) :]
        if remote.startswith(_SCHEME):
            self._warn_of_foreign(remote)
        return remote

    def _warn_of_foreign(self, url: str) -> None:
        bucket = url.removeprefix(_SCHEME).partition("/")[0]
        if bucket not in self._foreign_buckets:
            self._foreign_buckets.add(bucket)
            self.logger.warning("%s is asked for %s, which is outside of %s", self.name, url, self._url_of(""))

    def _check_path(self, path: str) -> str:
        if not path.startswith(_SCHEME):
            check_key(path and f"{self._prefix}{path}")
        elif path.removeprefix(_SCHEME).count("/") != 1 or not path.endswith("/"):  # else it is a whole bucket
            parse_s3_url(path)
        return path

    def _address(self, path: str) -> S3Address:
        if path.startswith(_SCHEME):
            bucket, _, key = path.removeprefix(_SCHEME).partition("/")
            return S3Address(bucket, key)
        opened = self._ready()
        return S3Address(opened.bucket, f"{opened.prefix}{path}")

    async def _put_file(self, source: SourceFile, write: Write) -> None:
        if self._small is not None and await self._small.put_file(source, self._address(write.path), write):
            return
        await upload_file(
            self._client,
            source,
            self._address(write.path),
            overwrite=write.overwrite,
            options=write.options,
            progress=write.progress,
            kept=self._journal_of(source, write) if write.resume else None,
        )

    def _journal_of(self, source: SourceFile, write: Write) -> UploadJournal:
        address = self._address(write.path)
        return UploadJournal((self._client.destination.address, address.bucket, address.key), source.path)

    async def _put_bytes(self, data: bytes, write: Write) -> None:
        if self._small is not None and await self._small.put_bytes(data, self._address(write.path), write):
            return
        await upload_bytes(
            self._client, data, self._address(write.path), overwrite=write.overwrite, options=write.options
        )

    async def _put_stream(self, chunks: AsyncIterable[bytes], write: Write) -> None:
        await upload_stream(
            self._client,
            chunks,
            self._address(write.path),
            overwrite=write.overwrite,
            options=write.options,
            progress=write.progress,
        )

    async def _fetch(self, path: str, target: DownloadTarget, progress: Callable[[int], None]) -> None:
        def begin(info: ObjectInfo) -> int:
            target.discard()
            file = _describe(path, self._url_of(path), info)
            in_ranges = info.size > self._client.settings.part_size
            return target.open(file, in_ranges=in_ranges, mtime_ns=mtime_ns_of(info.metadata))

        address = self._address(path)
        with target.named_in_errors():
            if self._small is not None and await self._small.fetch(address, begin, target, progress):
                return
            kept = target if target.resumes else None
            await download(self._client, address, begin, target.commit, progress=progress, kept=kept)

    async def _open(self, path: str, start: int | None, end: int | None) -> Reader:
        small = None if self._small is None else await self._small.open(self._address(path), start, end)
        if small is not None:
            return _S3Reader(_describe(path, self._url_of(path), small.info), small)
        stream = self._client.stream(self._address(path), start=start, end=end)
        await stream.__aenter__()
        return _S3Reader(_describe(path, self._url_of(path), stream.info), stream)

    async def _pages(self, folder: str, *, recursive: bool) -> Pages:
        place = self._address(folder)
        async for page in self._client.pages(place.bucket, place.key, delimiter=None if recursive else "/"):
            entries = list(self._entries(folder, place.key, page))
            yield sorted(entries, key=_path_bytes) if page.prefixes else entries

    async def _tree_pages(self, folder: str) -> Pages:
        place = self._address(folder)
        async for page in self._client.pages(place.bucket, place.key):
            yield list(self._entries(folder, place.key, page, markers=True))

    def _entries(self, folder: str, key: str, page: ListPage, *, markers: bool = False) -> Iterator[RemoteFile]:
        before = self._url_of(folder).removesuffix(folder)
        for info in page.objects:
            path = folder + info.key.removeprefix(key)
            if not info.key.endswith("/"):
                yield _describe(path, before + path, info)
            elif markers and info.key != key:
                yield {**folder_entry(path, self._url_of(path)), "size": info.size}
        for prefix in page.prefixes:
            path = folder + prefix.removeprefix(key)
            yield folder_entry(path, self._url_of(path))

    async def _stat(self, path: str) -> RemoteFile:
        return _describe(path, self._url_of(path), await self._client.head(self._address(path), checksums=True))

    async def _delete(self, path: str) -> bool:
        if self._small is None or not await self._small.delete(self._address(path)):
            await self._client.delete(self._address(path))
        return True

    async def _copy(self, source: str, target: str, *, overwrite: bool) -> None:
        await copy_object(self._client, self._address(source), self._address(target), overwrite=overwrite)

    async def _make_folder(self, path: str) -> None:
        address = self._address(path)
        await self._client.put(address, b"", {"ContentType": "application/x-directory"})

    async def _cleanup(self, folder: str, before: datetime, *, dry_run: bool) -> list[CleanupOutcome]:
        cleanup = UploadCleanup(self._client, before, dry_run=dry_run)
        place = self._address(folder)

        def name(key: str) -> tuple[str, str]:
            path = folder + key.removeprefix(place.key)
            return path, self._url_of(path)

        return await cleanup.run(place, name)

    async def _presign(self, path: str, method: str, expires_in: float) -> str:
        return await self._client.presign(self._address(path), method=method, expires_in=expires_in)


def _describe(path: str, url: str, info: ObjectInfo) -> RemoteFile:
    file: RemoteFile = {
        "name": base_name(path),
        "path": path,
        "size": info.size,
        "last_modified": info.last_modified,
        "url": url,
    }
    if info.etag is not None:
        file["etag"] = info.etag
    if info.storage_class is not None:
        file["storage_class"] = info.storage_class
    if info.content_type or info.metadata or info.checksums or info.version_id:  # which listings have not
        _add_details(file, info)
    return file


class _Opened(NamedTuple):
    """Where an open storage is.

    Attributes:
        client: Speaks to the service.
        bucket: Name of the bucket.
        prefix: What stands before its keys: empty, or with a `/` at its end.
        root: Address of that.
    """

    client: S3Client
    bucket: str
    prefix: str
    root: str


def _add_details(file: RemoteFile, info: ObjectInfo) -> None:
    details = {
        "content_type": info.content_type,
        "metadata": {key: value for key, value in info.metadata.items() if key not in OWN_KEYS},
        "mtime": mtime_of(info.metadata),
        "mode": mode_of(info.metadata),
        "checksums": info.checksums,
        "version_id": info.version_id,
    }
    file.update({key: value for key, value in details.items() if value not in (None, {})})  # type: ignore[typeddict-item]  # each key has its own type


class _S3Reader(Reader):
    def __init__(self, file: RemoteFile, stream: "ObjectStream | SmallStream") -> None:
        self.file = file
        self._stream = stream

    async def read(self) -> bytes:
        return await self._stream.read()

    async def aclose(self) -> None:
        self._stream.close()


def _path_bytes(file: RemoteFile) -> bytes:
    return file["path"].encode()
