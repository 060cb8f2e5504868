"""Our side: `upload_many` and `download_many` over an `S3Storage`."""

from collections.abc import Sequence

from benchmarks.probe import Probe

__all__ = ["download", "upload"]

Pairs = Sequence[tuple[str, str]]


async def upload(probe: Probe, *, bucket: str, pairs: Pairs, part_size: int | None, concurrency: int) -> None:
    """Upload (path, key) pairs."""
    from quackcore_async import S3Storage, upload_many

    async with S3Storage(config=_config(bucket, part_size)) as storage:
        with probe:
            result = await upload_many(storage, [(path, key) for path, key in pairs], concurrency=concurrency)
    result.unwrap()


async def download(probe: Probe, *, bucket: str, pairs: Pairs, part_size: int | None, concurrency: int) -> None:
    """Download (path, key) pairs."""
    from quackcore_async import S3Storage, download_many

    async with S3Storage(config=_config(bucket, part_size)) as storage:
        with probe:
            result = await download_many(storage, [(key, path) for path, key in pairs], concurrency=concurrency)
    result.unwrap()


def _config(bucket: str, part_size: int | None) -> dict[str, object]:
    return {"bucket_name": bucket} if part_size is None else {"bucket_name": bucket, "part_size": part_size}
