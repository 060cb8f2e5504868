"""Reading an object, or a range of one, through connections that break."""

from types import TracebackType
from typing import Any, Final, Self

from quackcore_async.clients.objectstore.failures import classify
from quackcore_async.clients.objectstore.names import ObjectAddress
from quackcore_async.clients.objectstore.objects import object_info
from quackcore_async.clients.objectstore.requester import Requester
from quackcore_async.clients.s3.objects import ObjectInfo
from quackcore_async.errors import ConflictError, IntegrityError, LifecycleError, QuackError

__all__ = ["ObjectStream"]

_CHUNK: Final = 1024**2  # bytes that obstore gathers before it wakes the event loop
_EMPTY_RANGE: Final = "invalid_range"


class ObjectStream:
    """The bytes of an object from `start` up to but without `end`, in order, once.

    A connection that breaks is replaced: reading goes on after the last byte that came, under the entity tag that
    the first answer named, so that bytes of two versions never mix.

    Args:
        requester: Sends the requests.
        address: The object.
        start: First byte; None is 0.
        end: Byte after the last; None is the end of the object.
        if_match: Read only this entity tag.

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
        address: ObjectAddress,
        *,
        start: int | None = None,
        end: int | None = None,
        if_match: str | None = None,
    ) -> None:
        self.start = start or 0
        self._requester = requester
        self._address = address
        self._action = f"read {address}"
        self._wanted_end = end
        self._etag = if_match
        self._position = self.start
        self._body: Any = None
        self._opened = False

    async def __aenter__(self) -> Self:
        await self._requester.repeat(self._action, self._connect, bulk=True)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        self._body = None

    async def read(self) -> bytes:
        """Return the bytes that came next, about a MiB of them, `b""` at the end.

        Raises:
            ConflictError: with code `changed`, if the object was replaced meanwhile.
            QuackError: if the connection broke more often than the retry policy allows in one place.
        """
        if not self._opened:
            raise LifecycleError("the stream is not open: enter it with `async with` first")
        try:
            return await self._read_once()
        except QuackError as error:
            if not error.retryable:
                raise
            return await self._resume(error)

    async def _resume(self, first_error: QuackError) -> bytes:
        pending: QuackError | None = first_error

        async def attempt() -> bytes:
            nonlocal pending
            if pending is not None:
                error, pending = pending, None
                raise error
            return await self._read_once()

        return await self._requester.repeat(self._action, attempt, bulk=True)

    async def _read_once(self) -> bytes:
        left = self.end - self._position
        if left <= 0:
            self.close()
            return b""
        if self._body is None:
            await self._connect()
        try:
            chunk = bytes(await anext(self._body))
        except StopAsyncIteration:
            self.close()
            raise IntegrityError(
                f"cannot {self._action}: the answer ended {left} bytes early", code="truncated", retryable=True
            ) from None
        except Exception as exc:
            self.close()
            raise classify(exc, self._action) from exc
        chunk = chunk[:left]
        self._position += len(chunk)
        return chunk

    async def _connect(self) -> None:
        if self._wanted_end is not None and self._wanted_end <= self.start:
            await self._be_empty()
            return
        store = await self._requester.store(self._address.bucket)
        try:
            answer = await self._requester.obstore.get_async(store, self._address.key, options=self._options())
        except Exception as exc:
            error = classify(exc, self._action)
            if error.code == "precondition":
                raise self._changed() from exc
            if error.code != _EMPTY_RANGE or self._opened:
                raise error from exc
            await self._be_empty()
            if self.info.size > self.start:
                raise error from exc
            return
        self._check(answer)
        self._body = answer.stream(min_chunk_size=_CHUNK)

    def _options(self) -> dict[str, Any]:
        """Ask for a range only where one is needed: an object without bytes has none."""
        options: dict[str, Any] = {}
        last = self.end if self._opened else self._wanted_end
        if self._position or self._opened:
            options["range"] = {"offset": self._position} if last is None else (self._position, last)
        if self._etag is not None:
            options["if_match"] = self._etag
        return options

    async def _be_empty(self) -> None:
        """Be a range without bytes, as a Python slice that begins at or after the end is one."""
        store = await self._requester.store(self._address.bucket)
        answer = await self._requester.obstore.get_async(store, self._address.key, options={"head": True})
        self.info = object_info(self._address.key, answer.meta, answer.attributes)
        self.end = self._position = self.start
        self._opened = True

    def _check(self, answer: Any) -> None:  # noqa: ANN401 - a class of the optional module
        info = object_info(self._address.key, answer.meta, answer.attributes)
        if self._etag is not None and info.etag != self._etag:
            raise self._changed()  # not every service looks at the condition
        if self._opened and info.size != self.info.size:
            raise self._changed()
        whole = info.size if self._wanted_end is None else min(self._wanted_end, info.size)
        first, last = answer.range
        if first != self._position or last < whole:
            raise IntegrityError(
                f"cannot {self._action}: asked for bytes {self._position} to {whole}, got {first} to {last}",
                code="protocol",
            )
        if not self._opened:
            self.info, self.end, self._opened = info, whole, True
            self._etag = info.etag

    def _changed(self) -> ConflictError:
        return ConflictError(f"cannot {self._action}: it was replaced meanwhile; read it again", code="changed")
