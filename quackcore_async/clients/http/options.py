"""What a caller may say about one request."""

from collections.abc import AsyncIterable, Callable, Mapping, Sequence
from enum import Enum
from typing import IO, Any, Final, Literal, TypeAlias, TypedDict

import httpx

from quackcore_async.retry import RetryPolicy

__all__ = [
    "CLIENT_AUTH",
    "BodyOptions",
    "CallOptions",
    "ClientAuth",
    "Files",
    "HeaderOptions",
    "Params",
    "RequestOptions",
    "SendOptions",
    "check_options",
]

HeaderOptions: TypeAlias = Mapping[str, str] | Sequence[tuple[str, str]]
Params: TypeAlias = Mapping[str, Any] | Sequence[tuple[str, Any]] | str | httpx.QueryParams
FileContent: TypeAlias = IO[bytes] | bytes | str
FileOption: TypeAlias = (
    FileContent
    | tuple[str | None, FileContent]
    | tuple[str | None, FileContent, str | None]
    | tuple[str | None, FileContent, str | None, Mapping[str, str]]
)
Files: TypeAlias = Mapping[str, FileOption] | Sequence[tuple[str, FileOption]]


class ClientAuth(Enum):
    """The one value that stands for the client's own credentials."""

    CLIENT = "the client's credentials"


CLIENT_AUTH: Final = ClientAuth.CLIENT


class SendOptions(TypedDict, total=False):
    """How a request is sent.

    Attributes:
        follow_redirects: As the client's option of that name, for this call.
        raise_for_status: As the client's option of that name, for this call.
    """

    follow_redirects: bool
    raise_for_status: bool


class CallOptions(SendOptions, total=False):
    """What every request may have, beside its query.

    Attributes:
        headers: Headers, in addition to the client's and in place of those of the same name. Those that hold
            secrets go to the origin of this call's URL only.
        auth: None sends the request without the client's credentials.
        timeout: Seconds for each connect, read and write, or `httpx.Timeout`.
        retry: The policy for this call.
        idempotent: Whether it may be sent again although it may have been done; None asks the method.
        idempotency_key: Sent as `Idempotency-Key`: the service does what has the same key only once, and the call
            may be sent again.
        extensions: Further request extensions of httpx.
    """

    headers: HeaderOptions | None
    auth: Literal[ClientAuth.CLIENT] | None
    timeout: float | httpx.Timeout | None
    retry: RetryPolicy | None
    idempotent: bool | None
    idempotency_key: str | None
    extensions: Mapping[str, Any] | None


class RequestOptions(CallOptions, total=False):
    """What every request may have.

    Attributes:
        params: Query parameters, added to those of the client and of the URL.
    """

    params: Params | None


class BodyOptions(RequestOptions, total=False):
    """What a request with a body may have.

    Attributes:
        content: The body as bytes, as text, or as a stream of bytes, which can be sent only once.
        body_factory: Makes a stream of bytes for each time that it is sent.
        data: Form fields.
        files: Files of a multipart form, opened in binary mode; those that can seek can be sent again.
        json: Sent as JSON.
    """

    content: bytes | str | AsyncIterable[bytes] | None
    body_factory: Callable[[], AsyncIterable[bytes]] | None
    data: Mapping[str, Any] | None
    files: Files | None
    json: Any


_KNOWN: Final = BodyOptions.__required_keys__ | BodyOptions.__optional_keys__
_REMEDIES: Final = {
    "cookies": "none are kept; those of one call go into headers={'Cookie': ...}",
    "stream": "read a body as it comes with `async with client.stream(...)`",
    "verify": "it is an option of the client",
    "proxy": "it is an option of the client",
    "allow_redirects": "say follow_redirects",
}
"""What people look for who know httpx or requests."""


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse what would have no effect.

    Raises:
        TypeError: if a request has no such option, or `auth` is other than None and the client's own.
    """
    if not _KNOWN.issuperset(options):
        name = next(name for name in options if name not in _KNOWN)
        raise TypeError(f"a request has no option {name!r}: {_REMEDIES.get(name, 'is it spelled right?')}")
    auth = options.get("auth")
    if auth is not None and auth is not CLIENT_AUTH:
        raise TypeError(
            f"auth of a request is None or CLIENT_AUTH, not of type {type(auth).__name__}: "
            "give the client a provider, such as BasicAuthProvider"
        )
