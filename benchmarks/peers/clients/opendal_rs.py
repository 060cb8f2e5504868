"""opendal: one call for each object, so many at a time. It does not sign the content of what it sends."""

import os
from pathlib import Path
from typing import Any

from benchmarks.peers.clients.aioboto import limited
from benchmarks.peers.work import Work
from benchmarks.probe import Probe

MIB = 1024**2


async def upload(probe: Probe, **options: Any) -> None:
    work = Work(**options)
    bucket = operator(work)

    async def put(path: str, key: str) -> None:
        if work.part_size is None:
            await bucket.write(key, Path(path).read_bytes())
            return
        with Path(path).open("rb") as file:
            sink = await bucket.open(key, "wb", chunk=work.part_size, concurrent=work.concurrency)
            async with sink:
                while chunk := file.read(work.part_size):
                    await sink.write(chunk)

    with probe:
        await limited(work, put)


async def download(probe: Probe, **options: Any) -> None:
    work = Work(**options)
    bucket = operator(work)

    async def get(path: str, key: str) -> None:
        if work.part_size is None:
            Path(path).write_bytes(await bucket.read(key))
            return
        source = await bucket.open(key, "rb", chunk=work.part_size, concurrent=work.concurrency)
        with Path(path).open("wb") as file:
            async with source:
                while chunk := await source.read(MIB):
                    file.write(chunk)

    with probe:
        await limited(work, get)


async def list_keys(probe: Probe, **options: Any) -> None:
    work = Work(**options)
    bucket = operator(work)
    count = 0
    with probe:
        async for _entry in await bucket.list(f"{work.prefix}/", recursive=True):
            count += 1
    if count != work.count:
        raise RuntimeError(f"{count} objects were listed, not {work.count}")


def operator(work: Work) -> Any:
    """Make an operator; the keys are in the environment."""
    from opendal import AsyncOperator

    return AsyncOperator(
        "s3",
        bucket=work.bucket,
        root="/",
        endpoint=os.environ["AWS_ENDPOINT_URL"],
        region=os.environ["AWS_REGION"],
    )
