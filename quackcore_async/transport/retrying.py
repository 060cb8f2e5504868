"""The transport that tries again, within a deadline and a budget, behind a gate."""

from collections.abc import AsyncIterator, Callable
from typing import Final, cast

import httpx

from quackcore_async.errors import QuackError, TimedOutError
from quackcore_async.results import to_quack_error
from quackcore_async.retry import RetryBudget, RetryEvent, RetryPolicy
from quackcore_async.transport.gate import HostGate, Permit
from quackcore_async.transport.idempotency import is_idempotent
from quackcore_async.transport.outgoing import is_replayable
from quackcore_async.transport.reading import read_capped
from quackcore_async.transport.status import RETRYABLE_STATUSES, error_from_status
from quackcore_async.transport.wire import Wire

__all__ = ["RetryTransport"]

BODY_SENT: Final = "the body of the request was sent and cannot be sent again"


class RetryTransport(httpx.AsyncBaseTransport):
    """Sends requests until they succeed, fail for good, or the policy is used up.

    For `httpx.AsyncClient(transport=RetryTransport())` as well as for this package's own client. Tried again are:
    failures before anything was sent, for every request; time-outs, broken connections and the statuses 408, 429,
    500, 502, 503 and 504 for requests that may be sent twice, by their method, an `Idempotency-Key` header or the
    extension `idempotent`; of the other requests 429, and 503 with a `Retry-After`, because those were refused.

    When the attempts run out, the last response is returned as it is. Its extensions have `quack_attempts`, the
    number of attempts, and `quack_not_retried`, why a status that might pass was not tried again: `attempts`,
    `retry_after` (too long to wait for), `budget`, `body` (sent, and it cannot be sent again) or `method`.

    Extensions of a request that it understands: `idempotent` (bool), `replayable` (the stream starts anew when it
    is iterated again), `retry_policy` (a `RetryPolicy` for this request), and `max_response_bytes` (an int: the
    body is read, up to so many decoded bytes, as part of each attempt; so a body that is cut short is tried again,
    and the deadline covers it).

    Args:
        inner: What sends; a `Wire` of its own by default.
        policy: Its `timeout` counts from the moment that a call has its slot in the gate.
        budget: Bucket that retries are paid from; one of its own by default.
        gate: Stands before each attempt; none by default.
        on_retry: Told of each retry before its wait.
        max_response_bytes: Read every body so, where the request does not say otherwise; None leaves them to the
            caller, outside of the deadline.
    """

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport | None = None,
        policy: RetryPolicy = RetryPolicy(),  # noqa: B008 - frozen
        *,
        budget: RetryBudget | None = None,
        gate: HostGate | None = None,
        on_retry: Callable[[RetryEvent], None] | None = None,
        max_response_bytes: int | None = None,
    ) -> None:
        self.inner = Wire() if inner is None else inner
        self.policy = policy
        self.budget = RetryBudget() if budget is None else budget
        self.gate = gate
        self.on_retry = on_retry
        self.max_response_bytes = max_response_bytes

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, again where that may help.

        Raises:
            QuackError: if there is no answer, with `attempts` and `elapsed`.
            TimedOutError: if the policy's `timeout` passes, or the gate's `queue_timeout` (code `queue`).
            TransportError: if the body is longer than `max_response_bytes`.
        """
        policy = cast("RetryPolicy", request.extensions.get("retry_policy", self.policy))
        call = _Call(self, request)
        try:
            if self.gate is not None:
                call.permit = await self.gate.acquire(request.url)
            response = await policy.call(
                call.attempt,
                budget=self.budget,
                on_retry=self.on_retry,
                before_wait=call.let_go,
                retry_if=call.can_be_repeated,
            )
        except QuackError as error:
            if call.refused is None:
                call.release()
                call.explain(error)
                raise
            response = call.refused
            response.extensions["quack_not_retried"] = call.reason(error, policy)
        except BaseException:
            call.release()
            raise
        response.extensions["quack_attempts"] = call.attempts
        return call.hand_over(response)

    async def aclose(self) -> None:
        """Close what sends."""
        await self.inner.aclose()


class _Call:
    """One request with its attempts: what it holds, and what may still be done with it."""

    __slots__ = ("attempts", "barred", "limit", "permit", "refused", "request", "sent_once", "transport")

    def __init__(self, transport: RetryTransport, request: httpx.Request) -> None:
        self.transport = transport
        self.request = request
        self.limit = cast("int | None", request.extensions.get("max_response_bytes", transport.max_response_bytes))
        self.permit: Permit | None = None
        self.refused: httpx.Response | None = None
        self.attempts = 0
        self.barred = False
        self.sent_once: _NotedStream | None = None
        if not isinstance(request.stream, httpx.ByteStream) and not is_replayable(request):
            self.sent_once = _NotedStream(cast("httpx.AsyncByteStream", request.stream))
            request.stream = self.sent_once

    async def attempt(self) -> httpx.Response:
        if self.permit is None and self.transport.gate is not None:
            await self._queue_again(self.transport.gate)
        self.attempts += 1
        try:
            response = await self.transport.inner.handle_async_request(self.request)
            if self.limit is not None:
                await read_capped(response, self.limit)
        except Exception as exc:
            raise self._failed(exc) from exc
        if self.permit is not None:
            self.permit.answered(response)
        if response.status_code in RETRYABLE_STATUSES:
            self._refuse(response)
        return response

    async def _queue_again(self, gate: HostGate) -> None:
        try:
            self.permit = await gate.acquire(self.request.url, first=True)
        except QuackError:
            self.barred = True
            raise

    def _failed(self, exc: Exception) -> QuackError:
        if isinstance(exc, httpx.RequestError):
            exc.request = self.request
        error = to_quack_error(exc)
        if self.permit is not None:
            self.permit.failed(error)
        return error

    def _refuse(self, response: httpx.Response) -> None:
        self.refused = response
        raise error_from_status(
            response.status_code,
            f"{_target(self.request)} answered {response.status_code}",
            headers=response.headers,
            idempotent=is_idempotent(self.request),
        )

    def can_be_repeated(self, _error: QuackError) -> bool:
        return not self.barred and not self._body_is_gone()

    def _body_is_gone(self) -> bool:
        return self.sent_once is not None and self.sent_once.begun

    async def let_go(self) -> None:
        """Give back the slot and the connection before a wait."""
        response, self.refused = self.refused, None
        try:
            if response is not None:
                await response.aclose()
        finally:
            self.release()

    def release(self) -> None:
        if self.permit is not None:
            self.permit.release()
            self.permit = None

    def reason(self, error: QuackError, policy: RetryPolicy) -> str:
        """Return why the last response was not the last but one."""
        if not error.retryable:
            return "method"
        if self._body_is_gone():
            return "body"
        if self.attempts >= policy.attempts:
            return "attempts"
        return "budget" if error.retry_after is None else "retry_after"

    def explain(self, error: QuackError) -> None:
        """Add to an error what only this call knows."""
        text = str(error)
        if isinstance(error, TimedOutError) and is_idempotent(self.request):
            error.indeterminate = False
        if not text.startswith(self.request.method):
            text = f"{_target(self.request)}: {text}"
        if error.retryable and self._body_is_gone():
            text = f"{text}; not tried again: {BODY_SENT}"
        error.args = (text,)

    def hand_over(self, response: httpx.Response) -> httpx.Response:
        """Let the slot go with the response: it is free when that is closed."""
        if self.permit is not None:
            if response.is_closed:
                self.permit.release()
            else:
                response.stream = _PermitStream(cast("httpx.AsyncByteStream", response.stream), self.permit)
        return response


class _NotedStream(httpx.AsyncByteStream):
    """A body that is there only once, and whether it was begun."""

    def __init__(self, stream: httpx.AsyncByteStream) -> None:
        self._pieces = aiter(stream)
        self.begun = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        self.begun = True
        return await anext(self._pieces)


class _PermitStream(httpx.AsyncByteStream):
    """The body of an answer, which keeps its slot until it is closed."""

    def __init__(self, stream: httpx.AsyncByteStream, permit: Permit) -> None:
        self._stream = stream
        self._permit = permit

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._stream)

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            self._permit.release()


def _target(request: httpx.Request) -> str:
    return f"{request.method} {request.url.copy_with(query=None, userinfo=b'')}"
