"""An HTTP/1.1 server on plain sockets that misbehaves exactly as it is told.

    with FaultyServer(reset(), answer(body=b"ok")) as server:
        await client.get(server.url + "/path")      # the connection is reset
        await client.get(server.url + "/path")      # 200 ok
    assert [seen.method for seen in server.requests] == ["GET", "GET"]

Each request takes the next step of the script, whichever connection it comes in on; the last step stays for all that
follow. `server.script(...)` replaces the script. It runs in threads, so it serves tests on asyncio and on trio, and
blocking clients too. Steps that wait are let go when the server closes.

Steps (a step is any function of a `Conversation`, so a test can write its own):

    answer(status, body, headers)    an ordinary answer; keep_alive=False closes the connection after it
    then_close(step)                 `step`, and then the connection is closed although it promised keep-alive
    reset(after=b"")                 sends `after` (such as half an answer) and resets the connection (RST)
    hang_up(after=b"")               sends `after` and closes in order (FIN)
    truncated(sent, declared)        a body shorter than its Content-Length, and FIN
    overlong(body, declared)         a body longer than its Content-Length, on a connection that stays open
    no_length(body)                  a body that ends with the connection
    drip(body, every)                one byte every so many seconds
    stall(after=b"")                 sends `after` and then nothing, with the connection open
    stop_reading()                   reads the head of the request and none of its body
    read_slowly(piece, every)        reads so many bytes of the body every so many seconds, and answers 200
    early(step)                      `step`, without reading the body first
    huge_headers(size)               an answer whose headers have that many bytes
    bad_chunk()                      chunked coding with a length that is no number
    cut_chunk()                      chunked coding that ends without its last chunk
    gzip_bomb(size)                  so many bytes of zeros, compressed
    bad_gzip()                       says gzip, and is none
    endless()                        a body that never ends
    html()                           a captive portal: 200 and a page
    old_http(body)                   HTTP/1.0
    garbage()                        no HTTP at all
"""

import contextlib
import socket
import ssl
import struct
import threading
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Self

Headers = Mapping[str, str] | Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Seen:
    """A request as it came in: `headers` by lower-case name, `connection` numbered from 0."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int
    raw_head: bytes


@dataclass
class Conversation:
    """One request and the connection that it came on; `body` is what a step that leaves it found read already."""

    server: "FaultyServer"
    sock: socket.socket
    number: int
    head: bytes
    body: bytes = b""
    open: bool = True
    headers: dict[str, str] = field(default_factory=dict)

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait so long, or until the server closes: True then."""
        return self.server.closing.wait(seconds)

    def close(self) -> None:
        self.open = False

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.open = False


Step = Callable[[Conversation], None]


def head(status: int = 200, headers: Headers = (), *, version: str = "1.1") -> bytes:
    """The head of an answer, with the empty line."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown"
    lines = [f"HTTP/{version} {status} {phrase}", *(f"{name}: {value}" for name, value in pairs)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def answer(status: int = 200, body: bytes = b"", headers: Headers = (), *, keep_alive: bool = True) -> Step:
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)

    def step(talk: Conversation) -> None:
        closing = [] if keep_alive else [("Connection", "close")]
        bodiless = talk.head.startswith(b"HEAD ")
        talk.send(
            head(status, [("Content-Length", str(len(body))), *closing, *pairs]) + (b"" if bodiless else body)
        )
        talk.open = keep_alive

    return step


def then_close(step: Step) -> Step:
    def closing(talk: Conversation) -> None:
        step(talk)
        talk.close()

    return closing


def reset(after: bytes = b"") -> Step:
    def step(talk: Conversation) -> None:
        if after:
            talk.send(after)
            talk.wait(0.05)  # an RST throws away what the other side has not read yet
        talk.reset()

    return step


def hang_up(after: bytes = b"") -> Step:
    def step(talk: Conversation) -> None:
        talk.send(after)
        talk.close()

    return step


def truncated(sent: bytes = b"short", declared: int = 100, headers: Headers = ()) -> Step:
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    return hang_up(head(200, [("Content-Length", str(declared)), *pairs]) + sent)


def overlong(body: bytes = b"exactextra", declared: int = 5) -> Step:
    def step(talk: Conversation) -> None:
        talk.send(head(200, {"Content-Length": str(declared)}) + body)

    return step


def no_length(body: bytes = b"no length") -> Step:
    return hang_up(head(200) + body)


def drip(body: bytes = b"slowly" * 100, every: float = 0.05, *, headers_too: bool = False) -> Step:
    def step(talk: Conversation) -> None:
        start = head(200, {"Content-Length": str(len(body))})
        slow = start + body if headers_too else body
        if not headers_too:
            talk.send(start)
        for index in range(len(slow)):
            if talk.wait(every):
                break
            talk.send(slow[index : index + 1])

    return step


def stall(after: bytes = b"") -> Step:
    def step(talk: Conversation) -> None:
        talk.send(after)
        talk.wait()
        talk.close()

    return step


def stop_reading(first: Step | None = None) -> Step:
    """The server itself leaves the body of such a request in the socket; `first` may answer it all the same."""

    def step(talk: Conversation) -> None:
        if first is not None:
            first(talk)
        talk.wait()
        talk.reset()

    step.leaves_body = True  # type: ignore[attr-defined]
    return step


def read_slowly(piece: int = 500_000, every: float = 0.02) -> Step:
    def step(talk: Conversation) -> None:
        left = int(talk.headers["content-length"]) - len(talk.body)
        while left > 0 and not talk.wait(every):
            taken = 0
            while left > 0 and taken < piece:
                data = talk.sock.recv(min(65536, left))
                if not data:
                    return
                taken += len(data)
                left -= len(data)
        answer(keep_alive=False)(talk)

    step.leaves_body = True  # type: ignore[attr-defined]
    return step


def early(step: Step) -> Step:
    """`step`, without reading the body of the request first; what comes of it then is thrown away."""

    def answering(talk: Conversation) -> None:
        step(talk)
        while talk.sock.recv(65536):
            pass
        talk.close()

    answering.leaves_body = True  # type: ignore[attr-defined]
    return answering


def huge_headers(size: int = 200_000) -> Step:
    def step(talk: Conversation) -> None:
        lines = [(f"X-{index}", "x" * 1000) for index in range(size // 1000)]
        talk.send(head(200, [("Content-Length", "0"), *lines]))

    return step


def bad_chunk() -> Step:
    return hang_up(head(200, {"Transfer-Encoding": "chunked"}) + b"5\r\nhello\r\nnonsense\r\n")


def cut_chunk() -> Step:
    return hang_up(head(200, {"Transfer-Encoding": "chunked"}) + b"5\r\nhello\r\n")


def gzip_bomb(size: int = 200 * 1024 * 1024) -> Step:
    body = _zipped_zeros(size)
    return answer(body=body, headers={"Content-Encoding": "gzip"})


def bad_gzip() -> Step:
    return answer(body=b"this is no gzip at all", headers={"Content-Encoding": "gzip"})


def endless(piece: bytes = b"x" * 65536) -> Step:
    def step(talk: Conversation) -> None:
        talk.send(head(200))
        while not talk.wait(0):
            talk.send(piece)
        talk.close()

    return step


def html(body: bytes = b"<html>Please log in to the Wi-Fi</html>") -> Step:
    return answer(body=body, headers={"Content-Type": "text/html"})


def old_http(body: bytes = b"old") -> Step:
    return hang_up(head(200, {"Content-Length": str(len(body))}, version="1.0") + body)


def garbage() -> Step:
    return hang_up(b"\x00\x01this is not the web\r\n\r\n")


class FaultyServer:
    """Listens on a free port of 127.0.0.1 while its context lasts.

    Args:
        *steps: The script: a step for each request, the last one for all that follow; without any, 200.
        tls: Speaks TLS under this context.

    Attributes:
        requests: What came in, in order.
        connections: How many were accepted.
    """

    def __init__(self, *steps: Step, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._lock = threading.Lock()
        self._steps: list[Step] = []
        self.script(*steps)
        self.requests: list[Seen] = []
        self.connections = 0
        self.closing = threading.Event()
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.host, self.port = self._listener.getsockname()[:2]

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"{'https' if self._tls else 'http'}://{self.host}:{self.port}"

    def script(self, *steps: Step) -> None:
        """Answer the requests from now on with these steps."""
        with self._lock:
            self._steps = list(steps) or [answer()]

    def bodies(self) -> list[bytes]:
        return [seen.body for seen in self.requests]

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            sockets = list(self._sockets)
        for sock in sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join(10)

    def _start(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _accept(self) -> None:
        while not self.closing.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                number = self.connections
                self.connections += 1
                self._sockets.add(sock)
            self._start(lambda sock=sock, number=number: self._serve(sock, number))  # type: ignore[misc]

    def _serve(self, sock: socket.socket, number: int) -> None:
        plain = sock
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True)
            self._converse(sock, number)
        except (OSError, ValueError):
            pass  # the other side went away, which is its good right
        finally:
            with self._lock:
                self._sockets.discard(plain)
            with contextlib.suppress(OSError):
                sock.close()

    def _converse(self, sock: socket.socket, number: int) -> None:
        rest = b""
        while not self.closing.is_set():
            while b"\r\n\r\n" not in rest:
                data = sock.recv(65536)
                if not data:
                    return
                rest += data
            raw, _, rest = rest.partition(b"\r\n\r\n")
            with self._lock:
                step = self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]
            talk = Conversation(self, sock, number, raw + b"\r\n\r\n", headers=_headers(raw))
            if getattr(step, "leaves_body", False):
                talk.body, rest = rest, b""
            else:
                talk.body, rest = _read_body(sock, talk.headers, rest)
            method, target, _ = raw.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
            with self._lock:
                self.requests.append(Seen(method, target, talk.headers, talk.body, number, raw))
            step(talk)
            if not talk.open:
                return


def _headers(raw: bytes) -> dict[str, str]:
    pairs = (line.partition(b":") for line in raw.split(b"\r\n")[1:])
    return {name.decode("latin-1").lower(): value.strip().decode("latin-1") for name, _, value in pairs}


def _read_body(sock: socket.socket, headers: Mapping[str, str], rest: bytes) -> tuple[bytes, bytes]:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return _read_chunks(sock, rest)
    length = int(headers.get("content-length", "0"))
    body = bytearray(rest)
    while len(body) < length:
        body += _more(sock)
    return bytes(body[:length]), bytes(body[length:])


def _read_chunks(sock: socket.socket, rest: bytes) -> tuple[bytes, bytes]:
    body = b""
    while True:
        while b"\r\n" not in rest:
            rest += _more(sock)
        line, _, rest = rest.partition(b"\r\n")
        size = int(line, 16)
        while len(rest) < size + 2:
            rest += _more(sock)
        body += rest[:size]
        rest = rest[size + 2 :]
        if size == 0:
            return body, rest


def _more(sock: socket.socket) -> bytes:
    data = sock.recv(262144)
    if not data:
        raise ConnectionError("the client went away in the middle of its request")
    return data


def _zipped_zeros(size: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    piece = bytes(1024 * 1024)
    parts = [packer.compress(piece) for _ in range(size // len(piece))]
    return b"".join([*parts, packer.flush()])
