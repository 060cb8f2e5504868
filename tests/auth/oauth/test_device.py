"""Logging in by way of another device, by a clock that jumps."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import anyio
import httpx
import pytest
import trio.testing

from quackcore_async.auth import DeviceAuthorization, OAuthProvider
from quackcore_async.auth.oauth.handlers import show_device_code
from quackcore_async.errors import ErrorKind
from quackcore_async.redaction import Secret
from tests.servers.authorization import DEVICE_GRANT

JUMPING = [("trio", {"clock": trio.testing.MockClock(autojump_threshold=0)})]

Step = dict[str, Any] | Exception | int
TOKEN = {"access_token": "t0ken", "token_type": "bearer", "expires_in": 3600}
PENDING = {"error": "authorization_pending"}
SLOW = {"error": "slow_down"}
CODE = {
    "device_code": "S3CR3T-device-code",
    "user_code": "WDJB-MJHT",
    "verification_uri": "https://idp.example/enter",
    "expires_in": 600,
    "interval": 5,
}


class Body(httpx.AsyncByteStream):
    """A body that is read as one from the network is."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    async def __aiter__(self) -> Any:
        yield self.content


def response(status: int, members: Any, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, headers=named, stream=Body(json.dumps(members).encode()))


class Script(httpx.AsyncBaseTransport):
    """A wire without a network: the first answer is the device code, the others come one by one, the last for ever."""

    def __init__(self, *steps: Step, code: Any = CODE) -> None:
        self.steps = list(steps)
        self.code = code
        self.asked_at: list[float] = []
        self.forms: list[dict[str, str]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.forms.append(dict(parse_qsl((await request.aread()).decode())))
        if request.url.path == "/device":
            return response(200, self.code)
        self.asked_at.append(anyio.current_time())
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if isinstance(step, Exception):
            raise step
        if isinstance(step, int):
            return response(step, None, retry_after="60" if step == 429 else "x")
        return response(400 if "error" in step else 200, step)

    def gaps(self, started: float) -> list[float]:
        moments = [started, *self.asked_at]
        return [later - earlier for earlier, later in zip(moments, moments[1:], strict=False)]


def provider_for(wire: Script, **options: Any) -> OAuthProvider:
    defaults: dict[str, Any] = {
        "client_id": "tv",
        "token_url": "https://idp.example/token",
        "device_url": "https://idp.example/device",
        "flow": "device",
        "wire": wire,
        "scope": "read",
        "device_handler": lambda _authorization: None,
    }
    return OAuthProvider(**(defaults | options))


async def quiet(_authorization: DeviceAuthorization) -> None:
    return


@pytest.mark.parametrize("anyio_backend", JUMPING)
async def test_the_token_is_asked_for_at_the_server_s_pace(anyio_backend):
    wire = Script(PENDING, PENDING, TOKEN)
    started = anyio.current_time()
    result = await provider_for(wire, device_handler=quiet).authenticate()
    assert result.token == "t0ken"
    assert wire.gaps(started) == pytest.approx([5, 5, 5])
    assert wire.forms[0] == {"client_id": "tv", "scope": "read"}
    assert wire.forms[1] == {"client_id": "tv", "grant_type": DEVICE_GRANT, "device_code": "S3CR3T-device-code"}


@pytest.mark.parametrize("anyio_backend", JUMPING)
async def test_slow_down_adds_five_seconds_for_good(anyio_backend):
    wire = Script(PENDING, SLOW, PENDING, SLOW, PENDING, TOKEN)
    started = anyio.current_time()
    assert (await provider_for(wire, device_handler=quiet).authenticate()).success
    assert wire.gaps(started) == pytest.approx([5, 5, 10, 10, 15, 15])


@pytest.mark.parametrize("anyio_backend", JUMPING)
@pytest.mark.parametrize("trouble", [httpx.ConnectError("refused"), httpx.ReadTimeout("late"), 503])
async def test_trouble_on_the_way_doubles_the_wait_while_it_lasts(anyio_backend, trouble):
    wire = Script(trouble, trouble, PENDING, TOKEN)
    started = anyio.current_time()
    assert (await provider_for(wire, device_handler=quiet).authenticate()).success
    assert wire.gaps(started) == pytest.approx([5, 10, 20, 5])


@pytest.mark.parametrize("anyio_backend", JUMPING)
async def test_a_server_that_asks_to_wait_is_waited_for(anyio_backend):
    wire = Script(429, TOKEN)
    started = anyio.current_time()
    assert (await provider_for(wire, device_handler=quiet).authenticate()).success
    assert wire.gaps(started) == pytest.approx([5, 60])


@pytest.mark.parametrize("anyio_backend", JUMPING)
async def test_a_code_that_nobody_enters_expires(anyio_backend):
    wire = Script(PENDING)
    started = anyio.current_time()
    result = await provider_for(wire, device_handler=quiet).authenticate()
    assert result.error_info.code == "expired_token"
    assert result.error_info.kind is ErrorKind.AUTH_REQUIRED
    assert anyio.current_time() - started == pytest.approx(600)


@pytest.mark.parametrize("anyio_backend", JUMPING)
@pytest.mark.parametrize("code", ["access_denied", "expired_token", "invalid_grant"])
async def test_a_refusal_ends_the_questions(anyio_backend, code):
    wire = Script(PENDING, {"error": code})
    result = await provider_for(wire, device_handler=quiet).authenticate()
    assert result.error_info.code == code
    assert result.error_info.kind is ErrorKind.AUTH_REQUIRED
    assert len(wire.asked_at) == 2


@pytest.mark.parametrize("anyio_backend", JUMPING)
@pytest.mark.parametrize(
    ("interval", "expected"),
    [(1, 1), (0.5, 0.5), (None, 5), (0, 5), (-3, 5), ("2", 2), ("often", 5), (True, 5), (1e9, 300)],
)
async def test_an_interval_in_every_form_is_read_or_the_standard_s_is_used(anyio_backend, interval, expected):
    wire = Script(TOKEN, code=CODE | {"interval": interval})
    started = anyio.current_time()
    assert (await provider_for(wire, device_handler=quiet).authenticate()).success
    assert wire.gaps(started) == pytest.approx([expected])


@pytest.mark.parametrize("anyio_backend", JUMPING)
async def test_the_lifetime_of_the_token_counts_from_the_question_that_got_it(anyio_backend):
    wire = Script(PENDING, PENDING, TOKEN)
    start = anyio.current_time()
    result = await provider_for(
        wire, device_handler=quiet, clock=lambda: 1e6 + anyio.current_time() - start
    ).authenticate()
    assert result.expiry == pytest.approx(1e6 + 15 + 3600, abs=1)


async def test_a_cancelled_login_stops_asking_at_once():
    shown = anyio.Event()

    async def handler(authorization: DeviceAuthorization) -> None:
        shown.set()

    wire = Script(PENDING)
    provider = provider_for(wire, device_handler=handler)
    async with anyio.create_task_group() as group:
        group.start_soon(provider.authenticate)
        await shown.wait()
        started = anyio.current_time()
        group.cancel_scope.cancel()
    assert anyio.current_time() - started < 0.5
    assert wire.asked_at == []
    assert provider.authenticated is False


@pytest.mark.parametrize("anyio_backend", JUMPING)
async def test_a_handler_that_waits_for_ever_does_not_hold_up_the_login(anyio_backend):
    async def handler(authorization: DeviceAuthorization) -> None:
        await anyio.sleep_forever()

    assert (await provider_for(Script(TOKEN), device_handler=handler).authenticate()).success


async def test_a_handler_that_fails_ends_the_login():
    async def handler(authorization: DeviceAuthorization) -> None:
        raise BrokenPipeError("no display")

    result = await provider_for(Script(PENDING), device_handler=handler).authenticate()
    assert "no display" in result.error


WRONG: dict[str, Any] = {
    "no code": {**CODE, "device_code": None},
    "code of another type": {**CODE, "device_code": 7},
    "no user code": {**CODE, "user_code": ""},
    "user code with escapes": {**CODE, "user_code": "\x1b[2J"},
    "long user code": {**CODE, "user_code": "x" * 65},
    "no address": {**CODE, "verification_uri": None},
    "script address": {**CODE, "verification_uri": "javascript:alert(1)"},
    "plain address": {**CODE, "verification_uri": "http://idp.example/enter"},
    "file address": {**CODE, "verification_uri_complete": "file:///etc/passwd"},
    "a list": [CODE],
}


@pytest.mark.parametrize("code", WRONG.values(), ids=WRONG.keys())
async def test_an_answer_that_no_person_can_use_is_an_error(code):
    seen: list[Any] = []
    result = await provider_for(Script(TOKEN, code=code), device_handler=seen.append).authenticate()
    assert result.error_info.code == "protocol"
    assert seen == []
    assert "alert" not in result.error


@pytest.mark.parametrize("anyio_backend", JUMPING)
async def test_google_s_spelling_of_the_address_is_read(anyio_backend):
    seen: list[DeviceAuthorization] = []

    async def handler(authorization: DeviceAuthorization) -> None:
        seen.append(authorization)

    code = {name: value for name, value in CODE.items() if name != "verification_uri"}
    wire = Script(TOKEN, code=code | {"verification_url": "https://idp.example/g"})
    assert (await provider_for(wire, device_handler=handler).authenticate()).success
    assert seen[0].verification_uri == "https://idp.example/g"
    assert seen[0].verification_uri_complete is None
    assert "S3CR3T" not in repr(seen[0])


@pytest.mark.parametrize("anyio_backend", JUMPING)
@pytest.mark.parametrize("name", ["verification_uri_complete", "verification_url_complete"])
async def test_the_address_with_the_code_in_it_is_handed_on(anyio_backend, name):
    seen: list[DeviceAuthorization] = []

    async def handler(authorization: DeviceAuthorization) -> None:
        seen.append(authorization)

    wire = Script(TOKEN, code=CODE | {name: "https://idp.example/enter?code=WDJB-MJHT"})
    assert (await provider_for(wire, device_handler=handler).authenticate()).success
    assert seen[0].verification_uri_complete == "https://idp.example/enter?code=WDJB-MJHT"


async def test_the_whole_flow_against_a_server(authorization_server, provide):
    seen: list[DeviceAuthorization] = []
    handler: Callable[[DeviceAuthorization], Any] = seen.append
    authorization_server.pending = 1
    provider = provide(flow="device", device_handler=handler, auth_url="", scope="read")
    result = await provider.authenticate()
    assert result.success, result.error
    assert seen[0].user_code == "WDJB-MJHT"
    assert result.token in authorization_server.valid
    assert (await provider.refresh_credentials()).success


def test_by_default_the_code_is_shown_on_standard_error(capsys):
    assert provider_for(Script(TOKEN), device_handler=None).device_handler is show_device_code
    show_device_code(DeviceAuthorization("WDJB-MJHT", "https://idp.example/enter", None, 600, 5, Secret("c0de")))
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "To log in, open https://idp.example/enter and enter the code WDJB-MJHT\n"
