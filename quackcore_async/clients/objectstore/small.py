"""Downloading an object that fits one answer: one request, and one hop to a thread."""

import os
from collections.abc import Callable
from functools import partial
from typing import Any

from quackcore_async.clients.objectstore.client import ObjectStoreClient
from quackcore_async.clients.objectstore.download import Verified
from quackcore_async.clients.objectstore.names import ObjectAddress
from quackcore_async.clients.objectstore.objects import object_info
from quackcore_async.clients.s3.checksums import expectation_of, hasher_of
from quackcore_async.clients.s3.objects import ObjectInfo
from quackcore_async.concurrency import run_briefly
from quackcore_async.errors import IntegrityError

__all__ = ["download_small"]


async def download_small(
    client: ObjectStoreClient,
    address: ObjectAddress,
    begin: Callable[[ObjectInfo], int],
    finish: Callable[[Verified], None],
    progress: Callable[[int], None],
    *,
    largest: int,
) -> bool:
    """Download a small object to an open file; one whose answer breaks off is asked for anew.

    Args:
        client: Where from.
        address: The object.
        begin: Called in a worker thread when all bytes came; returns the descriptor of an empty file.
        finish: Called in the same thread when they are written, with how far they are checked.
        progress: Told the bytes that are written.
        largest: Leave an object alone that has more bytes than this, and one without an entity tag: the service
            gives one to each, so something else has answered, to which a redirect may have led.

    Returns:
        Whether it was downloaded: False when it was left alone.

    Raises:
        RemoteNotFoundError: if there is no such object.
        IntegrityError: if the bytes do not have the object's checksum.
        OSError: if the disk fails.
    """
    store = await client.store(address.bucket)
    await client.take_slot()
    try:
        answer = await client.repeat(f"read {address}", partial(_read, client, store, address, largest), bulk=True)
        if answer is None:
            return False
        info, body = answer
        await run_briefly(partial(_write, address, info, body, begin, finish))
    finally:
        client.slots.release()
    progress(info.size)
    return True


async def _read(
    client: ObjectStoreClient,
    store: Any,  # noqa: ANN401 - a class of the optional module
    address: ObjectAddress,
    largest: int,
) -> tuple[ObjectInfo, memoryview] | None:
    """Ask for an object and wait for all its bytes; None when it has too many."""
    answer = await client.obstore.get_async(store, address.key)
    meta = answer.meta
    size = meta["size"]
    if size > largest or meta["e_tag"] is None:
        return None
    info = object_info(address.key, meta, answer.attributes)
    body = memoryview(await answer.bytes_async())
    if len(body) != size:
        raise IntegrityError(
            f"cannot read {address}: {len(body)} bytes of {size} came", code="truncated", retryable=True
        )
    return info, body


def _write(
    address: ObjectAddress,
    info: ObjectInfo,
    body: memoryview,
    begin: Callable[[ObjectInfo], int],
    finish: Callable[[Verified], None],
) -> None:
    """Check the bytes, write them, and let the file be taken."""
    expectation = expectation_of(info)
    if expectation is not None:
        hasher = hasher_of(expectation.algorithm)
        hasher.update(body)
        expectation.check(hasher.digest(), address)
    fd = begin(info)
    while body:
        body = body[os.write(fd, body) :]
    finish("length" if expectation is None else "full")
