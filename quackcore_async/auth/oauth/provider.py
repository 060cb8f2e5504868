"""`OAuthProvider`: logs in with OAuth 2.0, by way of a browser, another device, or the client's own right."""

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Final

from quackcore_async.auth.base import BaseAuthProvider
from quackcore_async.auth.configured_secrets import checked_text
from quackcore_async.auth.credentials import Credentials
from quackcore_async.auth.oauth.addresses import check_redirect_uri
from quackcore_async.auth.oauth.assertion import SigningKey
from quackcore_async.auth.oauth.authorization import (
    AUTHORIZATION_LIFETIME_SECONDS,
    AuthorizationRequest,
    Callback,
    UsedStates,
    make_request,
    parameters_of,
    read_callback,
)
from quackcore_async.auth.oauth.browser_login import CallbackAnswer, log_in_by_browser
from quackcore_async.auth.oauth.client_authentication import Client, ClientAuth
from quackcore_async.auth.oauth.device import poll_for_token, request_device_code
from quackcore_async.auth.oauth.first_of import first_of
from quackcore_async.auth.oauth.handlers import (
    AuthorizationHandler,
    DeviceHandler,
    ask,
    open_browser,
    show_device_code,
)
from quackcore_async.auth.oauth.parameters import AUTHORIZATION_CODE, CLIENT_CREDENTIALS, REFRESH_TOKEN
from quackcore_async.auth.oauth.refusals import error_from_members
from quackcore_async.auth.oauth.revocation import revoke_tokens
from quackcore_async.auth.oauth.server import Server
from quackcore_async.auth.oauth.settings import FLOWS, Addresses, Flow, checked_parameters
from quackcore_async.auth.oauth.token_client import TokenClient
from quackcore_async.auth.oauth.token_response import read_credentials
from quackcore_async.auth.stored_login import login_key
from quackcore_async.errors import AuthError, ErrorKind, InvalidConfigError
from quackcore_async.redaction import Secret
from quackcore_async.results import AuthResult, returns_result
from quackcore_async.transport.exchange import Answer, Transport

if TYPE_CHECKING:
    from pydantic import SecretStr

    from quackcore_async.auth.events import RefreshEvent
    from quackcore_async.auth.stores.protocol import CredentialStore

__all__ = ["OAuthProvider"]

DEFAULT_NAME: Final = "OAuth"
DEFAULT_REDIRECT_URI: Final = "http://localhost:8080/callback"
LOGIN_SECONDS: Final = 300.0
"""How long a person has at the default."""


class OAuthProvider(BaseAuthProvider):
    """Logs in with OAuth 2.0 and keeps the login fresh.

    Three flows. `authorization_code` sends a person to the server by browser and listens for the answer on this
    machine, with PKCE (S256) and a checked `state`. `device` shows a code to enter on another device.
    `client_credentials` needs no person. Web apps use the two halves `authorization_url` and
    `complete_authorization` instead of `authenticate`.

    Args:
        client_id: Public name of the client at the server.
        client_secret: Its password; None or empty for a public client.
        auth_url: Authorization endpoint; may be empty with an `issuer` and for flows without a browser.
        token_url: Token endpoint; may be empty with an `issuer`.
        redirect_uri: Where the server sends the person back to. On this machine it is listened on, at 127.0.0.1
            and the port that it has; port 0 picks a free one.
        scope: What to ask for, in words divided by blanks.
        credentials_file: Where the login is stored; None keeps it in memory.
        log_level: Level of `self.logger`; None leaves it alone.
        name: Name of the provider.
        flow: How to log in.
        authorization_handler: Gets the address to a person, as a plain function (which runs in a thread) or a
            coroutine function. It returns the code, or the address that the person was sent back to, or None to
            leave that to the listener. By default a browser is opened, and a line written to standard error.
        device_handler: Shows a person the code; by default on standard error.
        device_url: Device authorization endpoint (RFC 8628).
        revocation_url: Revocation endpoint (RFC 7009).
        issuer: Authorization server whose metadata (RFC 8414, OpenID Connect) names the endpoints that are not
            given, and says whether its callbacks name it (RFC 9207).
        allowed_origins: Origins beside the issuer's that the endpoints of its metadata may have, such as
            `https://oauth2.googleapis.com` for `https://accounts.google.com`.
        client_auth: `post` and `basic` send the secret in the form or in a header, `none` nothing, and
            `private_key_jwt` an assertion signed with `private_key`. None takes what fits.
        private_key: PEM text, a JWK, or the path of a file with one.
        key_id: `kid` of the key, for servers that know several.
        signing_alg: Signature of the assertion, such as `PS256`; None takes what fits the key.
        pkce: False leaves PKCE out, for a server that refuses what it does not know.
        extra_auth_params: Sent to the authorization endpoint in addition, such as `{"prompt": "consent"}`.
        extra_token_params: Sent to the token endpoint in addition.
        audience: `audience` of both, for servers that ask for it.
        resource: `resource` of both (RFC 8707).
        allow_insecure: Send secrets over plain http to other machines. For tests in closed networks only.
        login_timeout: Seconds that a person has.
        timeout: Seconds for one request to the server.
        wire: Sends the requests: a `Wire`, or any other transport of httpx, which stays open. None opens
            connections for each conversation and closes them after it.
        store: Where the login is kept instead of a file; None leaves that to `credentials_file`.
        store_key: Under which key `store` has it. None takes the name; a provider that was given none takes a key
            made from the server, the client and the scope, so that two of them do not share a login.
        clock: Tells the time in epoch seconds.
        monotonic: Tells the time in seconds from anywhere, and is never set.
        on_refresh: Told how each login, refresh and save went; it must not block.

    Attributes:
        client_id: As given, as are `auth_url`, `token_url`, `redirect_uri`, `scope`, `flow` and `issuer`.

    Raises:
        InvalidConfigError: if something is missing or cannot be used; no value is shown.
    """

    def __init__(  # noqa: PLR0917 - the order that is published
        self,
        client_id: str,
        client_secret: "str | Secret | SecretStr | None" = None,
        auth_url: str = "",
        token_url: str = "",
        redirect_uri: str = DEFAULT_REDIRECT_URI,
        scope: str = "",
        credentials_file: str | None = None,
        log_level: int | str | None = None,
        *,
        name: str = DEFAULT_NAME,
        flow: Flow = "authorization_code",
        authorization_handler: AuthorizationHandler | None = None,
        device_handler: DeviceHandler | None = None,
        device_url: str = "",
        revocation_url: str = "",
        issuer: str = "",
        allowed_origins: Collection[str] = (),
        client_auth: ClientAuth | None = None,
        private_key: object = None,
        key_id: str | None = None,
        signing_alg: str | None = None,
        pkce: bool = True,
        extra_auth_params: Mapping[str, str] | None = None,
        extra_token_params: Mapping[str, str] | None = None,
        audience: str | None = None,
        resource: str | None = None,
        allow_insecure: bool = False,
        login_timeout: float = LOGIN_SECONDS,
        timeout: float = 10.0,
        wire: Transport | None = None,
        store: "CredentialStore | None" = None,
        store_key: str | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        on_refresh: "Callable[[RefreshEvent], None] | None" = None,
    ) -> None:
        super().__init__(
            credentials_file,
            log_level,
            store=store,
            store_key=store_key,
            clock=clock,
            monotonic=monotonic,
            on_refresh=on_refresh,
        )
        if flow not in FLOWS:
            raise InvalidConfigError(f"flow is none of {', '.join(FLOWS)}")
        self._name = name
        self.client_id = client_id
        self.client_secret = client_secret
        self.auth_url = auth_url
        self.token_url = token_url
        self.redirect_uri = redirect_uri
        self.scope = scope
        self.flow = flow
        self.device_url = device_url
        self.revocation_url = revocation_url
        self.issuer = issuer
        self._allow_insecure = allow_insecure
        self.authorization_handler = authorization_handler or open_browser
        self.device_handler = device_handler or show_device_code
        self._client_auth = client_auth
        self._key = (
            SigningKey(private_key, key_id=key_id, algorithm=signing_alg) if private_key is not None else None
        )
        self._pkce = pkce
        both = {"audience": audience or "", "resource": resource or ""}
        self._auth_params = checked_parameters(extra_auth_params, "extra_auth_params") | both
        self._token_params = checked_parameters(extra_token_params, "extra_token_params") | both
        self._login_timeout = login_timeout
        self._server = Server(wire, allowed_origins, timeout)
        self._used = UsedStates()
        self._check()
        if store is not None and store_key is None and name == DEFAULT_NAME:
            self._store_key = login_key(name, server=issuer or token_url, client_id=client_id, scope=scope)

    @property
    def name(self) -> str:
        """Name of the provider."""
        return self._name

    @property
    def interactive(self) -> bool:  # type: ignore[override]  # it depends on the flow, not on the class
        """Whether a login waits for a person."""
        return self.flow != "client_credentials"

    @property
    def can_revoke(self) -> bool:
        """Whether `logout` can tell the server; it may turn out that an issuer has no place for that."""
        return bool(self.revocation_url or self.issuer)

    @property
    def client_secret(self) -> str:
        """The client's password, in the clear; empty for a public client."""
        return self._client_secret.reveal()

    @client_secret.setter
    def client_secret(self, value: "str | Secret | SecretStr | None") -> None:
        text = checked_text("" if value is None else value, "client_secret", may_be_empty=True)
        self._client_secret = Secret(text)

    async def authorization_url(
        self, *, redirect_uri: str | None = None, state: str | None = None
    ) -> AuthorizationRequest:
        """Begin a login in a web app: send the person to the `url` of what this returns, and keep it.

        Args:
            redirect_uri: Where the person comes back to; None takes the provider's.
            state: One of the app's own; None makes one that is hard to guess.

        Raises:
            QuackError: if the configuration or the issuer's metadata cannot be used.
        """
        self._check()
        addresses = await self._server.locate(self._addresses())
        target = self.redirect_uri if redirect_uri is None else redirect_uri
        return self._request(addresses, check_redirect_uri(target), state)

    async def redeem_callback(self, callback: Callback, request: AuthorizationRequest) -> Credentials:
        """Return the credentials that a callback leads to, and keep none of them here.

        For a web app that logs many people in by one provider and stores what each of them gets by itself.

        Args:
            callback: The address that the person came back to, its query, or its parameters.
            request: What `authorization_url` returned for this login. It is good for one callback.

        Raises:
            CallbackRefusedError: if the callback is not the answer to `request`, or the second one.
            AuthError: if the server refuses.
        """
        async with self._token_client() as client:
            answer = self._read(parameters_of(callback), request)
            self._used.use(request, self._clock())
            return await self._redeem(client, request, answer)

    @returns_result(AuthResult)
    async def complete_authorization(
        self, callback: Callback, request: AuthorizationRequest | Mapping[str, Any]
    ) -> AuthResult:
        """End a login in a web app: check the callback, get the tokens, and keep them in this provider.

        Args:
            callback: The address that the person came back to, its query, or its parameters.
            request: What `authorization_url` returned for this login, or its `to_mapping()`.
        """
        if not isinstance(request, AuthorizationRequest):
            request = AuthorizationRequest.from_mapping(request)
        return await self._take_up(await self.redeem_callback(callback, request))

    async def _authenticate(self) -> Credentials:
        self._check()
        async with self._token_client() as client:
            if self.flow == "client_credentials":
                return await self._fetch(client, {"grant_type": CLIENT_CREDENTIALS, "scope": self.scope})
            if self.flow == "device":
                return await self._log_in_by_device(client)
            request, answer = await log_in_by_browser(
                self.redirect_uri,
                start=lambda redirect_uri: self._request(client.addresses, redirect_uri),
                read=self._read,
                handler=self.authorization_handler,
                patience=self._login_timeout,
            )
            return await self._redeem(client, request, answer)

    async def _refresh(self, credentials: Credentials) -> Credentials:
        if self.flow == "client_credentials":
            return await self._authenticate()
        if not credentials.refresh_token:
            raise AuthError(f"{self.name} has no refresh token: log in again", code="reauth_required")
        form = {"grant_type": REFRESH_TOKEN, "refresh_token": credentials.refresh_token}
        async with self._token_client() as client:
            return await self._fetch(client, form, previous=credentials)

    async def _revoke(self, credentials: Credentials) -> None:
        """Revoke the tokens at the server.

        Raises:
            QuackError: if the server has no place for that, or it failed.
        """
        async with self._token_client() as client:
            if client.addresses.find("revocation_url") is None:
                raise AuthError(
                    f"{self.name} knows no revocation endpoint: its tokens hold until they expire",
                    kind=ErrorKind.UNSUPPORTED,
                    code="no_revocation",
                )
            await revoke_tokens(client, credentials)

    async def _log_in_by_device(self, client: TokenClient) -> Credentials:
        authorization = await request_device_code(
            client, {"scope": self.scope, **self._token_params}, allow_insecure=self._allow_insecure
        )

        async def poll() -> tuple[Answer, float]:
            return await poll_for_token(client, authorization, self._token_params)

        async def show() -> None:
            await ask(self.device_handler, authorization)

        outcome = await first_of(poll, show)
        assert outcome is not None  # noqa: S101 - `poll` returns or raises
        answer, asked_at = outcome
        return read_credentials(answer, asked_at=asked_at, scope=self.scope, logger=self.logger)

    async def _redeem(
        self, client: TokenClient, request: AuthorizationRequest, answer: CallbackAnswer
    ) -> Credentials:
        if not isinstance(answer, Secret):
            raise error_from_members(answer, "the login was refused")
        form = {
            "grant_type": AUTHORIZATION_CODE,
            "code": answer.reveal(),
            "redirect_uri": request.redirect_uri,
            "code_verifier": request.code_verifier.reveal(),
        }
        return await self._fetch(client, form)

    async def _fetch(
        self, client: TokenClient, form: Mapping[str, str], *, previous: Credentials | None = None
    ) -> Credentials:
        asked_at = self._clock()
        what = "the login failed" if previous is None else "the login could not be renewed"
        answer = await client.post(
            "token_url", {**self._token_params, **form}, what, renewing=previous is not None
        )
        return read_credentials(answer, asked_at=asked_at, scope=self.scope, logger=self.logger, previous=previous)

    def _token_client(self) -> AbstractAsyncContextManager[TokenClient]:
        return self._server.token_client(self._client, self._addresses())

    def _client(self) -> Client:
        method = self._client_auth
        if method is None and self._key is not None:
            method = "private_key_jwt"
        if method is None and not self._client_secret:
            method = "none"
        if method is None:
            metadata = self._server.metadata
            method = "basic" if metadata and metadata.takes_secret_in_header_only() else "post"
        return Client(self.client_id, method, self._client_secret, self._key, self._clock)

    def _addresses(self) -> Addresses:
        urls = {name: getattr(self, name) for name in ("auth_url", "token_url", "device_url", "revocation_url")}
        return Addresses(urls, self.issuer, self._allow_insecure)

    def _check(self) -> None:
        """Check what can be checked without asking anybody: attributes may have been set meanwhile."""
        checked_text(self.client_id, "client_id")
        checked_text(self.scope, "scope", may_be_empty=True)
        self._addresses().check(self.flow)
        if self.flow == "authorization_code":
            check_redirect_uri(self.redirect_uri)
        self._client()

    def _request(self, addresses: Addresses, redirect_uri: str, state: str | None = None) -> AuthorizationRequest:
        return make_request(
            addresses.need("auth_url"),
            {"client_id": self.client_id, "scope": self.scope, **self._auth_params},
            redirect_uri=redirect_uri,
            expires_at=int(self._clock()) + AUTHORIZATION_LIFETIME_SECONDS,
            state=state,
            pkce=self._pkce,
        )

    def _read(self, pairs: Iterable[tuple[str, str]], request: AuthorizationRequest) -> CallbackAnswer:
        metadata = self._server.metadata
        promised = metadata is not None and metadata.promises_iss
        return read_callback(pairs, request, issuer=self.issuer or None, promises_iss=promised)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r}, flow={self.flow!r}, client_id={self.client_id!r})"
