"""The coroutines of storages: on this machine, in memory, and over services."""

import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, ClassVar

from quackcore_async import AzureStorage, GCSStorage, LocalStorage, MemoryStorage, S3Storage
from quackcore_async.storage import BaseStorageIntegration
from quackcore_async.storage.names import is_partial
from tests.faults.cancelling.attempts import Case, succeeded
from tests.faults.cancelling.s3 import PART, OnS3, uploads_of
from tests.faults.cancelling.stage import Cases, Stage
from tests.servers.azurite import ACCOUNT, KEY
from tests.servers.gcs import TOKEN

KIB = 1024
SMALL = os.urandom(20 * KIB)


def unsupported(result: object) -> bool:
    info = getattr(result, "error_info", None)
    return succeeded(result) or (info is not None and info.kind == "unsupported")


class Storages(Stage):
    """What all storages do."""

    large_size: ClassVar[int] = 3 * KIB * KIB + 1

    def __init__(self, place: Path, server: Any) -> None:
        super().__init__(place, server)
        self.here = place / "here"
        self.there = place / "there"
        self.here.mkdir()
        self.there.mkdir()
        self.storage: Any = None
        self.sizes = {"small": len(SMALL), "large": self.large_size}
        for name, size in self.sizes.items():
            (self.here / name).write_bytes(os.urandom(size))

    def _make(self) -> BaseStorageIntegration:
        raise NotImplementedError

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        async with self._make() as self.storage:
            for name in self.sizes:
                (await self.storage.upload_file(str(self.here / name), f"in/{name}")).unwrap()
            for name in ("tree/a", "tree/b/c", "tree/b/d"):
                (await self.storage.write_bytes(name, SMALL)).unwrap()
            yield

    def _left(self) -> list[str]:
        """Return unfinished files."""
        return [
            name for _, _, names in os.walk(self.place) for name in names if is_partial(name) or name.endswith("~")
        ]

    def _case(self, call: Callable[[], Awaitable[object]], **options: Any) -> Case:
        return Case(call, left=self._left, **options)

    def _sizes(self, make: Callable[[str], Callable[[], Awaitable[object]]]) -> Cases:
        return {name: self._case(make(name)) for name in self.sizes}

    def upload_file(self) -> Cases:
        return self._sizes(lambda name: lambda: self.storage.upload_file(str(self.here / name), f"out/{name}"))

    def download_file(self) -> Cases:
        return self._sizes(lambda name: lambda: self.storage.download_file(f"in/{name}", str(self.there / name)))

    def read_bytes(self) -> Cases:
        return self._sizes(lambda name: lambda: self.storage.read_bytes(f"in/{name}"))

    def write_bytes(self) -> Cases:
        return self._sizes(lambda name: lambda: self.storage.write_bytes("w", (self.here / name).read_bytes()))

    def write_stream(self) -> Cases:
        async def chunks(name: str) -> AsyncIterator[bytes]:
            data = (self.here / name).read_bytes()
            for start in range(0, len(data), KIB * KIB):
                yield data[start : start + KIB * KIB]

        return self._sizes(lambda name: lambda: self.storage.write_stream("ws", chunks(name)))

    def open_read(self) -> Cases:
        async def read(name: str) -> int:
            async with self.storage.open_read(f"in/{name}") as stream:
                return sum([len(chunk) async for chunk in stream])

        async def read_a_little(name: str) -> int:
            async with self.storage.open_read(f"in/{name}") as stream:
                async for chunk in stream:
                    return len(chunk)
            return 0

        return {
            "whole": self._case(lambda: read("large")),
            "left early": self._case(lambda: read_a_little("large")),
        }

    def list_files(self) -> Cases:
        return {
            "recursive": self._case(lambda: self.storage.list_files("tree")),
            "one folder": self._case(lambda: self.storage.list_files("tree", recursive=False)),
        }

    def iter_files(self) -> Cases:
        return self._case(lambda: count(self.storage.iter_files("tree")))

    def iter_tree(self) -> Cases:
        return self._case(lambda: count(self.storage.iter_tree("tree")))

    def tree_pages(self) -> Cases:
        return self._case(lambda: count(self.storage.tree_pages("tree")))

    def create_folder(self) -> Cases:
        return self._case(lambda: self.storage.create_folder("new/folder"))

    def stat_file(self) -> Cases:
        return self._case(lambda: self.storage.stat_file("in/small"))

    def file_exists(self) -> Cases:
        return self._case(lambda: self.storage.file_exists("in/none"))

    def delete_file(self) -> Cases:
        async def delete() -> object:
            (await self.storage.write_bytes("gone", SMALL)).unwrap()
            return await self.storage.delete_file("gone")

        return self._case(delete)

    def copy_file(self) -> Cases:
        return self._sizes(lambda name: lambda: self.storage.copy_file(f"in/{name}", f"copy/{name}"))

    def move_file(self) -> Cases:
        async def move() -> object:
            if not (await self.storage.file_exists("moved/there")).unwrap():
                (await self.storage.write_bytes("moved/here", SMALL)).unwrap()
            elif not (await self.storage.file_exists("moved/here")).unwrap():
                (await self.storage.copy_file("moved/there", "moved/here")).unwrap()
            return await self.storage.move_file("moved/here", "moved/there")

        return self._case(move)

    def presign_url(self) -> Cases:
        return self._case(lambda: self.storage.presign_url("in/small"), good=unsupported)

    def cleanup(self) -> Cases:
        return self._case(lambda: self.storage.cleanup(older_than=0), good=unsupported)

    def is_available(self) -> Cases:
        return self._case(self.storage.is_available)

    def load_auth_provider(self) -> Cases:
        return self._case(self.storage.load_auth_provider)

    def initialize(self) -> Cases:
        """Start one, cancelled; the same one comes up afterwards, and closes."""
        return self._lives(lambda storage: storage.initialize())

    def on_entering(self) -> Cases:
        async def enter(storage: Any) -> None:
            async with storage:
                pass

        return self._lives(enter)

    def aclose(self) -> Cases:
        async def close(storage: Any) -> None:
            await storage.initialize()
            await storage.aclose()

        return self._lives(close)

    def on_leaving(self) -> Cases:
        async def leave(storage: Any) -> None:
            async with storage:
                await storage.file_exists("in/small")

        return self._lives(leave)

    def _lives(self, act: Callable[[Any], Awaitable[object]]) -> Cases:
        made: list[Any] = []

        async def first() -> object:
            made[:] = [self._make()]
            result = await act(made[0])  # which leaves nothing open when it is cancelled
            await made[0].aclose()
            return result

        async def second() -> object:
            result = await made[0].initialize()
            found = await made[0].file_exists("in/small")
            await made[0].aclose()
            return result if not result.success else found

        return self._case(first, again=second)


async def count(items: AsyncIterator[object]) -> int:
    """Read an asynchronous iterator to its end."""
    number = 0
    async for _ in items:
        number += 1
    return number


class LocalStorages(Storages):
    owners = (LocalStorage,)

    def _make(self) -> BaseStorageIntegration:
        return LocalStorage(root=self.place / "root")


class MemoryStorages(Storages):
    owners = (MemoryStorage,)

    def _make(self) -> BaseStorageIntegration:
        return MemoryStorage(name="m")


class S3Storages(OnS3, Storages):
    """Every point, on a server that is quick."""

    owners = (S3Storage,)
    large_size = 2 * PART + 1

    def delete_files(self) -> Cases:
        async def delete() -> object:
            for name in "ab":
                (await self.storage.write_bytes(name, b"")).unwrap()
            return await self.storage.delete_files(["a", "b"])

        return self._case(delete)


class SeaweedStorages(S3Storages):
    """Some points of what takes several requests, on a real service, with parts as large as real ones."""

    fixture = "seaweed"
    large_size = 10 * KIB * KIB + 1
    most = 4

    @classmethod
    def names(cls) -> list[str]:
        return ["copy_file", "delete_files", "download_file", "upload_file", "write_stream"]

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        with uploads_of(self.server) as self._uploads:
            async with Storages.opened(self):
                yield


class GCSStorages(Storages):
    owners = (GCSStorage,)
    backends = ("asyncio",)
    fixture = "gcs_server"
    closes_sockets = False  # those of the server are here too, and obstore closes its own when it likes

    def __init__(self, place: Path, server: Any) -> None:
        super().__init__(place, server)
        self._bucket = server.make_bucket()

    def _make(self) -> BaseStorageIntegration:
        config = {"bucket_name": self._bucket, "endpoint_url": self.server.url, "token": TOKEN}
        return GCSStorage(config=config)


class AzureStorages(Storages):
    """What no other storage shares."""

    owners = (AzureStorage,)
    backends = ("asyncio",)
    fixture = "azurite"
    closes_sockets = False  # obstore closes its own when it likes

    @classmethod
    def names(cls) -> list[str]:
        return ["delete_files"]

    def _make(self) -> BaseStorageIntegration:
        config = {
            "container_name": self.server.container,
            "endpoint_url": self.server.url,
            "account_name": ACCOUNT,
            "account_key": KEY,
        }
        return AzureStorage(config=config)

    def delete_files(self) -> Cases:
        async def delete() -> object:
            for name in "ab":
                (await self.storage.write_bytes(name, b"")).unwrap()
            return await self.storage.delete_files(["a", "b"])

        return self._case(delete)
