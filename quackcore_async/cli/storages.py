"""The storages that one command uses, opened when they are first needed and closed together."""

import os
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from quackcore_async.cli.locations import Location
from quackcore_async.cli.usage import UsageFault
from quackcore_async.concurrency import run_in_thread
from quackcore_async.config import BaseConfigProvider, list_instances
from quackcore_async.errors import ConfigError, ContractError, RemoteNotFoundError
from quackcore_async.protocols import ObjectStorageProtocol
from quackcore_async.registry import IntegrationRegistry
from quackcore_async.storage import LocalStorage

__all__ = ["Place", "Storages", "folder_of", "local_path"]

_STORAGES = {"azure": "AzureStorage", "gcs": "GCSStorage", "local": "LocalStorage", "s3": "S3Storage"}
_BUCKETS = {"s3": ("s3", "bucket_name"), "gs": ("gcs", "bucket_name"), "az": ("azure", "container_name")}


@dataclass(frozen=True, slots=True)
class Place:
    """A location, and the storage that it lies in.

    Attributes:
        storage: The storage.
        path: Name within the storage.
        location: As the command line has it.
        origin: What stands before a name within the storage on the command line.
    """

    storage: ObjectStorageProtocol
    path: str
    location: Location
    origin: str

    @property
    def folder(self) -> str:
        """The path as that of a folder, without the `/` at its end; empty for the whole storage."""
        return self.path.removesuffix("/")

    def below(self, relative: str) -> str:
        """Return the name of something below this place as a folder."""
        return f"{self.folder}/{relative}" if self.folder else relative

    def label_of(self, path: str) -> str:
        """Return what a name within the storage is called on the command line."""
        return f"{self.origin}{path}"


def local_path(location: Location) -> str:
    """Return the absolute path of a local location."""
    return os.path.abspath(os.path.expanduser(location.path))  # noqa: PTH100, PTH111 - names are data


class Storages:
    """Opens each storage once: one for each bucket, configured instance and local folder.

    Use it as `async with Storages() as storages`.
    """

    def __init__(self) -> None:
        self._opened: dict[tuple[str, str], ObjectStorageProtocol] = {}
        self._registry = IntegrationRegistry()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for storage in self._opened.values():
            closed = getattr(storage, "aclose", None)
            if closed is not None:
                await closed()
        self._opened.clear()

    async def place(self, location: Location) -> Place:
        """Return where a location lies.

        A local one lies in its parent folder, so that the thing itself can be looked up, made and deleted; a
        symbolic link among its parents is followed.

        Raises:
            UsageFault: if it is standard input or output, or no storage of that name is configured.
            QuackError: if the configuration cannot be used.
        """
        match location.scheme:
            case "local":
                root, name = os.path.split(local_path(location))
                path = f"{name}/" if name and location.names_folder else name
                return Place(self._local(root), path, location, os.path.join(root, ""))  # noqa: PTH118 - names are data
            case "s3" | "gs" | "az" as scheme:
                bucket = await self._bucket(scheme, location.host)
                return Place(bucket, location.path, location, f"{scheme}://{location.host}/")
            case "instance":
                instance = await self._instance(location)
                return Place(instance, location.path, location, f"{location.host}:")
            case _:
                raise UsageFault("- is standard input or output, which only `cp` and `cat` use: name a storage")

    async def folder(self, location: Location) -> Place:
        """Return where a location lies when it is a folder: a local one is a storage of its own.

        Raises:
            QuackError: as `place` does.
        """
        if location.is_local:
            root = local_path(location)
            return Place(self._local(root), "", location, os.path.join(root, ""))  # noqa: PTH118 - names are data
        return await self.place(location)

    def _local(self, root: str) -> ObjectStorageProtocol:
        key = ("local", root)
        if key not in self._opened:
            self._opened[key] = LocalStorage(root=root)
        return self._opened[key]

    async def _bucket(self, scheme: str, bucket: str) -> ObjectStorageProtocol:
        key = (scheme, bucket)
        if key not in self._opened:
            kind, field = _BUCKETS[scheme]
            section = (await _section_of(_storage_of(kind).config_provider).trace_config()).content
            config = {**section, field: bucket, "prefix": ""}
            self._opened[key] = _storage_of(kind, name=bucket, config=config)
        return self._opened[key]

    async def _instance(self, location: Location) -> ObjectStorageProtocol:
        key = ("instance", location.host)
        if key not in self._opened:
            self._opened[key] = await self._make_instance(location)
        return self._opened[key]

    async def _make_instance(self, location: Location) -> ObjectStorageProtocol:
        name = location.host
        await self._registry.configure(names=[name])
        integration = self._registry.get_integration(name)
        if integration is None and name in _STORAGES:
            integration = _storage_of(name)
        if integration is None:
            raise await _unknown(location)
        if not isinstance(integration, ObjectStorageProtocol):
            raise ContractError(f"{name} is a {type(integration).__name__}, which is no object storage")
        return integration


async def folder_of(storages: Storages, location: Location, *, must_exist: bool) -> str | tuple[object, str]:
    """Return a location as one end of a sync: a local folder, or a folder of a storage.

    Raises:
        RemoteNotFoundError: with code `folder_not_found`, if a local one must exist and does not.
        QuackError: as `Storages.place` does.
    """
    if not location.is_local:
        place = await storages.place(location)
        return place.storage, place.folder
    path = local_path(location)
    if must_exist and not await run_in_thread(os.path.isdir, path):
        raise RemoteNotFoundError(f"there is no folder {location}", code="folder_not_found")
    return path


def _section_of(provider: Any) -> BaseConfigProvider:  # noqa: ANN401 - the provider of any storage
    """Return what reads a storage's section as it is: the bucket is the address's, the storage checks the rest."""

    class Section(BaseConfigProvider):
        section_aliases = provider.section_aliases

        @property
        def name(self) -> str:
            return str(provider.name)

    return Section()


def _storage_of(kind: str, **options: Any) -> Any:  # noqa: ANN401 - one of the storages
    """Make a storage of a kind; without options it reads the section of that name."""
    from quackcore_async import storage

    return getattr(storage, _STORAGES[kind])(**options)


async def _unknown(location: Location) -> ConfigError:
    instances = ", ".join(await list_instances()) or "none"
    return ConfigError(
        f"no storage {location.host!r} is configured (there are: {instances}); configure it under `integrations:` "
        f"with `use: s3`, `gcs`, `azure` or `local`, or write ./{location.text} for a local file of that name",
        code="unknown_instance",
    )
