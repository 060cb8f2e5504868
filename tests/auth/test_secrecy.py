"""A secret is shown nowhere that a person or a log may look."""

import copy
import io
import json
import logging
import pickle
import traceback
from pathlib import Path
from typing import Any

import pytest

from quackcore_async.auth import ChainStore, Credentials, FileStore, KeyringStore, MemoryStore, RefreshEvent
from quackcore_async.errors import QuackError, TokenRefreshError
from quackcore_async.protocols.signing import RequestSecrets
from quackcore_async.redaction import scrub
from tests.auth.service import Clocks, Provider, Service

SENTINEL = "S3CR3T"


class Leaky(Provider):
    """Raises what a careless author raises."""

    async def _authenticate(self) -> Credentials:
        return self._made(0)

    def _made(self, number: int) -> Credentials:
        return Credentials(
            f"{SENTINEL}-access-{number}",
            refresh_token=f"{SENTINEL}-renewal-{number}",
            expires_at=int(self._clock()) + 3600,
            extra={"id_token": f"{SENTINEL}-identity-{number}", "account": "me"},
        )

    async def _refresh(self, credentials: Credentials) -> Credentials:
        self.service.refreshes += 1
        self.logger.debug("sending %s", credentials.refresh_token)
        if self.service.failure is not None:
            raise type(self.service.failure)(f"refused {credentials.refresh_token} of {credentials.token}")
        return self._made(self.service.refreshes)


def shown(thing: object, depth: int = 6) -> str:
    """Return what a debugger's dump of an object shows: its members and theirs, by `repr`."""
    texts = [repr(thing), str(thing), f"{thing}"]
    members = getattr(thing, "__dict__", None) or {
        name: getattr(thing, name, None)
        for cls in type(thing).__mro__
        for name in getattr(cls, "__slots__", ())
        if isinstance(name, str) and name != "__weakref__"
    }
    if depth and type(thing).__module__.startswith(("quackcore_async.auth", "tests")):
        texts += [shown(member, depth - 1) for member in members.values()]
    return " ".join(texts)


@pytest.mark.parametrize("failure", [None, ValueError(), TokenRefreshError("", code="invalid_grant")])
@pytest.mark.parametrize("where", ["file", "memory store", "memory", "chain"])
async def test_no_secret_shows(
    clocks: Clocks, caplog: pytest.LogCaptureFixture, failure: Exception | None, where: str
):
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logging.getLogger("tests").addHandler(handler)
    logging.getLogger("quackcore_async").addHandler(handler)
    caplog.set_level(logging.DEBUG)
    service = Service(clocks)
    events: list[RefreshEvent] = []
    places: dict[str, dict[str, Any]] = {
        "file": {"credentials_file": "login.json"},
        "memory store": {"store": MemoryStore()},
        "memory": {},
        "chain": {"store": ChainStore(MemoryStore(), FileStore())},
    }
    provider = Leaky(service, on_refresh=events.append, log_level="DEBUG", **places[where])
    seen: list[object] = [await provider.authenticate(), await provider.refresh_credentials()]
    service.failure = failure
    clocks.advance(3600)
    try:
        seen.append(await provider.get_credentials())
    except QuackError as exc:
        seen += [exc, traceback.format_exc(), exc.__cause__, *traceback.format_exception(exc)]
    seen += [await provider.refresh_credentials(rejected=provider.generation), await provider.logout()]
    seen += [provider, events, provider._login, provider._operations]
    for thing in seen:
        assert SENTINEL not in shown(thing), type(thing)
        if hasattr(thing, "model_dump_json"):
            assert SENTINEL not in thing.model_dump_json()
    assert SENTINEL not in caplog.text
    assert SENTINEL not in stream.getvalue()
    logging.getLogger("tests").removeHandler(handler)
    logging.getLogger("quackcore_async").removeHandler(handler)


def test_credentials_can_be_copied_and_not_pickled():
    credentials = Credentials(SENTINEL, refresh_token=SENTINEL, extra={"id_token": SENTINEL})
    assert copy.copy(credentials) is credentials
    assert copy.deepcopy({"deep": credentials})["deep"] is credentials
    assert copy.deepcopy(credentials.extra) == copy.copy(credentials.extra) == {"id_token": SENTINEL}
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        for thing in (credentials, credentials.extra):
            with pytest.raises(TypeError):
                pickle.dumps(thing, protocol)


@pytest.mark.parametrize(
    ("credentials", "expected"),
    [
        (Credentials("token-1"), "Bearer token-1"),
        (Credentials("token-1", token_type="bearer"), "Bearer token-1"),
        (Credentials("token-1", token_type="DPoP"), "DPoP token-1"),
        ({"token": "token-1"}, "Bearer token-1"),
        ({"access_token": "token-1", "token_type": "Token"}, "Token token-1"),
        ({}, None),
        (None, None),
        (Credentials(None), None),
    ],
)
async def test_a_token_is_presented_as_an_authorization(
    provider: Provider, credentials: object, expected: str | None
):
    presented: RequestSecrets = provider.request_secrets(credentials)
    assert presented.headers.get("Authorization") == expected
    assert presented.params == {}


@pytest.mark.parametrize("tail", ["\r\nX-Evil: 1", "\n", "\0", "é"])
async def test_a_token_that_no_header_can_carry_is_refused_unseen(provider: Provider, tail: str):
    with pytest.raises(QuackError) as caught:
        provider.request_secrets(Credentials(SENTINEL + tail))
    assert caught.value.code == "token_unusable"
    assert SENTINEL not in str(caught.value)


async def test_what_else_a_stored_login_has_in_it_is_scrubbed_while_it_is_used(clocks: Clocks):
    path = Path.home() / "login.json"
    path.write_text(json.dumps({"access_token": "token-1", "answer": {"id_token": f"{SENTINEL}-identity"}}))
    path.chmod(0o600)
    provider = Provider(Service(clocks), credentials_file=str(path))
    assert await provider.get_token() == "token-1"
    assert scrub(f"refused {SENTINEL}-identity") == "refused ***"


async def test_a_broken_file_is_not_quoted(clocks: Clocks):
    path = Path.home() / "login.json"
    path.write_text(f'{{"token": "{SENTINEL}')
    path.chmod(0o600)
    result = await Provider(Service(clocks), credentials_file=str(path)).refresh_credentials()
    assert result.error_info.code == "store"
    assert SENTINEL not in shown(result)


async def test_a_keyring_that_raises_its_content_is_not_quoted(monkeypatch: pytest.MonkeyPatch):
    import keyring
    from keyring.backend import KeyringBackend

    class Talkative(KeyringBackend):
        priority = 1  # type: ignore[assignment]

        def get_password(self, service: str, username: str) -> str:
            raise RuntimeError(SENTINEL)

        def set_password(self, service: str, username: str, password: str) -> None:
            raise RuntimeError(password)

        def delete_password(self, service: str, username: str) -> None: ...

    monkeypatch.setattr(keyring, "get_keyring", Talkative)
    monkeypatch.setattr(keyring, "get_password", Talkative().get_password)
    monkeypatch.setattr(keyring, "set_password", Talkative().set_password)
    for attempt in (KeyringStore().load("x"), KeyringStore().save("x", {"token": SENTINEL})):
        with pytest.raises(QuackError) as caught:
            await attempt
        assert SENTINEL not in "".join(traceback.format_exception(caught.value))
