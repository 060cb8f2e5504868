"""In which state an integration is, and which failure leads to which."""

from enum import StrEnum
from typing import Final

from quackcore_async.errors import ErrorKind
from quackcore_async.results import ErrorInfo

__all__ = ["IntegrationState", "state_after_failure"]


class IntegrationState(StrEnum):
    """The life of an integration.

    Not ready yet (`new`, `initializing`, `retrying`), needs a login (`auth_required`) and wrongly configured
    (`misconfigured`) are different things with different remedies.
    """

    NEW = "new"
    INITIALIZING = "initializing"
    READY = "ready"
    RETRYING = "retrying"
    AUTH_REQUIRED = "auth_required"
    MISCONFIGURED = "misconfigured"
    FAILED = "failed"
    CLOSING = "closing"
    CLOSED = "closed"


_STATE_OF_KIND: Final = {
    ErrorKind.AUTH_REQUIRED: IntegrationState.AUTH_REQUIRED,
    ErrorKind.MISCONFIGURED: IntegrationState.MISCONFIGURED,
    ErrorKind.INVALID_INPUT: IntegrationState.MISCONFIGURED,
}


def state_after_failure(info: ErrorInfo | None) -> IntegrationState:
    """Return the state that a failed start leads to; one that may pass by itself leads to `retrying`."""
    if info is None:
        return IntegrationState.FAILED
    if info.retryable:
        return IntegrationState.RETRYING
    return _STATE_OF_KIND.get(info.kind, IntegrationState.FAILED)
