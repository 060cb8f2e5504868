"""How a client proves to the authorization server who it is (RFC 6749 section 2.3, RFC 7523 section 2.2)."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, get_args
from urllib.parse import quote_plus

from quackcore_async.auth.oauth.assertion import SigningKey, signed_assertion
from quackcore_async.auth.oauth.parameters import CLIENT_ASSERTION_TYPE_JWT
from quackcore_async.errors import InvalidConfigError
from quackcore_async.redaction import Secret

__all__ = ["CLIENT_AUTH_METHODS", "Client", "ClientAuth", "Presented"]

ClientAuth = Literal["post", "basic", "none", "private_key_jwt"]
CLIENT_AUTH_METHODS: Final = get_args(ClientAuth)


@dataclass(frozen=True, slots=True)
class Presented:
    """What a request carries to authenticate the client."""

    form: dict[str, str] = field(repr=False)
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[Secret, ...] = ()


@dataclass(frozen=True, slots=True)
class Client:
    """The client, and how it authenticates.

    Attributes:
        client_id: Its public name at the server.
        method: How it authenticates.
        secret: Its password, for `post` and `basic`.
        key: What signs its assertions, for `private_key_jwt`.
        clock: Tells the time in epoch seconds.
    """

    client_id: str
    method: ClientAuth
    secret: Secret | None
    key: SigningKey | None
    clock: Callable[[], float]

    def __post_init__(self) -> None:
        if self.method not in CLIENT_AUTH_METHODS:
            raise InvalidConfigError(f"client_auth is none of {', '.join(CLIENT_AUTH_METHODS)}")
        if self.method in ("post", "basic") and not self.secret:
            raise InvalidConfigError(f"client_auth={self.method!r} needs a client_secret")
        if self.method == "private_key_jwt" and self.key is None:
            raise InvalidConfigError("client_auth='private_key_jwt' needs a private_key")

    async def present(self, audience: str) -> Presented:
        """Return what authenticates the client in one request; an assertion is good for one only.

        Args:
            audience: Address of the token endpoint.
        """
        if self.method == "basic" and self.secret:
            # https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1: both are form-encoded first
            pair = f"{quote_plus(self.client_id)}:{quote_plus(self.secret.reveal())}"
            header = Secret(base64.b64encode(pair.encode()).decode())
            return Presented({}, {"authorization": f"Basic {header.reveal()}"}, (header, self.secret))
        form = {"client_id": self.client_id}
        if self.method == "post" and self.secret:
            return Presented({**form, "client_secret": self.secret.reveal()}, secrets=(self.secret,))
        if self.method == "private_key_jwt" and self.key:
            assertion = await signed_assertion(self.key, self.client_id, audience, self.clock())
            form["client_assertion_type"] = CLIENT_ASSERTION_TYPE_JWT
            form["client_assertion"] = assertion.reveal()
            return Presented(form, secrets=(assertion,))
        return Presented(form)
