"""The wire: httpx behind one gate."""

from quackcore_async.transport.errors import error_from_httpx
from quackcore_async.transport.status import error_from_status, parse_retry_after, retry_after_of

__all__ = ["error_from_httpx", "error_from_status", "parse_retry_after", "retry_after_of"]
