"""boto3: the transfer manager of s3transfer, in threads."""

from typing import Any

from benchmarks.peers.work import Work
from benchmarks.probe import Probe


async def upload(probe: Probe, **options: Any) -> None:
    work = Work(**options)
    with manager(work) as transfers, probe:
        futures = [transfers.upload(path, work.bucket, key) for path, key in work.pairs()]
        for future in futures:
            future.result()


async def download(probe: Probe, **options: Any) -> None:
    work = Work(**options)
    with manager(work) as transfers, probe:
        futures = [transfers.download(work.bucket, key, path) for path, key in work.pairs()]
        for future in futures:
            future.result()


def manager(work: Work) -> Any:
    """Make a transfer manager with the concurrency of the others, and their parts for large objects."""
    import boto3
    from boto3.s3.transfer import TransferConfig, create_transfer_manager
    from botocore.config import Config

    client = boto3.client("s3", config=Config(max_pool_connections=work.concurrency))
    parts = {}
    if work.part_size is not None:
        parts = {"multipart_threshold": work.part_size, "multipart_chunksize": work.part_size}
    return create_transfer_manager(client, TransferConfig(max_concurrency=work.concurrency, **parts))
