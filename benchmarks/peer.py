"""The peer: aioboto3's own `upload_file` and `download_file` under `asyncio.gather`."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from benchmarks.probe import Probe

__all__ = ["download", "upload"]

Pairs = Sequence[tuple[str, str]]


async def upload(probe: Probe, *, bucket: str, pairs: Pairs, part_size: int | None, concurrency: int) -> None:
    """Upload (path, key) pairs, all at once as its users do."""
    async with _client() as client:
        config = _transfer_config(part_size, concurrency)
        with probe:
            await asyncio.gather(*(client.upload_file(path, bucket, key, Config=config) for path, key in pairs))


async def download(probe: Probe, *, bucket: str, pairs: Pairs, part_size: int | None, concurrency: int) -> None:
    """Download (path, key) pairs, all at once as its users do."""
    async with _client() as client:
        config = _transfer_config(part_size, concurrency)
        with probe:
            await asyncio.gather(*(client.download_file(bucket, key, path, Config=config) for path, key in pairs))


def _transfer_config(part_size: int | None, concurrency: int) -> Any:
    """Return its defaults for small objects, and the parts and the concurrency of ours for large ones."""
    from boto3.s3.transfer import TransferConfig

    if part_size is None:
        return TransferConfig()
    return TransferConfig(multipart_chunksize=part_size, max_concurrency=concurrency)


@asynccontextmanager
async def _client() -> AsyncIterator[Any]:
    import aioboto3

    async with aioboto3.Session().client("s3") as client:
        yield client
