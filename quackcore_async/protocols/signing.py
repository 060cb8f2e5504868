"""What a provider may say beyond its protocol: how its credentials go into a request."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from quackcore_async.protocols.credentials import text_of, token_of

__all__ = ["RequestSecrets", "RequestSigner", "as_bearer"]


@dataclass(frozen=True, slots=True)
class RequestSecrets:
    """What credentials put into a request. It never leaves for an origin that it is not meant for.

    Attributes:
        headers: Values by header name.
        params: Values by the name of a query parameter.
    """

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    params: Mapping[str, str] = field(default_factory=dict, repr=False)


@runtime_checkable
class RequestSigner(Protocol):
    """A provider that says itself how its credentials are presented; others are presented as a bearer token."""

    @property
    def generation(self) -> int:
        """How often the credentials have changed: what a caller whose token was refused names."""
        ...

    def request_secrets(self, credentials: object) -> RequestSecrets:
        """Return what `credentials`, as `get_credentials` gave them, put into a request."""
        ...


def as_bearer(credentials: object) -> RequestSecrets:
    """Present credentials as a bearer token (RFC 6750 section 2.1); without a token they put nothing in."""
    token = token_of(credentials)
    if token is None:
        return RequestSecrets()
    scheme = text_of(credentials, "token_type") or "Bearer"
    return RequestSecrets({"Authorization": f"{'Bearer' if scheme.lower() == 'bearer' else scheme} {token}"})
