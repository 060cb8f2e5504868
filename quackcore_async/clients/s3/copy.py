"""Copying objects within the service, of any size, without moving their bytes through this process."""

from quackcore_async.clients.s3.client import S3Client
from quackcore_async.clients.s3.conditional import Written
from quackcore_async.clients.s3.multipart import MultipartUpload
from quackcore_async.clients.s3.names import S3Address, check_key
from quackcore_async.clients.s3.objects import ObjectInfo
from quackcore_async.clients.s3.parts import MAX_PART_SIZE, Part, part_size_for, parts_of
from quackcore_async.concurrency import for_each
from quackcore_async.errors import ConflictError, RemoteNotFoundError

__all__ = ["copy_object"]

_COPY_PART: int = 256 * 1024**2  # copied by the service itself: fewer requests are better than small ones


async def copy_object(
    client: S3Client,
    source: S3Address,
    target: S3Address,
    *,
    overwrite: bool = True,
    single_limit: int = MAX_PART_SIZE,
    part_size: int = _COPY_PART,
) -> Written:
    """Copy an object with its content type and metadata.

    Args:
        client: The service.
        source: What to copy; when it is replaced meanwhile, the copy fails and leaves nothing.
        target: Where to.
        overwrite: False copies only where nothing is.
        single_limit: Bytes up to which one request does it; more are copied in parts.
        part_size: Bytes of those parts.

    Raises:
        RemoteNotFoundError: if there is no such source.
        ConflictError: with code `exists`, if `overwrite` is False and the target exists; with `changed`, if the
            source was replaced meanwhile.
    """
    check_key(source.key)
    check_key(target.key)
    info = await client.head(source)
    conditions = {} if overwrite else {"IfNoneMatch": "*"}
    if not overwrite:
        await _refuse_existing(client, target)
    if info.size <= single_limit:
        return await client.copy_whole(source, target, if_match=info.etag, conditions=conditions)
    size = part_size_for(info.size, part_size)

    async def copy(_index: int, part: Part) -> None:
        await upload.copy(
            source, part.number, start=part.offset, end=part.offset + part.size, if_match=info.etag or "*"
        )

    async with MultipartUpload(client, target, _described(info), conditions) as upload:
        await for_each(copy, parts_of(info.size, size), max_concurrency=client.settings.transfer_concurrency)
        return await upload.complete()


async def _refuse_existing(client: S3Client, target: S3Address) -> None:
    """Look first: not every service reads the condition of a copy."""
    try:
        await client.head(target)
    except RemoteNotFoundError:
        return
    raise ConflictError(f"cannot write {target}: it exists already; allow overwriting", code="exists")


def _described(info: ObjectInfo) -> dict[str, object]:
    return {"ContentType": info.content_type or "application/octet-stream", "Metadata": dict(info.metadata)}
