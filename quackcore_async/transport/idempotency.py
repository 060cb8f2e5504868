"""Which requests may be sent twice."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import httpx

__all__ = ["IDEMPOTENT_METHODS", "is_idempotent"]

IDEMPOTENT_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
"""Methods that may be sent twice (RFC 9110 section 9.2.2)."""


def is_idempotent(request: "httpx.Request") -> bool:
    """Tell whether a request may be sent twice without harm.

    The caller's word decides, the extension `idempotent`; then the method; then a key by which the service
    recognises the second one (draft-ietf-httpapi-idempotency-key-header).
    """
    said = request.extensions.get("idempotent")
    if isinstance(said, bool):
        return said
    return request.method in IDEMPOTENT_METHODS or "idempotency-key" in request.headers
