"""Logins in memory, for tests and for programs that bring their own persistence."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

from quackcore_async.redaction import Secret

__all__ = ["MemoryStore"]


class MemoryStore:
    """Keeps logins for as long as it lives. Like the others it keeps copies, not the objects themselves.

    Providers of one event loop that have the same one share their logins.
    """

    def __init__(self) -> None:
        self._texts: dict[str, Secret] = {}

    async def load(self, key: str) -> Mapping[str, Any] | None:
        """Return what is kept, None when there is nothing."""
        from quackcore_async.auth.stores.document import parse_document

        text = self._texts.get(key)
        return None if text is None else parse_document(text.reveal().encode(), "the memory store")

    async def save(self, key: str, data: Mapping[str, Any]) -> bool:
        """Keep a mapping."""
        from quackcore_async.auth.stores.document import format_document

        self._texts[key] = Secret(format_document(data))
        return True

    async def delete(self, key: str) -> bool:
        """Forget what is kept."""
        return self._texts.pop(key, None) is not None

    def lock(self, key: str) -> AbstractAsyncContextManager[object]:  # noqa: ARG002 - nobody else can see it
        """Return nothing to wait for."""
        return nullcontext()

    def __repr__(self) -> str:
        return f"MemoryStore({len(self._texts)} logins)"
