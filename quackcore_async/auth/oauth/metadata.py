"""What an authorization server says about itself (RFC 8414, OpenID Connect Discovery)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from quackcore_async.auth.oauth.addresses import check_endpoint, origin_of, same_party
from quackcore_async.auth.oauth.token_response import json_object
from quackcore_async.errors import AuthError, ErrorKind, InvalidConfigError, QuackError
from quackcore_async.retry import RetryPolicy
from quackcore_async.transport import error_from_status
from quackcore_async.transport.exchange import Answer, Transport, exchange

__all__ = ["Metadata", "check_issuer", "fetch_metadata", "metadata_urls"]

_OK: Final = 200
_WORTH_WAITING_FROM: Final = 500


@dataclass(frozen=True, slots=True)
class Metadata:
    """The document of a server, whose issuer was checked; its addresses are checked when they are asked for.

    Attributes:
        issuer: The server's name for itself.
        members: The document.
        allowed_origins: Origins beside the issuer's that its addresses may have.
    """

    issuer: str
    members: Mapping[str, Any]
    allowed_origins: Collection[str] = ()

    def endpoint(self, name: str) -> str | None:
        """Return the address that the document has under `name`; None when it has none.

        Raises:
            AuthError: if it is neither https nor this machine, or belongs to somebody else.
        """
        value = self.members.get(name)
        if value is None or value == "":
            return None
        try:
            url = check_endpoint(value, f"{name} in the metadata of {self.issuer}")
        except InvalidConfigError as exc:
            raise _unusable(str(exc)) from None
        if not same_party(url, self.issuer) and origin_of(url) not in self.allowed_origins:
            raise _unusable(
                f"{name} in the metadata of {self.issuer} is on {origin_of(url)}: when that is right, add it to "
                "allowed_origins"
            )
        return url

    @property
    def promises_iss(self) -> bool:
        """Whether every answer of the server names its issuer (RFC 9207 section 3)."""
        return self.members.get("authorization_response_iss_parameter_supported") is True

    def takes_secret_in_header_only(self) -> bool:
        """Tell whether the server takes a client's secret in the `Authorization` header and not in the form."""
        methods = self.members.get("token_endpoint_auth_methods_supported")
        if not isinstance(methods, list):
            return False
        return "client_secret_basic" in methods and "client_secret_post" not in methods


def check_issuer(issuer: str) -> str:
    """Return the issuer, which is an address without a query (RFC 8414 section 2).

    Raises:
        InvalidConfigError: if it is none.
    """
    check_endpoint(issuer, "issuer")
    if "?" in issuer:
        raise InvalidConfigError("issuer has a query in it, which RFC 8414 forbids")
    return issuer


def metadata_urls(issuer: str) -> tuple[str, str]:
    """Return where the document may be: RFC 8414 section 3.1, and OpenID Connect Discovery section 4."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    return (
        f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{path}",
        f"{parts.scheme}://{parts.netloc}{path}/.well-known/openid-configuration",
    )


async def fetch_metadata(
    wire: Transport,
    issuer: str,
    *,
    allowed_origins: Collection[str] = (),
    timeout: float = 10.0,  # noqa: ASYNC109 - of each request
) -> Metadata:
    """Fetch the document of an issuer.

    Args:
        wire: Sends the requests.
        issuer: As configured; the document has to name it exactly so.
        allowed_origins: Origins beside the issuer's that its addresses may have.
        timeout: Seconds for one request.

    Raises:
        AuthError: if there is no document, or it is somebody else's.
        QuackError: if the server cannot be reached.
    """
    policy = RetryPolicy(attempts=3, timeout=timeout * 1.25)
    for url in metadata_urls(issuer):

        async def attempt(url: str = url) -> Answer:
            answer = await exchange(wire, "GET", url, headers={"accept": "application/json"}, timeout=timeout)
            if answer.status >= _WORTH_WAITING_FROM:
                raise error_from_status(
                    answer.status,
                    f"the metadata at {url}: the server answered {answer.status}",
                    headers=answer.headers,
                )
            return answer

        answer = await policy.call(attempt)
        document = _document(answer)
        if document is not None:
            break
    else:
        raise _unusable(f"{issuer} has no metadata at {' or '.join(metadata_urls(issuer))}")
    if document.get("issuer") != issuer:
        raise _unusable(f"the metadata of {issuer} names another issuer: RFC 8414 asks for exactly the same text")
    return Metadata(issuer, document, allowed_origins)


def _document(answer: Answer) -> dict[str, Any] | None:
    if answer.status != _OK:
        return None
    try:
        return json_object(answer)
    except QuackError:
        return None  # a page for people: the document is elsewhere


def _unusable(reason: str) -> AuthError:
    return AuthError(reason, kind=ErrorKind.MISCONFIGURED, code="metadata")
