"""No secret in logs at any level, in reprs, in exceptions, in tracebacks, in pickles."""

import logging
import pickle
import traceback
from typing import Any

import httpx
import pytest

from quackcore_async import QuackError, RetryPolicy
from quackcore_async.clients import HttpClient
from quackcore_async.clients.http.leaks import hide_secrets
from quackcore_async.redaction import Secret
from tests.clients.http.providers import Foreign, QueryKey, Rotating
from tests.servers.api import ApiRequest, Reply, json_reply, serving

ONCE = RetryPolicy(attempts=1)
OWN_HEADERS = {"X-Auth-Token": "S3CR3T-own"}
SECRET_HEADERS = {"X-Api-Key": "S3CR3T-api-key", "Cookie": "session=S3CR3T-cookie"}


class Grumpy:
    """A service that echoes what it was sent, in all the ways in which services do."""

    async def __call__(self, request: ApiRequest) -> Reply:
        if request.path == "/hang-up":
            return Reply(hang_up=True)
        if request.path == "/garbage":
            return Reply(200, b"x", {"content-length": f"{request.authorization}"})
        if request.path == "/redirect":
            return Reply(302, headers={"location": f"/echo?{request.target.partition('?')[2]}"})
        echo = {"headers": dict(request.headers), "target": request.target}
        return json_reply(echo, 200 if request.path == "/fine" else 400, x_echo=request.authorization or "none")


def everything_of(exc: BaseException) -> str:
    """Return all that a person or a program may print of an exception and of those behind it.

    Programs that collect errors print the variables of all frames too; ours excepted, which give the secrets.
    """
    texts = ["".join(traceback.format_exception(exc))]
    links, seen = [exc], set()
    while links:
        link = links.pop()
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        texts += [str(link), repr(link), repr(vars(link))]
        for frame, _ in traceback.walk_tb(link.__traceback__):
            if "/tests/" not in frame.f_code.co_filename:
                given = ("options", "kwargs")
                texts.append(repr({name: value for name, value in frame.f_locals.items() if name not in given}))
        links += [link.__cause__, link.__context__]
    return "\n".join(texts)


@pytest.mark.parametrize("provider", [Rotating, QueryKey, Foreign])
@pytest.mark.parametrize("path", ["/fine", "/wrong", "/hang-up", "/garbage", "/redirect"])
async def test_no_secret_is_anywhere(provider, path: str, caplog: pytest.LogCaptureFixture):
    seen: list[Any] = []
    caplog.set_level(logging.DEBUG)
    async with (
        serving(Grumpy()) as server,
        HttpClient(
            server.url,
            auth=provider(),
            headers=SECRET_HEADERS,
            retry=ONCE,
            follow_redirects=True,
            on_retry=seen.append,
            on_refresh=seen.append,
        ) as client,
    ):
        try:
            response = await client.get(path, headers=OWN_HEADERS)
        except QuackError as exc:
            told = everything_of(exc)
        else:
            sent = [*response.history, response]
            told = repr([(r, r.request, r.request.url, r.request.headers.raw, r.request.extensions) for r in sent])
        told += repr((client, seen))
        assert "S3CR3T" in repr(server.requests), "they were sent"
    assert "S3CR3T" not in told
    logged = caplog.text + "".join(repr(vars(record)) for record in caplog.records if record.name != "hypothesis")
    assert "S3CR3T" not in logged


async def test_an_unreachable_service_is_named_without_the_key():
    async with serving(Grumpy()) as server:
        pass
    async with HttpClient(server.url, auth=QueryKey(), retry=ONCE) as client:
        with pytest.raises(QuackError) as caught:
            await client.get("/x")
    assert "S3CR3T" not in everything_of(caught.value)
    assert f"{server.url}/x" in str(caught.value)


async def test_what_is_below_gets_a_request_that_does_not_show_itself():
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    transport = httpx.MockTransport(handle)
    async with HttpClient("https://api.test", auth=QueryKey(), transport=transport) as client:
        await client.get("/")
    assert "key=S3CR3T" in str(seen[0].url)
    assert "S3CR3T" not in repr(seen[0])
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(seen[0])


def test_exceptions_that_hold_a_secret_are_taken_out_of_the_chain():
    secret = Secret("S3CR3T-in-an-error")
    telling = ValueError(f"refused {secret.reveal()}")
    telling.__cause__ = OSError("the true cause")
    error = httpx.ReadError(f"broken: {secret.reveal()}")
    error.__cause__ = telling
    hide_secrets(error)
    assert "S3CR3T" not in everything_of(error)
    assert isinstance(error.__cause__, OSError)


def test_exceptions_without_a_secret_stay():
    error = httpx.ReadError("broken")
    error.__cause__ = OSError("the cause")
    error.__cause__.__context__ = error
    hide_secrets(error)
    assert isinstance(error.__cause__, OSError)
