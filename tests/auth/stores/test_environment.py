"""Logins in environment variables and in the files that these name."""

import os
from pathlib import Path

import pytest

from quackcore_async.auth import EnvironmentStore
from quackcore_async.auth.stored_login import CredentialStoreError
from tests.auth.service import Clocks, Provider, Service


async def test_the_variables_of_a_provider_are_its_login(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("QUACK_MY_SERVICE_ACCESS_TOKEN", "t")
    monkeypatch.setenv("QUACK_MY_SERVICE_REFRESH_TOKEN", "r")
    monkeypatch.setenv("QUACK_MY_SERVICE_EXPIRES_AT", "4102444800")
    monkeypatch.setenv("QUACK_MY_SERVICE_SCOPES", "read write")
    expected = {"access_token": "t", "refresh_token": "r", "expires_at": "4102444800", "scopes": ["read", "write"]}
    assert await EnvironmentStore().load("my-service") == expected
    assert await EnvironmentStore("My.Service").load("other") == expected
    assert await EnvironmentStore().load("other") is None


@pytest.mark.parametrize(("content", "expected"), [("t\n", "t"), ("t\r\n", "t"), ("t", "t")])
async def test_a_file_is_read_without_its_last_line_break(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str, expected: str, caplog: pytest.LogCaptureFixture
):
    (tmp_path / "secret").write_bytes(content.encode())
    monkeypatch.setenv("QUACK_EXAMPLE_TOKEN_FILE", str(tmp_path / "secret"))
    assert await EnvironmentStore().load("example") == {"token": expected}
    assert caplog.text == ""


@pytest.mark.parametrize("value", ["", "   ", "\n"])
async def test_a_blank_variable_is_as_good_as_none(
    monkeypatch: pytest.MonkeyPatch, value: str, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setenv("QUACK_EXAMPLE_TOKEN", value)
    store = EnvironmentStore()
    assert await store.load("example") is None
    assert await store.load("example") is None
    assert caplog.text.count("QUACK_EXAMPLE_TOKEN is blank") == 1


async def test_odd_values_are_taken_with_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setenv("QUACK_EXAMPLE_TOKEN", "  padded-token ")
    monkeypatch.setenv("QUACK_EXAMPLE_REFRESH_TOKEN", "'quoted-token'")
    assert await EnvironmentStore().load("example") == {"token": "padded-token", "refresh_token": "'quoted-token'"}
    assert "QUACK_EXAMPLE_TOKEN has blanks around" in caplog.text
    assert "has quotes around" in caplog.text
    assert "-token" not in caplog.text


async def test_a_variable_and_its_file_are_one_too_many(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("QUACK_EXAMPLE_TOKEN", "t")
    monkeypatch.setenv("QUACK_EXAMPLE_TOKEN_FILE", "/run/secrets/token")
    with pytest.raises(CredentialStoreError, match="both set"):
        await EnvironmentStore().load("example")


@pytest.mark.parametrize("kind", ["missing", "directory", "fifo", "huge", "binary"])
async def test_a_file_that_cannot_be_read_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str):
    path = tmp_path / "secret"
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "huge":
        path.write_bytes(b"x" * 100_000)
    elif kind == "binary":
        path.write_bytes(b"\xff\xfe")
    monkeypatch.setenv("QUACK_EXAMPLE_TOKEN_FILE", str(path))
    if kind == "fifo":
        assert await EnvironmentStore().load("example") is None
    else:
        with pytest.raises(CredentialStoreError, match="QUACK_EXAMPLE_TOKEN_FILE"):
            await EnvironmentStore().load("example")


@pytest.mark.parametrize("begun", [b"", b"half-a-to"], ids=["not begun", "not ended"])
async def test_a_pipe_that_somebody_still_writes_to_is_neither_waited_for_nor_half_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, begun: bytes
):
    path = tmp_path / "secret"
    os.mkfifo(path)
    writer = os.open(path, os.O_RDWR)
    try:
        os.write(writer, begun)
        monkeypatch.setenv("QUACK_EXAMPLE_TOKEN_FILE", str(path))
        with pytest.raises(CredentialStoreError, match="QUACK_EXAMPLE_TOKEN_FILE names cannot be read: Resource"):
            await EnvironmentStore().load("example")
    finally:
        os.close(writer)


async def test_a_file_may_have_64_kilobytes_and_not_a_byte_more(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    path = tmp_path / "secret"
    monkeypatch.setenv("QUACK_EXAMPLE_TOKEN_FILE", str(path))
    path.write_bytes(b"x" * 65536)
    assert await EnvironmentStore().load("example") == {"token": "x" * 65536}
    path.write_bytes(b"x" * 65537)
    with pytest.raises(CredentialStoreError, match="larger than 65536 bytes"):
        await EnvironmentStore().load("example")


async def test_a_renewed_login_stays_in_memory_with_one_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    clocks = Clocks()
    service = Service(clocks)
    service.valid = "renewal-1-0"
    monkeypatch.setenv("QUACK_EXAMPLE_REFRESH_TOKEN", "renewal-1-0")
    monkeypatch.setenv("QUACK_EXAMPLE_TOKEN", "old")
    monkeypatch.setenv("QUACK_EXAMPLE_EXPIRES_AT", "1000")
    provider = Provider(service, store=EnvironmentStore())
    for number in range(1, 4):
        assert await provider.get_token() == f"access-1-{number}"
        clocks.advance(3600)
    assert service.reuses == 0
    assert caplog.text.count("is read-only") == 1
    assert await provider.save_credentials() is False


async def test_a_secret_file_that_the_operator_replaced_is_taken_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    clocks = Clocks()
    service = Service(clocks)
    service.valid = "renewal-1-0"
    (tmp_path / "renewal").write_text("renewal-1-0")
    monkeypatch.setenv("QUACK_EXAMPLE_REFRESH_TOKEN_FILE", str(tmp_path / "renewal"))
    provider = Provider(service, store=EnvironmentStore())
    assert (await provider.authenticate()).token == "access-1-1"
    clocks.advance(3600)
    (tmp_path / "renewal").write_text("renewal-7-0")
    service.valid = "renewal-7-0"
    assert await provider.get_token() == "access-7-1"
    assert service.reuses == 0
