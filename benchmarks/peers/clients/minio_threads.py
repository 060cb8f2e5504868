"""minio: `fput_object` and `fget_object`, in threads."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from benchmarks.peers.work import Work
from benchmarks.probe import Probe


async def upload(probe: Probe, **options: Any) -> None:
    work = Work(**options)
    client = connect(work)
    parts = {}
    if work.part_size is not None:
        parts = {"part_size": work.part_size, "num_parallel_uploads": work.concurrency}
    in_threads(probe, work, lambda path, key: client.fput_object(work.bucket, key, path, **parts))


async def download(probe: Probe, **options: Any) -> None:
    work = Work(**options)
    client = connect(work)
    in_threads(probe, work, lambda path, key: client.fget_object(work.bucket, key, path))


def in_threads(probe: Probe, work: Work, move: Callable[[str, str], object]) -> None:
    """Move every object in a thread, so many at a time."""
    with ThreadPoolExecutor(work.concurrency) as pool, probe:
        for moved in [pool.submit(move, path, key) for path, key in work.pairs()]:
            moved.result()


def connect(work: Work) -> Any:
    """Make a client with a connection for each thread, and for the threads in which it sends parts."""
    import minio
    import urllib3

    return minio.Minio(
        urlsplit(os.environ["AWS_ENDPOINT_URL"]).netloc,
        access_key=os.environ["AWS_ACCESS_KEY_ID"],
        secret_key=os.environ["AWS_SECRET_ACCESS_KEY"],
        region=os.environ["AWS_REGION"],
        secure=False,
        http_client=urllib3.PoolManager(maxsize=work.concurrency),
    )
