"""What a token endpoint answered: checked in full before anything is done with it."""

import json
import logging
import math
import re
import zlib
from collections.abc import Mapping
from typing import Any, Final

from quackcore_async.auth.credentials import Credentials
from quackcore_async.auth.validity import lifetime_of
from quackcore_async.errors import AuthError, ErrorKind
from quackcore_async.results import parse_expiry
from quackcore_async.transport.exchange import Answer

__all__ = [
    "MAX_LIFETIME_SECONDS",
    "MIN_LIFETIME_SECONDS",
    "json_object",
    "malformed",
    "read_credentials",
    "text_member",
]

MAX_BODY_BYTES: Final = 64 * 1024
"""Longest answer, unpacked; tokens have a few kilobytes."""

MIN_LIFETIME_SECONDS: Final = 10
"""How long a token is used that calls itself expired already, so that not every call causes a refresh."""

MAX_LIFETIME_SECONDS: Final = 10 * 365 * 24 * 3600
"""Longest lifetime that is believed: ten years."""

_DEFAULT_SCHEME: Final = "Bearer"
_GZIP_MAGIC: Final = b"\x1f\x8b"
_MAX_CONTAINERS: Final = 256  # lists and objects in one answer: what is stored is walked through by recursion
_VISIBLE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
"""Tokens are visible ASCII (https://www.rfc-editor.org/rfc/rfc6749#appendix-A.12), as a header demands."""

Extra = dict[str, Any]


def malformed(reason: str, status: int) -> AuthError:
    """Make the error of an answer that is none."""
    return AuthError(
        f"the authorization server's answer (status {status}) cannot be used: {reason}",
        kind=ErrorKind.CORRUPTED,
        code="protocol",
        status_code=status,
    )


def json_object(answer: Answer) -> dict[str, Any]:
    """Return the JSON object that is the body of an answer.

    Raises:
        AuthError: if it is something else, or too long; nothing of it is shown.
    """
    try:
        text = _unpacked(answer).decode("utf-8-sig")
        if text.count("[") + text.count("{") > _MAX_CONTAINERS:
            raise malformed("it is nested too deeply", answer.status)
        value = json.loads(text, parse_constant=str, parse_float=_number)
    except (ValueError, RecursionError, zlib.error):
        raise malformed("it is no JSON", answer.status) from None
    if not isinstance(value, dict):
        raise malformed("it is no JSON object", answer.status)
    return value


def _number(text: str) -> float | str:
    """Read a number; one that no float can hold stays text, as what is stored has to be JSON again."""
    number = float(text)
    return number if math.isfinite(number) else text


def _unpacked(answer: Answer) -> bytes:
    """Undo gzip, which some servers send unasked, up to the bound; by its mark, as a header may be wrong."""
    body = answer.body
    if body.startswith(_GZIP_MAGIC):
        unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        body = unpacking.decompress(body, MAX_BODY_BYTES + 1)
        if len(body) <= MAX_BODY_BYTES and not unpacking.eof:
            raise malformed("it ends too early", answer.status)
    if len(body) > MAX_BODY_BYTES:
        raise malformed(f"it is longer than {MAX_BODY_BYTES} bytes", answer.status)
    return body


def read_credentials(
    answer: Answer,
    *,
    asked_at: float,
    scope: str,
    logger: logging.Logger,
    previous: Credentials | None = None,
) -> Credentials:
    """Return the credentials of a successful answer (RFC 6749 section 5.1).

    Args:
        answer: The answer.
        asked_at: When the request was sent, in epoch seconds: the lifetime counts from there.
        scope: What was asked for, in words divided by blanks.
        logger: Told of what is odd but no error.
        previous: The credentials that were renewed: what the answer leaves out is kept.

    Raises:
        AuthError: if a member is missing or wrong.
    """
    members = json_object(answer)
    token = _token(members, "access_token", answer.status)
    if token is None:
        raise malformed("it has no access_token", answer.status)
    _check_type(members.pop("token_type", None), answer.status)
    refresh_token = _token(members, "refresh_token", answer.status)
    granted = _scopes(members.pop("scope", None), scope, previous, logger)
    expires_at = _expires_at(members, asked_at, logger)
    return Credentials(
        token,
        refresh_token=refresh_token or (previous.refresh_token if previous else None),
        expires_at=expires_at,
        token_type=_DEFAULT_SCHEME,
        scopes=granted,
        extra={**(previous.extra if previous else {}), **members},
    )


def _token(members: Extra, name: str, status: int) -> str | None:
    value = members.pop(name, None)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not _VISIBLE.fullmatch(value):
        raise malformed(f"its {name} is not visible ASCII text", status)
    return value


def _check_type(token_type: object, status: int) -> None:
    """Take bearer tokens only: how others are used is not known here (RFC 6749 section 7.1)."""
    if token_type is None:
        return  # required, and yet left out by servers that know nothing else
    if not isinstance(token_type, str) or token_type.lower() != "bearer":
        raise malformed("its token_type is not bearer", status)


def _scopes(value: object, asked: str, previous: Credentials | None, logger: logging.Logger) -> tuple[str, ...]:
    """Return what was granted: as asked, or as before, when the answer does not say."""
    wanted = previous.scopes if previous and previous.scopes else tuple(asked.split())
    if value is None or value == "":
        return wanted
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        value = " ".join(value)
    if not isinstance(value, str):
        logger.warning("the answer's scope is %s: it is taken for the one asked for", type(value).__name__)
        return wanted
    granted = tuple(value.split())
    missing = [word for word in wanted if word not in granted]
    if missing:
        logger.warning("the login was granted less than asked for: without %s", " ".join(missing))
    return granted


def _expires_at(members: Extra, asked_at: float, logger: logging.Logger) -> int | None:
    """Return when the token expires, None when nobody knows: then it is used until it is refused."""
    lifetime = members.pop("expires_in", None)
    moment = parse_expiry(members.pop("expires_at", None)) or None
    if lifetime is None:
        return None if moment is None else _from_lifetime(moment - asked_at, asked_at, logger)
    seconds = lifetime_of(lifetime)
    if seconds is None:
        logger.warning("the answer's expires_in is no number of seconds: the token is used until it is refused")
        return None
    return _from_lifetime(seconds, asked_at, logger)


def _from_lifetime(seconds: float, asked_at: float, logger: logging.Logger) -> int:
    if seconds < 1:
        logger.warning("the token is expired already: it is used for %d seconds", MIN_LIFETIME_SECONDS)
        seconds = MIN_LIFETIME_SECONDS
    return int(asked_at) + int(min(seconds, MAX_LIFETIME_SECONDS))


def text_member(members: Mapping[str, Any], *names: str) -> str | None:
    """Return the first of some members that is visible text; None when none is."""
    for name in names:
        value = members.get(name)
        if isinstance(value, str) and _VISIBLE.fullmatch(value):
            return value
    return None
