"""This package: `upload_many` and `download_many`, with an outcome for each object, retries and checks."""

from typing import Any

from benchmarks.peers.work import Work
from benchmarks.probe import Probe


async def upload(probe: Probe, **options: Any) -> None:
    from quackcore_async import S3Storage, upload_many

    work = Work(**options)
    pairs = list(work.pairs())
    async with S3Storage(config=config(work)) as storage:
        with probe:
            result = await upload_many(storage, pairs, concurrency=work.concurrency)
    check(result.unwrap().outcomes, work)


async def download(probe: Probe, **options: Any) -> None:
    from quackcore_async import S3Storage, download_many

    work = Work(**options)
    pairs = [(key, path) for path, key in work.pairs()]
    async with S3Storage(config=config(work)) as storage:
        with probe:
            result = await download_many(storage, pairs, concurrency=work.concurrency)
    check(result.unwrap().outcomes, work)


async def list_keys(probe: Probe, **options: Any) -> None:
    from quackcore_async import S3Storage

    work = Work(**options)
    count = 0
    async with S3Storage(config=config(work)) as storage:
        with probe:
            async for _file in storage.iter_files(work.prefix):
                count += 1
    if count != work.count:
        raise RuntimeError(f"{count} objects were listed, not {work.count}")


def config(work: Work) -> dict[str, object]:
    """Return the section of a storage; the variant is the engine, where it has a choice of engines."""
    section: dict[str, object] = {"bucket_name": work.bucket, "max_concurrency": max(32, work.concurrency)}
    if work.part_size is not None:
        section["part_size"] = work.part_size
    if "engine" in engine_field():
        section["engine"] = work.variant
    return section


def engine_field() -> set[str]:
    """Return `engine` if a configuration knows it."""
    from quackcore_async.storage.s3_config import S3Config

    return {"engine"} & S3Config.model_fields.keys()


def supports(engine: str) -> bool:
    """Tell whether a configuration takes an engine; where it knows of none, there is aioboto3 alone."""
    from pydantic import ValidationError

    from quackcore_async.storage.s3_config import S3Config

    if not engine_field():
        return engine == "aioboto3"
    try:
        S3Config.model_validate({"bucket_name": "bucket", "engine": engine})
    except ValidationError:
        return False
    return True


def check(outcomes: Any, work: Work) -> None:
    """See that there is an outcome for each object."""
    if len(outcomes) != work.count:
        raise RuntimeError(f"{len(outcomes)} outcomes for {work.count} objects")
