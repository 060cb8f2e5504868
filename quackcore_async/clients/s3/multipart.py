"""A multipart upload that ends in one of two ways: an object, or nothing left behind."""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self

import anyio

from quackcore_async.clients.s3.attributes import WRITE_KEY
from quackcore_async.clients.s3.buffers import BodyBuffer
from quackcore_async.clients.s3.client import S3Client
from quackcore_async.clients.s3.conditional import ConditionalWrite, Written, new_token
from quackcore_async.clients.s3.names import S3Address
from quackcore_async.clients.s3.objects import UploadedPart
from quackcore_async.concurrency import CLEANUP_TIMEOUT, protected, shielded
from quackcore_async.errors import ErrorKind, QuackError, TimedOutError, TransportError
from quackcore_async.logging import get_logger

__all__ = ["MultipartUpload"]

_ABORT_WAITS: Final = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)  # seconds before each abort
_BEGIN_GRACE: Final = CLEANUP_TIMEOUT / 2  # seconds for an identifier after a cancellation; an abort has the rest
_logger = get_logger(__name__)


class MultipartUpload:
    """The upload of one object in parts: `async with MultipartUpload(...) as upload`.

    Leaving the block without `complete`, by an exception or by cancellation, aborts the upload under a shield,
    again while parts show up that were on their way, so that the service keeps none that nobody sees but pays for:
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html. All tasks that send parts must
    have ended by then: keep their task group inside the block.

    Args:
        client: Sends the requests.
        address: Where the object goes.
        described: Parameters that describe the object.
        conditions: `IfMatch` or `IfNoneMatch`, sent with the completion.
    """

    def __init__(
        self,
        client: S3Client,
        address: S3Address,
        described: Mapping[str, Any],
        conditions: Mapping[str, Any],
    ) -> None:
        self._client = client
        self._address = address
        self._token = new_token()
        self._described = {**described, "Metadata": {**described.get("Metadata", {}), WRITE_KEY: self._token}}
        self._conditions = conditions
        self._parts: dict[int, UploadedPart] = {}
        self._begun = 0  # the highest number: parts are numbered from 1
        self._upload_id = ""
        self._ended = False

    async def __aenter__(self) -> Self:
        # Shielded: an upload whose identifier is lost with the answer could never be aborted. What a cancellation
        # that gets through the shield would lose with the returned value, `_begin` has kept.
        try:
            await protected(self._begin, limit=self._client.settings.idle_timeout, grace=_BEGIN_GRACE)
        except BaseException:
            if self._upload_id:
                await self._abort()
            self._client.uploads.discard(self._upload_id)
            raise
        if not self._upload_id:
            raise TimedOutError(f"cannot begin an upload to {self._address}: no answer in time", retryable=True)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await self._leave(exc)
        finally:
            self._client.uploads.discard(self._upload_id)

    async def _leave(self, exc: BaseException | None) -> None:
        """End what has not ended."""
        del exc
        if not self._ended:
            await self._abort()

    async def send(self, number: int, buffer: BodyBuffer) -> None:
        """Upload a filled buffer as part `number`."""
        self._begun = max(self._begun, number)
        self._add(await self._client.upload_part(self._address, self._upload_id, number, buffer))

    async def copy(self, source: S3Address, number: int, *, start: int, end: int, if_match: str) -> None:
        """Make part `number` of a range of another object."""
        self._begun = max(self._begun, number)
        self._add(
            await self._client.copy_part(
                source, self._address, self._upload_id, number, start=start, end=end, if_match=if_match
            )
        )

    async def complete(self) -> Written:
        """Make the object of the parts that were sent.

        Raises:
            QuackError: if one of them never arrived: the service would leave it out without a word.
        """
        if len(self._parts) != max((self._begun, *self._parts)):
            raise TransportError(f"parts of {self._address} never arrived: upload it again", retryable=True)
        parts = [self._parts[number] for number in sorted(self._parts)]
        write = ConditionalWrite(self._client.requester, self._address, self._conditions, token=self._token)
        try:
            written = await write.complete(self._upload_id, parts)
        except QuackError as error:
            found = await self._end(write, parts) if error.indeterminate else None
            if found is None:
                raise
            written = found
        self._ended = True
        return written

    async def _end(self, write: ConditionalWrite, parts: Sequence[UploadedPart]) -> Written | None:
        """Put an end to a completion that nobody answered: what the abort finds done is the object."""
        await self._abort()
        self._ended = True
        try:
            return await write.find_completed(parts)
        except QuackError:
            return None

    async def _begin(self) -> None:
        self._upload_id = await self._client.create_multipart(self._address, self._described)
        self._client.uploads.add(self._upload_id)

    def _add(self, part: UploadedPart) -> None:
        self._parts[part.number] = part

    async def _abort(self) -> None:
        if not await shielded(self._abort_until_gone):
            _logger.warning(
                "the upload %s to %s could not be aborted: its parts stay on the service until it is",
                self._upload_id,
                self._address,
            )

    async def _abort_until_gone(self) -> bool:
        for wait in _ABORT_WAITS:
            await anyio.sleep(wait)
            if await self._is_aborted() and not await self._has_parts():
                return True
        return False

    async def _is_aborted(self) -> bool:
        try:
            await self._client.abort_multipart(self._address, self._upload_id)
        except QuackError as error:
            return error.kind is ErrorKind.NOT_FOUND
        return True

    async def _has_parts(self) -> bool:
        try:
            return bool(await self._client.list_parts(self._address, self._upload_id))
        except QuackError:
            return False  # the usual answer is that there is no such upload; the abort itself was accepted
