"""The flows from end to end, against a server of the tests' own."""

import json
import logging
import pickle
import traceback
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import anyio
import anyio.to_thread
import httpx
import pytest
from pydantic import SecretStr
from trio.testing import MockClock

from quackcore_async.auth import (
    AuthorizationRequest,
    BaseAuthProvider,
    CallbackRefusedError,
    Credentials,
    MemoryStore,
    OAuthProvider,
)
from quackcore_async.errors import AuthError, ErrorKind, InvalidConfigError, QuackError
from quackcore_async.redaction import Secret
from quackcore_async.results import AuthResult
from tests.auth.oauth.conftest import visit
from tests.servers.authorization import OMIT, error_answer


async def test_a_person_logs_in_by_browser(authorization_server, provide, clock):
    provider = provide(scope="read write")
    result = await provider.authenticate()
    assert result.success, result.error
    assert result.token in authorization_server.valid
    assert result.expiry == int(clock.now) + 3600
    assert provider.authenticated is True
    credentials: Any = await provider.get_credentials()
    assert credentials["access_token"] == result.token
    assert credentials.refresh_token
    assert credentials.scopes == ("read", "write")
    assert credentials.token_type == "Bearer"


async def test_the_authorization_request_has_pkce_and_a_state_that_is_hard_to_guess(authorization_server, provide):
    for _ in range(2):
        assert (await provide().authenticate()).success
    forms = [received.form for received in authorization_server.requests if received.endpoint == "authorize"]
    assert {form["code_challenge_method"] for form in forms} == {"S256"}
    assert len({form["code_challenge"] for form in forms}) == 2
    assert len({form["state"] for form in forms}) == 2
    assert all(len(form["state"]) >= 32 for form in forms)
    (exchange, _) = authorization_server.grants("authorization_code")
    assert 43 <= len(exchange["code_verifier"]) <= 128


async def test_localhost_stays_in_the_address_while_the_loopback_address_is_listened_on(
    authorization_server, provide
):
    addresses = []

    async def handler(url: str) -> None:
        callback = await anyio.to_thread.run_sync(authorization_server.authorize, url)
        addresses.append(callback)
        await visit(callback.replace("localhost", "127.0.0.1"), headers={"Host": callback.split("/")[2]})

    provider = provide(redirect_uri="http://localhost:0/callback", authorization_handler=handler)
    assert (await provider.authenticate()).success
    assert addresses[0].startswith("http://localhost:")
    (exchange,) = authorization_server.grants("authorization_code")
    assert addresses[0].startswith(exchange["redirect_uri"])
    assert ":0/" not in exchange["redirect_uri"]


@pytest.mark.parametrize("form", ["address", "code"])
@pytest.mark.parametrize("kind", ["coroutine", "function"])
async def test_a_handler_may_bring_back_what_the_person_pastes(authorization_server, provide, form, kind):
    def paste(url: str) -> str:
        address = authorization_server.authorize(url)
        if form == "address":
            return f"  {address}\n"
        return address.partition("code=")[2].partition("&")[0]

    async def paste_later(url: str) -> str:
        return await anyio.to_thread.run_sync(paste, url)

    handler = paste if kind == "function" else paste_later
    result = await provide(
        redirect_uri="https://app.example/callback", authorization_handler=handler
    ).authenticate()
    assert result.success, result.error


async def test_a_pasted_address_of_another_login_is_refused(authorization_server, provide):
    async def handler(url: str) -> str:
        return "https://app.example/callback?code=c0de&state=of-somebody-else"

    provider = provide(redirect_uri="https://app.example/callback", authorization_handler=handler)
    result = await provider.authenticate()
    assert result.error_info.code == "callback_refused"
    assert authorization_server.grants("authorization_code") == []


@pytest.mark.parametrize("nothing", [None, ""])
async def test_a_handler_that_returns_nothing_without_a_listener_ends_the_login(provide, nothing):
    async def handler(url: str) -> str | None:
        return nothing

    provider = provide(redirect_uri="https://app.example/callback", authorization_handler=handler)
    result = await provider.authenticate()
    assert result.error_info.code == "missing_code"


async def test_a_handler_that_returns_something_odd_is_named(provide):
    result = await provide(authorization_handler=lambda _url: 42).authenticate()
    assert "authorization_handler returned int" in result.error


@pytest.mark.parametrize("code", ["c\u00f6de", "co\nde", "co\x1bde"])
async def test_a_code_that_no_server_issues_is_refused(provide, code):
    result = await provide(authorization_handler=lambda _url: code).authenticate()
    assert result.error_info.code == "callback_refused"


async def test_a_handler_that_fails_ends_the_login(provide):
    async def handler(url: str) -> None:
        raise ConnectionRefusedError("no display")

    result = await provide(authorization_handler=handler).authenticate()
    assert result.error_info.kind is ErrorKind.UNAVAILABLE
    assert "no display" in result.error


async def test_a_person_who_refuses_ends_the_login(authorization_server, provide):
    authorization_server.denies = "access_denied"
    result = await provide().authenticate()
    assert result.error_info.kind is ErrorKind.AUTH_REQUIRED
    assert result.error_info.code == "access_denied"
    assert authorization_server.grants("authorization_code") == []


async def test_an_error_that_is_markup_is_not_repeated(authorization_server, provide):
    authorization_server.denies = "<script>alert(1)</script>"
    result = await provide().authenticate()
    assert not result.success
    assert "script" not in result.error


async def test_a_busy_port_is_named(provide):
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        result = await provide(redirect_uri=f"http://localhost:{port}/callback").authenticate()
    assert result.error_info.code == "port_in_use"
    assert f"port {port} of redirect_uri is in use" in result.error


async def test_the_port_is_free_again_after_the_login(provide):
    provider = provide()
    ports = []
    original = provider.authorization_handler

    async def handler(url: str) -> None:
        ports.append(int(url.partition("127.0.0.1%3A")[2].partition("%2F")[0]))
        await original(url)

    provider.authorization_handler = handler
    assert (await provider.authenticate()).success
    async with await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=ports[0]):
        pass


@pytest.mark.parametrize("anyio_backend", [("trio", {"clock": MockClock(autojump_threshold=0)})])
async def test_a_person_has_five_minutes(authorization_server):
    async def handler(url: str) -> None:
        return

    server = authorization_server
    provider = OAuthProvider(
        server.client_id,
        auth_url=server.auth_url,
        token_url=server.token_url,
        redirect_uri="http://127.0.0.1:0/callback",
        authorization_handler=handler,
    )
    started = anyio.current_time()
    result = await provider.authenticate()
    assert result.error_info.code == "login_timeout"
    assert anyio.current_time() - started == pytest.approx(300)


async def test_a_cancelled_login_ends_at_once_and_frees_the_port(provide):
    waiting = anyio.Event()
    ports = []

    async def handler(url: str) -> None:
        ports.append(int(url.partition("127.0.0.1%3A")[2].partition("%2F")[0]))
        waiting.set()

    provider = provide(authorization_handler=handler)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(provider.authenticate)
            await waiting.wait()
            group.cancel_scope.cancel()
    async with await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=ports[0]):
        pass
    assert provider.authenticated is False


async def test_an_address_elsewhere_needs_a_handler_or_the_two_halves(authorization_server):
    provider = OAuthProvider(
        "id",
        "s3cret-word",
        authorization_server.auth_url,
        authorization_server.token_url,
        "https://app.example/callback",
    )
    result = await provider.authenticate()
    assert result.error_info.kind is ErrorKind.MISCONFIGURED
    assert "authorization_url()" in result.error


async def test_client_credentials_need_no_person(authorization_server, provide):
    where = {"audience": "https://api.example", "resource": "https://api.example/jobs"}
    provider = provide(flow="client_credentials", auth_url="", scope="jobs", **where)
    result = await provider.authenticate()
    assert result.success, result.error
    (form,) = authorization_server.grants("client_credentials")
    assert form["scope"] == "jobs"
    assert {name: form[name] for name in where} == where
    renewed = await provider.refresh_credentials()
    assert renewed.success
    assert renewed.token != result.token
    assert authorization_server.grants("refresh_token") == []


async def test_a_refresh_keeps_the_refresh_token_that_rotates(authorization_server, provide):
    provider = provide()
    await provider.authenticate()
    for _ in range(5):
        before: Any = await provider.get_credentials()
        assert (await provider.refresh_credentials()).success
        after: Any = await provider.get_credentials()
        assert after.refresh_token != before.refresh_token
        assert after.token in authorization_server.valid


@pytest.mark.parametrize("answered", [OMIT, "", None])
async def test_a_refresh_without_a_new_refresh_token_keeps_the_old(authorization_server, provide, answered):
    authorization_server.rotates = False
    authorization_server.extra = {}
    provider = provide()
    await provider.authenticate()
    before: Any = await provider.get_credentials()
    authorization_server.extra = {"refresh_token": answered}
    assert (await provider.refresh_credentials()).success
    after: Any = await provider.get_credentials()
    assert after.refresh_token == before.refresh_token
    assert after.token != before.token


async def test_without_a_refresh_token_a_new_login_is_asked_for(authorization_server, provide):
    authorization_server.refresh_tokens = False
    provider = provide()
    await provider.authenticate()
    result = await provider.refresh_credentials()
    assert result.error_info.code == "reauth_required"
    assert result.error_info.kind is ErrorKind.AUTH_REQUIRED


async def test_a_thousand_callers_refresh_once(authorization_server, provide, clock):
    provider = provide()
    await provider.authenticate()
    clock.now += 4000
    tokens = []

    async def ask() -> None:
        credentials: Any = await provider.get_credentials()
        tokens.append(credentials.token)

    async with anyio.create_task_group() as group:
        for _ in range(1000):
            group.start_soon(ask)
    assert len(authorization_server.grants("refresh_token")) == 1
    assert len(tokens) == 1000
    assert set(tokens) == authorization_server.valid


async def test_the_login_is_stored_and_taken_up_by_the_next_provider(authorization_server, provide, tmp_path):
    path = tmp_path / "login.json"
    first = await provide(credentials_file=str(path)).authenticate()
    second = await provide(credentials_file=str(path)).authenticate()
    assert first.token == second.token
    assert authorization_server.count("token") == 1
    assert first.credentials_path == str(path)


async def test_an_expired_login_is_renewed_when_it_is_taken_up(authorization_server, provide, tmp_path, clock):
    path = tmp_path / "login.json"
    await provide(credentials_file=str(path)).authenticate()
    clock.now += 4000
    result = await provide(credentials_file=str(path)).authenticate()
    assert result.success
    assert len(authorization_server.grants("refresh_token")) == 1
    assert json.loads(path.read_text())["access_token"] == result.token


async def test_providers_without_a_name_do_not_share_a_login_in_one_store(provide):
    store = MemoryStore()
    first = provide(store=store, flow="client_credentials", scope="read")
    again = provide(store=store, flow="client_credentials", scope="read")
    other = provide(store=store, flow="client_credentials", scope="write")
    token = (await first.authenticate()).token
    assert (await again.authenticate()).token == token
    assert (await other.authenticate()).token != token


async def test_a_name_or_a_key_says_which_login_is_meant(provide):
    store = MemoryStore()
    named = provide(store=store, flow="client_credentials", name="billing", scope="read")
    token = (await named.authenticate()).token
    keyed = provide(store=store, flow="client_credentials", store_key="billing", scope="write")
    assert (await keyed.authenticate()).token == token


# The two halves.


async def test_a_person_is_sent_with_what_the_server_asks_for_in_addition(provide):
    where = {"audience": "https://api.example", "resource": "https://api.example/jobs"}
    request = await provide(extra_auth_params={"prompt": "consent"}, **where).authorization_url()
    sent = dict(parse_qsl(urlsplit(request.url).query))
    assert {name: sent[name] for name in (*where, "prompt")} == {**where, "prompt": "consent"}


async def test_a_web_app_uses_the_two_halves(authorization_server, provide):
    provider = provide(redirect_uri="https://app.example/callback")
    request = await provider.authorization_url()
    callback = await anyio.to_thread.run_sync(authorization_server.authorize, request.url)
    result = await provider.complete_authorization(callback, request)
    assert result.success, result.error
    assert provider.authenticated is True
    credentials: Any = await provider.get_credentials()
    assert credentials.token == result.token
    assert (await provider.refresh_credentials()).success


async def test_the_first_half_survives_in_a_session(authorization_server, provide):
    request = await provide(redirect_uri="https://app.example/callback").authorization_url()
    session = json.loads(json.dumps(request.to_mapping()))
    callback = await anyio.to_thread.run_sync(authorization_server.authorize, request.url)
    another_process = provide(redirect_uri="https://app.example/callback")
    result = await another_process.complete_authorization(callback.partition("?")[2], session)
    assert result.success, result.error


@pytest.mark.parametrize("session", [{}, {"url": "u", "state": "s"}, {"expires_at": "soon"}])
async def test_a_session_without_a_whole_request_is_refused(provide, session):
    result = await provide().complete_authorization("code=c&state=s", session)
    assert result.error_info.code == "callback_refused"


async def test_a_login_is_answered_once(authorization_server, provide):
    provider = provide(redirect_uri="https://app.example/callback")
    request = await provider.authorization_url()
    callback = await anyio.to_thread.run_sync(authorization_server.authorize, request.url)
    assert (await provider.complete_authorization(callback, request)).success
    again = await provider.complete_authorization(callback, request)
    assert again.error_info.code == "callback_refused"
    from_session = await provider.complete_authorization(callback, request.to_mapping())
    assert from_session.error_info.code == "callback_refused"
    assert len(authorization_server.grants("authorization_code")) == 1


async def test_a_stranger_s_callback_does_not_use_up_a_login(authorization_server, provide):
    provider = provide(redirect_uri="https://app.example/callback")
    request = await provider.authorization_url()
    stranger = await provider.complete_authorization("https://app.example/callback?code=x&state=y", request)
    assert stranger.error_info.code == "callback_refused"
    callback = await anyio.to_thread.run_sync(authorization_server.authorize, request.url)
    assert (await provider.complete_authorization(callback, request)).success


async def test_a_login_that_took_too_long_is_refused(authorization_server, provide, clock):
    provider = provide(redirect_uri="https://app.example/callback")
    request = await provider.authorization_url()
    callback = await anyio.to_thread.run_sync(authorization_server.authorize, request.url)
    clock.now += 601
    result = await provider.complete_authorization(callback, request)
    assert "too long" in result.error
    assert authorization_server.count("token") == 0


async def test_an_app_may_bring_its_own_state_and_address(authorization_server, provide):
    request = await provide().authorization_url(
        redirect_uri="https://other.example/cb", state="tied-to-the-session"
    )
    assert request.state == "tied-to-the-session"
    callback = await anyio.to_thread.run_sync(authorization_server.authorize, request.url)
    assert callback.startswith("https://other.example/cb?")
    assert "state=tied-to-the-session" in callback


async def test_credentials_of_many_people_are_not_kept_in_the_provider(authorization_server, provide):
    provider = provide(redirect_uri="https://app.example/callback")
    request = await provider.authorization_url()
    callback = await anyio.to_thread.run_sync(authorization_server.authorize, request.url)
    credentials = await provider.redeem_callback(callback, request)
    assert isinstance(credentials, Credentials)
    assert credentials.token in authorization_server.valid
    assert provider.authenticated is False
    with pytest.raises(CallbackRefusedError):
        await provider.redeem_callback(callback, request)


# What goes wrong.


async def test_invalid_grant_asks_for_a_login(authorization_server, provide):
    provider = provide()
    await provider.authenticate()
    authorization_server.revoke_everything()
    result = await provider.refresh_credentials()
    assert result.error_info.kind is ErrorKind.AUTH_REQUIRED
    assert result.error_info.code == "invalid_grant"
    assert result.error_info.status_code == 400
    assert result.error.startswith("the login could not be renewed: ")


@pytest.mark.parametrize("method", ["post", "basic"])
async def test_a_wrong_secret_is_a_wrong_configuration(authorization_server, provide, method):
    authorization_server.clients[authorization_server.client_id].method = method
    provider = provide(flow="client_credentials", client_secret="wr0ng-secret", client_auth=method)
    result = await provider.authenticate()
    assert result.error_info.kind is ErrorKind.MISCONFIGURED
    assert result.error_info.code == "client_rejected"
    assert result.error_info.status_code == 401
    assert result.error.startswith("the login failed: ")


@pytest.mark.parametrize("secret", ["plain", "with: colon, blank + plus and %41", "\u00fcml\u00e4ut"])
async def test_basic_encodes_id_and_secret_first(authorization_server, provide, secret):
    client = authorization_server.clients[authorization_server.client_id]
    client.method, client.secret = "basic", secret
    result = await provide(flow="client_credentials", client_secret=secret, client_auth="basic").authenticate()
    assert result.success, result.error
    (form,) = authorization_server.grants("client_credentials")
    assert "client_secret" not in form


async def test_a_public_client_sends_no_secret(authorization_server, provide):
    authorization_server.clients[authorization_server.client_id].method = "none"
    for secret in (None, ""):
        result = await provide(client_secret=secret).authenticate()
        assert result.success, result.error
    assert all("client_secret" not in form for form in authorization_server.grants("authorization_code"))


async def test_an_unreachable_server_may_be_asked_again_later(provide):
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
    provider = provide(flow="client_credentials", token_url=f"http://127.0.0.1:{port}/token")
    result = await provider.authenticate()
    assert result.error_info.kind is ErrorKind.UNAVAILABLE
    assert result.error_info.retryable is True
    assert result.error_info.attempts == 3


# Constructing.


def test_the_positions_are_those_of_the_specification():
    provider = OAuthProvider(
        "id",
        "s3cret-word",
        "https://a.example/auth",
        "https://a.example/token",
        "http://localhost:8080/cb",
        "read",
        "/srv/login.json",
        None,
    )
    assert (provider.client_id, provider.client_secret) == ("id", "s3cret-word")
    assert (provider.auth_url, provider.token_url) == ("https://a.example/auth", "https://a.example/token")
    assert (provider.redirect_uri, provider.scope) == ("http://localhost:8080/cb", "read")
    assert provider.credentials_file == "/srv/login.json"
    assert provider.name == "OAuth"


async def test_a_subclass_as_in_the_specification_works(authorization_server):
    class Named(OAuthProvider):
        @property
        def name(self) -> str:
            return "Mine"

        async def authenticate(self) -> AuthResult:
            outcome = await super().authenticate()
            outcome.message = f"{self.name} for {self.client_id}"
            return outcome

    server = authorization_server
    provider = Named(
        server.client_id, server.client_secret, server.auth_url, server.token_url, flow="client_credentials"
    )
    assert isinstance(provider, BaseAuthProvider)
    assert (await provider.authenticate()).message == "Mine for client"


@pytest.mark.parametrize(
    "options",
    [
        {"client_id": ""},
        {"client_id": "a\nb"},
        {"flow": "implicit"},
        {"auth_url": ""},
        {"token_url": ""},
        {"auth_url": "http://a.example/auth"},
        {"token_url": "http://a.example/token"},
        {"token_url": "http://localhost@evil.example/token"},
        {"token_url": "https://user:pw@a.example/token"},
        {"token_url": "http://0x7f.1/token"},
        {"token_url": "http://169.254.169.254/token"},
        {"token_url": "ftp://a.example/token"},
        {"token_url": "https://a.example/token#part"},
        {"token_url": "https://a.example\\@evil.example/"},
        {"token_url": "https:///token"},
        {"token_url": "https://a.example:port/"},
        {"auth_url": "javascript:alert(1)"},
        {"redirect_uri": ""},
        {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": "/callback"},
        {"flow": "device", "device_url": ""},
        {"client_auth": "basic", "client_secret": None},
        {"client_auth": "client_secret_jwt"},
        {"client_auth": "private_key_jwt"},
        {"client_secret": "a\r\nb"},
        {"client_secret": 7},
        {"extra_auth_params": {"state": "fixed"}},
        {"extra_token_params": {"grant_type": "password"}},
        {"extra_token_params": {"number": 1}},
        {"issuer": "http://a.example"},
        {"issuer": "https://a.example/?tenant=1"},
        {"scope": "a\nb"},
        {"private_key": ""},
        {"private_key": "x", "signing_alg": "HS256"},
        {"private_key": "x", "signing_alg": "none"},
    ],
    ids=str,
)
def test_what_cannot_work_is_refused_when_it_is_made(options):
    defaults = {
        "client_id": "id",
        "client_secret": "S3CR3T-of-mine",
        "auth_url": "https://a.example/auth",
        "token_url": "https://a.example/token",
    }
    with pytest.raises(InvalidConfigError) as caught:
        OAuthProvider(**(defaults | options))
    assert list(options)[-1] in str(caught.value)
    assert "S3CR3T" not in str(caught.value)
    assert "evil" not in str(caught.value)


FLOW_SETS = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
]
FLOW_SENDS = ["grant_type", "client_id", "client_secret", "client_assertion", "client_assertion_type", "code"]
FLOW_SENDS += ["redirect_uri", "code_verifier", "refresh_token", "scope", "device_code"]


@pytest.mark.parametrize(
    ("argument", "name"),
    [("extra_auth_params", name) for name in FLOW_SETS] + [("extra_token_params", name) for name in FLOW_SENDS],
)
def test_no_extra_parameter_takes_the_place_of_one_of_the_flow_s_own(argument, name):
    with pytest.raises(InvalidConfigError, match=f"{argument} has '{name}' in it"):
        OAuthProvider(
            "id", None, "https://a.example/auth", "https://a.example/token", **{argument: {name: "mine"}}
        )


def test_plain_http_is_for_those_who_ask_for_it():
    provider = OAuthProvider("id", "s", "http://idp/auth", "http://idp/token", allow_insecure=True)
    assert provider.token_url == "http://idp/token"


async def test_an_attribute_that_was_made_wrong_later_is_noticed(provide):
    provider = provide(flow="client_credentials")
    provider.token_url = "http://elsewhere.example/token"
    result = await provider.authenticate()
    assert result.error_info.kind is ErrorKind.MISCONFIGURED


@pytest.mark.parametrize("wrapped", [Secret("s3cret-word"), SecretStr("s3cret-word")])
def test_a_wrapped_secret_is_taken(wrapped):
    provider = OAuthProvider("id", wrapped, "https://a.example/auth", "https://a.example/token")
    assert provider.client_secret == "s3cret-word"


# Secrets.


async def test_secrets_are_in_no_text(authorization_server, provide, caplog, tmp_path):
    caplog.set_level(logging.DEBUG)
    provider = provide(credentials_file=str(tmp_path / "login.json"))
    texts = [repr(provider), str(vars(provider))]
    result = await provider.authenticate()
    texts += [repr(result), result.model_dump_json(), repr(await provider.get_credentials())]
    credentials: Any = await provider.get_credentials()
    authorization_server.scripted = [
        error_answer("invalid_request", description=f"you sent {credentials.refresh_token}"),
        error_answer("invalid_client", description=f"wrong: {provider.client_secret}"),
    ]
    failed = await provider.refresh_credentials()
    texts += [repr(failed), failed.error, "".join(traceback.format_exception(failed.exception))]
    with pytest.raises(QuackError) as caught:
        await provider._refresh(credentials)
    texts += [str(caught.value), "".join(traceback.format_exception(caught.value)), caplog.text]
    assert not [text for text in texts if "S3CR3T" in text]
    with pytest.raises(TypeError):
        pickle.dumps(provider)


async def test_an_authorization_request_shows_and_pickles_nothing(provide):
    request = await provide().authorization_url()
    assert isinstance(request, AuthorizationRequest)
    for text in (repr(request), str(request), f"{request.code_verifier}"):
        assert request.state not in text
        assert request.code_verifier.reveal() not in text
    with pytest.raises(TypeError):
        pickle.dumps(request)


async def test_a_refusal_is_an_error_with_a_name(provide):
    provider = provide()
    request = await provider.authorization_url()
    with pytest.raises(AuthError, match="access_denied"):
        await provider.redeem_callback({"error": "access_denied", "state": request.state}, request)


# Living long.


async def test_a_token_family_survives_many_refreshes_by_many_callers(authorization_server, provide, clock):
    provider = provide()
    await provider.authenticate()
    for _ in range(20):
        clock.now += 4000
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(provider.get_credentials)
    assert len(authorization_server.grants("refresh_token")) == 20
    credentials: Any = await provider.get_credentials()
    assert authorization_server.valid == {credentials.token}
    assert authorization_server.largest_crowd == 1


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_any_transport_of_httpx_may_be_the_wire(anyio_backend):
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url == "https://idp.example/token"
        return httpx.Response(200, json={"access_token": "t0ken", "token_type": "bearer"})

    provider = OAuthProvider(
        "id",
        "s3cret-word",
        token_url="https://idp.example/token",
        flow="client_credentials",
        wire=httpx.MockTransport(answer),
    )
    assert (await provider.authenticate()).token == "t0ken"


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_one_provider_serves_event_loops_one_after_the_other(authorization_server, provide, backend):
    provider = provide(issuer=authorization_server.issuer)

    async def log_in_and_refresh() -> list[bool]:
        return [(await provider.authenticate()).success, (await provider.refresh_credentials()).success]

    for _ in range(3):
        assert anyio.run(log_in_and_refresh, backend=backend) == [True, True]
