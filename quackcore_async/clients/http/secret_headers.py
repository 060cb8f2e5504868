"""Headers: which hold secrets, and which cannot be sent."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from quackcore_async.errors import ErrorKind, TransportError
from quackcore_async.redaction import Secret, is_secret_name

__all__ = ["MAX_HEADER_BYTES", "HiddenHeaders", "check_headers", "is_secret_header", "secrets_in"]

MAX_HEADER_BYTES: Final = 64 * 1024
"""Bytes of all headers of a request; common servers take 8 to 64 KiB."""

_SECRET_HEADERS: Final = frozenset(
    {
        "authorization",
        "cookie",
        "ocp-apim-subscription-key",
        "proxy-authorization",
        "x-auth-key",
        "x-auth-token",
        "x-csrf-token",
        "x-functions-key",
        "x-vault-token",
    }
)
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2
_VALUE: Final = re.compile(r"(?:[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?)?")  # section 5.5, without obs-text


@lru_cache(maxsize=1024)
def is_secret_header(name: str | bytes) -> bool:
    """Tell whether a header of this name usually holds a secret, such as `Authorization` or `X-API-Key`."""
    text = (name.decode("ascii", "replace") if isinstance(name, bytes) else name).lower()
    return text in _SECRET_HEADERS or is_secret_name(text)


class HiddenHeaders(dict[str, str]):
    """Headers with secrets in them, which a traceback that shows what variables hold does not show."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {', '.join(self)}>"


def check_headers(headers: Iterable[tuple[str, str]], *, what: str = "header") -> None:
    """Refuse headers that would not arrive as they are, or would arrive as other ones.

    Messages name the header and never its value.

    Args:
        headers: Names and values.
        what: What they are, for messages.

    Raises:
        TransportError: with code `header`, if a name is no token (RFC 9110 section 5.1), if a value has control
            characters, blanks at its ends or other than ASCII characters in it, or if they are too long.
    """
    size = 0
    for name, value in headers:
        size += len(name) + len(value)
        if _TOKEN.fullmatch(name) is None:
            raise _refused(f"the name of a {what} is not made of letters, digits and -")
        if _VALUE.fullmatch(value) is None:
            raise _refused(
                f"the {what} {name[:64]} cannot be sent: its value has a line break or another control character, "
                "a blank at one of its ends, or a character that is not ASCII"
            )
    if size > MAX_HEADER_BYTES:
        raise _refused(f"{what}s of {size} bytes cannot be sent: at most {MAX_HEADER_BYTES} are")


def secrets_in(headers: Mapping[str, str], params: Mapping[str, str]) -> tuple[Secret, ...]:
    """Return the secret values, to be kept while they are in use: what is said of them is scrubbed meanwhile."""
    texts: dict[str, None] = dict.fromkeys(params.values())
    for value in headers.values():
        texts[value] = None
        texts[value.rpartition(" ")[2]] = None  # without its scheme
    return tuple(Secret(text) for text in texts if text)


def _refused(message: str) -> TransportError:
    return TransportError(message, kind=ErrorKind.INVALID_INPUT, code="header")
