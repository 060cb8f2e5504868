"""How a person is asked: a browser in a thread, and a line on standard error; never a question on standard input."""

import builtins
import functools
import sys
import threading
import urllib.request
import webbrowser
from typing import Any

import anyio
import pytest

from quackcore_async.auth.oauth.handlers import ask, open_browser
from tests.servers.authorization import AuthorizationServer


@pytest.fixture
def opened(monkeypatch) -> list[tuple[str, int]]:
    """Addresses that a browser was asked to open, with the thread that asked."""
    seen: list[tuple[str, int]] = []

    def note(url: str, *_: Any, **__: Any) -> bool:
        seen.append((url, threading.get_ident()))
        return True

    monkeypatch.setattr(webbrowser, "open", note)
    return seen


@pytest.fixture(autouse=True)
def no_questions(monkeypatch):
    def refuse(*_: object) -> str:
        raise AssertionError("input() was called")

    monkeypatch.setattr(builtins, "input", refuse)


async def test_by_default_a_browser_is_opened_off_the_event_loop(authorization_server, provide, opened, capfd):
    provider = provide(authorization_handler=None, login_timeout=0.3)
    result = await provider.authenticate()
    assert result.error_info.code == "login_timeout"
    ((url, thread),) = opened
    assert url.startswith(f"{authorization_server.auth_url}?")
    assert thread != threading.get_ident()
    shown = capfd.readouterr()
    assert shown.out == ""
    assert shown.err == f"Open this address to log in: {url}\n"


@pytest.mark.parametrize(
    ("url", "is_opened"),
    [
        ("https://idp.example/auth", True),
        ("http://127.0.0.1:1/auth", True),
        ("http://localhost/auth", True),
        ("http://idp.example/auth", False),
        ("file:///etc/passwd", False),
        ("javascript:alert(1)", False),
    ],
)
def test_only_https_and_this_machine_are_opened(opened, url, is_opened):
    open_browser(url)
    assert bool(opened) is is_opened


@pytest.mark.parametrize("error", [webbrowser.Error("none found"), OSError("no display")])
def test_a_machine_without_a_browser_has_the_line(monkeypatch, capsys, error):
    def fail(*_: object) -> bool:
        raise error

    monkeypatch.setattr(webbrowser, "open", fail)
    open_browser("https://idp.example/auth")
    assert "https://idp.example/auth" in capsys.readouterr().err


def test_a_program_without_a_console_is_no_obstacle(monkeypatch, opened):
    monkeypatch.setattr(sys, "stderr", None)
    open_browser("https://idp.example/auth")
    assert opened


async def test_a_browser_that_never_returns_does_not_hold_up_the_login(
    authorization_server: AuthorizationServer, provide, monkeypatch
):
    stuck = threading.Event()

    def open_for_ever(url: str, *_: object) -> bool:
        with urllib.request.urlopen(authorization_server.authorize(url), timeout=10) as answer:
            answer.read()
        stuck.wait(20)
        return True

    monkeypatch.setattr(webbrowser, "open", open_for_ever)
    try:
        with anyio.fail_after(10):
            result = await provide(authorization_handler=None).authenticate()
        assert result.success, result.error
    finally:
        stuck.set()


class Callable:
    async def __call__(self, argument: str) -> str:
        return argument.upper()


async def shout(argument: str, end: str = "") -> str:
    return argument.upper() + end


@pytest.mark.parametrize(
    "handler",
    [
        shout,
        Callable(),
        functools.partial(shout, end=""),
        str.upper,
        lambda text: text.upper(),
        lambda text: shout(text, ""),
    ],
    ids=["coroutine function", "object", "partial", "builtin", "lambda", "lambda of a coroutine"],
)
async def test_a_handler_may_be_written_in_any_way(handler):
    assert await ask(handler, "abc") == "ABC"
