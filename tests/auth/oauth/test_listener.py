"""The listener that browsers are sent back to, and what strangers may try on it."""

import contextlib
import socket
from collections.abc import Callable
from typing import Any

import anyio
import anyio.to_thread
import pytest
import trio.testing

from quackcore_async.auth.oauth.authorization import AuthorizationRequest, make_request, read_callback
from quackcore_async.auth.oauth.browser_login import log_in_by_browser
from quackcore_async.auth.oauth.listener import (
    DONE,
    MAX_CONNECTIONS,
    REFUSED,
    CallbackListener,
    is_listened_to,
    open_listener,
)
from quackcore_async.errors import AuthError, ConfigError
from tests.auth.oauth.conftest import visit

ISSUER = "https://issuer.example"


@contextlib.asynccontextmanager
async def login(
    *, issuer: str | None = None, promises_iss: bool = False, redirect_uri: str = "http://127.0.0.1:0/callback"
) -> Any:
    """Open a listener; what is yielded has the address, the request, and waits for the answer by `result()`."""
    async with open_listener(redirect_uri) as listener:
        yield Login(listener, issuer, promises_iss)


class Login:
    def __init__(self, listener: CallbackListener, issuer: str | None, promises_iss: bool) -> None:
        self.listener = listener
        self.address = listener.redirect_uri
        self.port = int(self.address.split(":")[2].partition("/")[0])
        self.request: AuthorizationRequest = make_request(
            "https://a.example/auth", {}, redirect_uri=self.address, expires_at=0
        )
        self.issuer = issuer
        self.promises_iss = promises_iss
        self.answers: list[Any] = []

    @property
    def good(self) -> str:
        iss = f"&iss={ISSUER}" if self.issuer else ""
        return f"{self.address}?code=c0de&state={self.request.state}{iss}"

    async def run(self) -> None:
        take: Callable[[Any], Any] = lambda pairs: read_callback(  # noqa: E731
            pairs, self.request, issuer=self.issuer, promises_iss=self.promises_iss
        )
        self.answers.append(await self.listener.receive(take))

    async def raw(self, data: bytes) -> bytes:
        async with await anyio.connect_tcp("127.0.0.1", self.port) as stream:
            with contextlib.suppress(anyio.BrokenResourceError):
                await stream.send(data)
            answer = b""
            with contextlib.suppress(anyio.EndOfStream, anyio.BrokenResourceError):
                while True:
                    answer += await stream.receive()
            return answer

    def get(self, target: str, host: str | None = None) -> bytes:
        return f"GET {target} HTTP/1.1\r\nHost: {host or f'127.0.0.1:{self.port}'}\r\n\r\n".encode()


async def test_the_first_right_callback_ends_the_wait():
    async with login() as it:
        with anyio.fail_after(10):
            async with anyio.create_task_group() as group:
                group.start_soon(it.run)
                response = await visit(it.good)
        assert (response.status_code, response.reason_phrase) == (200, "OK")
        assert response.text == DONE
        assert it.answers[0].reveal() == "c0de"


async def test_the_page_gives_nothing_away():
    async with login() as it, anyio.create_task_group() as group:
        group.start_soon(it.run)
        bad = await visit(f"{it.address}?code=c0de&state=%3Cscript%3E&error=%3Cscript%3E")
        good = await visit(it.good)
    for response in (bad, good):
        assert response.headers["content-security-policy"] == "default-src 'none'"
        assert response.headers["referrer-policy"] == "no-referrer"
        assert response.headers["cache-control"] == "no-store"
        assert "script" not in response.text
        assert "c0de" not in response.text
    assert bad.text == REFUSED


WRONG = {
    "wrong state": "code=c0de&state=wrong&iss={iss}",
    "missing state": "code=c0de&iss={iss}",
    "empty state": "code=c0de&state=&iss={iss}",
    "two states": "code=c0de&state={state}&state={state}&iss={iss}",
    "two codes": "code=c0de&code=c0de&state={state}&iss={iss}",
    "two errors": "error=a&error=b&state={state}&iss={iss}",
    "no code": "state={state}&iss={iss}",
    "empty code": "code=&state={state}&iss={iss}",
    "code with a line break": "code=a%0D%0Ab&state={state}&iss={iss}",
    "code and error": "code=c0de&error=access_denied&state={state}&iss={iss}",
    "another issuer": "code=c0de&state={state}&iss=https%3A%2F%2Fevil.example",
    "two issuers": "code=c0de&state={state}&iss={iss}&iss={iss}",
    "no issuer though promised": "code=c0de&state={state}",
    "refusal by nobody": "error=access_denied&state={state}",
    "forty parameters": "code=c0de&state={state}&iss={iss}" + "&a=b" * 40,
    "refusal of another login": "error=access_denied&state=wrong&iss={iss}",
    "no query": "",
}


@pytest.mark.parametrize("query", WRONG.values(), ids=WRONG.keys())
async def test_a_stranger_s_callback_is_refused_and_the_wait_goes_on(query):
    async with login(issuer=ISSUER, promises_iss=True) as it, anyio.create_task_group() as group:
        group.start_soon(it.run)
        bad = await visit(f"{it.address}?{query.format(state=it.request.state, iss=ISSUER)}")
        assert bad.status_code == 400
        assert it.answers == []
        good = await visit(it.good)
        assert good.status_code == 200
    assert it.answers[0].reveal() == "c0de"


async def test_the_issuer_is_not_asked_for_when_nobody_promised_it():
    async with login(issuer=ISSUER) as it, anyio.create_task_group() as group:
        group.start_soon(it.run)
        response = await visit(f"{it.address}?code=c0de&state={it.request.state}")
        assert response.status_code == 200


async def test_a_refusal_with_the_right_state_ends_the_wait():
    async with login() as it, anyio.create_task_group() as group:
        group.start_soon(it.run)
        response = await visit(f"{it.address}?error=access_denied&state={it.request.state}")
        assert response.status_code == 200
    assert it.answers[0]["error"] == "access_denied"


async def test_of_many_right_callbacks_at_once_one_is_taken():
    statuses = []
    async with login() as it, anyio.create_task_group() as group:
        group.start_soon(it.run)

        async def come() -> None:
            with contextlib.suppress(Exception), anyio.move_on_after(2):  # some are never answered
                statuses.append((await visit(it.good)).status_code)

        for _ in range(8):
            group.start_soon(come)
    assert len(it.answers) == 1
    assert statuses.count(200) == 1


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        ("POST {path}?code=c0de&state={state} HTTP/1.1", 405),
        ("HEAD {path}?code=c0de&state={state} HTTP/1.1", 405),
        ("GET /favicon.ico HTTP/1.1", 404),
        ("GET / HTTP/1.1", 404),
        ("GET {path}/?code=c0de&state={state} HTTP/1.1", 404),
        ("GET http://127.0.0.1{path}?code=c0de&state={state} HTTP/1.1", 400),
        ("GET {path}?code=c0de&state={state} HTTP/2.0", 400),
        ("GET {path}?code=c0de&state={state}", 400),
        ("GET  {path}?code=c0de&state={state} HTTP/1.1", 400),
        ("nonsense", 400),
        ("GET {path}?code=c\u00f6de&state={state} HTTP/1.1", 400),
    ],
)
async def test_a_request_that_is_no_callback_gets_its_status(request_line, status):
    async with login() as it, anyio.create_task_group() as group:
        group.start_soon(it.run)
        line = request_line.format(path="/callback", state=it.request.state)
        with anyio.fail_after(3):  # its end is not waited for until the connection is given up
            answer = await it.raw(f"{line}\r\nHost: 127.0.0.1:{it.port}\r\n\r\n".encode())
        assert answer.startswith(f"HTTP/1.1 {status} ".encode())
        assert b"Content-Security-Policy: default-src 'none'" in answer
        assert (status == 405) == (b"Allow: GET" in answer)
        assert it.answers == []
        group.cancel_scope.cancel()


@pytest.mark.parametrize(
    "headers",
    [
        "Host: evil.example",
        "Host: evil.example:{port}",
        "Host: 127.0.0.1:{port}.evil.example",
        "Host: 127.0.0.1:1",
        "Host: 127.0.0.1",
        "Host: ",
        "X: y",
        "Host: 127.0.0.1:{port}\r\nHost: evil.example",
        "Host : 127.0.0.1:{port}",
        "Host: 127.0.0.1:{port}\r\n folded: header",
        "no colon",
    ],
)
async def test_a_request_for_another_host_is_refused(headers):
    async with login() as it, anyio.create_task_group() as group:
        group.start_soon(it.run)
        target = f"/callback?code=c0de&state={it.request.state}"
        answer = await it.raw(f"GET {target} HTTP/1.1\r\n{headers.format(port=it.port)}\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert it.answers == []
        group.cancel_scope.cancel()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST"])
async def test_each_name_of_this_machine_is_taken(host):
    async with login() as it, anyio.create_task_group() as group:
        group.start_soon(it.run)
        target = f"/callback?code=c0de&state={it.request.state}"
        answer = await it.raw(it.get(target, f"{host}:{it.port}"))
        assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /" + b"a" * 1_000_000, 414),
        (b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET /callback HTTP/1.1\r\nX: " + b"a" * 1_000_000, 431),
        (b"GET /callback HTTP/1.1\r\nX: " + b"a" * 9_000 + b"\r\n\r\n", 431),
        (b"GET /callback HTTP/1.1\r\n" + b"X: y\r\n" * 5_000 + b"\r\n", 431),
    ],
    ids=["endless line", "long line", "endless header", "long header", "many headers"],
)
async def test_a_long_request_is_cut_off(data, status):
    async with login() as it, anyio.create_task_group() as group:
        group.start_soon(it.run)
        with anyio.fail_after(10):
            answer = await it.raw(data)
        assert answer.startswith(f"HTTP/1.1 {status} ".encode())
        group.cancel_scope.cancel()


@pytest.mark.parametrize(("length", "status"), [(8192, 200), (8193, 431)])
async def test_a_request_has_eight_kilobytes_at_most(length, status):
    async with login() as it, anyio.create_task_group() as group:
        group.start_soon(it.run)
        head = it.get(f"/callback?code=c0de&state={it.request.state}").removesuffix(b"\r\n")
        answer = await it.raw(head + b"X: " + b"a" * (length - len(head) - 7) + b"\r\n\r\n")
        assert answer.startswith(f"HTTP/1.1 {status} ".encode())
        group.cancel_scope.cancel()


async def test_an_address_without_a_path_is_the_root():
    async with login(redirect_uri="http://127.0.0.1:0") as it, anyio.create_task_group() as group:
        group.start_soon(it.run)
        answer = await it.raw(it.get(f"/?code=c0de&state={it.request.state}"))
        assert answer.startswith(b"HTTP/1.1 200 ")


async def test_a_request_in_pieces_is_put_together():
    async with login() as it, anyio.create_task_group() as group:
        group.start_soon(it.run)
        data = it.get(f"/callback?code=c0de&state={it.request.state}")
        async with await anyio.connect_tcp("127.0.0.1", it.port) as stream:
            for start in range(0, len(data), 7):
                await stream.send(data[start : start + 7])
                await anyio.wait_all_tasks_blocked()
            assert (await stream.receive()).startswith(b"HTTP/1.1 200 ")


async def test_connections_that_say_nothing_do_not_keep_a_browser_waiting():
    async with login() as it, anyio.create_task_group() as group, contextlib.AsyncExitStack() as stack:
        group.start_soon(it.run)
        for _ in range(10):
            await stack.enter_async_context(await anyio.connect_tcp("127.0.0.1", it.port))
        with anyio.fail_after(3):
            assert (await visit(it.good)).status_code == 200


async def test_of_more_connections_than_there_are_places_those_beyond_are_closed_at_once():
    async with login() as it, anyio.create_task_group() as group, contextlib.AsyncExitStack() as stack:
        group.start_soon(it.run)
        streams = []
        for _ in range(MAX_CONNECTIONS):
            streams.append(await stack.enter_async_context(await anyio.connect_tcp("127.0.0.1", it.port)))
            await anyio.wait_all_tasks_blocked()
        with anyio.fail_after(3):
            assert await it.raw(b"") == b""
            await streams[-1].send(it.get(f"/callback?code=c0de&state={it.request.state}"))
            assert (await streams[-1].receive()).startswith(b"HTTP/1.1 200 ")


async def test_a_connection_that_has_ended_gives_its_place_back():
    async with login() as it, anyio.create_task_group() as group:
        group.start_soon(it.run)
        with anyio.fail_after(30):
            for _ in range(MAX_CONNECTIONS):
                assert (await it.raw(it.get("/elsewhere"))).startswith(b"HTTP/1.1 404 ")
            assert (await visit(it.good)).status_code == 200


async def test_a_client_that_hangs_up_does_no_harm():
    async with login() as it, anyio.create_task_group() as group:
        group.start_soon(it.run)
        for data in (b"", b"GET /call", it.get("/callback?state=x"), b"\xff\xfe\r\n\r\n"):
            async with await anyio.connect_tcp("127.0.0.1", it.port) as stream:
                await stream.send(data or b"\r")
        assert (await visit(it.good)).status_code == 200
    assert it.answers


@pytest.mark.parametrize("anyio_backend", [("trio", {"clock": trio.testing.MockClock(autojump_threshold=0)})])
async def test_a_connection_that_drips_is_closed_after_five_seconds(anyio_backend):
    async with login() as it, anyio.create_task_group() as group:
        group.start_soon(it.run)
        started = anyio.current_time()
        async with await anyio.connect_tcp("127.0.0.1", it.port) as stream:
            await stream.send(b"GET /callback")
            with pytest.raises(anyio.EndOfStream):
                await stream.receive()
        assert anyio.current_time() - started == pytest.approx(5, abs=0.5)
        group.cancel_scope.cancel()


@pytest.mark.parametrize("anyio_backend", [("trio", {"clock": trio.testing.MockClock(autojump_threshold=0)})])
async def test_nobody_is_waited_for_longer_than_five_minutes(anyio_backend):
    addresses = []

    def start(redirect_uri: str) -> AuthorizationRequest:
        addresses.append(redirect_uri)
        return make_request("https://a.example/auth", {}, redirect_uri=redirect_uri, expires_at=0)

    async def handler(url: str) -> None:
        return

    started = anyio.current_time()
    with pytest.raises(AuthError) as caught:
        await log_in_by_browser(
            "http://127.0.0.1:0/callback", start=start, read=lambda *_: {}, handler=handler, patience=300
        )
    assert caught.value.code == "login_timeout"
    assert anyio.current_time() - started == pytest.approx(300, abs=1)
    port = int(addresses[0].split(":")[2].partition("/")[0])
    with socket.socket() as sock:
        assert sock.connect_ex(("127.0.0.1", port)) != 0


async def test_only_the_loopback_address_is_bound():
    async with login(redirect_uri="http://localhost:0/callback") as it:
        assert it.address.startswith("http://localhost:")
        assert it.listener._listener.extra(anyio.abc.SocketAttribute.local_address)[0] == "127.0.0.1"


async def test_the_sixth_version_of_the_loopback_address_is_bound_when_it_is_asked_for():
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            pytest.skip("there is no IPv6 here")
    async with open_listener("http://[::1]:0/callback") as listener:
        assert listener.redirect_uri.startswith("http://[::1]:")
        assert ":0/" not in listener.redirect_uri


async def test_a_port_that_may_not_be_used_is_named(monkeypatch):
    async def refuse(**_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(anyio, "create_tcp_listener", refuse)
    with pytest.raises(
        ConfigError, match="cannot listen on 127.0.0.1, port 80 of redirect_uri: Permission denied"
    ):
        async with open_listener("http://localhost/callback"):
            pass


@pytest.mark.parametrize(
    ("address", "listened"),
    [
        ("http://localhost:8080/cb", True),
        ("http://127.0.0.1/cb", True),
        ("http://127.9.9.9:1/cb", True),
        ("http://[::1]:1/cb", True),
        ("https://localhost:8080/cb", False),
        ("https://app.example/cb", False),
        ("http://localhost.evil.example/cb", False),
        ("com.example.app:/cb", False),
        ("urn:ietf:wg:oauth:2.0:oob", False),
    ],
)
def test_which_addresses_are_listened_on(address, listened):
    assert is_listened_to(address) is listened
