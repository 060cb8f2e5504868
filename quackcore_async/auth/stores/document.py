"""A login as JSON text: one object, with nothing in it that two readers might read differently."""

import json
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from quackcore_async.auth.stored_login import CredentialStoreError

__all__ = ["MAX_BYTES", "BrokenDocumentError", "format_document", "parse_document"]

MAX_BYTES: Final = 1024 * 1024


class BrokenDocumentError(CredentialStoreError):
    """Raised when what is kept is no JSON object, or an ambiguous one."""


def format_document(data: Mapping[str, Any]) -> str:
    """Return a login as JSON that `parse_document` reads.

    Raises:
        CredentialStoreError: if it has something in it that would not be read again; nothing of it is shown.
    """
    try:
        text = json.dumps(dict(data), indent=2, default=str)
        parse_document(text.encode(), "the login")
    except (BrokenDocumentError, TypeError, ValueError, RecursionError):
        raise CredentialStoreError(
            "the login cannot be stored: it has something in it that JSON has no place for, or is absurdly large"
        ) from None
    return text


def parse_document(content: bytes, where: str) -> dict[str, Any]:
    """Read a login from JSON.

    Args:
        content: UTF-8, with or without a byte order mark.
        where: Names the place in errors, which never show the content.

    Raises:
        BrokenDocumentError: if it is longer than a megabyte, not UTF-8, no JSON, no object, has a key twice or a
            number that JSON does not have, or is nested absurdly.
    """
    if len(content) > MAX_BYTES:
        raise BrokenDocumentError(f"{where} is larger than {MAX_BYTES} bytes: this is no login")
    try:
        data = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_unique, parse_constant=_refuse)
    except (ValueError, RecursionError, MemoryError):
        raise BrokenDocumentError(f"{where} does not hold valid JSON: log in again") from None
    if not isinstance(data, dict):
        raise BrokenDocumentError(f"{where} does not hold a JSON object: log in again")
    return data


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) != len(pairs):
        raise ValueError("a key is there twice")
    return data


def _refuse(_name: str) -> NoReturn:
    raise ValueError("a number that JSON does not have")
