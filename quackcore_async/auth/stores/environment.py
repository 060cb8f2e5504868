"""Logins in environment variables, and in files that these name: how containers are given secrets."""

import logging
import os
import re
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Final

from quackcore_async.auth.stored_login import CredentialStoreError
from quackcore_async.concurrency import run_in_thread
from quackcore_async.logging import get_logger

__all__ = ["EnvironmentStore"]

_FIELDS: Final = ("token", "access_token", "refresh_token", "expires_at", "token_type", "scopes")
_FILE_BYTES: Final = 64 * 1024
_QUOTES: Final = "\"'"
_SHORTEST_QUOTED: Final = 2


class EnvironmentStore:
    """Reads `QUACK_<NAME>_<FIELD>`, or the file that `QUACK_<NAME>_<FIELD>_FILE` names. It stores nothing.

    The name is the key in upper case, with `_` for everything that is no letter or digit; the fields are `TOKEN`,
    `ACCESS_TOKEN`, `REFRESH_TOKEN`, `EXPIRES_AT`, `TOKEN_TYPE` and `SCOPES` (with blanks between them). A blank
    variable is as good as none. A login that is renewed lives in memory from then on.

    Args:
        name: Read `QUACK_<name>_...` whatever the key.
    """

    def __init__(self, name: str | None = None) -> None:
        self._name = name
        self._logger: logging.Logger = get_logger(__name__)
        self._warned: set[str] = set()

    async def load(self, key: str) -> Mapping[str, Any] | None:
        """Return what the variables say, None when they say nothing.

        Raises:
            CredentialStoreError: if a variable and its `_FILE` are both set, or that file cannot be read.
        """
        prefix = f"QUACK_{re.sub('[^A-Z0-9]', '_', (self._name or key).upper())}_"
        found = {field: await self._value(prefix + field.upper()) for field in _FIELDS}
        data: dict[str, Any] = {field: value for field, value in found.items() if value is not None}
        if "scopes" in data:
            data["scopes"] = data["scopes"].split()
        return data if {"token", "access_token", "refresh_token"} & data.keys() else None

    async def save(self, key: str, data: Mapping[str, Any]) -> bool:  # noqa: ARG002 - the store's signature
        """Store nothing."""
        return False

    async def delete(self, key: str) -> bool:  # noqa: ARG002 - the store's signature
        """Delete nothing."""
        return False

    def lock(self, key: str) -> AbstractAsyncContextManager[object]:  # noqa: ARG002 - the store's signature
        """Return nothing to wait for: nobody changes what is there."""
        return nullcontext()

    def __repr__(self) -> str:
        return f"EnvironmentStore({self._name!r})"

    async def _value(self, variable: str) -> str | None:
        value, path = os.environ.get(variable), os.environ.get(f"{variable}_FILE", "").strip()
        if path:
            if value is not None and value.strip():
                raise CredentialStoreError(f"{variable} and {variable}_FILE are both set: unset one of them")
            return self._cleaned(f"{variable}_FILE", await run_in_thread(_read, f"{variable}_FILE", path))
        return None if value is None else self._cleaned(variable, value)

    def _cleaned(self, variable: str, value: str) -> str | None:
        text = value.strip()
        if not text:
            self._warn(variable, "is blank: it is taken as missing")
            return None
        if text != value:
            self._warn(variable, "has blanks around its value: they are left away")
        if len(text) >= _SHORTEST_QUOTED and text[0] == text[-1] and text[0] in _QUOTES:
            self._warn(variable, "has quotes around its value: they are taken as part of it")
        return text

    def _warn(self, variable: str, what: str) -> None:
        if variable not in self._warned:
            self._warned.add(variable)
            self._logger.warning("%s %s", variable, what)


def _read(variable: str, path: str) -> str:
    """Read the file that a variable names, without the line break that editors put at its end."""
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
        try:
            content = bytearray()
            while len(content) <= _FILE_BYTES and (chunk := os.read(fd, _FILE_BYTES + 1 - len(content))):
                content += chunk
        finally:
            os.close(fd)
    except OSError as exc:
        raise CredentialStoreError(f"the file that {variable} names cannot be read: {exc.strerror}") from None
    if len(content) > _FILE_BYTES:
        raise CredentialStoreError(f"the file that {variable} names is larger than {_FILE_BYTES} bytes")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise CredentialStoreError(f"the file that {variable} names is no UTF-8 text") from None
    return text[:-2] if text.endswith("\r\n") else text.removesuffix("\n")
