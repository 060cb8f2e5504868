"""aioboto3: its `upload_file` and `download_file`, all gathered, or its single requests, so many at a time."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from benchmarks.peers.work import Work
from benchmarks.probe import Probe

FILES, REQUESTS = "files", "requests"


async def upload(probe: Probe, **options: Any) -> None:
    work = Work(**options)
    async with client(work) as s3:
        if work.variant == FILES:
            config = transfer_config(work)
            with probe:
                await asyncio.gather(
                    *(s3.upload_file(path, work.bucket, key, Config=config) for path, key in work.pairs())
                )
            return
        with probe:
            await limited(work, lambda path, key: _put(s3, work, path, key))


async def download(probe: Probe, **options: Any) -> None:
    work = Work(**options)
    async with client(work) as s3:
        if work.variant == FILES:
            config = transfer_config(work)
            with probe:
                await asyncio.gather(
                    *(s3.download_file(work.bucket, key, path, Config=config) for path, key in work.pairs())
                )
            return
        with probe:
            await limited(work, lambda path, key: _get(s3, work, path, key))


async def list_keys(probe: Probe, **options: Any) -> None:
    work = Work(**options)
    count = 0
    async with client(work) as s3:
        with probe:
            pages = s3.get_paginator("list_objects_v2").paginate(Bucket=work.bucket, Prefix=f"{work.prefix}/")
            async for page in pages:
                for _entry in page.get("Contents", ()):
                    count += 1
    if count != work.count:
        raise RuntimeError(f"{count} objects were listed, not {work.count}")


async def limited(work: Work, move: Callable[[str, str], Coroutine[Any, Any, object]]) -> None:
    """Move every object, only so many at a time."""
    semaphore = asyncio.Semaphore(work.concurrency)

    async def move_one(path: str, key: str) -> None:
        async with semaphore:
            await move(path, key)

    await asyncio.gather(*(move_one(path, key) for path, key in work.pairs()))


async def _put(s3: Any, work: Work, path: str, key: str) -> None:
    if work.part_size is None or work.size <= work.part_size:
        await s3.put_object(Bucket=work.bucket, Key=key, Body=Path(path).read_bytes())
        return
    part_size = work.part_size
    upload_id = (await s3.create_multipart_upload(Bucket=work.bucket, Key=key))["UploadId"]
    place = {"Bucket": work.bucket, "Key": key, "UploadId": upload_id}
    semaphore = asyncio.Semaphore(work.concurrency)
    with Path(path).open("rb") as file:

        async def send(number: int, offset: int) -> dict[str, Any]:
            async with semaphore:
                body = os.pread(file.fileno(), part_size, offset)
                answer = await s3.upload_part(**place, PartNumber=number, Body=body)
            return {"PartNumber": number, "ETag": answer["ETag"]}

        offsets = range(0, work.size, part_size)
        parts = await asyncio.gather(*(send(number, offset) for number, offset in enumerate(offsets, 1)))
    await s3.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})


async def _get(s3: Any, work: Work, path: str, key: str) -> None:
    if work.part_size is None or work.size <= work.part_size:
        answer = await s3.get_object(Bucket=work.bucket, Key=key)
        Path(path).write_bytes(await answer["Body"].read())
        return
    part_size = work.part_size
    semaphore = asyncio.Semaphore(work.concurrency)
    with Path(path).open("wb") as file:

        async def fetch(offset: int) -> None:
            async with semaphore:
                end = min(offset + part_size, work.size) - 1
                answer = await s3.get_object(Bucket=work.bucket, Key=key, Range=f"bytes={offset}-{end}")
                os.pwrite(file.fileno(), await answer["Body"].read(), offset)

        await asyncio.gather(*(fetch(offset) for offset in range(0, work.size, part_size)))


def transfer_config(work: Work) -> Any:
    """Return its defaults for small objects, and the parts and the concurrency of the others for large ones."""
    from boto3.s3.transfer import TransferConfig

    if work.part_size is None:
        return TransferConfig()
    return TransferConfig(
        multipart_threshold=work.part_size, multipart_chunksize=work.part_size, max_concurrency=work.concurrency
    )


@asynccontextmanager
async def client(work: Work) -> AsyncIterator[Any]:
    """Make a client, with a connection for each request under way where it is limited."""
    import aioboto3
    from aiobotocore.config import AioConfig

    config = AioConfig(max_pool_connections=work.concurrency) if work.variant == REQUESTS else None
    async with aioboto3.Session().client("s3", config=config) as s3:
        yield s3
