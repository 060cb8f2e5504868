"""Secrets that people configure: taken in the forms they come in, and checked before they go into a request."""

import re
from typing import Final

from quackcore_async.errors import InvalidConfigError
from quackcore_async.redaction import Secret

__all__ = ["MAX_SECRET_BYTES", "checked_header_name", "checked_header_value", "checked_text", "reveal"]

MAX_SECRET_BYTES: Final = 64 * 1024
"""Longest secret that is taken; servers refuse headers that are much shorter."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""`token` of RFC 9110 section 5.6.2: what a header's name is made of."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_FRAMING: Final = frozenset(
    {"connection", "content-length", "content-type", "host", "keep-alive", "te", "trailer", "transfer-encoding"}
    | {"upgrade"}
)
"""Headers that belong to the message or the connection, not to a credential."""


def reveal(value: object, what: str) -> str:
    """Return the text of a `str`, a `Secret` or a pydantic `SecretStr`.

    Args:
        value: The configured value.
        what: Names it in the error, which never shows it.

    Raises:
        InvalidConfigError: if it is something else.
    """
    if isinstance(value, Secret):
        return value.reveal()
    if hasattr(value, "get_secret_value"):
        value = value.get_secret_value()
    if not isinstance(value, str):
        raise InvalidConfigError(f"{what} is {type(value).__name__}: give it as text")
    return value


def checked_text(value: object, what: str, *, may_be_empty: bool = False) -> str:
    """Return a configured text that has no control characters, is valid Unicode and not absurdly long.

    Raises:
        InvalidConfigError: if it is not so; the value is not shown.
    """
    text = reveal(value, what)
    if not text and not may_be_empty:
        raise InvalidConfigError(f"{what} is empty")
    if _CONTROL.search(text):
        raise InvalidConfigError(f"{what} has a line break or another control character in it")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise InvalidConfigError(f"{what} is not valid Unicode") from None
    if size > MAX_SECRET_BYTES:
        raise InvalidConfigError(f"{what} is longer than {MAX_SECRET_BYTES} bytes")
    return text


def checked_header_value(value: object, what: str) -> str:
    """Return a configured text that may be the value of a header (RFC 9110 section 5.5).

    Raises:
        InvalidConfigError: if it may not; the value is not shown.
    """
    text = checked_text(value, what)
    if text != text.strip():
        raise InvalidConfigError(f"{what} begins or ends with a blank")
    if not text.isascii():
        raise InvalidConfigError(f"{what} has characters in it that are not ASCII")
    return text


def checked_header_name(name: object, what: str) -> str:
    """Return a name that a header or a query parameter may have.

    Raises:
        InvalidConfigError: if it may not; it is not shown, as it may be a secret in the wrong place.
    """
    if not isinstance(name, str) or not _TOKEN.fullmatch(name):
        raise InvalidConfigError(f"{what} is no valid name: letters, digits and !#$%&'*+-.^_`|~ are allowed")
    if name.lower() in _FRAMING:
        raise InvalidConfigError(f"{what} is {name!r}, which belongs to the request and not to a credential")
    return name
