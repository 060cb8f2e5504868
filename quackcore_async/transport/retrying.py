"""The transport that tries again, within a deadline and a budget, behind a gate."""

from collections.abc import Callable
from datetime import timedelta
from time import perf_counter
from typing import Final, cast

import httpx

from quackcore_async.concurrency import shielded
from quackcore_async.errors import QuackError, TimedOutError
from quackcore_async.results import to_quack_error
from quackcore_async.retry import RetryBudget, RetryEvent, RetryPolicy
from quackcore_async.transport.gate import HostGate, Permit
from quackcore_async.transport.idempotency import is_idempotent
from quackcore_async.transport.outgoing import is_replayable
from quackcore_async.transport.reading import read_capped
from quackcore_async.transport.status import RETRYABLE_STATUSES, error_from_status
from quackcore_async.transport.streams import NotedStream, PermitStream
from quackcore_async.transport.wire import Wire

__all__ = ["RetryTransport"]

_ERRORS_FROM: Final = 400

BODY_SENT: Final = "the body of the request was sent and cannot be sent again"


class RetryTransport(httpx.AsyncBaseTransport):
    """Sends requests until they succeed, fail for good, or the policy is used up.

    For `httpx.AsyncClient(transport=RetryTransport())` as well as for this package's own client. Tried again are:
    failures before anything was sent, for every request; time-outs, broken connections and the statuses 408, 429,
    500, 502, 503 and 504 for requests that may be sent twice, by their method, an `Idempotency-Key` header or the
    extension `idempotent`; of the other requests 429, and 503 with a `Retry-After`, because those were refused.

    When the attempts run out, the last response is returned as it is. Its extensions have `quack_attempts`, the
    number of attempts, and `quack_not_retried`, why a status that might pass was not tried again: `attempts`,
    `retry_after` (too long to wait for), `budget`, `body` (sent, and it cannot be sent again) or `method`; and
    `quack_elapsed`, the seconds of the policy's `timeout` that it took.

    Extensions of a request that it understands: `idempotent` (bool), `replayable` (the stream starts anew when it
    is iterated again), `retry_policy` (a `RetryPolicy` for this request), `quack_spent` (seconds of its `timeout`
    that went into the requests before in a chain of redirects), and `max_response_bytes` (an int: the
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
        policy: RetryPolicy = request.extensions.get("retry_policy", self.policy)
        call = _Call(self, request)
        try:
            if self.gate is not None:
                call.permit = await self.gate.acquire(request.url)
            call.start()
            response = await policy.call(
                call.attempt,
                budget=self.budget,
                on_retry=self.on_retry,
                before_wait=call.let_go,
                retry_if=call.can_be_repeated,
                spent=call.spent,
            )
        except QuackError as error:
            if call.refused is None:
                call.explain(error)
                call.release()
                raise
            response = call.refused
            response.extensions["quack_not_retried"] = call.reason(error, policy)
        except BaseException:
            await call.abandon()
            raise
        response.extensions["quack_attempts"] = call.attempts
        seconds = perf_counter() - call.started
        response.extensions["quack_elapsed"] = call.spent + seconds
        if response.is_closed:
            response.elapsed = timedelta(seconds=seconds)
        return call.hand_over(response)

    async def aclose(self) -> None:
        """Close what sends."""
        await self.inner.aclose()


class _Call:
    """One request with its attempts: what it holds, and what may still be done with it."""

    __slots__ = (
        "attempts",
        "barred",
        "limit",
        "permit",
        "refused",
        "request",
        "sending",
        "sent_once",
        "spent",
        "started",
        "transport",
    )

    def __init__(self, transport: RetryTransport, request: httpx.Request) -> None:
        self.transport = transport
        self.request = request
        self.limit: int | None = request.extensions.get("max_response_bytes", transport.max_response_bytes)
        self.permit: Permit | None = None
        self.refused: httpx.Response | None = None
        self.attempts = 0
        self.barred = False
        self.sending = False
        self.spent: float = request.extensions.get("quack_spent", 0.0)
        self.started = 0.0
        self.sent_once: NotedStream | None = None
        if not isinstance(request.stream, httpx.ByteStream) and not is_replayable(request):
            self.sent_once = NotedStream(cast("httpx.AsyncByteStream", request.stream))
            request.stream = self.sent_once

    def start(self) -> None:
        """Begin to count the time: the call has its slot."""
        self.started = perf_counter()

    async def attempt(self) -> httpx.Response:
        if self.permit is None and self.transport.gate is not None:
            await self._queue_again(self.transport.gate)
        self.attempts += 1
        response: httpx.Response | None = None
        self.sending = True
        try:
            response = await self.transport.inner.handle_async_request(self.request)
            if self.limit is not None:
                await read_capped(response, self.limit)
        except Exception as exc:
            self.sending = False
            error = self._failed(exc) if response is None else self._failed_halfway(exc, response)
            if error is exc:
                raise
            raise error from exc
        self.sending = False
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

    def _failed_halfway(self, exc: Exception, response: httpx.Response) -> QuackError:
        """Return the error of an answer whose body cannot be had; an error status has said it all before that."""
        if response.status_code < _ERRORS_FROM:
            error = self._failed(exc)
            error.indeterminate = not is_idempotent(self.request)
            return error
        if self.permit is not None:
            self.permit.answered(response)
        return self._status_error(response, f", and its body cannot be read: {to_quack_error(exc)}")

    def _refuse(self, response: httpx.Response) -> None:
        self.refused = response
        raise self._status_error(response)

    def _status_error(self, response: httpx.Response, more: str = "") -> QuackError:
        return error_from_status(
            response.status_code,
            f"{_target(self.request)} answered {response.status_code}{more}",
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

    async def abandon(self) -> None:
        """Let go of everything: the call ends in no answer and no error of ours, such as that of a hook."""
        try:
            if self.refused is not None:
                await shielded(self.refused.aclose)
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
        if isinstance(error, TimedOutError) and error.code == "deadline":
            if self.sending and self.permit is not None:
                self.permit.failed(error)
            error.indeterminate = self.sending and not is_idempotent(self.request)
            error.retryable = not error.indeterminate
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
                response.stream = PermitStream(cast("httpx.AsyncByteStream", response.stream), self.permit)
        return response


def _target(request: httpx.Request) -> str:
    return f"{request.method} {request.url.copy_with(query=None, userinfo=b'')}"
