"""Reading an object, or a range of one, through connections that break."""

import re
from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic
from types import TracebackType
from typing import Any, Final, Self

from quackcore_async.clients.s3.bandwidth import BandwidthLimit
from quackcore_async.clients.s3.buffers import BufferPool
from quackcore_async.clients.s3.failures import classify, with_action
from quackcore_async.clients.s3.names import S3Address
from quackcore_async.clients.s3.objects import ObjectInfo, object_info, quoted_tag
from quackcore_async.clients.s3.requester import Requester
from quackcore_async.clients.s3.settings import MIB
from quackcore_async.concurrency import run_briefly, run_in_thread
from quackcore_async.errors import ConflictError, IntegrityError, LifecycleError, QuackError

__all__ = ["ObjectStream"]

_CHUNK: Final = MIB // 4  # bytes asked for at once; what is there comes
_POURED: Final = 2 * MIB  # bytes that a thread gets at once
_TURN: Final = 0.05  # seconds for which it goes on when there are more: nobody can cancel it
_MANY: Final = 512  # pieces, under IOV_MAX, 1024 on Linux: most buffers of one vectored write
_BRIEF: Final = MIB // 4  # bytes whose writing is so short that it shares the way to a thread with others
_FULL: Final = MIB // 8  # bytes: where so many come at once, more wait in the socket
_CONTENT_RANGE: Final = re.compile(r"bytes (\d+)-(\d+)/(\d+)", re.ASCII)  # RFC 9110 section 14.4
_EMPTY_RANGE: Final = "invalid_range"

Take = Callable[[Sequence[bytes | memoryview], int], object]
"""Takes pieces that follow one another, and where the first of them begins; they are used during the call only."""


class ObjectStream:
    """The bytes of an object from `start` up to but without `end`, in order, once.

    A connection that breaks is replaced: reading goes on after the last byte that came, under the entity tag that
    the first answer named, so that bytes of two versions never mix. Each answer's range is checked.

    Args:
        requester: Sends the requests.
        address: The object.
        start: First byte; None is 0.
        end: Byte after the last; None is the end of the object.
        if_match: Read only this entity tag.
        version_id: Read this version.
        bandwidth: What each piece waits for when it came; None without a limit.
        buffers: What threads read into.

    Attributes:
        info: The object, once the stream is open.
        start: First byte.
        end: Byte after the last one that will come, once the stream is open.
    """

    info: ObjectInfo
    end: int

    def __init__(
        self,
        requester: Requester,
        address: S3Address,
        *,
        start: int | None = None,
        end: int | None = None,
        if_match: str | None = None,
        version_id: str | None = None,
        bandwidth: BandwidthLimit | None = None,
        buffers: BufferPool,
    ) -> None:
        self._bandwidth = bandwidth
        self._buffers = buffers
        self.start = start or 0
        self._requester = requester
        self._address = address
        self._wanted_end = end
        self._ranged = start is not None or end is not None
        self._etag = if_match
        self._version_id = version_id
        self._position = self.start
        self._body: Any = None
        self._beyond: QuackError | None = None  # says that nothing is there: attempts that follow only look it up
        self._opened = False

    async def __aenter__(self) -> Self:
        await self._requester.repeat(self._connect, bulk=True)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        chunk = await self.read()
        if not chunk:
            raise StopAsyncIteration
        return chunk

    def close(self) -> None:
        """Let go of the connection."""
        body, self._body = self._body, None
        if body is not None:
            body.close()

    async def read(self) -> bytes:
        """Return the bytes that came next, `b""` at the end.

        Raises:
            ConflictError: with code `changed`, if the object was replaced meanwhile.
            QuackError: if the connection broke more often than the retry policy allows in one place.
        """
        if not self._opened:
            raise LifecycleError("the stream is not open: enter it with `async with` first")
        try:
            chunk = await self._read_once()
        except QuackError as error:
            if not error.retryable:
                raise
            chunk = await self._resume(error)
        if self._bandwidth is not None and chunk:
            await self._bandwidth.take(len(chunk))
        return chunk

    async def pour(self, take: Take) -> int:
        """Hand the bytes that come next to `take` in a worker thread, and return how many; 0 at the end.

        About 2 MiB; where the engine can, the thread reads on from the socket itself, for 50 ms at most.

        Args:
            take: Called once or several times, each time with what follows, a few MiB at most.

        Raises:
            IntegrityError: if the answer is longer than it said; `take` does not get its end then.
            QuackError: as `read`.
            Exception: what `take` raises.
        """
        begin = self._position
        pieces: list[bytes] = []
        while self._position - begin < _POURED and len(pieces) < _MANY and (piece := await self.read()):
            pieces.append(piece)
            if len(piece) >= _FULL and await self._pour_directly(take, pieces, begin):
                break
        else:
            pour = partial(take, pieces, begin)
            if pieces:
                await (run_briefly(pour) if self._position - begin <= _BRIEF else run_in_thread(pour))
        return self._position - begin

    async def _pour_directly(self, take: Take, pieces: Sequence[bytes], begin: int) -> bool:
        """Let a thread read on and hand all to `take`; False where it cannot."""
        if self._body is None or self._bandwidth is not None:
            return False
        with self._body.direct() as reader:
            buffer = self._buffers.try_acquire(_POURED) if reader is not None else None
            if buffer is None:
                return False
            try:
                await run_in_thread(partial(self._read_on, reader, buffer.memory, take, pieces, begin))
            finally:
                self._buffers.release(buffer)
        if self._position >= self.end:
            await self._finish_body()
        return True

    def _read_on(
        self,
        reader: Any,  # noqa: ANN401 - each engine has its own
        memory: memoryview,
        take: Take,
        pieces: Sequence[bytes],
        begin: int,
    ) -> None:
        until = monotonic() + _TURN
        pending: list[bytes | memoryview] = [*pieces]
        offset, goes_on = begin, True
        while goes_on:
            count = reader.read(memory[: self.end - self._position])
            self._position += count
            if reader.surplus or (self._position == self.end and reader.left):
                raise self._overlong()
            if count:
                pending.append(memory[:count])
            if pending:
                take(pending, offset)
            pending, offset = [], self._position
            goes_on = count == len(memory) and offset < self.end and monotonic() < until

    async def _resume(self, first_error: QuackError) -> bytes:
        pending: QuackError | None = first_error

        async def attempt() -> bytes:
            nonlocal pending
            if pending is not None:
                error, pending = pending, None
                raise error
            return await self._read_once()

        return await self._requester.repeat(attempt, bulk=True)

    async def _read_once(self) -> bytes:
        if self._position >= self.end:
            self.close()
            return b""
        if self._body is None:
            await self._connect()
        try:
            chunk: bytes = await self._body.read(min(_CHUNK, self.end - self._position))
        except Exception as exc:
            self.close()
            raise with_action(classify(exc), f"read {self._address}") from exc
        if not chunk:
            self.close()
            missing = self.end - self._position
            raise IntegrityError(
                f"cannot read {self._address}: the answer ended {missing} bytes early",
                code="truncated",
                retryable=True,
            )
        self._position += len(chunk)
        if self._position >= self.end:
            await self._finish_body()
        return chunk

    async def _finish_body(self) -> None:
        """Read the end of the answer, so that its connection can be used again."""
        body, self._body = self._body, None
        try:
            surplus = await body.read(1)
        except Exception:  # noqa: BLE001 - every byte is here: how the connection ends does not matter
            surplus = b""
        finally:
            body.close()
        if surplus:
            raise self._overlong()

    def _overlong(self) -> IntegrityError:
        return IntegrityError(f"cannot read {self._address}: the answer is longer than it said")

    async def _connect(self) -> None:
        if self._beyond is not None or (self._wanted_end is not None and self._wanted_end <= self.start):
            await self._be_empty()
        else:
            await self._ask_for_the_rest()

    async def _ask_for_the_rest(self) -> None:
        parameters = {
            "Bucket": self._address.bucket,
            "Key": self._address.key,
            "Range": self._range_header(),
            "IfMatch": self._etag,
            "VersionId": self._version_id,
        }
        action = f"read {self._address}"
        try:
            answer = await self._requester.attempt(
                "get_object", action, {name: value for name, value in parameters.items() if value is not None}
            )
        except ConflictError as error:
            if error.code == "precondition":
                raise _changed(self._address, error) from error
            raise
        except QuackError as error:
            if error.code != _EMPTY_RANGE or self._opened:
                raise
            self._beyond = error
            await self._be_empty()
            return
        try:
            self._check(answer)
        except BaseException:
            answer["Body"].close()
            raise
        self._body = answer["Body"]

    def _range_header(self) -> str | None:
        if not self._ranged and self._position == 0:
            return None
        last = self.end if self._opened else self._wanted_end
        return f"bytes={self._position}-{'' if last is None else last - 1}"

    async def _be_empty(self) -> None:
        """Be a range without bytes, as a Python slice that begins at or after the end is one."""
        parameters = {"Bucket": self._address.bucket, "Key": self._address.key}
        if self._version_id is not None:
            parameters["VersionId"] = self._version_id
        answer = await self._requester.attempt("head_object", f"read {self._address}", parameters)
        self.info = object_info(self._address.key, answer)
        if self._beyond is not None and self.info.size > self.start:
            raise self._beyond
        self.end = self._position = self.start
        self._opened = True

    def _check(self, answer: dict[str, Any]) -> None:
        first, end, size = self._extent(answer)
        if self._etag is not None and quoted_tag(answer.get("ETag")) != quoted_tag(self._etag):
            raise _changed(self._address, None)  # not every service looks at the condition
        if self._opened:
            if size != self.info.size:
                raise _changed(self._address, None)
            expected_end = self.end
        else:
            expected_end = size if self._wanted_end is None else min(self._wanted_end, size)
        if (first, end) != (self._position, expected_end):
            raise IntegrityError(
                f"cannot read {self._address}: asked for bytes {self._position} to {expected_end}, "
                f"got {first} to {end}",
                code="protocol",
            )
        if not self._opened:
            self.info = object_info(self._address.key, answer, size=size)
            self.end = expected_end
            self._etag = self.info.etag
            self._opened = True

    def _extent(self, answer: dict[str, Any]) -> tuple[int, int, int]:
        """Return first byte, byte after the last, and size of the object, as the answer states them."""
        stated = answer.get("ContentRange")
        if stated is None:
            if "ContentLength" not in answer:
                raise IntegrityError(
                    f"cannot read {self._address}: the answer does not say how long it is, so nobody could tell "
                    "whether it came whole",
                    code="protocol",
                )
            length = int(answer["ContentLength"])
            return 0, length, length
        match = _CONTENT_RANGE.fullmatch(stated)
        if match is None:
            raise IntegrityError(
                f"cannot read {self._address}: Content-Range {stated!r} makes no sense", code="protocol"
            )
        first, last, size = map(int, match.groups())
        return first, last + 1, size


def _changed(address: S3Address, error: ConflictError | None) -> ConflictError:
    return ConflictError(
        f"cannot read {address}: it was replaced meanwhile; read it again",
        code="changed",
        status_code=error.status_code if error else None,
        request_id=error.request_id if error else None,
    )
