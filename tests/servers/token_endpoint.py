"""A token endpoint on loopback in a process of its own time: it rotates refresh tokens and counts what it is asked."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs


@dataclass
class TokenEndpoint:
    """What the endpoint has seen, and what it answers.

    Attributes:
        url: Its address.
        posts: The refresh token of each POST.
        valid: The refresh token that is good for one use.
        reuses: How often another one was sent, which ends the login.
        lifetime: Seconds that a token lives.
    """

    url: str = ""
    posts: list[str] = field(default_factory=list)
    valid: str = "renewal-0"
    reuses: int = 0
    lifetime: int = 3600
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, form: dict[str, list[str]]) -> tuple[int, dict[str, object]]:
        with self.lock:
            sent = form.get("refresh_token", [""])[0]
            self.posts.append(sent)
            if sent != self.valid:
                self.reuses += 1
                return 400, {"error": "invalid_grant"}
            number = len(self.posts)
            self.valid = f"renewal-{number}"
            return 200, {
                "access_token": f"access-{number}",
                "refresh_token": self.valid,
                "token_type": "Bearer",
                "expires_in": self.lifetime,
            }


@contextmanager
def token_endpoint() -> Iterator[TokenEndpoint]:
    """Serve on a free port until the context ends."""
    state = TokenEndpoint()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_args: object) -> None: ...

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, answer = state.answer(parse_qs(body.decode()))
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}/token"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
