"""What a failed answer of an authorization server means. Its body is never shown."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from quackcore_async.auth.oauth.parameters import ERROR_NAME
from quackcore_async.auth.oauth.token_response import json_object
from quackcore_async.errors import AuthError, ErrorKind, QuackError, TokenRefreshError
from quackcore_async.redaction import Secret, scrub
from quackcore_async.transport import retry_after_of
from quackcore_async.transport.exchange import Answer

__all__ = ["error_from_members", "error_name", "refusal_of"]

_NAME = re.compile(ERROR_NAME)
_MAX_DESCRIPTION: Final = 200  # characters; the rest is cut off
_UNSHOWABLE = re.compile(r"[^\x20-\x7e]+")
_OK: Final = 200
_REDIRECTS: Final = range(300, 400)
_RETRYABLE: Final = frozenset({408, 429, 500, 502, 503, 504})

_ERRORS: Final[dict[str, tuple[ErrorKind, str, bool]]] = {
    "invalid_grant": (ErrorKind.AUTH_REQUIRED, "invalid_grant", False),
    "invalid_client": (ErrorKind.MISCONFIGURED, "client_rejected", False),
    "unauthorized_client": (ErrorKind.MISCONFIGURED, "client_rejected", False),
    "invalid_request": (ErrorKind.MISCONFIGURED, "invalid_request", False),
    "invalid_scope": (ErrorKind.MISCONFIGURED, "invalid_scope", False),
    "invalid_target": (ErrorKind.MISCONFIGURED, "invalid_target", False),
    "unsupported_grant_type": (ErrorKind.MISCONFIGURED, "unsupported_grant_type", False),
    "unsupported_response_type": (ErrorKind.MISCONFIGURED, "unsupported_response_type", False),
    "unsupported_token_type": (ErrorKind.UNSUPPORTED, "unsupported_token_type", False),
    "server_error": (ErrorKind.UNAVAILABLE, "server_error", True),
    "temporarily_unavailable": (ErrorKind.UNAVAILABLE, "temporarily_unavailable", True),
}
"""By the `error` of RFC 6749 sections 4.1.2.1 and 5.2, RFC 7009 and RFC 8707: kind, code, whether it may pass.

All others ask for another login: `access_denied`, `expired_token`, `login_required`, ...
"""


def error_name(members: Mapping[str, Any]) -> str | None:
    """Return the `error` of an answer: `unknown` when it has one that cannot be shown, None when it has none."""
    value = members.get("error")
    if value is None or value == "":
        return None
    return value if isinstance(value, str) and _NAME.fullmatch(value) else "unknown"


def refusal_of(
    answer: Answer, what: str, secrets: Iterable[Secret] = (), *, renewing: bool = False
) -> QuackError | None:
    """Return the error that an answer stands for; None for a success.

    Args:
        answer: The answer. One with an `error` member is a failure whatever its status.
        what: What was asked for, to begin the message with.
        secrets: What was sent: a description that repeats one of them is left out.
        renewing: Whether a refresh was asked for.
    """
    try:
        members = json_object(answer)
    except QuackError:
        members = {}
    if error_name(members) is not None:
        return error_from_members(
            members, what, secrets, status=answer.status, headers=answer.headers, renewing=renewing
        )
    return None if answer.status == _OK else _error_of_status(answer, what, renewing=renewing)


def error_from_members(
    members: Mapping[str, Any],
    what: str,
    secrets: Iterable[Secret] = (),
    *,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
    renewing: bool = False,
) -> QuackError:
    """Return the error that `error` and `error_description` stand for."""
    name = error_name(members) or "unknown"
    secrets = tuple(secrets)
    if name not in _ERRORS and any(name == secret.reveal() for secret in secrets):
        name = "unknown"
    kind, code, passing = _ERRORS.get(name, (ErrorKind.AUTH_REQUIRED, name, False))
    if name not in _ERRORS and status in _RETRYABLE:
        kind, passing = _kind_of(status), True
    with_status = f" ({status})" if status is not None else ""
    error_type = TokenRefreshError if renewing else AuthError
    return error_type(
        f"{what}: the authorization server answered {name}{with_status}{_description(members, secrets)}",
        kind=kind,
        code=code,
        retryable=passing,
        status_code=status,
        retry_after=retry_after_of(headers) if headers else None,
    )


def _description(members: Mapping[str, Any], secrets: Iterable[Secret]) -> str:
    text = members.get("error_description")
    if not isinstance(text, str) or any(secret and secret.reveal() in text for secret in secrets):
        return ""
    shown = _UNSHOWABLE.sub(" ", scrub(text)).strip()[:_MAX_DESCRIPTION]
    return f": {shown}" if shown else ""


def _error_of_status(answer: Answer, what: str, *, renewing: bool) -> QuackError:
    """Return the error of an answer that has no `error`: one of a proxy, or of another page altogether."""
    status = answer.status
    kind, code, hint = _kind_of(status), "server_error", ""
    if status in _REDIRECTS:
        kind, code, hint = ErrorKind.MISCONFIGURED, "redirect", ", which is not followed: check the address"
    elif status == 401:  # noqa: PLR2004 - RFC 6749 section 5.2: the client could not authenticate
        kind, code = ErrorKind.MISCONFIGURED, "client_rejected"
    elif status == 429:  # noqa: PLR2004 - RFC 6585 section 4
        code = "rate_limited"
    elif status < 500:  # noqa: PLR2004 - no such page, method or form
        code, hint = "token_endpoint", ": check the address"
    error_type = TokenRefreshError if renewing else AuthError
    return error_type(
        f"{what}: the authorization server answered {status}{hint}",
        kind=kind,
        code=code,
        retryable=status in _RETRYABLE,
        status_code=status,
        retry_after=retry_after_of(answer.headers),
    )


def _kind_of(status: int) -> ErrorKind:
    if status == 429:  # noqa: PLR2004 - RFC 6585 section 4
        return ErrorKind.RATE_LIMITED
    if status == 408:  # noqa: PLR2004 - RFC 9110 section 15.5.9
        return ErrorKind.TIMEOUT
    return ErrorKind.UNAVAILABLE if status >= 500 else ErrorKind.MISCONFIGURED  # noqa: PLR2004 - RFC 9110
