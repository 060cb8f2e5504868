"""Sending one request: its place in the queue, its retries, its idle time-out and the meaning of its failure."""

from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any, Final, TypeVar

from quackcore_async.clients.s3.adaptive import AdaptiveLimit, Outcome
from quackcore_async.clients.s3.buffers import BodyBuffer
from quackcore_async.clients.s3.failures import classify, with_action
from quackcore_async.clients.s3.session import ClientSource, OpenClient
from quackcore_async.concurrency import LoopBinding, wrong_loop
from quackcore_async.errors import ConnectFailedError, ErrorKind, QuackError
from quackcore_async.retry import RetryBudget, RetryPolicy

__all__ = ["Requester"]

T = TypeVar("T")
_BAD_REQUEST: Final = 400
_SERVER_ERROR: Final = 500
_UNCERTAIN: Final = frozenset({ErrorKind.TIMEOUT, ErrorKind.UNAVAILABLE, ErrorKind.CORRUPTED})


class Requester:
    """Sends the requests of one client, at most `max_concurrency` at a time, whatever transfer they belong to.

    Attributes:
        retry: The policy of calls without a body.
        transfer_retry: The same without its deadline, for requests that carry or bring many bytes.
        budget: What all retries are paid from.
    """

    def __init__(self, source: ClientSource, retry: RetryPolicy) -> None:
        self.retry = retry
        self.transfer_retry = retry.replace(timeout=None)
        self.budget = RetryBudget()
        self._source = source
        self._slots = AdaptiveLimit(source.settings.max_concurrency, floor=source.settings.min_concurrency)
        self._binding: LoopBinding | None = None

    async def open(self) -> None:
        """Open the client behind it, on this event loop."""
        await self._source.open()
        self._binding = LoopBinding.current()

    @property
    def hashes_bodies(self) -> bool:
        """Whether requests need the hash of their bodies: who fills a buffer in a thread computes it there."""
        return self._source.current.engine.hashes_bodies

    @property
    def heeds_conditions(self) -> bool:
        """Whether the service surely writes nothing when a condition does not hold."""
        return self._source.current.destination.is_aws

    async def aclose(self) -> None:
        """Close every client behind it."""
        await self._source.aclose()

    def slot(self) -> "_Slot":
        """Wait for a place among the requests in flight and keep it for the time of the block."""
        return _Slot(self._slots)

    async def send(
        self,
        operation: str,
        action: str,
        params: dict[str, Any],
        *,
        body: BodyBuffer | None = None,
        writes: bool = False,
        bulk: bool = False,
    ) -> dict[str, Any]:
        """Wait for a slot and send a request with its retries.

        Args:
            operation: Name of the client's method, such as `head_object`.
            action: What it does, for messages: `read s3://bucket/key`.
            params: The operation's parameters.
            body: Sent as its body.
            writes: Whether a lost answer leaves open if it happened.
            bulk: Whether it takes as long as its bytes take: then only the idle time-out bounds it.

        Raises:
            QuackError: the last failure.
        """
        await self._slots.acquire()
        try:
            return await self.call(operation, action, params, body=body, writes=writes, bulk=bulk)
        finally:
            self._slots.release()

    async def call(
        self,
        operation: str,
        action: str,
        params: dict[str, Any],
        *,
        body: BodyBuffer | None = None,
        writes: bool = False,
        bulk: bool = False,
    ) -> dict[str, Any]:
        """Send a request with its retries, in the caller's own slot; one lost answer leaves all of them open."""
        lost = False

        async def attempt() -> dict[str, Any]:
            nonlocal lost
            try:
                return await self.attempt(operation, action, params, body=body, writes=writes)
            except QuackError as error:
                lost = lost or error.indeterminate
                error.indeterminate = lost
                raise

        return await self.repeat(attempt, bulk=bulk or body is not None)

    async def repeat(self, attempt: Callable[[], Awaitable[T]], *, bulk: bool = False) -> T:
        """Await `attempt()` under the retry policy and the budget of this client."""
        policy = self.transfer_retry if bulk else self.retry
        return await policy.call(attempt, budget=self.budget)

    async def attempt(
        self,
        operation: str,
        action: str,
        params: dict[str, Any],
        *,
        body: BodyBuffer | None = None,
        writes: bool = False,
    ) -> dict[str, Any]:
        """Send a request once; expired credentials are renewed, and then it is sent once more."""
        client = self.connected
        try:
            return await self._send_once(client, operation, params, body)
        except QuackError as error:
            if not _may_have_expired(operation, error) or not await self._source.renew(client):
                raise _explained(error, action, writes=writes) from error.__cause__
        try:
            return await self._send_once(self.connected, operation, params, body)
        except QuackError as error:
            raise _explained(error, action, writes=writes) from error.__cause__

    @property
    def connected(self) -> OpenClient:
        """What sends the requests of now.

        Raises:
            LifecycleError: with code `closed`, or `wrong_loop`.
        """
        client = self._source.current
        if self._binding is None or not self._binding.is_here():
            raise wrong_loop("this S3 client was opened on another event loop: open one on this loop")
        return client

    async def _send_once(
        self, client: OpenClient, operation: str, params: dict[str, Any], body: BodyBuffer | None
    ) -> dict[str, Any]:
        outcome: Outcome = "ignored"
        begun = monotonic()
        client.in_flight += 1
        try:
            answer = await client.engine.send(operation, params, body)
            outcome = "ok"
            if "Body" in answer:
                answer["Body"] = _Body(answer["Body"], client)
        except Exception as exc:
            error = classify(exc)
            if error.kind is ErrorKind.RATE_LIMITED:
                outcome = "throttled"
            elif error.status_code is not None:
                outcome = "ok"
            if error is exc:
                raise
            raise error from exc
        else:
            return answer
        finally:
            size = 0 if body is None else body.size.bit_length()
            self._slots.note(outcome, monotonic() - begun, (operation, size))
            client.in_flight -= 1
            if self._source.has_retired:
                await self._source.close_idle()


class _Body:
    """The body of an answer, whose client stays open until it is closed."""

    __slots__ = ("_body", "_client", "direct", "read")

    def __init__(self, body: Any, client: OpenClient) -> None:  # noqa: ANN401 - each engine has its own
        self.read = body.read
        self.direct = body.direct
        self._body = body
        self._client: OpenClient | None = client
        client.in_flight += 1

    def close(self) -> None:
        """Let go of the connection."""
        client, self._client = self._client, None
        if client is not None:
            client.in_flight -= 1
            self._body.close()


class _Slot:
    """A place in the queue; a class, since a generator would cost as much as all else that it does."""

    __slots__ = ("_slots",)

    def __init__(self, slots: AdaptiveLimit) -> None:
        self._slots = slots

    async def __aenter__(self) -> None:
        await self._slots.acquire()

    async def __aexit__(self, *_exc_info: object) -> None:
        self._slots.release()


def _may_have_expired(operation: str, error: QuackError) -> bool:
    """Tell whether fresh credentials may help; the answer to a HEAD has no body that could say so."""
    return error.code == "expired_token" or (operation.startswith("head_") and error.status_code == _BAD_REQUEST)


def _explained(error: QuackError, action: str, *, writes: bool) -> QuackError:
    refused = error.status_code is not None and error.status_code < _SERVER_ERROR
    if writes and error.kind in _UNCERTAIN and not refused and not isinstance(error, ConnectFailedError):
        error.indeterminate = True
    return with_action(error, action)
