"""Sending a person to the authorization server, and reading what comes back (RFC 6749 section 4.1, RFC 7636)."""

import base64
import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping
from hmac import compare_digest
from typing import Any, Final, NoReturn, Self, SupportsIndex
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from quackcore_async.auth.oauth.parameters import CODE_CHALLENGE_METHOD
from quackcore_async.errors import AuthError, ErrorKind
from quackcore_async.redaction import Secret

__all__ = [
    "AUTHORIZATION_LIFETIME_SECONDS",
    "AuthorizationRequest",
    "Callback",
    "CallbackRefusedError",
    "UsedStates",
    "code_challenge_of",
    "make_request",
    "parameters_of",
    "read_callback",
]

AUTHORIZATION_LIFETIME_SECONDS: Final = 600
"""How long a person may take. Servers let their codes expire within ten minutes (RFC 6749 section 4.1.2)."""

_MAX_FIELDS: Final = 32
_MAX_CALLBACK: Final = 8 * 1024  # characters
_CODE = re.compile(r"[\x20-\x7e]+")
"""https://www.rfc-editor.org/rfc/rfc6749#appendix-A.11."""

_STATE = re.compile(r"[\x20-\x7e]{1,512}")
"""https://www.rfc-editor.org/rfc/rfc6749#appendix-A.5."""


Callback = str | Mapping[str, Any] | Iterable[tuple[str, Any]]
"""What a browser came back with: an address, its query, or the parameters as a web framework gives them."""


class CallbackRefusedError(AuthError):
    """Raised when a callback is not the answer to the request: a stranger's, a second one, a garbled one."""

    default_kind = ErrorKind.INVALID_INPUT
    default_code = "callback_refused"


class AuthorizationRequest:
    """One trip of a person to the authorization server. It is good for one callback.

    A web app keeps it between the two halves of a login: as it is, or as `to_mapping()` in the session of that
    person, which has to be one that nobody else reads.

    Args:
        url: Where to send the person.
        state: Ties the callback to this request.
        code_verifier: Proves to the token endpoint that the code was asked for here; empty without PKCE.
        redirect_uri: Where the server sends the person back to.
        expires_at: Until when the callback is taken, in epoch seconds.
    """

    __slots__ = ("_code_verifier", "_state", "expires_at", "redirect_uri", "url")

    def __init__(self, url: str, state: str, *, code_verifier: str, redirect_uri: str, expires_at: int) -> None:
        self.url = url
        self._state = Secret(state)
        self._code_verifier = Secret(code_verifier)
        self.redirect_uri = redirect_uri
        self.expires_at = expires_at

    @property
    def state(self) -> str:
        """The state, in the clear."""
        return self._state.reveal()

    @property
    def code_verifier(self) -> Secret:
        """The proof of PKCE."""
        return self._code_verifier

    def to_mapping(self) -> dict[str, Any]:
        """Return everything in the clear, to be kept in a session."""
        return {
            "url": self.url,
            "state": self.state,
            "code_verifier": self._code_verifier.reveal(),
            "redirect_uri": self.redirect_uri,
            "expires_at": self.expires_at,
        }

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any]) -> Self:
        """Take up what `to_mapping` gave.

        Raises:
            CallbackRefusedError: if it is not that.
        """
        try:
            return cls(
                str(data["url"]),
                str(data["state"]),
                code_verifier=str(data["code_verifier"]),
                redirect_uri=str(data["redirect_uri"]),
                expires_at=int(data["expires_at"]),
            )
        except (KeyError, TypeError, ValueError):
            raise CallbackRefusedError(
                "the kept authorization request is incomplete: start the login anew"
            ) from None

    def __repr__(self) -> str:
        return f"AuthorizationRequest(redirect_uri={self.redirect_uri!r}, expires_at={self.expires_at})"

    def __reduce_ex__(self, protocol: SupportsIndex, /) -> NoReturn:
        raise TypeError("an AuthorizationRequest cannot be pickled: keep to_mapping() where nobody else reads it")


class UsedStates:
    """Lets each request be answered once, in this process; at the server each code is good once anyway."""

    def __init__(self) -> None:
        self._until: dict[str, int] = {}

    def use(self, request: AuthorizationRequest, now: float) -> None:
        """Take note that a request was answered.

        Raises:
            CallbackRefusedError: if it was answered before, or expired.
        """
        self._until = {state: until for state, until in self._until.items() if until >= now}
        if now > request.expires_at:
            raise CallbackRefusedError("the login took too long: start it anew")
        if request.state in self._until:
            raise CallbackRefusedError("this login was answered before: start it anew")
        self._until[request.state] = request.expires_at


def make_request(
    auth_url: str,
    parameters: Mapping[str, str],
    *,
    redirect_uri: str,
    expires_at: int,
    state: str | None = None,
    pkce: bool = True,
) -> AuthorizationRequest:
    """Make the request of one login.

    Args:
        auth_url: The authorization endpoint; what its query has is kept.
        parameters: `client_id`, `scope` and others; empty ones are left out.
        redirect_uri: Where the person comes back to.
        expires_at: Until when the callback is taken, in epoch seconds.
        state: One of the caller's own; it must be hard to guess.
        pkce: Whether to prove possession with S256.

    Raises:
        CallbackRefusedError: if `state` has characters in it that it may not have.
    """
    if state is not None and not _STATE.fullmatch(state):
        raise CallbackRefusedError("the given state is empty, too long or not visible ASCII")
    state = state or secrets.token_urlsafe(32)
    verifier = secrets.token_urlsafe(64) if pkce else ""  # 86 characters of the 43 to 128 that RFC 7636 asks for
    query = {
        **parameters,
        "response_type": "code",
        "redirect_uri": redirect_uri,
        "state": state,
        "code_challenge": code_challenge_of(verifier) if verifier else "",
        "code_challenge_method": CODE_CHALLENGE_METHOD if verifier else "",
    }
    parts = urlsplit(auth_url)
    encoded = urlencode({name: value for name, value in query.items() if value})
    url = urlunsplit(parts._replace(query=f"{parts.query}&{encoded}" if parts.query else encoded))
    return AuthorizationRequest(
        url, state, code_verifier=verifier, redirect_uri=redirect_uri, expires_at=expires_at
    )


def code_challenge_of(verifier: str) -> str:
    """Return the S256 challenge of a verifier (RFC 7636 section 4.2)."""
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def parameters_of(callback: Callback) -> list[tuple[str, str]]:
    """Return the parameters of a callback: its URL, its query, or what a web framework made of them.

    Raises:
        CallbackRefusedError: if it is too long or cannot be read.
    """
    if isinstance(callback, str):
        if len(callback) > _MAX_CALLBACK:
            raise CallbackRefusedError("the callback is too long")
        text = callback.strip()
        try:
            query = urlsplit(text).query if "?" in text else text
            return parse_qsl(query, keep_blank_values=True, max_num_fields=_MAX_FIELDS)
        except ValueError:
            raise CallbackRefusedError("the callback cannot be read") from None
    pairs: Iterable[tuple[str, Any]] = callback.items() if isinstance(callback, Mapping) else callback
    for method in ("multi_items", "lists"):  # Starlette's, and Django's and werkzeug's, that hide no second value
        if hasattr(callback, method):
            pairs = getattr(callback, method)()
    return [
        (str(name), str(item))
        for name, value in pairs
        for item in (value if isinstance(value, list | tuple) else (value,))
    ]


def read_callback(
    pairs: Iterable[tuple[str, str]],
    request: AuthorizationRequest,
    *,
    issuer: str | None,
    promises_iss: bool = False,
) -> Secret | dict[str, str]:
    """Check a callback, and return the code of a success or the members of a refusal by the server.

    Args:
        pairs: The parameters as they came.
        request: What it has to answer.
        issuer: The authorization server; None is unknown, and then nothing can be checked.
        promises_iss: Whether the server always names itself (RFC 9207).

    Raises:
        CallbackRefusedError: if it is not the answer to `request`. No value is shown.
    """
    values: dict[str, str] = {}
    for name, value in pairs:
        if name in ("state", "code", "iss", "error") and name in values:
            raise CallbackRefusedError(f"the callback has two values for {name}")
        values[name] = value
    if not compare_digest(values.get("state", "").encode(errors="replace"), request.state.encode()):
        raise CallbackRefusedError("the callback's state is not that of this login")
    if issuer is not None and (promises_iss or "iss" in values) and values.get("iss") != issuer:
        raise CallbackRefusedError("the callback does not come from the authorization server that was asked")
    if ("code" in values) == ("error" in values):
        raise CallbackRefusedError("the callback has neither a code nor an error, or both")
    if "error" in values:
        return values
    if not _CODE.fullmatch(values["code"]):
        raise CallbackRefusedError("the callback's code is empty or not visible ASCII")
    return Secret(values["code"])
