"""An OAuth 2.0 authorization server of our own, in threads, so that tests on asyncio and on trio talk to it.

It is strict where the standards are: PKCE with S256, exact redirect addresses, codes that are good once, refresh
tokens that rotate and whose reuse revokes the whole family, the client authentication that each client registered.

    with AuthorizationServer() as server:
        provider = OAuthProvider(server.client_id, server.client_secret, server.auth_url, server.token_url, ...)

Knobs, all of them attributes that a test sets:

`clients`           by client id: secret, method (`post`, `basic`, `none`, `private_key_jwt`), public JWK
`lifetime`          `expires_in` of new tokens; any JSON value; `OMIT` leaves it out
`rotates`           whether a refresh gives a new refresh token (default True)
`refresh_tokens`    whether there are refresh tokens at all (default True)
`granted`           the `scope` of answers; None repeats what was asked for
`extra`             members that go into every token answer, over those that it has
`denies`            the `error` that the person's refusal comes back with; None agrees
`iss`               whether callbacks name the issuer (RFC 9207); the metadata says so
`metadata`          members that go over those of the metadata document; `OMIT` takes one out
`scripted`          a list of `Answer`s that the token endpoint gives first, one a request
`pending`           how often the device flow says `authorization_pending` before it agrees
`slow_downs`        how often it says `slow_down` before that
`hold`              a `threading.Event`: requests to the token endpoint wait until it is set; cleared by the test

`asked` is a `threading.Event` that is set by the first token request, before that is held.

What happened: `requests` (endpoint, form, headers), `count("token")`, `grants("refresh_token")`, `revoked` (tokens
that were revoked), `valid` (access tokens that hold), `largest_crowd` (token requests at the same time).

`authorize(url)` is the browser: it goes to the authorization endpoint and returns where that sends it.
"""

import base64
import contextlib
import gzip
import hashlib
import json
import secrets
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Self
from urllib.parse import parse_qs, parse_qsl, unquote_plus, urlencode, urlsplit

OMIT: Final = object()
JSON: Final = {"Content-Type": "application/json", "Cache-Control": "no-store"}
DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"


@dataclass(frozen=True)
class Answer:
    """What goes back. `hang_up` closes the connection without an answer."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    hang_up: bool = False


def json_answer(members: Any, status: int = 200, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {**JSON, **named}, json.dumps(members).encode())


def error_answer(error: str, status: int = 400, description: str | None = None, **headers: str) -> Answer:
    members = {"error": error} | ({"error_description": description} if description else {})
    return json_answer(members, status, **headers)


def html_answer(status: int = 200) -> Answer:
    return Answer(
        status, {"Content-Type": "text/html"}, b"<html><body>Please log in to the airport's network</body></html>"
    )


def gzip_bomb(size: int = 50_000_000) -> Answer:
    body = gzip.compress(json.dumps({"access_token": "t" * size, "token_type": "bearer"}).encode())
    return Answer(200, {**JSON, "Content-Encoding": "gzip"}, body)


@dataclass
class Client:
    secret: str | None = None
    method: str = "post"
    jwk: dict[str, Any] | None = None
    redirect_uris: tuple[str, ...] = ()


@dataclass(frozen=True)
class Received:
    endpoint: str
    form: dict[str, str]
    headers: dict[str, str]


@dataclass(eq=False)
class Family:
    """The tokens that came from one login."""

    client_id: str
    scope: str
    refresh_token: str | None = None
    used: set[str] = field(default_factory=set)
    access_tokens: set[str] = field(default_factory=set)
    revoked: bool = False


class RefusedError(Exception):
    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class AuthorizationServer:
    """The server. Everything that it decides happens under one lock."""

    client_id = "client"
    client_secret = "S3CR3T-of-the-client"

    def __init__(self) -> None:
        self.clients = {self.client_id: Client(self.client_secret)}
        self.lifetime: Any = 3600
        self.rotates = True
        self.refresh_tokens = True
        self.granted: Any = None
        self.extra: dict[str, Any] = {}
        self.denies: str | None = None
        self.iss = False
        self.metadata: dict[str, Any] = {}
        self.scripted: list[Answer] = []
        self.pending = 0
        self.slow_downs = 0
        self.hold = threading.Event()
        self.hold.set()
        self.asked = threading.Event()
        self.requests: list[Received] = []
        self.revoked: list[str] = []
        self.largest_crowd = 0
        self._crowd = 0
        self._codes: dict[str, dict[str, str]] = {}
        self._devices: dict[str, dict[str, str]] = {}
        self._families: list[Family] = []
        self._assertions: set[str] = set()
        self._lock = threading.RLock()
        self._connections: set[socket.socket] = set()
        self._http = _http_server(self)
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self.origin = f"http://127.0.0.1:{self._http.server_address[1]}"
        self.issuer = self.origin
        self.auth_url = f"{self.origin}/authorize"
        self.token_url = f"{self.origin}/token"
        self.device_url = f"{self.origin}/device"
        self.revocation_url = f"{self.origin}/revoke"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hold.set()
        self._http.shutdown()
        with self._lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self._http.server_close()
        self._thread.join(timeout=10)

    def count(self, endpoint: str) -> int:
        with self._lock:
            return sum(received.endpoint == endpoint for received in self.requests)

    def grants(self, grant_type: str) -> list[dict[str, str]]:
        """Return the forms of all token requests with that grant type, refused ones too."""
        with self._lock:
            return [received.form for received in self.requests if received.form.get("grant_type") == grant_type]

    @property
    def valid(self) -> set[str]:
        with self._lock:
            return {token for family in self._families if not family.revoked for token in family.access_tokens}

    def revoke_everything(self) -> None:
        """Let every login be over, as when the person changes the password."""
        with self._lock:
            for family in self._families:
                family.revoked = True

    def authorize(self, url: str) -> str:
        """Be the browser of a person who agrees (or refuses, see `denies`): return where it is sent to."""
        opener = urllib.request.build_opener(_NoRedirect)
        try:
            with opener.open(url, timeout=10) as response:
                raise AssertionError(f"the authorization endpoint answered {response.status}")
        except urllib.error.HTTPError as answer:
            with answer:
                if answer.code != 302:
                    raise AssertionError(answer.read().decode()) from None
                return str(answer.headers["Location"])

    # What each endpoint does.

    def handle(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        parts = urlsplit(target)
        endpoint = parts.path.strip("/")
        form = dict(parse_qsl((parts.query if method == "GET" else body.decode()), keep_blank_values=True))
        with self._lock:
            self.requests.append(Received(endpoint, form, headers))
        try:
            if method == "GET" and endpoint == "authorize":
                return self._authorize(parts.query)
            if method == "GET" and endpoint.startswith(".well-known/"):
                return self._describe(endpoint)
            if method == "POST" and endpoint == "token":
                return self._in_the_crowd(form, headers)
            if method == "POST" and endpoint in ("device", "revoke"):
                with self._lock:
                    client_id = self._authenticated(form, headers)
                    return self._device(form, client_id) if endpoint == "device" else self._revoke(form)
        except RefusedError as refused:
            return refused.answer
        return Answer(404)

    def _describe(self, endpoint: str) -> Answer:
        if endpoint != ".well-known/oauth-authorization-server" and not self.metadata.get("_oidc"):
            return Answer(404)
        if self.metadata.get("_oidc") and "openid-configuration" not in endpoint:
            return Answer(404)
        document: dict[str, Any] = {
            "issuer": self.issuer,
            "authorization_endpoint": self.auth_url,
            "token_endpoint": self.token_url,
            "device_authorization_endpoint": self.device_url,
            "revocation_endpoint": self.revocation_url,
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            "authorization_response_iss_parameter_supported": self.iss,
            **self.metadata,
        }
        return json_answer(
            {name: value for name, value in document.items() if value is not OMIT and name != "_oidc"}
        )

    def _authorize(self, query: str) -> Answer:
        values = parse_qs(query, keep_blank_values=True)
        if any(len(items) > 1 for items in values.values()):
            return error_answer("invalid_request", description="a parameter is repeated")
        given = {name: items[0] for name, items in values.items()}
        client = self.clients.get(given.get("client_id", ""))
        redirect_uri = given.get("redirect_uri", "")
        if (
            client is None
            or not redirect_uri
            or (client.redirect_uris and redirect_uri not in client.redirect_uris)
        ):
            return error_answer("invalid_request", description="unknown client or redirect_uri")
        back = {"state": given.get("state", "")} | ({"iss": self.issuer} if self.iss else {})
        if given.get("response_type") != "code":
            back["error"] = "unsupported_response_type"
        elif not given.get("code_challenge") or given.get("code_challenge_method") != "S256":
            back["error"] = "invalid_request"
        elif self.denies:
            back["error"] = self.denies
        else:
            back["code"] = secrets.token_urlsafe(16)
            with self._lock:
                self._codes[back["code"]] = given
        return Answer(302, {"Location": f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{urlencode(back)}"})

    def _in_the_crowd(self, form: dict[str, str], headers: dict[str, str]) -> Answer:
        with self._lock:
            self._crowd += 1
            self.largest_crowd = max(self.largest_crowd, self._crowd)
        self.asked.set()
        try:
            self.hold.wait(timeout=30)
            with self._lock:
                if self.scripted:
                    return self.scripted.pop(0)
                return self._token(form, self._authenticated(form, headers))
        finally:
            with self._lock:
                self._crowd -= 1

    def _authenticated(self, form: dict[str, str], headers: dict[str, str]) -> str:
        """Return the id of the client that a request proves to come from, by the one method it registered."""
        client_id, proof = self._proof(form, headers)
        client = self.clients.get(client_id)
        expected = {"post": ("post", client.secret), "basic": ("basic", client.secret)} if client else {}
        if client is None or proof != expected.get(client.method, (client.method, None)):
            raise RefusedError(error_answer("invalid_client", 401, WWW_Authenticate="Basic"))
        return client_id

    def _proof(self, form: dict[str, str], headers: dict[str, str]) -> tuple[str, tuple[str, str | None]]:
        scheme, _, pair = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            client_id, _, secret = base64.b64decode(pair).decode().partition(":")
            return unquote_plus(client_id), ("basic", unquote_plus(secret))
        client_id = form.get("client_id", "")
        if "client_assertion" in form:
            return self._verified_assertion(form, client_id), ("private_key_jwt", None)
        return client_id, ("post", form["client_secret"]) if "client_secret" in form else ("none", None)

    def _verified_assertion(self, form: dict[str, str], client_id: str) -> str:
        from joserfc import jwk, jwt
        from joserfc.errors import JoseError

        client = self.clients.get(client_id)
        refused = RefusedError(error_answer("invalid_client", 401))
        if client is None or client.jwk is None:
            raise refused
        if form.get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer":
            raise refused
        algorithms = ["RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519"]
        try:
            claims = jwt.decode(form["client_assertion"], jwk.import_key(client.jwk), algorithms=algorithms).claims
        except JoseError:
            raise refused from None
        named = claims["iss"] == claims["sub"] == client_id and claims["aud"] == self.token_url
        if not named or claims["jti"] in self._assertions or claims["exp"] - claims["iat"] > 60:
            raise refused
        self._assertions.add(claims["jti"])
        return client_id

    def _token(self, form: dict[str, str], client_id: str) -> Answer:
        grant = form.get("grant_type")
        handlers: dict[str | None, Callable[[dict[str, str], str], Answer]] = {
            "authorization_code": self._grant_code,
            "refresh_token": self._grant_refresh,
            "client_credentials": self._grant_client,
            DEVICE_GRANT: self._grant_device,
        }
        return handlers.get(grant, lambda *_: error_answer("unsupported_grant_type"))(form, client_id)

    def _grant_code(self, form: dict[str, str], client_id: str) -> Answer:
        asked = self._codes.pop(form.get("code", ""), None)
        if asked is None or asked["client_id"] != client_id or asked["redirect_uri"] != form.get("redirect_uri"):
            return error_answer("invalid_grant")
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked["code_challenge"]:
            return error_answer("invalid_grant", description="the verifier does not fit the challenge")
        return self._issue(Family(client_id, asked.get("scope", "")))

    def _grant_refresh(self, form: dict[str, str], client_id: str) -> Answer:
        token = form.get("refresh_token", "")
        for family in self._families:
            if family.client_id != client_id or family.revoked:
                continue
            if token == family.refresh_token:
                return self._issue(family)
            if token in family.used:  # somebody has a copy: https://www.rfc-editor.org/rfc/rfc9700#section-4.14.2
                family.revoked = True
        return error_answer("invalid_grant")

    def _grant_client(self, form: dict[str, str], client_id: str) -> Answer:
        if self.clients[client_id].method == "none":
            return error_answer("unauthorized_client")
        return self._issue(Family(client_id, form.get("scope", "")), refreshable=False)

    def _grant_device(self, form: dict[str, str], client_id: str) -> Answer:
        device = self._devices.get(form.get("device_code", ""))
        if device is None or device["client_id"] != client_id:
            return error_answer("invalid_grant")
        if self.denies:
            return error_answer(self.denies)
        for knob, error in (("slow_downs", "slow_down"), ("pending", "authorization_pending")):
            if getattr(self, knob) > 0:
                setattr(self, knob, getattr(self, knob) - 1)
                return error_answer(error)
        del self._devices[form["device_code"]]
        return self._issue(Family(client_id, device["scope"]))

    def _issue(self, family: Family, *, refreshable: bool = True) -> Answer:
        if family not in self._families:
            self._families.append(family)
        token = f"S3CR3T-access-{secrets.token_urlsafe(12)}"
        family.access_tokens = {token}
        renewal: Any = OMIT
        if refreshable and self.refresh_tokens and (self.rotates or family.refresh_token is None):
            if family.refresh_token is not None:
                family.used.add(family.refresh_token)
            renewal = family.refresh_token = f"S3CR3T-refresh-{secrets.token_urlsafe(12)}"
        members = {
            "access_token": token,
            "token_type": "bearer",
            "expires_in": self.lifetime,
            "refresh_token": renewal,
            "scope": family.scope if self.granted is None else self.granted,
            **self.extra,
        }
        return json_answer({name: value for name, value in members.items() if value is not OMIT})

    def _device(self, form: dict[str, str], client_id: str) -> Answer:
        code = f"S3CR3T-device-{secrets.token_urlsafe(12)}"
        self._devices[code] = {"client_id": client_id, "scope": form.get("scope", "")}
        return json_answer(
            {
                "device_code": code,
                "user_code": "WDJB-MJHT",
                "verification_uri": f"{self.origin}/enter",
                "verification_uri_complete": f"{self.origin}/enter?user_code=WDJB-MJHT",
                "expires_in": 600,
                "interval": 1,
            }
        )

    def _revoke(self, form: dict[str, str]) -> Answer:
        token = form.get("token", "")
        self.revoked.append(token)
        for family in self._families:
            if token == family.refresh_token:
                family.revoked = True
            family.access_tokens.discard(token)
        return Answer(200)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def _http_server(server: AuthorizationServer) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            with server._lock:
                server._connections.add(self.connection)

        def finish(self) -> None:
            with contextlib.suppress(OSError):
                super().finish()
            with server._lock:
                server._connections.discard(self.connection)

        def log_message(self, *_: Any) -> None:
            return

        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

        def _answer(self, body: bytes) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = server.handle(self.command, self.path, headers, body)
            if answer.hang_up:
                self.close_connection = True
                return
            with contextlib.suppress(OSError):
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *_: Any) -> None:
            return  # a client that went away

    return Server(("127.0.0.1", 0), Handler)
