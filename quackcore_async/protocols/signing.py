"""What a provider may say beyond its protocol: how its credentials go into a request."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

__all__ = ["RequestSecrets", "RequestSigner"]


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
