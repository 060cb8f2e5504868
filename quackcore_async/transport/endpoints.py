"""The address of a service as an operator configures it."""

from typing import Final

__all__ = ["ENDPOINT_PATTERN"]

ENDPOINT_PATTERN: Final = r"^https?://[^/?#@\\\s]+(/[^?#@\\\s]*)?$"
"""Scheme, host, and where a service has one a path. No query, and no user or password: by RFC 3986 (section 3.2.1)
they stand before an `@`, and so another host than the one that is read first can hide behind it."""
