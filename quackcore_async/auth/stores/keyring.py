"""Logins in the keyring of the system: Keychain, Credential Locker, Secret Service, KWallet."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from types import ModuleType
from typing import Any, Final, TypeVar

import anyio

from quackcore_async.auth.stored_login import CredentialStoreError
from quackcore_async.auth.stores.document import format_document, parse_document
from quackcore_async.concurrency import run_in_daemon

__all__ = ["KeyringStore"]

T = TypeVar("T")

_REFUSED: Final = ("keyring.backends.fail", "keyring.backends.null")
_INSTALL: Final = "pip install 'quackcore-async[keyring]'"


class KeyringStore:
    """Keeps logins in the system's keyring, by the optional package `keyring`.

    A keyring may ask a person, or hang: each call runs in a thread of its own that is given up after a deadline.
    Backends that keep nothing, or keep it in the clear, are refused, and nothing falls back to another place. It
    has no lock: several processes with one login belong to a `FileStore`.

    Args:
        service: Under which name the system lists the logins.
        timeout: Seconds that one call may take.
    """

    def __init__(self, service: str = "quackcore-async", *, timeout: float = 5.0) -> None:
        self._service = service
        self._timeout = timeout

    async def load(self, key: str) -> Mapping[str, Any] | None:
        """Return what is kept, None when there is nothing.

        Raises:
            CredentialStoreError: if the keyring is missing, refused, fails, hangs, or holds something else.
        """
        text = await self._ask("read", lambda keyring: keyring.get_password(self._service, key))
        if text is None:
            return None
        if not isinstance(text, str):
            raise CredentialStoreError("the keyring gave something that is no text")
        return parse_document(text.encode(errors="surrogatepass"), "the keyring")

    async def save(self, key: str, data: Mapping[str, Any]) -> bool:
        """Keep a mapping.

        Raises:
            CredentialStoreError: if the keyring is missing, refused, fails or hangs.
        """
        text = format_document(data)
        await self._ask("write", lambda keyring: keyring.set_password(self._service, key, text))
        return True

    async def delete(self, key: str) -> bool:
        """Forget what is kept.

        Raises:
            CredentialStoreError: if the keyring is missing, refused, fails or hangs.
        """

        def remove(keyring: ModuleType) -> bool:
            if keyring.get_password(self._service, key) is None:
                return False
            keyring.delete_password(self._service, key)
            return True

        return await self._ask("delete", remove)

    def lock(self, key: str) -> AbstractAsyncContextManager[object]:  # noqa: ARG002 - the store's signature
        """Return nothing to wait for: no keyring has a lock."""
        return nullcontext()

    def identity(self, key: str) -> tuple[str, str, str]:
        """Return what is the same for all stores that keep this login in the same place."""
        return ("keyring", self._service, key)

    def __repr__(self) -> str:
        return f"KeyringStore({self._service!r})"

    async def _ask(self, what: str, call: Callable[[ModuleType], T]) -> T:
        def work() -> T:
            keyring = _checked_keyring()  # importing it, and its search for a backend, block as well
            try:
                return call(keyring)
            except Exception as exc:  # noqa: BLE001 - a backend raises what it likes, with what it likes in it
                raise CredentialStoreError(f"the keyring could not {what} it: {type(exc).__name__}") from None

        try:
            with anyio.fail_after(self._timeout):
                return await run_in_daemon(work)
        except TimeoutError:
            raise CredentialStoreError(
                f"the keyring did not {what} within {self._timeout:g} seconds: unlock it, or use another store",
                retryable=True,
            ) from None


def _checked_keyring() -> ModuleType:
    try:
        import keyring
    except ImportError:
        raise CredentialStoreError(f"the package keyring is not installed: {_INSTALL}") from None
    backend = keyring.get_keyring()
    for part in (backend, *getattr(backend, "backends", ())):
        name = f"{type(part).__module__}.{type(part).__qualname__}"
        if name.startswith(_REFUSED) or "plaintext" in name.lower():
            raise CredentialStoreError(
                f"the keyring {name} keeps nothing, or in the clear: choose another backend or a FileStore"
            )
    return keyring
