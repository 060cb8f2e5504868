"""One small request and its whole answer: what token endpoints and metadata documents need."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import anyio
import httpx

from quackcore_async.errors import TimedOutError
from quackcore_async.results import to_quack_error
from quackcore_async.transport.reading import read_capped

__all__ = ["Answer", "Transport", "exchange"]

Transport = httpx.AsyncBaseTransport
"""What sends a request: a `Wire`, or any other transport of httpx."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response.

    Attributes:
        status: HTTP status.
        headers: By lower-case name; of repeated ones the last.
        body: The bytes, decoded.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


async def exchange(
    wire: Transport,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
    timeout: float = 10.0,  # noqa: ASYNC109 - bounds the whole exchange
    max_bytes: int = 64 * 1024,
) -> Answer:
    """Send one request, follow no redirect, keep no cookie, and read an answer of bounded size.

    Args:
        wire: What sends it.
        method: HTTP method.
        url: Absolute address.
        headers: Headers in addition.
        form: Sent as an HTML form (RFC 6749 appendix B).
        timeout: Seconds for all of it.
        max_bytes: Longest body that is read.

    Raises:
        TimedOutError: if `timeout` passes.
        TransportError: if there is no answer, or one that is too long.
    """
    request = httpx.Request(method, url, headers={"accept-encoding": "identity", **(headers or {})}, data=form)
    request.extensions["timeout"] = dict.fromkeys(("connect", "read", "write", "pool"), timeout)
    try:
        with anyio.fail_after(timeout):
            response = await wire.handle_async_request(request)
            try:
                body = await read_capped(response, max_bytes)
            finally:
                await response.aclose()
    except TimeoutError as exc:
        raise TimedOutError(
            f"{_target(request)} did not answer within {timeout:g} seconds", retryable=True
        ) from exc
    except Exception as exc:  # noqa: BLE001 - whatever it is, it becomes an error of ours
        raise to_quack_error(exc) from None
    return Answer(response.status_code, dict(response.headers.items()), body)


def _target(request: httpx.Request) -> str:
    return f"{request.method} {request.url.copy_with(query=None, userinfo=b'')}"
