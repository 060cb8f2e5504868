"""Logins in the keyring of the system, with backends that behave and others that do not."""

import sys
import threading
from typing import Any

import keyring
import pytest
from keyring.backend import KeyringBackend

from quackcore_async.auth import KeyringStore
from quackcore_async.auth.stored_login import CredentialStoreError


class Memory(KeyringBackend):
    """Keeps passwords in memory."""

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        self.passwords: dict[tuple[str, str], Any] = {}
        self.threads: set[int] = set()

    def get_password(self, service: str, username: str) -> Any:
        self.threads.add(threading.get_ident())
        return self.passwords.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.passwords[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.passwords[service, username]


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Any:
    def use(backend: KeyringBackend) -> KeyringBackend:
        monkeypatch.setattr("keyring.core._keyring_backend", backend)
        assert keyring.get_keyring() is backend
        return backend

    return use


async def test_what_is_saved_is_loaded_and_deleted(use: Any):
    backend = use(Memory())
    store = KeyringStore("service")
    assert await store.load("example") is None
    assert await store.save("example", {"token": "t"}) is True
    assert await store.load("example") == {"token": "t"}
    assert await store.load("other") is None
    assert await store.delete("example") is True
    assert await store.delete("example") is False
    assert backend.passwords == {}
    assert threading.get_ident() not in backend.threads


async def test_a_keyring_that_waits_for_ever_is_given_up(use: Any):
    free = threading.Event()

    class Hanging(Memory):
        def get_password(self, service: str, username: str) -> Any:
            free.wait()

    use(Hanging())
    try:
        with pytest.raises(CredentialStoreError, match="did not read within 0.05 seconds") as caught:
            await KeyringStore(timeout=0.05).load("example")
    finally:
        free.set()
    assert caught.value.retryable is True


@pytest.mark.parametrize("content", [b"bytes", "no JSON", "[]", "{", '{"a": 1, "a": 2}', "\ud800"])
async def test_what_is_no_login_is_an_error(use: Any, content: object):
    use(Memory()).passwords["service", "example"] = content
    with pytest.raises(CredentialStoreError):
        await KeyringStore("service").load("example")


@pytest.mark.parametrize("module", ["keyring.backends.fail", "keyring.backends.null", "keyrings.alt.file"])
async def test_a_backend_that_keeps_nothing_or_in_the_clear_is_refused(use: Any, module: str):
    name = "PlaintextKeyring" if "alt" in module else "Keyring"
    use(type(name, (Memory,), {"__module__": module})())
    for attempt in (KeyringStore().load("x"), KeyringStore().save("x", {}), KeyringStore().delete("x")):
        with pytest.raises(CredentialStoreError, match=f"{module}.{name} keeps nothing"):
            await attempt


async def test_a_refused_backend_within_a_chain_is_found(use: Any):
    refused = type("PlaintextKeyring", (Memory,), {"__module__": "keyrings.alt.file"})()
    use(type("Chainer", (Memory,), {"backends": [Memory(), refused]})())
    with pytest.raises(CredentialStoreError, match="PlaintextKeyring"):
        await KeyringStore().load("x")


async def test_a_missing_package_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(CredentialStoreError, match="pip install") as caught:
        await KeyringStore().load("x")
    assert "[keyring]" in str(caught.value)
