"""The operations of an object store that this package uses, over obstore; they raise only `QuackError`s."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final

from quackcore_async.clients.objectstore.failures import classify
from quackcore_async.clients.objectstore.listing import Listing
from quackcore_async.clients.objectstore.meanings import CANNOT_SIGN
from quackcore_async.clients.objectstore.names import ObjectAddress
from quackcore_async.clients.objectstore.objects import object_info
from quackcore_async.clients.objectstore.requester import Requester
from quackcore_async.clients.objectstore.stream import ObjectStream
from quackcore_async.clients.s3.objects import ListPage, ObjectInfo
from quackcore_async.errors import (
    ConflictError,
    ErrorKind,
    QuackError,
    RemoteNotFoundError,
    StorageError,
)

__all__ = ["MAX_BATCH", "ObjectStoreClient"]

MAX_BATCH: Final = 256
"""Most blobs of one batch: https://learn.microsoft.com/rest/api/storageservices/blob-batch"""

_MAX_EXPIRY: Final = 7 * 24 * 3600  # seconds; signatures of version 4 allow no more
_PRESIGNED: Final = frozenset({"GET", "HEAD", "PUT", "DELETE"})
_MET_A_CONDITION: Final = frozenset({"exists", "precondition"})
_PROBE: Final = ".quackcore-async"


class ObjectStoreClient(Requester):
    """A client of one service, for one event loop; open it with `async with`.

    Args:
        settings: How to connect and how much to use.
        retry: How patient one call is.
    """

    async def check_bucket(self, address: ObjectAddress) -> None:
        """Check that the bucket is there and may be listed, by looking for what nobody has below `address`.

        Raises:
            RemoteNotFoundError: of kind `misconfigured` and code `bucket_missing`, if there is none.
        """
        store = await self.store(address.bucket)
        obstore = self.obstore

        async def attempt() -> object:
            return await obstore.list(store, f"{address.key}{_PROBE}", chunk_size=1).collect_async()

        try:
            await self.call(f"open {address}", attempt)
        except QuackError as error:
            if error.kind is ErrorKind.NOT_FOUND or error.code == "bucket_missing":
                raise RemoteNotFoundError(
                    f"cannot open {address.scheme}://{address.bucket}: there is none of that name; create it or "
                    "correct the configuration",
                    kind=ErrorKind.MISCONFIGURED,
                    code="bucket_missing",
                    status_code=error.status_code,
                ) from error
            raise

    async def head(self, address: ObjectAddress) -> ObjectInfo:
        """Look an object up.

        Raises:
            RemoteNotFoundError: if there is no such object.
        """
        store = await self.store(address.bucket)
        return await self.call(f"look up {address}", partial(self._head, store, address))

    async def find(self, address: ObjectAddress) -> ObjectInfo | None:
        """Look an object up, in the caller's own place of the queue; None when there is none."""
        store = await self.store(address.bucket)
        try:
            return await self.repeat(f"look up {address}", partial(self._head, store, address))
        except QuackError as error:
            if error.kind is ErrorKind.NOT_FOUND:
                return None
            raise

    async def _head(self, store: Any, address: ObjectAddress) -> ObjectInfo:  # noqa: ANN401 - as `store` returns it
        answer = await self.obstore.get_async(store, address.key, options={"head": True})
        return object_info(address.key, answer.meta, answer.attributes)

    def stream(
        self,
        address: ObjectAddress,
        *,
        start: int | None = None,
        end: int | None = None,
        if_match: str | None = None,
    ) -> ObjectStream:
        """Read an object, or its bytes from `start` up to but without `end`: `async with client.stream(...)`.

        A stream is outside of the queue: a caller that holds several open cannot block the transfers.
        """
        return ObjectStream(self, address, start=start, end=end, if_match=if_match)

    async def put(
        self,
        address: ObjectAddress,
        data: bytes,
        attributes: Mapping[str, str],
        *,
        overwrite: bool = True,
        if_match: str | None = None,
    ) -> None:
        """Write an object with one request.

        A second try that meets a condition may have met the work of the first one, whose answer was lost: then the
        content tells.

        Args:
            address: Where to.
            data: The content; it must never change.
            attributes: What is stored beside it.
            overwrite: False writes only where nothing is.
            if_match: Write only while the object has this entity tag.

        Raises:
            ConflictError: with code `exists` or `changed`, if a condition does not hold.
        """
        small = len(data) < self.settings.part_size // 16
        store = await self.store(address.bucket, "plain" if small else "sending")
        obstore = self.obstore
        action = f"write {address}"
        mode = await self._mode(address, if_match) if if_match is not None else None if overwrite else "create"
        lost = False

        async def attempt() -> None:
            nonlocal lost
            try:
                await obstore.put_async(
                    store, address.key, data, attributes=attributes, mode=mode, use_multipart=False
                )
            except Exception as exc:
                error = classify(exc, action, writes=True)
                if lost and error.code in _MET_A_CONDITION and await self._holds(address, data):
                    return
                lost = lost or error.indeterminate
                raise refusal(error, address, if_match) from exc

        await self.call(action, attempt, bulk=True)

    async def _mode(self, address: ObjectAddress, if_match: str) -> Mapping[str, str]:
        """Return obstore's mode for a write under an entity tag; Google's conditions take generations instead."""
        if self.settings.service != "gcs":
            return {"e_tag": if_match}
        found = await self.find(address)
        if found is None or found.etag != if_match or found.version_id is None:
            raise _changed(address)
        return {"version": found.version_id}

    async def _holds(self, address: ObjectAddress, data: bytes) -> bool:
        """Tell whether an object has this content."""
        store = await self.store(address.bucket)
        answer = await self.obstore.get_async(store, address.key)
        return answer.meta["size"] == len(data) and bytes(await answer.bytes_async()) == data

    async def pages(self, bucket: str, folder: str = "") -> AsyncGenerator[ListPage, None]:
        """Yield what is below a folder (empty, or with `/` at its end), whatever its depth.

        The names are obstore's, which has none that end in `/`: the marker of a folder comes as an empty object of
        the folder's name.
        """
        listing = await Listing.begin(self, bucket, folder)
        while (page := await listing.next_page()) is not None:
            yield page

    async def folder_page(self, bucket: str, folder: str = "") -> ListPage:
        """Return what lies in a folder itself, all of it at once."""
        store = await self.store(bucket)
        obstore = self.obstore

        async def attempt() -> ListPage:
            found = await obstore.list_with_delimiter_async(store, folder.removesuffix("/") or None)
            objects = [object_info(meta["path"], meta) for meta in found["objects"]]
            return ListPage(objects, list(found["common_prefixes"]), None)

        return await self.call(f"list {bucket}/{folder}", attempt, bulk=True)

    async def delete(self, address: ObjectAddress) -> bool:
        """Delete an object; False when it was not there."""
        store = await self.store(address.bucket)
        obstore = self.obstore

        async def attempt() -> None:
            await obstore.delete_async(store, address.key)

        try:
            await self.call(f"delete {address}", attempt)
        except QuackError as error:
            if error.kind is not ErrorKind.NOT_FOUND:
                raise
            return False
        return True

    async def delete_batch(self, bucket: str, keys: Sequence[str]) -> None:
        """Delete objects with as few requests as the service has; the first failure is raised for all of them."""
        store = await self.store(bucket)
        obstore = self.obstore

        async def attempt() -> None:
            await obstore.delete_async(store, list(keys))

        await self.call(f"delete {len(keys)} objects of {bucket}", attempt)

    async def copy(self, source: ObjectAddress, target: ObjectAddress, *, overwrite: bool = True) -> None:
        """Copy an object within its bucket, with what is stored beside it.

        Raises:
            ConflictError: with code `exists`, if `overwrite` is False and there is a target.
        """
        store = await self.store(source.bucket)
        obstore = self.obstore
        action = f"copy {source} to {target}"

        async def attempt() -> None:
            try:
                await obstore.copy_async(store, source.key, target.key, overwrite=overwrite)
            except Exception as exc:
                error = classify(exc, action, writes=True)
                raise (error if overwrite else refusal(error, target, None)) from exc

        await self.call(action, attempt, bulk=True)

    async def presign(self, address: ObjectAddress, *, method: str = "GET", expires_in: float = 3600.0) -> str:
        """Make a URL that lets whoever has it do `method` for `expires_in` seconds.

        Raises:
            StorageError: of kind `invalid_input`, for another method, or a time that is not 1 second to 7 days; of
                kind `unsupported`, if the configured credentials cannot sign.
        """
        if method.upper() not in _PRESIGNED or not 1 <= expires_in <= _MAX_EXPIRY:
            raise StorageError(
                f"cannot make a URL for {address}: method {method} and {expires_in:g} seconds; "
                f"take one of {', '.join(sorted(_PRESIGNED))} and 1 to {_MAX_EXPIRY} seconds",
                kind=ErrorKind.INVALID_INPUT,
                code="invalid_request",
            )
        store = await self.store(address.bucket)
        obstore = self.obstore

        async def attempt() -> str:
            url: str = await obstore.sign_async(store, method.upper(), address.key, timedelta(seconds=expires_in))
            return url

        try:
            return await self.call(f"make a URL for {address}", attempt)
        except QuackError as error:
            if error.kind is not ErrorKind.AUTH_REQUIRED:
                raise
            raise StorageError(
                f"cannot make a URL for {address}: these credentials cannot sign; {CANNOT_SIGN.advice}",
                kind=CANNOT_SIGN.kind,
                code=CANNOT_SIGN.code,
            ) from error


def refusal(error: QuackError, address: ObjectAddress, if_match: str | None) -> QuackError:
    """Say `exists` or `changed` where a service only says that a condition does not hold."""
    if error.code not in _MET_A_CONDITION:
        return error
    if if_match is not None:
        refused = _changed(address)
    else:
        refused = ConflictError(
            f"cannot write {address}: it exists already; allow overwriting or take another name", code="exists"
        )
    refused.status_code, refused.request_id = error.status_code, error.request_id
    return refused


def _changed(address: ObjectAddress) -> ConflictError:
    return ConflictError(f"cannot write {address}: it changed meanwhile; read it again", code="changed")
