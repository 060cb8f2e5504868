"""The wire: httpx behind one gate."""

from typing import TYPE_CHECKING

from quackcore_async.transport.breaker import BreakerPolicy
from quackcore_async.transport.errors import error_from_httpx
from quackcore_async.transport.status import error_from_status, parse_retry_after, retry_after_of

if TYPE_CHECKING:
    from quackcore_async.transport.gate import HostGate, Throttle
    from quackcore_async.transport.reading import MAX_RESPONSE_BYTES, read_capped
    from quackcore_async.transport.retrying import RetryTransport
    from quackcore_async.transport.wire import Wire

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

_HOMES = {
    "HostGate": "gate",
    "MAX_RESPONSE_BYTES": "reading",
    "RetryTransport": "retrying",
    "Throttle": "gate",
    "Wire": "wire",
    "read_capped": "reading",
}


def __getattr__(name: str) -> object:
    """Load what needs httpx when it is first asked for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
