"""What works on S3 have in common: parts, servers, and a look at the uploads that are left."""

import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from unittest.mock import patch

from quackcore_async import S3Storage
from quackcore_async.clients.s3 import S3Settings
from quackcore_async.storage.s3_config import S3Config
from tests.faults.cancelling.stage import Stage
from tests.servers.endpoint import S3Endpoint
from tests.servers.lasting_s3 import Looker

KIB = 1024
PART = 128 * KIB


@contextlib.contextmanager
def small_parts() -> Iterator[None]:
    """Let parts be smaller than S3 has them: they are sent and taken by the same steps."""
    settings = S3Config.settings

    def smaller(config: S3Config) -> S3Settings:
        return dataclasses.replace(settings(config), part_size=PART, multipart_threshold=PART)

    with patch.object(S3Config, "settings", smaller):
        yield


def s3_config_of(server: S3Endpoint) -> dict[str, Any]:
    return {
        "bucket_name": server.bucket,
        "endpoint_url": server.url,
        "region": "us-east-1",
        "access_key_id": server.access_key_id,
        "secret_access_key": server.secret_access_key,
        "part_size": 5 * KIB * KIB,
        "multipart_threshold": 5 * KIB * KIB,
    }


@contextlib.contextmanager
def uploads_of(server: S3Endpoint) -> Iterator[Callable[[], list[str]]]:
    """Have a function that returns the keys of the uploads that are open on a real service."""
    client = server.raw_client()

    def uploads() -> list[str]:
        return [found["Key"] for found in client.list_multipart_uploads(Bucket=server.bucket).get("Uploads", [])]

    try:
        yield uploads
    finally:
        client.close()


class OnS3(Stage):
    """The storage is a bucket, on a server that is quick, with small parts; put it before the other base."""

    backends = ("asyncio",)
    fixture = "lasting_s3"

    def _make(self) -> S3Storage:
        return S3Storage(config=s3_config_of(self.server))

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        looker = Looker(self.server)
        self._uploads = looker.uploads
        try:
            with small_parts():
                async with super().opened():
                    yield
        finally:
            looker.close()

    def _left(self) -> list[str]:
        """Return uploads that nobody aborted, too."""
        return super()._left() + self._uploads()
