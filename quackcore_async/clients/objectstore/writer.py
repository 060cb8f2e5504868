"""A multipart upload through obstore that ends in an object, or with its parts aborted."""

from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from quackcore_async.clients.objectstore.failures import classify
from quackcore_async.clients.objectstore.names import ObjectAddress
from quackcore_async.concurrency import cleanup_timeout, protected, shielded
from quackcore_async.errors import ErrorKind, QuackError, TimedOutError
from quackcore_async.logging import get_logger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from quackcore_async.clients.objectstore.client import ObjectStoreClient

__all__ = ["MultipartWriter", "refused_for_haste"]

_ONE_ROUND: Final = 1  # `max_concurrency` of obstore: a write waits until the parts of the one before are there
_logger = get_logger(__name__)


class MultipartWriter:
    """The upload of one object in rounds of parts: `async with MultipartWriter(...) as writer`.

    obstore aborts an upload when its writer is told of an exception or fails to close, but not when a call is
    cancelled. So the beginning and the end of the upload are shielded from cancellation, the parts of a round are
    waited for before the next one goes out, so that the end is short, and leaving the block without `finish`
    aborts. Azure has no abort; it forgets parts that nobody commits after a week.

    Args:
        client: Sends the requests.
        address: Where the object goes.
        attributes: What is stored beside it.
        part_size: Bytes of every part but the last.
    """

    def __init__(
        self, client: "ObjectStoreClient", address: ObjectAddress, attributes: "Mapping[str, str]", part_size: int
    ) -> None:
        self._client = client
        self._address = address
        self._attributes = attributes
        self._part_size = part_size
        self._action = f"write {address}"
        self._writer: Any = None
        self._size = 0
        self._before: str | None = None
        self._closing = False

    async def __aenter__(self) -> Self:
        found = await self._client.find(self._address)
        self._before = found.etag if found is not None else None
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        writer, self._writer = self._writer, None
        if writer is not None and not self._closing:
            await shielded(lambda: self._abort(writer))

    async def write(self, data: bytes) -> None:
        """Send at least one part, once those of the round before are on the service.

        Args:
            data: Several parts; they are sent at the same time. All rounds but the last are whole parts.
        """
        if self._writer is None:
            await protected(lambda: self._begin(data), grace=cleanup_timeout())
            if self._writer is None:
                raise TimedOutError(f"cannot {self._action}: no answer in time", retryable=True)
        else:
            await self._send(self._writer, data)
        self._size += len(data)

    async def finish(self) -> None:
        """Make the object of what was written.

        Raises:
            QuackError: if the service refuses; what an answer that got lost stands for is found out.
        """
        await self._send(self._writer, b"")
        self._closing = True
        try:
            await protected(self._close, grace=cleanup_timeout())
        except QuackError as error:
            if not await self._is_there():
                raise error from error.__cause__

    async def _begin(self, data: bytes) -> None:
        store = await self._client.store(self._address.bucket, "patient")
        obstore = self._client.obstore

        async def attempt() -> None:
            writer = obstore.open_writer_async(
                store,
                self._address.key,
                attributes=dict(self._attributes),
                buffer_size=self._part_size,
                max_concurrency=_ONE_ROUND,
            )
            await writer.write(data)
            self._writer = writer

        await self._client.repeat(self._action, attempt, bulk=True, retry_if=refused_for_haste)

    async def _send(self, writer: Any, data: bytes) -> None:  # noqa: ANN401 - a class of the optional module
        try:
            await writer.write(data)
        except Exception as exc:
            raise classify(exc, self._action) from exc

    async def _close(self) -> None:
        try:
            await self._writer.close()
        except Exception as exc:
            raise classify(exc, self._action, writes=True) from exc

    async def _is_there(self) -> bool:
        """Tell whether the object is the one that was written, although the answer did not say so."""
        found = await self._client.find(self._address)
        return found is not None and found.size == self._size and found.etag != self._before

    async def _abort(self, writer: Any) -> None:  # noqa: ANN401 - a class of the optional module
        error = RuntimeError("aborted")
        try:
            await writer.__aexit__(type(error), error, None)
        except Exception as exc:  # noqa: BLE001 - there is another error on its way; this one is told in the log
            if classify(exc, self._action).kind is not ErrorKind.NOT_FOUND:
                _logger.warning(
                    "the upload to %s could not be aborted: its parts stay on the service until a lifecycle rule "
                    "of the bucket removes them",
                    self._address,
                )


def refused_for_haste(error: QuackError) -> bool:
    """Tell whether an error is the one that obstore does not try again by itself: status 429."""
    return error.kind is ErrorKind.RATE_LIMITED
