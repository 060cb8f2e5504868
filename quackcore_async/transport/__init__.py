"""The wire: httpx behind one gate."""

from typing import TYPE_CHECKING

from quackcore_async.exports import lazy_exports
from quackcore_async.transport.errors import error_from_httpx
from quackcore_async.transport.status import error_from_status, parse_retry_after, retry_after_of

if TYPE_CHECKING:
    from quackcore_async.transport.breaker import BreakerPolicy
    from quackcore_async.transport.gate import HostGate, Throttle
    from quackcore_async.transport.reading import MAX_RESPONSE_BYTES, read_capped
    from quackcore_async.transport.retrying import RetryTransport
    from quackcore_async.transport.wire import Wire
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "breaker": ("BreakerPolicy",),
            "gate": ("HostGate", "Throttle"),
            "reading": ("MAX_RESPONSE_BYTES", "read_capped"),
            "retrying": ("RetryTransport",),
            "wire": ("Wire",),
        },
    )

__all__ = [
    "MAX_RESPONSE_BYTES",
    "BreakerPolicy",
    "HostGate",
    "RetryTransport",
    "Throttle",
    "Wire",
    "error_from_httpx",
    "error_from_status",
    "parse_retry_after",
    "read_capped",
    "retry_after_of",
]
