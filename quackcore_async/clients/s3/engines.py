"""What sends one request: the seam under the S3 client, and the engine that is always there."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol, TypeVar

import anyio

from quackcore_async.clients.s3.buffers import BodyBuffer
from quackcore_async.clients.s3.raw_client import RawClient
from quackcore_async.errors import TimedOutError

__all__ = ["Aioboto3Engine", "Engine"]

T = TypeVar("T")


class Engine(Protocol):
    """Sends requests, each once: what stands above decides what is tried again.

    Attributes:
        hashes_bodies: Whether a signature needs the hash of a `BodyBuffer`; who fills one may have it ready.
    """

    hashes_bodies: bool

    async def send(self, operation: str, params: Mapping[str, Any], body: BodyBuffer | None) -> dict[str, Any]:
        """Send a request once and return its answer as aioboto3 tells it.

        Args:
            operation: Name of the aioboto3 client's method, such as `head_object`.
            params: Its parameters.
            body: Sent in place of a parameter `Body`.

        Raises:
            Exception: whatever the libraries raise; an answer that says no has a `response`, as botocore's
                `ClientError` does.
            TimedOutError: with code `idle`, if no byte went through for too long.
        """
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...


class Aioboto3Engine:
    """Sends everything, by way of an aioboto3 client, which is somebody else's to close.

    Args:
        raw: The client.
        idle_timeout: Seconds without a byte after which a request has failed.
    """

    hashes_bodies = False

    def __init__(self, raw: RawClient, idle_timeout: float) -> None:
        self._raw = raw
        self._idle_timeout = idle_timeout

    async def send(self, operation: str, params: Mapping[str, Any], body: BodyBuffer | None) -> dict[str, Any]:
        """Send a request once."""
        raw = await self._raw.get()
        if body is not None:
            body.seek(0)
            params = {**params, "Body": body}
        method: Callable[..., Awaitable[dict[str, Any]]] = getattr(raw, operation)
        try:
            answer = await _within_idle_timeout(lambda: method(**params), body, self._idle_timeout)
        except BaseException:
            if body is not None:
                body.left_behind = True  # nobody tells what the transport of a broken connection still holds
            raise
        if "Body" in answer:
            answer["Body"] = _TimedBody(answer["Body"], self._idle_timeout)
        return answer

    async def aclose(self) -> None:
        """Do nothing: the client is closed by who opened it."""


class _TimedBody:
    """An answer's body that is read under the idle time-out.

    aiohttp's own connections, which a client of the caller's has, forget theirs behind a broken chunk.
    """

    def __init__(self, raw: Any, idle_timeout: float) -> None:  # noqa: ANN401 - as above
        self._raw = raw
        self._idle_timeout = idle_timeout

    async def read(self, amount: int) -> bytes:
        """Return some bytes, none at the end."""
        data: bytes = await _within_idle_timeout(lambda: self._raw.read(amount), None, self._idle_timeout)
        return data

    def direct(self) -> AbstractContextManager[None]:
        """Give nothing: aiohttp alone reads its sockets."""
        return nullcontext()

    def close(self) -> None:
        """Let go of the connection."""
        self._raw.close()


async def _within_idle_timeout(function: Callable[[], Awaitable[T]], body: BodyBuffer | None, seconds: float) -> T:
    """Await an answer: aiohttp bounds neither a name look-up nor sending to a peer that reads nothing."""
    with anyio.CancelScope(deadline=anyio.current_time() + seconds) as scope:
        if body is not None:
            body.touched = lambda: _extend(scope, seconds)
        return await function()
    raise TimedOutError(
        f"no byte went through for {seconds:g} seconds; check the network", code="idle", retryable=True
    )


def _extend(scope: anyio.CancelScope, seconds: float) -> None:
    scope.deadline = anyio.current_time() + seconds
