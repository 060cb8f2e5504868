"""An authorization server that Authlib made: somebody else's reading of the standards, to hold ours against."""

import contextlib
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import flask
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, TokenMixin, grants
from authlib.oauth2.rfc6749.models import AuthorizationCodeMixin
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc8628 import DeviceAuthorizationEndpoint, DeviceCodeGrant
from authlib.oauth2.rfc8628.models import DeviceCredentialDict
from authlib.oauth2.rfc9207 import IssuerParameter
from werkzeug.serving import make_server


@dataclass
class Client(ClientMixin):
    client_id: str
    secret: str | None
    method: str
    jwk: dict[str, Any] | None = None

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> str:
        return ""

    def get_allowed_scope(self, scope: str) -> str:
        return " ".join(word for word in (scope or "").split() if word in ("read", "write"))

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri.startswith("http://127.0.0.1:")

    def check_client_secret(self, client_secret: str) -> bool:
        return self.secret == client_secret

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == self.method

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return True


@dataclass
class Code(AuthorizationCodeMixin):
    code: str
    redirect_uri: str
    scope: str
    code_challenge: str
    code_challenge_method: str

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope


@dataclass
class Token(TokenMixin):
    client_id: str
    access_token: str
    refresh_token: str | None
    scope: str
    expires_in: int
    revoked: bool = False
    issued_at: float = field(default_factory=time.time)

    def check_client(self, client: Client) -> bool:
        return self.client_id == client.client_id

    def get_scope(self) -> str:
        return self.scope

    def get_expires_in(self) -> int:
        return self.expires_in

    def is_expired(self) -> bool:
        return False

    def is_revoked(self) -> bool:
        return self.revoked


class AuthlibServer:
    """What it holds. `agreed` are the device codes that a person agreed to."""

    def __init__(self) -> None:
        self.clients: dict[str, Client] = {}
        self.codes: dict[str, Code] = {}
        self.tokens: list[Token] = []
        self.devices: dict[str, DeviceCredentialDict] = {}
        self.agreed = threading.Event()
        self.assertions: set[str] = set()
        self.origin = ""

    def url(self, path: str) -> str:
        return f"{self.origin}/{path}"

    def valid(self) -> set[str]:
        return {token.access_token for token in self.tokens if not token.revoked}


def _app(held: AuthlibServer) -> flask.Flask:
    app = flask.Flask("authlib-server")
    app.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = True

    def save(token: dict[str, Any], request: Any) -> None:
        known = {name: token.get(name) for name in ("access_token", "refresh_token", "scope", "expires_in")}
        held.tokens.append(Token(client_id=request.client.client_id, **known))

    server = AuthorizationServer(app, query_client=held.clients.get, save_token=save)

    methods = ["none", "client_secret_basic", "client_secret_post", "client_assertion_jwt"]

    class CodeGrant(grants.AuthorizationCodeGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = methods

        def save_authorization_code(self, code: str, request: Any) -> None:
            data = request.payload.data
            held.codes[code] = Code(
                code,
                request.payload.redirect_uri,
                request.payload.scope or "",
                data.get("code_challenge"),
                data.get("code_challenge_method"),
            )

        def query_authorization_code(self, code: str, client: Client) -> Code | None:
            return held.codes.get(code)

        def delete_authorization_code(self, authorization_code: Code) -> None:
            del held.codes[authorization_code.code]

        def authenticate_user(self, authorization_code: Code) -> str:
            return "a person"

    class RefreshGrant(grants.RefreshTokenGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = methods
        INCLUDE_NEW_REFRESH_TOKEN = True

        def authenticate_refresh_token(self, refresh_token: str) -> Token | None:
            return next(
                (token for token in held.tokens if token.refresh_token == refresh_token and not token.revoked),
                None,
            )

        def authenticate_user(self, refresh_token: Token) -> str:
            return "a person"

        def revoke_old_credential(self, refresh_token: Token) -> None:
            refresh_token.revoked = True

    class ClientGrant(grants.ClientCredentialsGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = methods[1:]

    class DeviceGrant(DeviceCodeGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = methods

        def query_device_credential(self, device_code: str) -> DeviceCredentialDict | None:
            return held.devices.get(device_code)

        def query_user_grant(self, user_code: str) -> tuple[str, bool] | None:
            return ("a person", True) if held.agreed.is_set() else None

        def should_slow_down(self, credential: DeviceCredentialDict) -> bool:
            return False

    class DeviceEndpoint(DeviceAuthorizationEndpoint):
        CLIENT_AUTH_METHODS = methods

        def get_verification_uri(self) -> str:
            return held.url("activate")

        def save_device_credential(self, client_id: str, scope: str, data: dict[str, Any]) -> None:
            held.devices[data["device_code"]] = DeviceCredentialDict(
                client_id=client_id, scope=scope, expires_at=time.time() + 600, **data
            )

    class Revocation(RevocationEndpoint):
        CLIENT_AUTH_METHODS = methods

        def query_token(self, token_string: str, token_type_hint: str) -> Token | None:
            return next((token for token in held.tokens if getattr(token, token_type_hint) == token_string), None)

        def revoke_token(self, token: Token, request: Any) -> None:
            token.revoked = True

    class Assertion(JWTBearerClientAssertion):
        def get_audiences(self) -> list[str]:
            return [held.url("token")]

        def validate_jti(self, claims: dict[str, Any], jti: str) -> bool:
            fresh = jti not in held.assertions
            held.assertions.add(jti)
            return fresh

        def resolve_client_public_key(self, client: Client) -> dict[str, Any] | None:
            return client.jwk

    class Issuer(IssuerParameter):
        def get_issuer(self) -> str:
            return held.origin

    server.register_grant(CodeGrant, [CodeChallenge(required=True)])
    for grant in (RefreshGrant, ClientGrant, DeviceGrant):
        server.register_grant(grant)
    server.register_endpoint(DeviceEndpoint)
    server.register_endpoint(Revocation)
    server.register_extension(Issuer())
    server.register_client_auth_method(Assertion.CLIENT_AUTH_METHOD, Assertion())

    @app.get("/authorize")
    def authorize() -> Any:
        grant = server.get_consent_grant(end_user="a person")
        return server.create_authorization_response(grant_user="a person", grant=grant)

    @app.post("/token")
    def issue() -> Any:
        return server.create_token_response()

    @app.post("/device")
    def device() -> Any:
        return server.create_endpoint_response(DeviceEndpoint.ENDPOINT_NAME)

    @app.post("/revoke")
    def revoke() -> Any:
        return server.create_endpoint_response(Revocation.ENDPOINT_NAME)

    @app.get("/.well-known/oauth-authorization-server")
    def describe() -> Any:
        return {
            "issuer": held.origin,
            "authorization_endpoint": held.url("authorize"),
            "token_endpoint": held.url("token"),
            "device_authorization_endpoint": held.url("device"),
            "revocation_endpoint": held.url("revoke"),
            "response_types_supported": ["code"],
            "authorization_response_iss_parameter_supported": True,
        }

    return app


@contextlib.contextmanager
def authlib_server_running() -> Iterator[AuthlibServer]:
    """Run the server in a thread. `AUTHLIB_INSECURE_TRANSPORT` has to be set while it runs."""
    held = AuthlibServer()
    held.clients["client"] = Client("client", secrets.token_urlsafe(16), "client_secret_post")
    http = make_server("127.0.0.1", 0, _app(held), threaded=True)
    held.origin = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield held
    finally:
        http.shutdown()
        http.server_close()
        thread.join(timeout=10)
