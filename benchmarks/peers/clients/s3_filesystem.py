"""s3fs: its own bulk transfer, so many at a time; coroutines call what its documentation writes with a `_`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from benchmarks.peers.work import Work
from benchmarks.probe import Probe


async def upload(probe: Probe, **options: Any) -> None:
    work = Work(**options)
    async with connect() as filesystem:
        paths, keys = sides(work)
        with probe:
            await filesystem._put(paths, keys, batch_size=work.concurrency, **parts(work))  # noqa: SLF001


async def download(probe: Probe, **options: Any) -> None:
    work = Work(**options)
    async with connect() as filesystem:
        paths, keys = sides(work)
        with probe:
            await filesystem._get(keys, paths, batch_size=work.concurrency)  # noqa: SLF001


@asynccontextmanager
async def connect() -> AsyncIterator[Any]:
    """Make a file system that works on the running loop."""
    import s3fs  # type: ignore[import-untyped]

    filesystem = s3fs.S3FileSystem(asynchronous=True, skip_instance_cache=True)
    client = await filesystem.set_session()
    yield filesystem
    await client.close()


def sides(work: Work) -> tuple[list[str], list[str]]:
    """Return paths and keys, with the bucket in front."""
    pairs = list(work.pairs())
    return [path for path, _ in pairs], [f"{work.bucket}/{key}" for _, key in pairs]


def parts(work: Work) -> dict[str, int]:
    """Return the size and the number of parts where there are any."""
    if work.part_size is None:
        return {}
    return {"chunksize": work.part_size, "max_concurrency": work.concurrency}
