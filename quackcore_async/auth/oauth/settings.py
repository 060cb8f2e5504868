"""What a provider of OAuth logins is configured with, checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, get_args

from quackcore_async.auth.oauth.addresses import check_endpoint
from quackcore_async.auth.oauth.metadata import Metadata, check_issuer
from quackcore_async.auth.oauth.parameters import RESERVED_PARAMETERS
from quackcore_async.errors import InvalidConfigError

__all__ = ["FLOWS", "Addresses", "Flow", "checked_parameters"]

Flow = Literal["authorization_code", "device", "client_credentials"]
FLOWS: Final = get_args(Flow)

_NEEDED: Final = {"authorization_code": ("auth_url",), "device": ("device_url",)}
_FROM_METADATA: Final = {
    "auth_url": "authorization_endpoint",
    "token_url": "token_endpoint",
    "device_url": "device_authorization_endpoint",
    "revocation_url": "revocation_endpoint",
}


@dataclass(frozen=True, slots=True)
class Addresses:
    """The endpoints of a server: as configured, else as the server's metadata has them.

    Attributes:
        configured: By the name of the provider's argument; an empty one is not configured.
        issuer: Where the metadata is; empty without any.
        allow_insecure: Whether plain http may leave this machine.
        metadata: The server's document, once it was fetched.
    """

    configured: Mapping[str, str]
    issuer: str = ""
    allow_insecure: bool = False
    metadata: Metadata | None = field(default=None, repr=False)

    def with_metadata(self, metadata: Metadata | None) -> "Addresses":
        """Return the same with what the server's document adds."""
        return replace(self, metadata=metadata)

    def check(self, flow: str) -> None:
        """Check what is configured for a flow.

        Raises:
            InvalidConfigError: if one cannot be used, or one that is needed is neither there nor to be looked up.
        """
        for name, url in self.configured.items():
            if url:
                check_endpoint(url, name, allow_insecure=self.allow_insecure)
        if self.issuer:
            check_issuer(self.issuer)
            return
        for name in ("token_url", *_NEEDED.get(flow, ())):
            if not self.configured.get(name):
                raise InvalidConfigError(f"{name} is missing: give it, or give the issuer whose metadata names it")

    def find(self, name: str) -> str | None:
        """Return an endpoint, None when nobody has said where it is.

        Raises:
            QuackError: if it cannot be used.
        """
        url = self.configured.get(name)
        if url:
            return check_endpoint(url, name, allow_insecure=self.allow_insecure)
        return self.metadata.endpoint(_FROM_METADATA[name]) if self.metadata else None

    def need(self, name: str) -> str:
        """Return an endpoint that cannot be done without.

        Raises:
            QuackError: if it cannot be used, or nobody has said where it is.
        """
        url = self.find(name)
        if url is None:
            raise InvalidConfigError(
                f"{name} is missing: it is not configured, and the issuer's metadata has no {_FROM_METADATA[name]}"
            )
        return url


def checked_parameters(parameters: Mapping[str, str] | None, what: str) -> dict[str, str]:
    """Return a copy of extra parameters.

    Raises:
        InvalidConfigError: if one of them is the flow's own, or is not text.
    """
    copied = dict(parameters or {})
    for name, value in copied.items():
        if name in RESERVED_PARAMETERS:
            raise InvalidConfigError(f"{what} has {name!r} in it, which the flow sets by itself")
        if not isinstance(name, str) or not isinstance(value, str):
            raise InvalidConfigError(f"{what} has something in it that is not text")
    return copied
