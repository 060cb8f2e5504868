"""Connections that speak HTTP/1.1: which are kept, what breaks them, and how that is told."""

import asyncio
import errno
import socket
import ssl
import time

import anyio
import pytest
import trustme

from quackcore_async.clients.s3.lean import pool as pools
from quackcore_async.clients.s3.lean.connection import Origin
from quackcore_async.clients.s3.lean.pool import Pool
from quackcore_async.errors import ErrorKind, QuackError
from tests.clients.s3.lean.wire import (
    LOOPS,
    answer,
    filled,
    get,
    head_of,
    origin_of,
    pool_of,
    put,
    read_all,
    sockets,
    until,
)
from tests.servers.faulty import FaultyServer, drip, endless, hang_up, overlong, reset, stall, stop_reading
from tests.servers.faulty import answer as answering
from tests.servers.talking import talking

MIB = 1024**2
HALF_A_HEAD = b"HTTP/1.1 200 OK\r\ncontent-le"
HALF_A_BODY = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello"
HALF_A_CHUNK = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel"


@pytest.fixture(params=LOOPS)
def anyio_backend(request):
    return request.param


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def server_context(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture(scope="module")
def client_context(authority):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def head_from(reader):
    return await reader.readuntil(b"\r\n\r\n")


def saying(*answers, then_close=False):
    """Answer one request after the other with these bytes."""

    async def talk(reader, writer):
        for data in answers:
            await head_from(reader)
            writer.write(data)
        if then_close:
            writer.close()
        else:
            await reader.read()

    return talk


# Which connections are kept


@pytest.mark.parametrize(
    ("data", "connections"),
    [
        (answer(), 1),
        (answer(b""), 1),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 1),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 1),
        (answer(b"ok", "connection: keep-alive", version="1.0"), 1),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + answer(), 1),
        (answer(b"ok", "connection: close"), 2),
        (answer(version="1.0"), 2),
        (answer(b"ok") + b"surplus", 2),
        (answer(b"") + b"surplus", 2),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 2),
    ],
)
async def test_whether_a_connection_serves_again(data, connections):
    async with talking(saying(data, data)) as server, pool_of() as pool:
        first = await get(pool, origin_of(server))
        assert await get(pool, origin_of(server)) == first
        assert first[1] in {b"ok", b""}
        assert server.connections == connections


async def test_an_answer_until_the_end_of_the_connection():
    async with talking(saying(b"HTTP/1.1 200 OK\r\n\r\nall of it", then_close=True)) as server, pool_of() as pool:
        assert await get(pool, origin_of(server)) == (200, b"all of it")
        assert pool._idle.get(origin_of(server)) is None


async def test_a_head_request_has_no_body():
    async with (
        talking(saying(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n", answer())) as server,
        pool_of() as pool,
    ):
        assert await get(pool, origin_of(server), method="HEAD") == (200, b"")
        assert await get(pool, origin_of(server)) == (200, b"ok")
        assert server.connections == 1


@pytest.mark.parametrize("late", [answer(b"late", status="408 Request Timeout"), b"H", b"junk"])
async def test_what_comes_without_being_asked_ends_an_idle_connection(late):
    go = asyncio.Event()

    async def talk(reader, writer):
        await head_from(reader)
        writer.write(answer())
        await go.wait()
        writer.write(late)
        await reader.read()

    async with talking(talk) as server, pool_of() as pool:
        assert await get(pool, origin_of(server)) == (200, b"ok")
        assert len(pool._all) == 1
        go.set()
        await until(lambda: not pool._all)
        assert await get(pool, origin_of(server)) == (200, b"ok")
        assert server.connections == 2


async def test_a_server_that_speaks_first_is_not_answered():
    async def talk(reader, writer):
        writer.write(answer(b"greeting"))
        await reader.read()

    async with talking(talk) as server, pool_of() as pool:
        connection = await pool._connect(origin_of(server))
        await until(lambda: not pool._all)
        with pytest.raises(QuackError):
            await connection.exchange("GET", head_of(), b"")


async def test_a_connection_that_the_server_closed_is_not_used_again():
    async with talking(saying(answer(), then_close=True)) as server, pool_of() as pool:
        assert await get(pool, origin_of(server)) == (200, b"ok")
        await until(lambda: not pool._all)
        assert await get(pool, origin_of(server)) == (200, b"ok")
        assert server.connections == 2


async def test_a_connection_that_nobody_needed_for_long_is_not_used_again(monkeypatch):
    async with talking(saying(answer(), answer())) as server, pool_of() as pool:
        await get(pool, origin_of(server))
        monkeypatch.setattr(pools, "_KEEPALIVE", 0.0)
        await get(pool, origin_of(server))
        assert server.connections == 2
        monkeypatch.undo()
        await until(lambda: len(pool._all) == 1)


async def test_of_many_idle_connections_the_one_used_last_is_taken_and_the_oldest_goes(monkeypatch):
    async with talking(saying(*[answer()] * 9)) as server, pool_of() as pool:
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(get, pool, origin_of(server))
        idle = pool._idle[origin_of(server)]
        assert len(idle) == 3
        last = idle[-1]
        idle[0].idle_since -= 2 * pools._KEEPALIVE
        await get(pool, origin_of(server))
        assert idle[-1] is last
        await until(lambda: len(pool._all) == 2)


def test_a_second_loop_gets_connections_of_its_own(clean_environ):
    with FaultyServer(answering(body=b"ok")) as server:
        origin = Origin(server.host, server.port, secure=False)
        pool = Pool(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), connect_timeout=5, idle_timeout=5)
        for _ in range(2):
            loop = asyncio.new_event_loop()
            assert loop.run_until_complete(get(pool, origin)) == (200, b"ok")
            for connection in pool._all:
                connection.abort()
                connection._transport = None  # as if it had not been told: the loop ended before
            loop.run_until_complete(asyncio.sleep(0))
            loop.close()
        assert server.connections == 2


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
async def test_hundreds_of_requests_at_a_time_get_their_own_answers(secure, server_context, client_context):
    async def talk(reader, writer):
        while True:
            head = await head_from(reader)
            writer.write(answer(head.split(b" ")[1]))

    count = 60 if secure else 300
    tls = {"ssl": server_context} if secure else {}
    async with talking(talk, backlog=512, **tls) as server, pool_of(client_context) as pool:

        async def ask(number):
            for turn in range(3):
                path = f"/{number}/{turn}"
                assert await get(pool, origin_of(server, secure=secure), path) == (200, path.encode())

        async with anyio.create_task_group() as group:
            for number in range(count):
                group.start_soon(ask, number)
        assert server.connections <= count
        assert len(pool._all) == server.connections


# Answers before the request is sent


REFUSED = answer(b"<Error/>", status="403 Forbidden")


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize("closing", [None, "FIN"])
@pytest.mark.parametrize("status", ["403 Forbidden", "307 Temporary Redirect"])
async def test_an_early_refusal_is_the_answer_at_once_though_nobody_reads_the_body(
    secure, closing, status, server_context, client_context
):
    async def talk(reader, writer):
        await head_from(reader)
        writer.transport.pause_reading()
        writer.write(answer(b"<Error/>", status=status))
        if closing and not secure:
            writer.write_eof()
        await asyncio.sleep(60)

    tls = {"ssl": server_context} if secure else {}
    async with talking(talk, **tls) as server, pool_of(client_context) as pool:
        with anyio.fail_after(3):
            outcome = await put(pool, origin_of(server, secure=secure), filled(16 * MIB))
        assert outcome == (int(status[:3]), b"<Error/>")
        await until(lambda: not pool._all)


async def test_a_refused_body_in_plain_bytes_leaves_no_connection_that_still_sends():
    async def talk(reader, writer):
        await head_from(reader)
        writer.transport.pause_reading()
        writer.write(REFUSED)
        await asyncio.sleep(60)

    async with talking(talk) as server, pool_of() as pool:
        assert await put(pool, origin_of(server), b"x" * 32 * MIB) == (403, b"<Error/>")
        await until(lambda: not pool._all)


async def test_the_body_goes_on_after_an_interim_answer_and_after_an_early_success():
    got = []

    async def talk(reader, writer):
        for early in (b"HTTP/1.1 100 Continue\r\n\r\n", answer()):
            await head_from(reader)
            writer.write(early)
            got.append(len(await reader.readexactly(4 * MIB)))
            if early != answer():
                writer.write(answer())
        await reader.read()

    async with talking(talk) as server, pool_of() as pool:
        for _ in range(2):
            assert await put(pool, origin_of(server), filled(4 * MIB)) == (200, b"ok")
        await until(lambda: got == [4 * MIB, 4 * MIB])
        assert server.connections == 1


async def test_an_early_success_is_not_believed_when_the_service_goes_away_without_the_body():
    async def talk(reader, writer):
        await head_from(reader)
        writer.write(answer())
        await writer.drain()
        writer.close()

    async with talking(talk) as server, pool_of() as pool:
        with pytest.raises(QuackError) as caught:
            await put(pool, origin_of(server), filled(32 * MIB))
        assert caught.value.code == "reset"


async def test_an_early_success_is_not_believed_when_the_service_never_takes_the_body():
    async def talk(reader, writer):
        await head_from(reader)
        writer.transport.pause_reading()
        writer.write(answer())
        await asyncio.sleep(60)

    async with talking(talk) as server, pool_of(idle_timeout=0.2) as pool:
        with pytest.raises(QuackError) as caught:
            await put(pool, origin_of(server), filled(32 * MIB))
        assert caught.value.code == "idle"


# Servers that go away


@pytest.mark.parametrize("broken", [hang_up, reset], ids=["FIN", "RST"])
@pytest.mark.parametrize(
    ("after", "code"),
    [(b"", "reset"), (HALF_A_HEAD, "reset"), (HALF_A_BODY, "truncated"), (HALF_A_CHUNK, "truncated")],
    ids=["before", "in the head", "in the body", "in a chunk"],
)
@pytest.mark.parametrize("kept", [False, True], ids=["new", "kept"])
async def test_a_connection_that_breaks(broken, after, code, kept):
    steps = [answering(body=b"ok")] * kept + [broken(after), answering(body=b"ok")]
    with FaultyServer(*steps) as server:
        origin = Origin(server.host, server.port, secure=False)
        async with pool_of() as pool:
            if kept:
                assert await get(pool, origin) == (200, b"ok")
            with pytest.raises(QuackError) as caught:
                await get(pool, origin)
            assert (caught.value.code, caught.value.retryable) == (code, True)
            assert await get(pool, origin) == (200, b"ok")


async def test_a_reset_ends_an_answer_that_goes_on_until_the_end_in_error():
    with FaultyServer(reset(b"HTTP/1.1 200 OK\r\n\r\nsome of it")) as server:
        async with pool_of() as pool:
            with pytest.raises(QuackError) as caught:
                await get(pool, Origin(server.host, server.port, secure=False))
            assert caught.value.code == "truncated"


async def test_a_server_that_says_no_more_and_reads_nothing_is_given_up_at_once():
    async def talk(reader, writer):
        await head_from(reader)
        writer.transport.pause_reading()
        writer.write_eof()
        await asyncio.sleep(60)

    async with talking(talk) as server, pool_of() as pool:
        with anyio.fail_after(3), pytest.raises(QuackError) as caught:
            await put(pool, origin_of(server), filled(32 * MIB))
        assert caught.value.code == "reset"


@pytest.mark.parametrize("orderly", [True, False], ids=["close_notify", "FIN alone"])
async def test_over_tls_an_answer_until_the_end_is_whole_only_if_the_service_says_so(
    orderly, server_context, client_context
):
    """RFC 9112 section 9.8: whoever is on the way could have cut it."""

    def step(talk):
        talk.send(b"HTTP/1.1 200 OK\r\n\r\nall of it")
        if orderly:
            talk.sock.unwrap()
        talk.close()

    with FaultyServer(step, tls=server_context) as server:
        origin = Origin(server.host, server.port, secure=True)
        async with pool_of(client_context) as pool:
            if orderly:
                assert await get(pool, origin) == (200, b"all of it")
                return
            with pytest.raises(QuackError) as caught:
                await get(pool, origin)
            assert caught.value.code == "truncated"


@pytest.mark.parametrize(
    "data",
    [b"HTTP/1.1 200 OK\ncontent-length: 0\n\n", b"SSH-2.0-x\r\n", b"HTTP/1.1 101 Up\r\n\r\n", b"\x15\x03\x01"],
)
async def test_what_is_no_http_is_told_at_once(data):
    async with talking(saying(data)) as server, pool_of() as pool:
        with pytest.raises(QuackError) as caught:
            await get(pool, origin_of(server))
        assert (caught.value.code, caught.value.kind) == ("protocol", ErrorKind.CORRUPTED)


async def test_a_chunk_that_is_malformed_behind_good_ones():
    data = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\nnonsense\r\n"
    async with talking(saying(data)) as server, pool_of() as pool:
        with pytest.raises(QuackError) as caught:
            await get(pool, origin_of(server))
        assert caught.value.code == "protocol"


# Servers that stall, and slow ones


@pytest.mark.parametrize(
    "after", [b"", HALF_A_HEAD, HALF_A_BODY, HALF_A_CHUNK], ids=["before", "head", "body", "chunk"]
)
async def test_a_server_that_stalls_is_given_up(after):
    with FaultyServer(stall(after)) as server:
        async with pool_of(idle_timeout=0.1) as pool:
            with pytest.raises(QuackError) as caught:
                await get(pool, Origin(server.host, server.port, secure=False))
            assert (caught.value.code, caught.value.retryable) == ("idle", True)


@pytest.mark.parametrize("body", [b"x" * 32 * MIB, filled(32 * MIB)], ids=["bytes", "buffer"])
async def test_a_server_that_stops_reading_is_given_up(body):
    with FaultyServer(stop_reading()) as server:
        async with pool_of(idle_timeout=0.1) as pool:
            with pytest.raises(QuackError) as caught:
                await put(pool, Origin(server.host, server.port, secure=False), body)
            assert caught.value.code == "idle"


async def test_slow_bytes_are_bytes():
    with FaultyServer(drip(b"slowly", every=0.04)) as server:
        async with pool_of(idle_timeout=0.15) as pool:
            began = time.monotonic()
            assert await get(pool, Origin(server.host, server.port, secure=False)) == (200, b"slowly")
            assert time.monotonic() - began > 0.2


async def test_a_kept_connection_does_not_idle_out():
    with FaultyServer(answering(body=b"ok")) as server:
        async with pool_of(idle_timeout=0.03) as pool:
            origin = Origin(server.host, server.port, secure=False)
            await get(pool, origin)
            (connection,) = pool._all
            await until(lambda: connection._timer is None)
            assert await get(pool, origin) == (200, b"ok")
            assert server.connections == 1


async def test_a_body_goes_out_as_fast_as_it_is_taken_and_no_memory_fills():
    peak = 0

    async def talk(reader, writer):
        nonlocal peak
        await head_from(reader)
        left = 64 * MIB
        while left:
            left -= len(await reader.read(MIB))
            for connection in pool._all:
                peak = max(peak, connection._transport.get_write_buffer_size())
        writer.write(answer())
        await reader.read()

    async with talking(talk) as server, pool_of() as pool:
        assert await put(pool, origin_of(server), filled(64 * MIB)) == (200, b"ok")
    assert peak <= 512 * 1024


async def test_a_slow_reader_stops_the_service_and_is_not_idle():
    with FaultyServer(endless()) as server:
        async with pool_of(idle_timeout=0.05) as pool:
            response = await pool.request(Origin(server.host, server.port, secure=False), "GET", head_of(), b"")
            (connection,) = pool._all
            peak, total = 0, 0
            for _ in range(3):
                await until(lambda: connection._paused)
                await anyio.sleep(0.12)  # longer than the idle time
                while connection._paused:
                    total += len(await response.read())
                    peak = max(peak, connection._buffered)
            assert total > 2 * MIB
            assert peak <= MIB + MIB // 2
            response.close()


async def test_a_body_is_read_in_pieces_of_any_size():
    content = bytes(range(256)) * 1000
    async with talking(saying(answer(content))) as server, pool_of() as pool:
        response = await pool.request(origin_of(server), "GET", head_of(), b"")
        got = b""
        for amount in (1, 100, 7, 60_000, 1, 100_000):
            piece = await response.read(amount)
            assert 0 < len(piece) <= amount
            got += piece
        assert got + await read_all(response) == content
        assert await response.read() == b""


# No connection


async def test_a_port_that_nobody_listens_on():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    async with pool_of() as pool:
        with pytest.raises(QuackError) as caught:
            await get(pool, Origin("127.0.0.1", port, secure=False))
    error = caught.value
    assert (type(error).__name__, error.code, error.retryable) == ("ConnectFailedError", "connection", True)


@pytest.mark.parametrize(
    ("number", "retryable"), [(socket.EAI_AGAIN, True), (socket.EAI_NONAME, False)], ids=["for now", "for good"]
)
async def test_a_name_that_cannot_be_found(monkeypatch, number, retryable):
    async def fail(*_, **__):
        raise socket.gaierror(number, "not found")

    async with pool_of() as pool:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", fail)
        with pytest.raises(QuackError) as caught:
            await get(pool, Origin("nowhere.invalid", 80, secure=False))
    error = caught.value
    assert (type(error).__name__, error.code, error.retryable) == ("ConnectFailedError", "dns", retryable)


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".example", "\udcff.example"])
async def test_a_name_that_is_none(host):
    async with pool_of() as pool:
        with pytest.raises(QuackError) as caught:
            await get(pool, Origin(host, 80, secure=False))
    assert (caught.value.code, caught.value.retryable) == ("dns", False)


@pytest.mark.parametrize("number", [errno.ENETUNREACH, errno.EHOSTUNREACH])
async def test_a_network_that_is_unreachable(monkeypatch, number):
    async def fail(*_, **__):
        raise OSError(number, "unreachable")

    monkeypatch.setattr(pools, "start_connection", fail)
    async with pool_of() as pool:
        with pytest.raises(QuackError) as caught:
            await get(pool, Origin("127.0.0.1", 1, secure=False))
    assert caught.value.code == "connection"


async def test_no_file_descriptor_is_left():
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with pool_of() as pool:
            origin = Origin("127.0.0.1", listener.getsockname()[1], secure=False)
            await asyncio.get_running_loop().getaddrinfo("127.0.0.1", 1)
            resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors_in_use(), hard))
            try:
                with pytest.raises(QuackError) as caught:
                    await get(pool, origin)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert caught.value.code != "connection"
    assert getattr(caught.value.__cause__, "errno", None) == errno.EMFILE


def descriptors_in_use():
    """Return the lowest number that no descriptor has: a limit of that leaves none."""
    with socket.socket() as probe:
        return probe.fileno()


async def test_a_server_that_never_answers_the_handshake(client_context):
    before = sockets()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with pool_of(client_context, connect_timeout=0.1) as pool:
            with pytest.raises(QuackError) as caught:
                await get(pool, Origin("127.0.0.1", listener.getsockname()[1], secure=True))
            assert (caught.value.code, caught.value.kind) == ("connect_timeout", ErrorKind.TIMEOUT)
    await until(lambda: sockets() <= before)


async def test_tls_with_a_server_that_speaks_none_and_the_other_way_round(server_context, client_context):
    async def talk(reader, writer):
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()

    async with talking(talk) as server, pool_of(client_context) as pool:
        with anyio.fail_after(3), pytest.raises(QuackError) as caught:
            await get(pool, origin_of(server, secure=True))
        assert caught.value.code == "tls"
    async with talking(saying(answer()), ssl=server_context) as server, pool_of() as pool:
        with pytest.raises(QuackError) as caught:
            await get(pool, origin_of(server))
        assert caught.value.code in {"protocol", "reset"}


async def test_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    async with talking(saying(answer()), host="::1") as server, pool_of() as pool:
        assert await get(pool, origin_of(server)) == (200, b"ok")


# Closing


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
async def test_closing_ends_what_is_under_way(secure, server_context, client_context):
    async def talk(reader, writer):
        head = await head_from(reader)
        if b"/body" in head:
            writer.write(HALF_A_BODY)
        if b"PUT" in head:
            writer.transport.pause_reading()
        await asyncio.sleep(60)

    codes = []
    tls = {"ssl": server_context} if secure else {}
    before = sockets()
    async with talking(talk, **tls) as server, pool_of(client_context) as pool:
        origin = origin_of(server, secure=secure)

        async def failing(call, *arguments):
            with pytest.raises(QuackError) as caught:
                await call(pool, origin, *arguments)
            codes.append(caught.value.code)

        async with anyio.create_task_group() as group:
            group.start_soon(failing, get, "/head")
            group.start_soon(failing, get, "/body")
            group.start_soon(failing, put, filled(16 * MIB))
            await until(lambda: len(pool._all) == 3 and all(each._method for each in pool._all))
            await until(lambda: sum(each._writable is not None for each in pool._all) == 1)
            await until(lambda: any(each._pieces or each._body for each in pool._all))
            await pool.aclose()
        assert sorted(codes) == ["reset", "reset", "truncated"]
        with pytest.raises(QuackError, match="closed"):
            await get(pool, origin)
    await until(lambda: sockets() <= before)


async def test_closing_while_it_connects(monkeypatch):
    connect = pools.start_connection
    go = asyncio.Event()

    async def slowly(*arguments, **options):
        await go.wait()
        return await connect(*arguments, **options)

    monkeypatch.setattr(pools, "start_connection", slowly)
    async with talking(saying(answer())) as server, pool_of() as pool:
        task = asyncio.ensure_future(get(pool, origin_of(server)))
        await anyio.lowlevel.checkpoint()
        await pool.aclose()
        go.set()
        with pytest.raises(QuackError, match="closed"):
            await task


async def test_a_response_that_is_closed_early_takes_its_connection_along():
    with FaultyServer(overlong(b"x" * MIB, declared=2 * MIB), answering(body=b"ok")) as server:
        origin = Origin(server.host, server.port, secure=False)
        async with pool_of() as pool:
            response = await pool.request(origin, "GET", head_of(), b"")
            await response.read(10)
            response.close()
            response.close()
            assert await response.read() == b""
            assert await get(pool, origin) == (200, b"ok")
            assert server.connections == 2
