"""Deleting many objects: a thousand with one request, each with an outcome of its own."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from quackcore_async.clients.s3.client import MAX_BATCH, S3Client
from quackcore_async.clients.s3.deleted import is_gone
from quackcore_async.clients.s3.failures import error_of_code
from quackcore_async.clients.s3.lean.xml import fits_xml
from quackcore_async.clients.s3.names import S3Address
from quackcore_async.concurrency import for_each
from quackcore_async.errors import ErrorKind, QuackError
from quackcore_async.results import to_quack_error

__all__ = ["delete_objects"]

_ONE_BY_ONE: Final = frozenset({ErrorKind.UNSUPPORTED, ErrorKind.INVALID_INPUT})


async def delete_objects(client: S3Client, bucket: str, keys: Sequence[str]) -> dict[str, QuackError]:
    """Delete objects of one bucket; missing ones are a success, as S3 has it.

    A key that a batch cannot name, one that failed for a passing reason, and all of them where the service has no
    batches, are deleted with a request each.

    Args:
        client: The service.
        bucket: Where they are.
        keys: Any number of them.

    Returns:
        Why the keys that are still there could not be deleted.
    """
    failures: dict[str, QuackError] = {}
    single = [key for key in keys if not fits_xml(key)]
    batched = [key for key in keys if fits_xml(key)]
    for start in range(0, len(batched), MAX_BATCH):
        single += await _delete_batch(client, bucket, batched[start : start + MAX_BATCH], failures)

    async def delete(_index: int, key: str) -> None:
        try:
            await client.delete(S3Address(bucket, key))
        except Exception as exc:  # noqa: BLE001 - each key has an outcome of its own
            failures[key] = to_quack_error(exc)

    await for_each(delete, single, max_concurrency=client.settings.max_concurrency)
    return failures


async def _delete_batch(
    client: S3Client, bucket: str, keys: Sequence[str], failures: dict[str, QuackError]
) -> Sequence[str]:
    """Delete keys with one request, note which failed for good, and return those to be tried by themselves."""
    try:
        refused = await client.delete_batch(bucket, keys)
    except QuackError as error:
        if error.kind in _ONE_BY_ONE:
            return keys
        left = await _left(client, bucket, keys) if error.indeterminate else keys
        failures.update(dict.fromkeys(left, error))
        return ()
    again: list[str] = []
    for entry in refused:
        refusal = error_of_code(entry.code, entry.message, f"delete {S3Address(bucket, entry.key)}")
        if refusal.retryable:
            again.append(entry.key)
        elif refusal.kind is not ErrorKind.NOT_FOUND:
            failures[entry.key] = refusal
    return again


async def _left(client: S3Client, bucket: str, keys: Sequence[str]) -> Sequence[str]:
    """Return the keys that are there, or may be, after a batch that nobody answered.

    The first question that gets no answer is the last one: the service is not there.
    """
    left = set(keys)

    async def look(_index: int, key: str) -> None:
        gone = await is_gone(client.requester, S3Address(bucket, key))
        if gone is None:
            raise _SilentError
        if gone:
            left.discard(key)

    with suppress(_SilentError):
        await for_each(look, keys, max_concurrency=client.settings.max_concurrency)
    return [key for key in keys if key in left]


class _SilentError(Exception):
    """Nobody tells what became of the keys."""
