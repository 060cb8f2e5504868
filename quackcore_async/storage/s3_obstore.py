"""The small files of an `S3Storage` by way of obstore; everything else goes where it always went."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

from quackcore_async.clients.objectstore import (
    ObjectAddress,
    ObjectStoreClient,
    ObjectStoreSettings,
    ObjectStream,
    check_object_key,
    download_small,
)
from quackcore_async.clients.objectstore.objects import attributes_of
from quackcore_async.clients.objectstore.settings import MIB
from quackcore_async.clients.s3 import ObjectInfo, S3Address, S3Client
from quackcore_async.clients.s3.attributes import source_metadata
from quackcore_async.concurrency import run_briefly
from quackcore_async.errors import ConfigError, ErrorKind, IntegrityError, InvalidNameError, QuackError
from quackcore_async.storage.files import DownloadTarget, SourceFile
from quackcore_async.storage.hooks import NO_OPTIONS, Write

__all__ = ["SmallFiles", "settings_for"]

_LARGEST: Final = MIB  # bytes; beyond, what a request costs is little beside what its bytes cost


class SmallFiles:
    """Reads, writes and deletes small objects through obstore.

    Each method returns whether it did what was asked. It does not when obstore cannot carry the name, the options
    or what is stored beside the object, when the object is large, when there is a condition that the service may
    not heed, when the bucket is in another region, when what answers gives no entity tag, and when the credentials
    are refused, which the other way renews: then the caller does it himself. An object under a key of the customer
    has an entity tag that looks like the checksum that it is not; it is read once more by the other way, which
    knows.

    Args:
        client: Speaks to the service.
    """

    def __init__(self, client: ObjectStoreClient) -> None:
        self._client = client
        self._elsewhere: set[str] = set()

    async def put_file(self, source: SourceFile, address: S3Address, write: Write) -> bool:
        """Upload a file that is not open yet."""
        place = _place_of_write(address, write)
        if place is None:
            return False
        content = await run_briefly(partial(source.read_small, _LARGEST))
        if content is None:
            return False
        kept = source_metadata(source.mtime_ns, source.mode)
        return await self._put(place, content, write, kept)

    async def put_bytes(self, data: bytes, address: S3Address, write: Write) -> bool:
        """Write bytes."""
        place = _place_of_write(address, write)
        if place is None or len(data) > _LARGEST:
            return False
        return await self._put(place, bytes(data), write, None)

    async def fetch(
        self,
        address: S3Address,
        begin: Callable[[ObjectInfo], int],
        target: DownloadTarget,
        progress: Callable[[int], None],
    ) -> bool:
        """Download an object."""
        place = _place(address)
        if place is None:
            return False
        try:
            return await self._covered(
                place,
                lambda: download_small(self._client, place, begin, target.commit, progress, largest=_LARGEST),
            )
        except IntegrityError as error:
            if error.code != "integrity":
                raise
            return False

    async def open(self, address: S3Address, start: int | None, end: int | None) -> ObjectStream | None:
        """Open an object for reading; None when the caller is to do it."""
        place = _place(address)
        if place is None:
            return None
        stream = self._client.stream(place, start=start, end=end)

        async def enter() -> bool:
            await stream.__aenter__()
            if stream.info.etag is None:
                stream.close()
            return stream.info.etag is not None

        return stream if await self._covered(place, enter) else None

    async def delete(self, address: S3Address) -> bool:
        """Delete an object, which need not be there."""
        place = _place(address)
        if place is None:
            return False

        async def delete() -> bool:
            await self._client.delete(place)
            return True

        return await self._covered(place, delete)

    async def _put(
        self, place: ObjectAddress, content: bytes, write: Write, kept: Mapping[str, str] | None
    ) -> bool:
        options = write.options
        attributes = attributes_of("s3", place.key, None if options is NO_OPTIONS else options, kept)

        async def put() -> bool:
            await self._client.put(place, content, attributes)
            return True

        if not await self._covered(place, put):
            return False
        write.progress(len(content))
        return True

    async def _covered(self, place: ObjectAddress, operation: Callable[[], Awaitable[bool]]) -> bool:
        if place.bucket in self._elsewhere:
            return False
        try:
            return await operation()
        except QuackError as error:
            if error.kind is ErrorKind.AUTH_REQUIRED:
                self._client.forget_stores()
            elif error.code == "region":
                self._elsewhere.add(place.bucket)
            elif error.kind is not ErrorKind.UNSUPPORTED:
                raise
            return False


def _place_of_write(address: S3Address, write: Write) -> ObjectAddress | None:
    """Return where obstore writes to, None when it cannot, and for conditions: it does not look before."""
    options = write.options
    elsewhere = (not write.overwrite, options.if_match, options.server_side_encryption, options.kms_key_id)
    return None if any(elsewhere) else _place(address)


def _place(address: S3Address) -> ObjectAddress | None:
    """Return an address as obstore's, None when it has no form there."""
    try:
        check_object_key(address.key)
    except InvalidNameError:
        return None
    return ObjectAddress("s3", address.bucket, address.key)


def settings_for(client: S3Client) -> ObjectStoreSettings:
    """Return how obstore reaches the service of an open S3 client.

    Raises:
        ConfigError: with code `engine`, for a virtual host of a service that is not AWS, and where the AWS
            settings send requests elsewhere.
    """
    kept = client.settings
    destination = client.destination
    endpoint = destination.endpoint_url
    if destination.is_rerouted:
        raise ConfigError(
            "`engine: obstore` knows no FIPS, dual stack, accelerated or regional endpoint and no signed payload: "
            "take another engine, or these settings out of the AWS configuration",
            code="engine",
        )
    at_aws = endpoint is None
    if kept.addressing_style == "virtual" and not at_aws:
        raise ConfigError("`engine: obstore` finds buckets of other services by path only", code="engine")
    options: dict[str, Any] = {
        "region": destination.region,
        "endpoint": endpoint,
        "virtual_hosted_style_request": at_aws and kept.addressing_style != "path",
    }
    return ObjectStoreSettings(
        service="s3",
        options=options,
        credential_provider=partial(_credentials, client),
        allow_http=endpoint is not None and endpoint.startswith("http://"),
        verify_tls=kept.verify_tls,
        connect_timeout=kept.connect_timeout,
        idle_timeout=kept.idle_timeout,
        max_concurrency=kept.max_concurrency,
    )


async def _credentials(client: S3Client) -> Mapping[str, Any]:
    """Return the credentials of an S3 client, for as long as they last."""
    connected = client.requester.connected
    frozen = await connected.frozen_credentials()
    return {
        "access_key_id": frozen.access_key,
        "secret_access_key": frozen.secret_key,
        "token": frozen.token,
        "expires_at": getattr(connected.credentials, "_expiry_time", None),
    }
