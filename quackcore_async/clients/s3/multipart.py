"""A multipart upload that ends in one of two ways: an object, or nothing left behind."""

from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self

from quackcore_async.clients.s3.buffers import BodyBuffer
from quackcore_async.clients.s3.client import S3Client
from quackcore_async.clients.s3.conditional import Written
from quackcore_async.clients.s3.names import S3Address
from quackcore_async.clients.s3.objects import UploadedPart
from quackcore_async.concurrency import CLEANUP_TIMEOUT, protected, shielded
from quackcore_async.errors import ErrorKind, QuackError, TimedOutError, TransportError
from quackcore_async.logging import get_logger

__all__ = ["MultipartUpload"]

_ABORT_ATTEMPTS: Final = 3  # a part that was on its way may land after an abort; S3 says to repeat it then
_BEGIN_GRACE: Final = (
    CLEANUP_TIMEOUT / 2
)  # seconds for the identifier after a cancellation; the rest is the abort's
_logger = get_logger(__name__)


class MultipartUpload:
    """The upload of one object in parts: `async with MultipartUpload(...) as upload`.

    Leaving the block without `complete`, by an exception or by cancellation, aborts the upload under a shield,
    several times when need be, so that the service keeps no parts that nobody sees but pays for. All tasks that
    send parts must have ended by then: keep their task group inside the block.

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
        self._described = described
        self._conditions = conditions
        self._parts: dict[int, UploadedPart] = {}
        self._begun = 0  # the highest number: parts are numbered from 1
        self._upload_id = ""
        self._completed = False

    async def __aenter__(self) -> Self:
        # Shielded: an upload whose identifier is lost with the answer could never be aborted. What a cancellation
        # that gets through the shield would lose with the returned value, `_begin` has kept.
        try:
            await protected(self._begin, limit=self._client.settings.idle_timeout, grace=_BEGIN_GRACE)
        except BaseException:
            if self._upload_id:
                await self._abort()
            raise
        if not self._upload_id:
            raise TimedOutError(f"cannot begin an upload to {self._address}: no answer in time", retryable=True)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._completed:
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
        if len(self._parts) != max(self._begun, *self._parts):
            raise TransportError(f"parts of {self._address} never arrived: upload it again", retryable=True)
        parts = [self._parts[number] for number in sorted(self._parts)]
        written = await self._client.complete_multipart(self._address, self._upload_id, parts, self._conditions)
        self._completed = True
        return written

    async def _begin(self) -> None:
        self._upload_id = await self._client.create_multipart(self._address, self._described)

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
        for _ in range(_ABORT_ATTEMPTS):
            if not await _succeeds(lambda: self._client.abort_multipart(self._address, self._upload_id)):
                continue
            if not await self._has_parts():
                return True
        return False

    async def _has_parts(self) -> bool:
        try:
            return bool(await self._client.list_parts(self._address, self._upload_id))
        except QuackError:
            return False  # the usual answer is that there is no such upload; the abort itself was accepted


async def _succeeds(operation: Callable[[], Awaitable[None]]) -> bool:
    try:
        await operation()
    except QuackError as error:
        return error.kind is ErrorKind.NOT_FOUND
    return True
