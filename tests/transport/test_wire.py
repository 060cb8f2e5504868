"""The wire over real sockets: which error is which, what is sent, and what no cancellation can take away."""

import asyncio
import contextlib
import gc
import os
import socket
import ssl
import threading
import warnings
from collections.abc import Iterator
from weakref import WeakSet

import anyio
import anyio.to_thread
import httpx
import pytest
import trustme

from quackcore_async.errors import ErrorKind, LifecycleError
from quackcore_async.results import to_quack_error
from quackcore_async.transport import Wire
from quackcore_async.transport.aiohttp_pool import _Exchange
from quackcore_async.transport.attempt import Attempt
from tests.servers import faulty
from tests.servers.faulty import FaultyServer, answer, head, then_close
from tests.servers.ports import free_ports
from tests.transport.conftest import Source, a_request, fetched

# httpcore leaves its generators to the garbage collector when a body is not read to its end.
leaves_generators = pytest.mark.filterwarnings(
    "ignore:Async generator:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


def is_open_to(thing: object, port: int) -> bool:
    """Tell whether a thing is a transport of asyncio's with a connection to that port."""
    if type(thing).__name__ != "_SelectorSocketTransport" or thing._sock is None:
        return False
    peer = thing.get_extra_info("peername")
    return peer is not None and peer[1] == port


async def failure(wire: Wire, request: httpx.Request) -> httpx.TransportError:
    with pytest.raises(httpx.TransportError) as caught:
        await fetched(wire, request)
    return caught.value


async def test_it_sends_and_answers(wire: Wire, server: FaultyServer) -> None:
    server.script(answer(201, b"made", {"X-Answer": "yes"}))
    async with httpx.AsyncClient(transport=wire) as client:
        response = await client.post(f"{server.url}/things?q=1", json={"a": 1}, headers={"X-Asked": "this"})
    assert (response.status_code, response.content, response.headers["x-answer"]) == (201, b"made", "yes")
    assert (response.http_version, response.reason_phrase) == ("HTTP/1.1", "Created")
    (seen,) = server.requests
    assert (seen.method, seen.target, seen.headers["x-asked"]) == ("POST", "/things?q=1", "this")
    assert seen.body == b'{"a":1}'


async def test_connections_are_used_again(wire: Wire, server: FaultyServer) -> None:
    for _ in range(5):
        await fetched(wire, a_request(url=server.url))
    assert server.connections == 1


@pytest.mark.parametrize(
    "target", ["/a%7Eb%2Fc?x=a+b&y=%20&z=%41", "/a%2fb?sig=a%2Bb%3D&q=%27x%27", "/p?k=[1]", "/a;b=1,c:d@e?x=a,b;c"]
)
async def test_the_address_is_sent_to_the_letter_so_that_signatures_hold(
    wire: Wire, server: FaultyServer, target: str
) -> None:
    await fetched(wire, a_request(url=server.url + target))
    assert server.requests[0].target == target


async def test_no_header_is_added_and_none_is_lost(wire: Wire, server: FaultyServer) -> None:
    headers = [("X-One", "1"), ("X-Two", "ü".encode()), ("X-One", "2")]
    await fetched(wire, a_request("POST", server.url, headers=headers, content=b"x"))
    raw = server.requests[0].raw_head
    assert b"X-One: 1\r\n" in raw
    assert b"X-One: 2" in raw
    assert "X-Two: ü".encode() in raw
    assert set(server.requests[0].headers) == {"host", "x-one", "x-two", "content-length"}


async def test_user_and_password_of_an_address_do_not_get_in_the_way(wire: Wire, server: FaultyServer) -> None:
    url = server.url.replace("http://", "http://user:pass@")
    await fetched(wire, a_request(url=url, headers={"Authorization": "Bearer t"}))
    assert server.requests[0].headers["authorization"] == "Bearer t"


async def test_no_cookie_is_kept(wire: Wire, server: FaultyServer) -> None:
    server.script(answer(headers={"Set-Cookie": "a=b"}))
    for _ in range(2):
        await fetched(wire, a_request(url=server.url.replace("127.0.0.1", "localhost")))
    assert "cookie" not in server.requests[1].headers


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (faulty.reset(), httpx.ReadError),
        (faulty.hang_up(), httpx.RemoteProtocolError),
        (faulty.hang_up(b"HTTP/1.1 200 OK\r\nCont"), httpx.RemoteProtocolError),
        (faulty.truncated(), httpx.RemoteProtocolError),
        (faulty.overlong(), httpx.RemoteProtocolError),
        (faulty.bad_chunk(), httpx.RemoteProtocolError),
        (faulty.cut_chunk(), httpx.RemoteProtocolError),
        (faulty.huge_headers(), httpx.RemoteProtocolError),
        (faulty.garbage(), httpx.RemoteProtocolError),
        (faulty.stall(), httpx.ReadTimeout),
        (faulty.stall(head(200, {"Content-Length": "9"}) + b"some"), httpx.ReadTimeout),
    ],
    ids=["reset", "closed", "half a head", "truncated", "overlong", "bad chunk", "cut chunk", "huge headers"]
    + ["garbage", "stall", "stall in the body"],
)
async def test_an_answer_that_does_not_come_was_sent_all_the_same(
    wire: Wire, server: FaultyServer, step, expected: type[Exception], method: str
) -> None:
    server.script(step)
    error = await failure(wire, a_request(method, server.url + "/x?q=hidden", timeout=0.3))
    assert type(error) is expected
    assert len(server.requests) == 1
    known = to_quack_error(error)
    assert known.retryable is (method == "GET")
    assert known.indeterminate is (method == "POST")
    assert "hidden" not in str(known)
    assert f"{server.url}/x" in str(known)


@pytest.mark.parametrize("size", [9_000, 60_000])
async def test_one_header_of_an_answer_may_be_long(wire: Wire, server: FaultyServer, size: int) -> None:
    server.script(answer(headers={"Link": "x" * size}))
    response = await wire.handle_async_request(a_request(url=server.url))
    await response.aclose()
    assert response.headers["link"] == "x" * size


@pytest.mark.parametrize("timeout", [0, -1.0])
async def test_no_time_left_is_no_endless_time(wire: Wire, server: FaultyServer, timeout: float) -> None:
    server.script(faulty.stall())
    error = await failure(wire, a_request(url=server.url, timeout=timeout))
    assert isinstance(error, httpx.TimeoutException)


async def test_leave_to_send_a_body_is_not_waited_for(wire: Wire, server: FaultyServer) -> None:
    server.script(answer(body=b"taken"))
    request = a_request("POST", server.url, content=b"body", headers={"Expect": "100-continue"}, timeout=0.5)
    assert await fetched(wire, request) == b"taken"
    assert server.requests[0].body == b"body"


async def test_a_reset_in_the_body_is_a_broken_answer(wire: Wire, server: FaultyServer) -> None:
    server.script(faulty.reset(head(200, {"Content-Length": "100"}) + b"some"))
    error = await failure(wire, a_request(url=server.url))
    assert isinstance(error, httpx.ReadError | httpx.RemoteProtocolError)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_refused_connection_was_never_sent(wire: Wire, method: str) -> None:
    (port,) = free_ports(1)
    error = await failure(wire, a_request(method, f"http://127.0.0.1:{port}/"))
    known = to_quack_error(error)
    assert type(error) is httpx.ConnectError
    assert (known.code, known.retryable, known.indeterminate) == ("connection", True, False)
    assert f"127.0.0.1:{port}" in str(known)


async def test_an_unknown_host_was_never_sent(wire: Wire) -> None:
    error = await failure(wire, a_request("POST", "http://no-such-host.invalid/"))
    known = to_quack_error(error)
    assert type(error) is httpx.ConnectError
    assert (known.code, known.retryable, known.indeterminate) == ("dns", False, False)


async def test_a_look_up_that_failed_for_now_is_tried_again(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    def later(*_args: object, **_options: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", later)
    known = to_quack_error(await failure(wire, a_request("POST", "http://some-host.invalid/")))
    assert (known.code, known.retryable) == ("dns", True)


async def test_a_look_up_that_hangs_is_bounded(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    let_go = threading.Event()

    def hanging(*args: object, **options: object) -> None:
        if options.get("flags", args[-1] if len(args) == 6 else 0) & socket.AI_NUMERICHOST:
            raise socket.gaierror(socket.EAI_NONAME, "no number")  # trio asks for that first
        let_go.wait(30)
        raise socket.gaierror(socket.EAI_FAIL, "over")

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    try:
        with anyio.fail_after(5):
            error = await failure(wire, a_request(url="http://slow-names.invalid/", timeout=0.2))
    finally:
        let_go.set()
    assert type(error) is httpx.ConnectTimeout


async def test_running_out_of_sockets_is_named(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*_args: object, **_options: object) -> None:
        raise OSError(24, "Too many open files")

    await wire.aclose()
    async with wire:
        server_less = f"http://127.0.0.1:{free_ports(1)[0]}/"
        monkeypatch.setattr(socket.socket, "connect", none_left)
        monkeypatch.setattr(asyncio.BaseEventLoop, "sock_connect", none_left, raising=False)
        monkeypatch.setattr("asyncio.selector_events.BaseSelectorEventLoop.sock_connect", none_left)
        monkeypatch.setattr("trio._socket._SocketType.connect", none_left)
        error = await failure(wire, a_request(url=server_less))
    known = to_quack_error(error)
    assert (known.code, known.retryable) == ("too_many_open_files", False)


async def test_old_http_is_understood(wire: Wire, server: FaultyServer) -> None:
    server.script(faulty.old_http(b"old"))
    assert await fetched(wire, a_request(url=server.url)) == b"old"


async def test_a_body_without_a_length_ends_with_its_connection(wire: Wire, server: FaultyServer) -> None:
    server.script(faulty.no_length(b"all of it"))
    assert await fetched(wire, a_request(url=server.url)) == b"all of it"


async def test_what_comes_after_an_answer_is_not_the_next_answer(wire: Wire, server: FaultyServer) -> None:
    smuggled = head(200, {"Content-Length": "4"}) + b"EVIL"
    server.script(faulty.overlong(b"exact" + smuggled), answer(body=b"good"))
    with contextlib.suppress(httpx.RemoteProtocolError):  # better still: it is noticed
        assert await fetched(wire, a_request(url=server.url)) == b"exact"
    for method in ("POST", "GET"):
        assert await fetched(wire, a_request(method, server.url)) == b"good"


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"X-Name": "a\r\nX-Evil: yes"}, "line break"),
        ({"X-Name": "a\nb"}, "line break"),
        ({"X-Name": "a\0b"}, "NUL"),
        ({"X-Long": "x" * 100_000}, "longer than"),
    ],
)
async def test_a_head_that_must_not_be_sent_is_not(
    wire: Wire, server: FaultyServer, headers: dict[str, str], reason: str
) -> None:
    error = await failure(wire, a_request(url=server.url, headers=headers))
    assert isinstance(error, httpx.LocalProtocolError)
    assert reason in str(error)
    assert to_quack_error(error).kind is ErrorKind.INVALID_INPUT
    assert server.connections == 0


async def test_an_address_that_is_no_web_address_is_refused(wire: Wire) -> None:
    assert isinstance(await failure(wire, a_request(url="ftp://host/")), httpx.UnsupportedProtocol)


class TestKeepAlive:
    """A connection that the server closed while it was idle."""

    @pytest.mark.parametrize("closing", [then_close(answer(body=b"1")), faulty.hang_up()], ids=["idle", "at once"])
    async def test_what_may_be_sent_twice_is_sent_again_unseen(
        self, wire: Wire, server: FaultyServer, closing
    ) -> None:
        server.script(answer(body=b"1"), closing, answer(body=b"2"))
        assert await fetched(wire, a_request(url=server.url)) == b"1"
        for _ in range(2):
            assert await fetched(wire, a_request(url=server.url)) in {b"1", b"2"}

    async def test_a_post_is_not_sent_twice(self, wire: Wire, server: FaultyServer) -> None:
        server.script(answer(), faulty.hang_up(), answer())
        await fetched(wire, a_request(url=server.url))
        await failure(wire, a_request("POST", server.url, content=b"once"))
        assert [seen.method for seen in server.requests] == ["GET", "POST"]

    async def test_a_post_with_a_key_may_be_sent_twice(self, wire: Wire, server: FaultyServer) -> None:
        server.script(answer(), faulty.hang_up(), answer(body=b"done"))
        await fetched(wire, a_request(url=server.url))
        request = a_request("POST", server.url, content=b"once", headers={"Idempotency-Key": "k"})
        assert await fetched(wire, request) == b"done"

    async def test_a_fresh_connection_that_breaks_is_no_stale_one(self, wire: Wire, server: FaultyServer) -> None:
        server.script(faulty.hang_up())
        await failure(wire, a_request(url=server.url))
        assert len(server.requests) == 1

    async def test_a_body_that_is_there_once_is_not_sent_again(self, wire: Wire, server: FaultyServer) -> None:
        server.script(answer(), faulty.hang_up(), answer())
        await fetched(wire, a_request(url=server.url))
        await failure(wire, a_request("PUT", server.url, content=Source(b"a", b"b")))
        assert [seen.body for seen in server.requests] == [b"", b"ab"]


class TestBodies:
    """What is sent."""

    async def test_a_large_body_arrives_whole(self, wire: Wire, server: FaultyServer) -> None:
        body = os.urandom(3_000_000)
        await fetched(wire, a_request("PUT", server.url, content=body))
        assert server.requests[0].body == body
        assert server.requests[0].headers["content-length"] == "3000000"

    async def test_a_stream_goes_out_in_chunks(self, wire: Wire, server: FaultyServer) -> None:
        await fetched(wire, a_request("PUT", server.url, content=Source(b"one", b"two")))
        assert server.requests[0].body == b"onetwo"
        assert server.requests[0].headers["transfer-encoding"] == "chunked"

    async def test_a_stream_of_known_length_says_it(self, wire: Wire, server: FaultyServer) -> None:
        request = a_request("PUT", server.url, content=Source(b"one", b"two"), headers={"Content-Length": "6"})
        await fetched(wire, request)
        assert server.requests[0].body == b"onetwo"
        assert "transfer-encoding" not in server.requests[0].headers

    @pytest.mark.parametrize("length", ["5", "7"])
    async def test_a_stream_of_another_length_than_declared_is_refused(
        self, wire: Wire, server: FaultyServer, length: str
    ) -> None:
        request = a_request("PUT", server.url, content=Source(b"one", b"two"), headers={"Content-Length": length})
        with anyio.fail_after(5):
            assert isinstance(await failure(wire, request), httpx.LocalProtocolError)
        assert server.requests == []

    async def test_a_source_that_fails_says_so_itself(self, wire: Wire, server: FaultyServer) -> None:
        class Broken(Source):
            async def __anext__(self) -> bytes:
                if not self.pieces:
                    raise OSError(5, "the disk is broken")
                return await super().__anext__()

        with anyio.fail_after(5), pytest.raises(OSError, match="the disk is broken"):
            await fetched(wire, a_request("PUT", server.url, content=Broken(b"some")))
        assert await fetched(wire, a_request(url=server.url)) == b""

    @pytest.mark.parametrize(
        "source", [b"x" * 50_000_000, Source(*[b"x" * 100_000] * 500)], ids=["bytes", "stream"]
    )
    async def test_a_server_that_stops_reading_is_noticed(self, wire: Wire, server: FaultyServer, source) -> None:
        server.script(faulty.stop_reading())
        with anyio.fail_after(10):
            error = await failure(wire, a_request("PUT", server.url, content=source, timeout=0.3))
        assert type(error) is httpx.WriteTimeout
        assert to_quack_error(error).kind is ErrorKind.TIMEOUT

    @pytest.mark.parametrize("ending", ["time-out", "cancellation", "early answer"])
    def test_what_was_not_taken_is_not_kept_on_asyncio(self, server: FaultyServer, ending: str) -> None:
        """A socket that is closed in order waits for its buffer to drain, which a stalled server never lets it."""
        server.script(faulty.stop_reading(answer(413) if ending == "early answer" else None))

        async def upload() -> list[object]:
            async with Wire(trust_env=False) as wire:
                request = a_request("PUT", server.url, content=b"x" * 50_000_000, timeout=0.3)
                with anyio.move_on_after(0.2 if ending == "cancellation" else 5):
                    with contextlib.suppress(httpx.WriteTimeout):
                        response = await wire.handle_async_request(request)
                        await response.aclose()
                with anyio.move_on_after(2):  # the loop closes it some turns later
                    while any(is_open_to(each, server.port) for each in gc.get_objects()):
                        await asyncio.sleep(0.01)
                return [each for each in gc.get_objects() if is_open_to(each, server.port)]

        assert asyncio.run(upload()) == []

    async def test_a_server_that_reads_slowly_is_none_that_stopped(self, wire: Wire, server: FaultyServer) -> None:
        server.script(faulty.read_slowly())
        times = {"connect": 5, "read": 10, "write": 0.4, "pool": None}
        request = a_request("PUT", server.url, content=b"x" * 30_000_000, extensions={"timeout": times})
        started = anyio.current_time()
        await fetched(wire, request)
        assert anyio.current_time() - started > 0.4

    async def test_a_slow_source_is_not_the_server_s_fault(self, wire: Wire, server: FaultyServer) -> None:
        class Slow(Source):
            async def __anext__(self) -> bytes:
                if self.pieces:
                    await anyio.sleep(0.3)
                return await super().__anext__()

        await fetched(wire, a_request("PUT", server.url, content=Slow(b"a", b"b"), timeout=0.2))
        assert server.requests[0].body == b"ab"

    async def test_an_answer_before_the_body_is_sent_is_an_answer(self, wire: Wire, server: FaultyServer) -> None:
        server.script(faulty.early(answer(413)))
        response = await wire.handle_async_request(a_request("PUT", server.url, content=b"x" * 20_000_000))
        await response.aclose()
        assert response.status_code == 413

    def test_a_connection_that_is_closed_already_can_be_given_up(self) -> None:
        async def give_up() -> None:
            loop, lost = asyncio.get_running_loop(), asyncio.Semaphore(0)

            class End(asyncio.Protocol):
                def connection_lost(self, exc: Exception | None) -> None:
                    lost.release()

            server = await loop.create_server(End, "127.0.0.1", 0)
            async with server:
                transport, _ = await loop.create_connection(End, *server.sockets[0].getsockname())
                transport.write(b"x" * 20_000_000)
                assert transport.get_write_buffer_size()
                transport.close()
                for _ in ("client", "server"):
                    await lost.acquire()
                exchange = _Exchange(Attempt(), WeakSet())
                exchange._transport = transport
                exchange.ended()
                exchange.drop()

        asyncio.run(give_up())

    async def test_a_body_that_makes_no_sense_in_a_later_piece_is_an_error_at_once(
        self, wire: Wire, server: FaultyServer
    ) -> None:
        def broken(talk: faulty.Conversation) -> None:
            talk.send(head(200, {"Transfer-Encoding": "chunked"}) + b"5\r\nhello\r\n")
            talk.wait(0.05)
            talk.send(b"nonsense\r\n")
            talk.wait(30)

        server.script(broken)
        with anyio.fail_after(10):
            error = await failure(wire, a_request(url=server.url, timeout=20))
        assert isinstance(error, httpx.RemoteProtocolError)


class TestTls:
    """Whom it trusts."""

    @pytest.fixture
    def authority(self) -> trustme.CA:
        return trustme.CA()

    @pytest.fixture
    def secure(self, authority: trustme.CA, clean_environ: None) -> Iterator[FaultyServer]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        with FaultyServer(answer(body=b"secret"), tls=context) as server:
            yield server

    async def test_a_stranger_is_refused_for_good(self, wire: Wire, secure: FaultyServer) -> None:
        error = await failure(wire, a_request(url=secure.url))
        known = to_quack_error(error)
        assert type(error) is httpx.ConnectError
        assert (known.kind, known.code, known.retryable) == (ErrorKind.MISCONFIGURED, "tls", False)
        assert secure.requests == []

    async def test_a_file_of_authorities_is_trusted(
        self, authority: trustme.CA, secure: FaultyServer, tmp_path
    ) -> None:
        path = tmp_path / "ca.pem"
        authority.cert_pem.write_to_path(path)
        async with Wire(verify=path) as wire:
            assert await fetched(wire, a_request(url=secure.url)) == b"secret"

    async def test_a_context_is_used(self, authority: trustme.CA, secure: FaultyServer) -> None:
        context = ssl.create_default_context()
        authority.configure_trust(context)
        async with Wire(verify=context) as wire:
            assert await fetched(wire, a_request(url=secure.url)) == b"secret"

    async def test_another_host_s_certificate_is_refused(self, authority: trustme.CA, tmp_path) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("other.test").configure_cert(context)
        trust = ssl.create_default_context()
        authority.configure_trust(trust)
        with FaultyServer(tls=context) as server:
            async with Wire(verify=trust) as wire:
                assert to_quack_error(await failure(wire, a_request(url=server.url))).code == "tls"

    async def test_no_check_is_possible(self, secure: FaultyServer) -> None:
        async with Wire(verify=False) as wire:
            assert await fetched(wire, a_request(url=secure.url)) == b"secret"

    async def test_plain_http_on_the_other_side_is_no_passing_trouble(
        self, wire: Wire, server: FaultyServer
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def speak_plainly() -> None:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(1000)
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

            thread = threading.Thread(target=speak_plainly)
            thread.start()
            error = await failure(wire, a_request(url=f"https://127.0.0.1:{listener.getsockname()[1]}/"))
            thread.join()
        known = to_quack_error(error)
        assert (known.kind, known.code, known.retryable) == (ErrorKind.MISCONFIGURED, "tls", False)

    async def test_a_server_that_goes_away_in_the_handshake_may_be_back(self, wire: Wire) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def go_away() -> None:
                connection, _ = listener.accept()
                connection.recv(1000)
                connection.close()

            thread = threading.Thread(target=go_away)
            thread.start()
            error = await failure(wire, a_request(url=f"https://127.0.0.1:{listener.getsockname()[1]}/"))
            thread.join()
        known = to_quack_error(error)
        assert (known.kind, known.retryable) == (ErrorKind.UNAVAILABLE, True)


class TestLoops:
    """Connections belong to one event loop."""

    @pytest.fixture
    def litter(self) -> Iterator[None]:
        """Collect what loops have left that ended before their connections: nobody could close these."""
        yield
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()

    @pytest.mark.usefixtures("litter")
    @pytest.mark.parametrize("backend", ["asyncio", "trio"])
    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    def test_a_later_loop_makes_them_anew(self, server: FaultyServer, backend: str) -> None:
        wire = Wire(trust_env=False)
        for _ in range(3):
            assert anyio.run(fetched, wire, a_request(url=server.url), backend=backend) == b""
        anyio.run(wire.aclose, backend=backend)
        gc.collect()

    @pytest.mark.usefixtures("litter")
    @pytest.mark.parametrize(("first", "second"), [("asyncio", "trio"), ("trio", "asyncio")])
    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    def test_the_later_loop_may_be_of_the_other_kind(self, server: FaultyServer, first: str, second: str) -> None:
        wire = Wire(trust_env=False)
        for backend in (first, second):
            assert anyio.run(fetched, wire, a_request(url=server.url), backend=backend) == b""
        anyio.run(wire.aclose, backend=second)
        gc.collect()

    async def test_two_at_once_are_refused(self, wire: Wire, server: FaultyServer) -> None:
        await fetched(wire, a_request(url=server.url))

        def elsewhere() -> None:
            asyncio.run(asyncio.wait_for(fetched(wire, a_request(url=server.url)), 5))

        with pytest.raises(LifecycleError) as caught:
            await anyio.to_thread.run_sync(elsewhere)
        assert caught.value.code == "wrong_loop"

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
    def test_a_forked_child_makes_its_own(self, server: FaultyServer) -> None:
        wire = Wire(trust_env=False)

        async def parent() -> int:
            await fetched(wire, a_request(url=server.url))
            child = os.fork()
            if child == 0:
                try:
                    asyncio.events._set_running_loop(None)
                    asyncio.run(asyncio.wait_for(fetched(wire, a_request(url=server.url)), 5))
                    os._exit(0)
                finally:
                    os._exit(1)
            _, raw = os.waitpid(child, 0)
            status = os.waitstatus_to_exitcode(raw)
            await fetched(wire, a_request(url=server.url))
            await wire.aclose()
            return status

        assert asyncio.run(parent()) == 0
        assert server.connections == 2

    async def test_a_closed_one_says_so(self, wire: Wire, server: FaultyServer) -> None:
        await fetched(wire, a_request(url=server.url))
        await wire.aclose()
        await wire.aclose()
        with pytest.raises(LifecycleError) as caught:
            await fetched(wire, a_request(url=server.url))
        assert caught.value.code == "closed"

    async def test_entering_it_opens_it_again(self, wire: Wire, server: FaultyServer) -> None:
        await wire.aclose()
        async with wire:
            await fetched(wire, a_request(url=server.url))

    async def test_closing_it_ends_what_is_under_way(self, wire: Wire, server: FaultyServer) -> None:
        server.script(faulty.stall())

        async def expect_closed() -> None:
            with pytest.raises((LifecycleError, httpx.TransportError)):
                await fetched(wire, a_request(url=server.url, timeout=20))

        with anyio.fail_after(5):
            async with anyio.create_task_group() as group:
                group.start_soon(expect_closed)
                while not server.requests:
                    await anyio.sleep(0.01)
                await wire.aclose()

    async def test_closing_finishes_under_cancellation(self, wire: Wire, server: FaultyServer) -> None:
        await fetched(wire, a_request(url=server.url))
        pool = wire._bound.pool
        close, finished = pool.aclose, []

        async def slowly() -> None:
            await anyio.lowlevel.checkpoint()
            await close()
            finished.append(True)

        pool.aclose = slowly
        with anyio.CancelScope() as scope:
            scope.cancel()
            await wire.aclose()
        assert finished
        with pytest.raises(LifecycleError):
            await fetched(wire, a_request(url=server.url))


class TestCapacity:
    """A busy pool is no error."""

    async def test_calls_wait_for_a_connection(self, server: FaultyServer) -> None:
        peak = now = 0
        lock = threading.Lock()

        def busy(talk: faulty.Conversation) -> None:
            nonlocal peak, now
            with lock:
                now += 1
                peak = max(peak, now)
            talk.wait(0.02)
            with lock:
                now -= 1
            answer()(talk)

        server.script(busy)
        async with Wire(trust_env=False, max_connections=5) as wire, anyio.create_task_group() as group:
            for _ in range(60):
                group.start_soon(fetched, wire, a_request(url=server.url, timeout=5))
        assert len(server.requests) == 60
        assert peak == 5

    async def test_a_cancelled_call_gives_its_connection_back(self, server: FaultyServer) -> None:
        server.script(faulty.stall(), answer(body=b"ok"))
        async with Wire(trust_env=False, max_connections=1) as wire:
            with anyio.move_on_after(0.1):
                await fetched(wire, a_request(url=server.url))
            with anyio.fail_after(5):
                assert await fetched(wire, a_request(url=server.url)) == b"ok"

    async def test_the_pool_s_own_queue_is_never_used(self, server: FaultyServer) -> None:
        server.script(faulty.stall(), answer())
        async with Wire(trust_env=False, max_connections=1) as wire, anyio.create_task_group() as group:
            group.start_soon(fetched, wire, a_request(url=server.url))
            while not server.requests:
                await anyio.sleep(0.01)
            group.start_soon(fetched, wire, a_request(url=server.url))
            await anyio.sleep(0.02)
            assert wire._bound.slots.waiting == 1
            group.cancel_scope.cancel()

    async def test_hosts_share_the_connections(self, server: FaultyServer) -> None:
        with FaultyServer() as other:
            async with Wire(trust_env=False, max_connections=1) as wire:
                for _ in range(3):
                    for url in (server.url, other.url):
                        await fetched(wire, a_request(url=url, timeout=5))

    @leaves_generators
    async def test_an_answer_that_is_left_in_the_middle_frees_its_connection(self, server: FaultyServer) -> None:
        server.script(faulty.endless())
        async with Wire(trust_env=False, max_connections=1) as wire:
            for _ in range(3):
                response = await wire.handle_async_request(a_request(url=server.url))
                async for _piece in response.stream:
                    break
                await response.aclose()
            server.script(answer(body=b"ok"))
            with anyio.fail_after(5):
                assert await fetched(wire, a_request(url=server.url)) == b"ok"

    def test_an_answer_that_nobody_closes_frees_its_connection_on_asyncio(self, server: FaultyServer) -> None:
        async def forget() -> bytes:
            server.script(faulty.endless(), answer(body=b"ok"))
            async with Wire(trust_env=False, max_connections=1) as wire:
                await wire.handle_async_request(a_request(url=server.url))
                gc.collect()
                with anyio.fail_after(5):
                    return await fetched(wire, a_request(url=server.url))

        assert asyncio.run(forget()) == b"ok"


def storm_step(talk: faulty.Conversation) -> None:
    talk.wait(0.002)
    answer(body=b"x")(talk)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_storm_of_cancelled_scopes_leaves_no_connection_checked_out(server: FaultyServer, backend: str) -> None:
    async def storm() -> None:
        async with Wire(trust_env=False, max_connections=10) as wire:

            async def one(delay: float) -> None:
                with anyio.move_on_after(delay):
                    await fetched(wire, a_request(url=server.url, timeout=5))

            for batch in range(8):
                async with anyio.create_task_group() as group:
                    for index in range(1000):
                        group.start_soon(one, (index * 7 + batch) % 40 / 1000)
            with anyio.fail_after(20):
                for _ in range(30):
                    assert await fetched(wire, a_request(url=server.url, timeout=5)) == b"x"

    server.script(storm_step)
    anyio.run(storm, backend=backend)


@pytest.mark.slow
def test_a_storm_of_cancelled_tasks_leaves_no_connection_checked_out(server: FaultyServer) -> None:
    async def storm() -> None:
        async with Wire(trust_env=False, max_connections=10) as wire:
            for batch in range(8):
                tasks = [
                    asyncio.create_task(fetched(wire, a_request(url=server.url, timeout=5))) for _ in range(1000)
                ]
                for index, task in enumerate(tasks):
                    if index % 50 == batch:
                        await asyncio.sleep(0.001)
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            async with asyncio.timeout(20):
                for _ in range(30):
                    assert await fetched(wire, a_request(url=server.url, timeout=5)) == b"x"

    server.script(storm_step)
    asyncio.run(storm())
