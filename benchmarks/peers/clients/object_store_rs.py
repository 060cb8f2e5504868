"""obstore, bare: one call for each object, so many at a time."""

from pathlib import Path
from typing import Any

from benchmarks.peers.clients.aioboto import limited
from benchmarks.peers.work import Work
from benchmarks.probe import Probe

MIB = 1024**2


async def upload(probe: Probe, **options: Any) -> None:
    import obstore

    work = Work(**options)
    bucket = store(work)

    async def put(path: str, key: str) -> None:
        if work.part_size is None:
            await obstore.put_async(bucket, key, Path(path).read_bytes(), use_multipart=False)
        else:
            await obstore.put_async(
                bucket, key, Path(path), chunk_size=work.part_size, max_concurrency=work.concurrency
            )

    with probe:
        await limited(work, put)


async def download(probe: Probe, **options: Any) -> None:
    import obstore

    work = Work(**options)
    bucket = store(work)

    async def get(path: str, key: str) -> None:
        answer = await obstore.get_async(bucket, key)
        if work.part_size is None:
            Path(path).write_bytes(await answer.bytes_async())
            return
        with Path(path).open("wb") as file:
            async for chunk in answer.stream(min_chunk_size=MIB):
                file.write(chunk)

    with probe:
        await limited(work, get)


async def list_keys(probe: Probe, **options: Any) -> None:
    import obstore

    work = Work(**options)
    bucket = store(work)
    count = 0
    with probe:
        async for page in obstore.list(bucket, work.prefix, chunk_size=1000):
            for _entry in page:
                count += 1
    if count != work.count:
        raise RuntimeError(f"{count} objects were listed, not {work.count}")


def store(work: Work) -> Any:
    """Make a store; keys and the address of the service are in the environment."""
    from obstore.store import S3Store

    return S3Store(work.bucket, client_options={"allow_http": True})
