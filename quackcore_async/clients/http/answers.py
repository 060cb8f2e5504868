"""What a service answered: the error behind a status, and the JSON in a body."""

import re
from typing import Any, Final

import httpx

from quackcore_async.clients.http.call import Call, call_of
from quackcore_async.clients.http.origins import shown_url
from quackcore_async.errors import ErrorKind, ResponseError, TransportError
from quackcore_async.redaction import MASK, is_secret_name, scrub
from quackcore_async.transport import error_from_status
from quackcore_async.transport.idempotency import is_idempotent

__all__ = ["error_of", "request_id_of", "response_json"]

_SHOWN_CHARACTERS: Final = 200
_READ_CHARACTERS: Final = 8 * _SHOWN_CHARACTERS  # scrubbed before it is cut: half a secret is no secret to `scrub`
_REQUEST_IDS: Final = (
    "x-request-id",
    "x-amzn-requestid",
    "x-amz-request-id",
    "x-ms-request-id",
    "x-github-request-id",
    "request-id",
    "x-correlation-id",
    "cf-ray",
)
"""Headers in which services name a request for their support."""
_UNPRINTABLE: Final = re.compile(r"[\x00-\x20\x7f-\x9f]+")
_MEMBER: Final = re.compile(r'("([^"\\]{1,64})"\s*:\s*)"(?:[^"\\]|\\.)*"?')


def response_json(response: httpx.Response) -> Any:  # noqa: ANN401 - whatever the service answered
    """Return the JSON of a body that has been read.

    Raises:
        TransportError: with code `decode`, if it is none: a login page in place of an answer, for example. The
            message shows how it begins. What was asked for may have been done.
    """
    if response.has_redirect_location:
        raise TransportError(
            f"{_target(response)} answered {response.status_code} and leads to "
            f"{shown_url(response.url.join(response.headers['location']))}: correct the address, or set "
            "follow_redirects",
            kind=ErrorKind.MISCONFIGURED,
            code="redirect",
            status_code=response.status_code,
            indeterminate=not is_idempotent(response.request),
        )
    try:
        return response.json()
    except (ValueError, RecursionError) as exc:
        kind = response.headers.get("content-type", "no content type")
        error = TransportError(
            f"{_target(response)} answered {response.status_code} with something other than JSON "
            f"({kind[:80]}): {_beginning(response, response.content) or 'nothing'}",
            kind=ErrorKind.CORRUPTED,
            code="decode",
            status_code=response.status_code,
            indeterminate=not is_idempotent(response.request),
            request_id=request_id_of(response),
        )
        raise error from (None if isinstance(exc, RecursionError) else _position(exc))


def error_of(response: httpx.Response, *, idempotent: bool, body: bytes | None = None) -> ResponseError:
    """Return the error that a response with a status of 400 and above stands for.

    Args:
        response: With its body read, unless `body` is given.
        idempotent: Whether the request may be sent again without harm.
        body: How its body begins.
    """
    beginning = _beginning(response, response.content if body is None else body)
    reason = f" {response.reason_phrase}" if response.reason_phrase else ""
    told = f": {beginning}" if beginning else ""
    call = call_of(response.request)
    error = error_from_status(
        response.status_code,
        f"{_target(response)} answered {response.status_code}{reason}{told}{_about_renewal(call)}",
        headers=response.headers,
        idempotent=idempotent,
    )
    error.request_id = request_id_of(response)
    error.attempts = response.extensions.get("quack_attempts")
    if call is not None and response.status_code == httpx.codes.UNAUTHORIZED:
        _explain_unauthorized(error, call)
    return error


def request_id_of(response: httpx.Response) -> str | None:
    """Return the service's own name for the request, None when it gave none."""
    found = next((response.headers[name] for name in _REQUEST_IDS if name in response.headers), None)
    return found[:_SHOWN_CHARACTERS] if found else None


def _explain_unauthorized(error: ResponseError, call: Call) -> None:
    if call.unreplayed:
        error.code, error.retryable = "body_not_replayable", True
    elif call.refused_twice:
        error.code = "unauthorized_after_refresh"
    elif call.renewal is not None and not call.renewal.success and call.renewal.error_info is not None:
        info = call.renewal.error_info
        error.kind, error.code, error.retryable = info.kind, info.code, info.retryable
        error.retry_after = info.retry_after


def _about_renewal(call: Call | None) -> str:
    if call is None:
        return ""
    if call.unreplayed:
        return "; the credentials are renewed now, but the body cannot be sent again: repeat the call"
    if call.refused_twice:
        return "; the credentials were renewed, and refused again"
    if call.renewal is not None and not call.renewal.success:
        return f"; the credentials could not be renewed: {call.renewal.error}"
    return ""


def _target(response: httpx.Response) -> str:
    return f"{response.request.method} {shown_url(response.request.url)}"


def _beginning(response: httpx.Response, body: bytes) -> str:
    """Return how a body begins, in one line and without secrets."""
    content = body[: 4 * _READ_CHARACTERS]
    if b"\0" in content:
        return f"{len(body)} bytes that are no text"
    try:
        text = content.decode(response.charset_encoding or "utf-8", "replace")
    except (LookupError, ValueError):  # an encoding that nobody knows
        text = content.decode("utf-8", "replace")
    text = scrub(_MEMBER.sub(_masked, _UNPRINTABLE.sub(" ", text[:_READ_CHARACTERS]).strip()))
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."


def _masked(member: re.Match[str]) -> str:
    return f'{member[1]}"{MASK}"' if is_secret_name(member[2]) else member[0]


def _position(exc: Exception) -> Exception:
    """Return where decoding failed, without the body that the exception of the decoder holds."""
    return ValueError(f"{type(exc).__name__} at {getattr(exc, 'pos', getattr(exc, 'start', '?'))}")
