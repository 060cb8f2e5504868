"""The bulk verbs, between folders, a folder's storage, and S3."""

import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from quackcore_async import LocalStorage, transfer
from quackcore_async.storage.names import is_partial
from tests.faults.cancelling.attempts import Case
from tests.faults.cancelling.s3 import PART, OnS3, uploads_of
from tests.faults.cancelling.stage import Cases, Stage
from tests.faults.cancelling.storages import count

KIB = 1024
NAMES = ("a", "b", "c/d", "c/e", "empty", "large")
WORKERS = 3  # some items wait for one; the usual 32 would only start and end


class Transfers(Stage):
    """From a folder to a storage and back; what is deleted is put there first."""

    large_size = 2 * KIB * KIB + 1

    def __init__(self, place: Path, server: Any) -> None:
        super().__init__(place, server)
        self.here = place / "here"
        self.there = place / "there"
        for name in NAMES:
            path = self.here / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(os.urandom({"empty": 0, "large": self.large_size}.get(name, 3 * KIB)))
        self.storage: Any = None

    def _make(self) -> Any:
        return LocalStorage(root=self.place / "root")

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        async with self._make() as self.storage:
            (await transfer.sync(self.here, (self.storage, "all"))).unwrap()
            yield

    def _left(self) -> list[str]:
        return [name for _, _, names in os.walk(self.place) for name in names if is_partial(name)]

    def _case(self, call: Any, **options: Any) -> Cases:
        return Case(call, left=self._left, **options)

    def _up(self) -> list[tuple[str, str]]:
        return [(str(self.here / name), f"up/{name}") for name in NAMES]

    def _down(self) -> list[str]:
        return [f"all/{name}" for name in NAMES]

    def upload_many(self) -> Cases:
        return self._case(lambda: transfer.upload_many(self.storage, self._up(), concurrency=WORKERS))

    def download_many(self) -> Cases:
        return self._case(
            lambda: transfer.download_many(self.storage, self._down(), target=self.there, concurrency=WORKERS)
        )

    def delete_many(self) -> Cases:
        async def delete() -> object:
            for name in "abc":
                (await self.storage.write_bytes(f"gone/{name}", b"")).unwrap()
            return await transfer.delete_many(
                self.storage, [f"gone/{name}" for name in "abc"], concurrency=WORKERS
            )

        return self._case(delete)

    def stream_upload_many(self) -> Cases:
        return self._case(
            lambda: count(transfer.stream_upload_many(self.storage, self._up(), concurrency=WORKERS))
        )

    def stream_download_many(self) -> Cases:
        return self._case(
            lambda: count(
                transfer.stream_download_many(self.storage, self._down(), target=self.there, concurrency=WORKERS)
            )
        )

    def stream_delete_many(self) -> Cases:
        async def delete() -> object:
            for name in "abc":
                (await self.storage.write_bytes(f"gone/{name}", b"")).unwrap()
            return await count(
                transfer.stream_delete_many(self.storage, [f"gone/{name}" for name in "abc"], concurrency=WORKERS)
            )

        return self._case(delete)

    def sync(self) -> Cases:
        async def up() -> object:
            for name in NAMES:
                os.utime(self.here / name)
            return await transfer.sync(self.here, (self.storage, "synced"), concurrency=WORKERS)

        async def down() -> object:
            for name in NAMES:
                (self.there / name).unlink(missing_ok=True)
            return await transfer.sync((self.storage, "all"), self.there, delete=True, concurrency=WORKERS)

        return {"up": self._case(up), "down": self._case(down)}  # type: ignore[dict-item]

    def check(self) -> Cases:
        return self._case(lambda: transfer.check(self.here, (self.storage, "all"), checksum=True))


class S3Transfers(OnS3, Transfers):
    """Every point, on a server that is quick."""

    large_size = PART + 1


class SeaweedTransfers(S3Transfers):
    """Some points, on a real service, with parts as large as real ones."""

    fixture = "seaweed"
    large_size = 5 * KIB * KIB + 1
    most = 4

    @classmethod
    def names(cls) -> list[str]:
        return ["delete_many", "download_many", "sync", "upload_many"]

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        with uploads_of(self.server) as self._uploads:
            async with Transfers.opened(self):
                yield
