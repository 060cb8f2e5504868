"""Which proxy a request goes through, and what happens when it is of no use."""

import base64

import httpx
import pytest

from quackcore_async.errors import ErrorKind, QuackError, TransportError
from quackcore_async.results import to_quack_error
from quackcore_async.transport import Wire
from quackcore_async.transport.proxies import Proxies
from tests.servers.faulty import FaultyServer, answer, hang_up
from tests.servers.ports import free_ports
from tests.transport.conftest import a_request, fetched


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def chosen(proxies: Proxies, url: str) -> str | None:
    proxy = proxies.choose(httpx.URL(url))
    return None if proxy is None else str(proxy.url)


def test_without_any_it_goes_there_directly() -> None:
    assert chosen(Proxies(), "http://service.test/") is None


def test_the_environment_names_one_for_each_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://plain:1")
    monkeypatch.setenv("HTTPS_PROXY", "tls:2")
    proxies = Proxies()
    assert chosen(proxies, "http://service.test/") == "http://plain:1"
    assert chosen(proxies, "https://service.test/") == "http://tls:2"


def test_one_may_be_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://all:1")
    assert chosen(Proxies(), "https://service.test/") == "http://all:1"


@pytest.mark.parametrize(
    ("exceptions", "url", "direct"),
    [
        ("service.test", "http://service.test/", True),
        ("service.test", "http://deep.service.test/", True),
        (".service.test", "http://deep.service.test/", True),
        ("service.test:80", "http://service.test/", True),
        ("service.test:443", "http://service.test/", False),
        ("*", "http://anything.test/", True),
        ("other.test, 127.0.0.1", "http://127.0.0.1:8080/", True),
        ("other.test", "http://service.test/", False),
    ],
)
def test_exceptions_are_kept(monkeypatch: pytest.MonkeyPatch, exceptions: str, url: str, direct: bool) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:1")
    monkeypatch.setenv("NO_PROXY", exceptions)
    assert (chosen(Proxies(), url) is None) is direct


def test_one_that_is_given_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://other:1")
    monkeypatch.setenv("NO_PROXY", "*")
    assert chosen(Proxies("http://mine:2"), "http://service.test/") == "http://mine:2"


def test_the_environment_need_not_be_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://other:1")
    assert chosen(Proxies(trust_env=False), "http://service.test/") is None


@pytest.mark.parametrize("address", ["socks5://proxy:1", "socks5h://user:secret-pw-1@proxy:1", "ftp://proxy:1"])
def test_kinds_that_are_not_supported_are_named(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    with pytest.raises(TransportError) as caught:
        Wire(proxy=address)
    assert (caught.value.kind, caught.value.code, caught.value.retryable) == (
        ErrorKind.MISCONFIGURED,
        "proxy",
        False,
    )
    assert "secret-pw-1" not in str(caught.value)
    monkeypatch.setenv("ALL_PROXY", address)
    with pytest.raises(TransportError):
        Proxies().choose(httpx.URL("http://service.test/"))


async def test_a_plain_request_goes_to_the_proxy_whole(server: FaultyServer) -> None:
    server.script(answer(body=b"by proxy"))
    async with Wire(proxy=server.url.replace("http://", "http://user:pass@")) as wire:
        assert await fetched(wire, a_request(url="http://service.test/things?q=1")) == b"by proxy"
    (seen,) = server.requests
    assert seen.target == "http://service.test/things?q=1"
    assert seen.headers["host"] == "service.test"
    assert base64.b64decode(seen.headers["proxy-authorization"].split()[1]) == b"user:pass"


async def test_the_environment_is_used_on_the_wire(server: FaultyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    with FaultyServer(answer(body=b"direct")) as direct:
        monkeypatch.setenv("no_proxy", f"{direct.host}:{direct.port}")
        async with Wire() as wire:
            assert await fetched(wire, a_request(url=direct.url)) == b"direct"
            await fetched(wire, a_request(url="http://service.test/"))
    assert len(server.requests) == 1


async def test_a_tunnel_is_asked_for_with_the_password_and_without_the_request_s_headers(
    server: FaultyServer,
) -> None:
    server.script(answer(407, keep_alive=False))
    async with Wire(proxy=server.url.replace("http://", "http://user:pass@")) as wire:
        with pytest.raises(httpx.ProxyError) as caught:
            await fetched(wire, a_request(url="https://service.test/", headers={"Authorization": "Bearer mine"}))
    error = to_quack_error(caught.value)
    assert (error.kind, error.code, error.retryable) == (ErrorKind.MISCONFIGURED, "proxy", False)
    (seen,) = server.requests
    assert (seen.method, seen.target) == ("CONNECT", "service.test:443")
    assert base64.b64decode(seen.headers["proxy-authorization"].split()[1]) == b"user:pass"
    assert "authorization" not in seen.headers


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_is_not_there_is_misconfigured(scheme: str) -> None:
    (port,) = free_ports(1)
    async with Wire(proxy=f"http://127.0.0.1:{port}") as wire:
        with pytest.raises(httpx.TransportError) as caught:
            await fetched(wire, a_request(url=f"{scheme}://service.test/"))
    error = to_quack_error(caught.value)
    assert (error.kind, error.code, error.retryable) == (ErrorKind.MISCONFIGURED, "proxy", False)


async def test_a_proxy_that_hangs_up_is_an_error_of_the_wire(server: FaultyServer) -> None:
    server.script(hang_up())
    async with Wire(proxy=server.url) as wire:
        with pytest.raises((httpx.TransportError, QuackError)):
            await fetched(wire, a_request(url="https://service.test/"))
