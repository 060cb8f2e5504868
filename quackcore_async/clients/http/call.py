"""`Call`: what the client knows of one call, and takes along with each of its requests."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import httpx

from quackcore_async.clients.http.origins import Origin
from quackcore_async.redaction import Secret
from quackcore_async.results import AuthResult

__all__ = ["CALL", "Call", "call_of"]

CALL: Final = "quackcore_async.call"
"""Name of the request extension that holds the call; every hop of a redirect and every attempt carries it."""


@dataclass(slots=True)
class Call:
    """One call of a client.

    Attributes:
        origin: Where the caller sent it to.
        common: Secret headers of all calls of the client; they go where its credentials go.
        own: Secret headers that the caller gave with this call; they go to `origin` only.
        kept: The values of `own`, which are scrubbed from messages while the call lives.
        authenticate: Whether the client's credentials go along.
        renewal: What came of renewing the credentials after a 401, where that was tried.
        refused_twice: Whether renewed credentials were refused too.
        unreplayed: Whether a 401 stands because the body cannot be sent again, with credentials renewed since.
    """

    origin: Origin
    common: Mapping[str, str] = field(repr=False)
    own: Mapping[str, str] = field(repr=False)
    kept: tuple[Secret, ...] = field(repr=False)
    authenticate: bool = True
    renewal: AuthResult | None = field(default=None, repr=False)
    refused_twice: bool = False
    unreplayed: bool = False


def call_of(request: httpx.Request) -> Call | None:
    """Return the call that a request belongs to."""
    call = request.extensions.get(CALL)
    return call if isinstance(call, Call) else None
