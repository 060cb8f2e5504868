"""What obstore raises over servers that fail in every way, and what becomes of it."""

import ssl

import anyio
import obstore.exceptions
import pytest
import trustme

import quackcore_async.clients.gates  # noqa: F401 - registers them
from quackcore_async.clients.objectstore import ObjectAddress
from quackcore_async.clients.objectstore.failures import classify
from quackcore_async.clients.objectstore.meanings import CLASSES, TRANSPORT
from quackcore_async.errors import ErrorKind
from quackcore_async.results import to_quack_error
from quackcore_async.retry import RetryPolicy
from tests.clients.objectstore.conftest import PART, client_of, failure
from tests.servers.faulty import FaultyServer, answer, garbage, hang_up, head, read_slowly, reset, stall, truncated

ONCE = RetryPolicy(attempts=1)
ADDRESS = ObjectAddress("gs", "bucket", "key")
FOUND = {"ETag": '"abc"', "Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}


def refused(status, code=None):
    return answer(
        status, f"<Error><Code>{code}</Code><Message>why. \n more</Message></Error>".encode() if code else b""
    )


async def read_from(url, **changes):
    async with client_of(url, ONCE, **changes) as client, client.stream(ADDRESS) as stream:
        while await stream.read():
            pass


async def write_to(url, **changes):
    async with client_of(url, ONCE, **changes) as client:
        await client.put(ADDRESS, b"data", {})


ANSWERS = {
    "401": (refused(401), "auth_required", "bad_credentials", False),
    "403": (refused(403, "AccessDenied"), "permission_denied", "access_denied", False),
    "a wrong key": (refused(403, "AuthenticationFailed"), "auth_required", "bad_credentials", False),
    "404": (refused(404, "NoSuchKey"), "not_found", "not_found", False),
    "no bucket": (refused(404, "NoSuchBucket"), "misconfigured", "bucket_missing", False),
    "no container": (refused(404, "ContainerNotFound"), "misconfigured", "bucket_missing", False),
    "412": (refused(412), "conflict", "changed", False),
    "429": (refused(429), "rate_limited", "slow_down", True),
    "400": (refused(400, "InvalidArgument"), "invalid_input", "invalid_request", False),
    "418": (refused(418), "invalid_input", "invalid_request", False),
    "500": (refused(500, "InternalError"), "unavailable", "server_error", True),
    "503": (refused(503), "unavailable", "server_error", True),
    "busy": (refused(503, "ServerBusy"), "rate_limited", "slow_down", True),
    "504": (refused(504), "unavailable", "server_error", True),
    "reset": (reset(), "unavailable", "reset", True),
    "hang up": (hang_up(), "unavailable", "reset", True),
    "truncated": (truncated(headers=FOUND), "corrupted", "truncated", True),
    "cut by a reset": (
        reset(head(200, {"Content-Length": "100", **FOUND}) + b"abc"),
        "unavailable",
        "reset",
        True,
    ),
    "garbage": (garbage(), "corrupted", "protocol", True),
    "foreign metadata": (
        answer(200, b"x", {**FOUND, "x-goog-meta-name": "größe"}),
        "unsupported",
        "unreadable_metadata",
        False,
    ),
    "a page": (answer(200, b"<html>log in</html>"), "corrupted", "protocol", True),
}


@pytest.mark.parametrize(("step", "kind", "code", "retryable"), ANSWERS.values(), ids=ANSWERS)
async def test_an_answer_to_reading_has_its_kind_and_code(step, kind, code, retryable):
    with FaultyServer(step) as server, failure() as caught:
        await read_from(server.url)
    assert (caught.kind, caught.code, caught.retryable) == (kind, code, retryable)
    assert str(caught).startswith("cannot read gs://bucket/key: ")
    assert "Debug source" not in str(caught)


@pytest.mark.parametrize("name", ["403", "500", "reset"])
async def test_a_write_whose_answer_was_lost_may_have_happened(name):
    with FaultyServer(ANSWERS[name][0]) as server, failure() as caught:
        await write_to(server.url)
    assert (caught.kind, caught.indeterminate) == (ANSWERS[name][1], name != "403")


@pytest.mark.parametrize("name", ["403", "404", "429", "500", "reset"])
async def test_a_listing_fails_as_reading_does(name):
    with FaultyServer(ANSWERS[name][0]) as server, failure() as caught:
        async with client_of(server.url, ONCE) as client:
            [page async for page in client.pages("bucket", "folder/")]
    assert caught.kind == ANSWERS[name][1]


async def test_silence_is_an_idle_timeout():
    with FaultyServer(stall()) as server, failure() as caught:
        await read_from(server.url, idle_timeout=0.2)
    assert (caught.kind, caught.code) == (ErrorKind.TIMEOUT, "idle")


async def test_silence_within_an_answer_is_one_too():
    half = head(200, {"Content-Length": "100", **FOUND}) + b"half"
    with FaultyServer(stall(half)) as server, failure() as caught:
        await read_from(server.url, idle_timeout=0.2)
    assert (caught.kind, caught.code) == (ErrorKind.TIMEOUT, "idle")


async def test_sending_slowly_is_no_silence():
    """obstore's own time-out runs while the data is on its way; this answer comes, though it makes no sense."""
    with FaultyServer(read_slowly(100_000, 0.1)) as server, failure() as caught:
        async with client_of(server.url, ONCE, idle_timeout=0.2) as client:
            await client.put(ADDRESS, bytes(PART), {})
    assert caught.code == "protocol"


@pytest.mark.parametrize(
    ("url", "code", "retryable"),
    [("http://127.0.0.1:1", "connection", True), ("http://no-such-host.invalid", "dns", False)],
)
async def test_what_cannot_be_reached_was_never_sent(url, code, retryable):
    with failure() as caught:
        await write_to(url)
    assert (caught.kind, caught.code, caught.indeterminate) == (ErrorKind.UNAVAILABLE, code, False)
    assert caught.retryable is retryable


async def test_a_certificate_of_nobody_is_refused_and_one_that_is_configured_taken(tmp_path):
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    bundle = tmp_path / "ca.pem"
    bundle.write_bytes(authority.cert_pem.bytes())
    with FaultyServer(answer(200, b"x", FOUND), tls=context) as server:
        with failure() as caught:
            await read_from(server.url)
        assert (caught.kind, caught.code) == (ErrorKind.MISCONFIGURED, "tls")
        await read_from(server.url, verify_tls=str(bundle))
        await read_from(server.url, verify_tls=False)


async def test_without_any_account_the_error_says_what_to_configure(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with failure() as caught:
        await read_from("http://127.0.0.1:1", options={"base_url": "http://127.0.0.1:1"}, connect_timeout=0.5)
    assert (caught.kind, caught.code) == (ErrorKind.AUTH_REQUIRED, "missing_credentials")


async def test_settings_that_obstore_does_not_take_are_a_misconfiguration(tmp_path):
    with failure() as caught:
        await read_from("http://127.0.0.1:1", options={"service_account": str(tmp_path / "none.json")})
    assert (caught.kind, caught.code) == (ErrorKind.MISCONFIGURED, "config_invalid")
    assert "none.json" in str(caught)


async def test_the_words_of_the_service_are_told_and_no_more_of_its_answer():
    with FaultyServer(refused(403, "AccessDenied")) as server, failure() as caught:
        await read_from(server.url)
    assert "why (AccessDenied, status 403)" in str(caught)
    assert "more" not in str(caught)


def test_every_kind_of_failure_of_obstore_is_in_the_table():
    """A class that a new release brings is to be looked at."""
    import obstore.exceptions

    classes = {name for name in vars(obstore.exceptions) if isinstance(getattr(obstore.exceptions, name), type)}
    assert classes - CLASSES.keys() == set()
    assert set(TRANSPORT) == {"Connect", "Timeout", "Interrupted", "Request", "Decode", "Unknown"}


def test_an_exception_of_somebody_else_keeps_its_own_meaning():
    assert classify(FileNotFoundError(2, "gone"), "read x").kind is ErrorKind.NOT_FOUND
    assert classify(ValueError("of a stream"), "write x").kind is ErrorKind.INTERNAL


async def test_it_is_tried_as_often_as_the_policy_says_and_by_nobody_else():
    with FaultyServer(ANSWERS["500"][0]) as server:
        with failure() as caught:
            async with client_of(server.url, RetryPolicy(attempts=3, wait_initial=0.0)) as client:
                await client.head(ADDRESS)
        assert (caught.attempts, len(server.requests)) == (3, 3)


async def test_a_cancelled_request_cancels_its_caller_at_once():
    with FaultyServer(stall()) as server:
        async with client_of(server.url) as client:
            with anyio.move_on_after(0.1) as scope:
                await client.put(ADDRESS, b"data", {})
            assert scope.cancelled_caught


@pytest.mark.parametrize(
    ("service", "options"),
    [
        ("gcs", {"bearer_token": "token-of-nobody"}),
        ("azure", {"account_name": "account", "sas_key": "sv=2021-12-02&sig=signature-of-nobody"}),
    ],
)
async def test_credentials_that_cannot_sign_are_told_from_a_failure(service, options, monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with failure() as caught:
        async with client_of("http://127.0.0.1:1", ONCE, service=service, options=options) as client:
            await client.presign(ADDRESS)
    assert (caught.kind, caught.code) == (ErrorKind.UNSUPPORTED, "capability")
    assert "of-nobody" not in str(caught)


@pytest.mark.parametrize("wrong", [{"method": "PATCH"}, {"expires_in": 0.0}, {"expires_in": 8 * 24 * 3600.0}])
async def test_an_address_that_nobody_may_make_is_refused(wrong):
    with failure() as caught:
        async with client_of("http://127.0.0.1:1") as client:
            await client.presign(ADDRESS, **wrong)
    assert caught.kind is ErrorKind.INVALID_INPUT


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("NotFoundError", ErrorKind.NOT_FOUND),
        ("AlreadyExistsError", ErrorKind.CONFLICT),
        ("PermissionDeniedError", ErrorKind.PERMISSION_DENIED),
    ],
)
def test_what_an_author_lets_through_has_its_kind_too(name, kind):
    assert to_quack_error(getattr(obstore.exceptions, name)("why")).kind is kind
