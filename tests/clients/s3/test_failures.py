import email.utils
import inspect
import socket
import time

import aiobotocore.response
import aiohttp
import aiohttp.http_exceptions
import botocore.exceptions
import botocore.parsers
import pytest

import quackcore_async.clients.gates  # noqa: F401 - registers them
from quackcore_async.clients.libraries import S3_LIBRARIES
from quackcore_async.clients.s3.failures import classify, meaning_of_class
from quackcore_async.errors import ErrorKind
from quackcore_async.results import to_quack_error

K = ErrorKind


def exception_classes(module):
    for name, value in vars(module).items():
        if (
            inspect.isclass(value)
            and issubclass(value, Exception)
            and value.__module__.split(".")[0] in S3_LIBRARIES
        ):
            yield name, value


@pytest.mark.parametrize(
    "module",
    [botocore.exceptions, aiohttp, aiobotocore.response, botocore.parsers],
    ids=lambda module: module.__name__,
)
def test_the_table_knows_every_exception_class_of_the_libraries(module):
    unknown = [
        name
        for name, value in exception_classes(module)
        if meaning_of_class(value.__name__) is None and not issubclass(value, Warning)
    ]
    assert unknown == []


def test_the_table_knows_every_parser_error_of_aiohttp_by_its_base():
    for _, value in exception_classes(aiohttp.http_exceptions):
        assert any(meaning_of_class(base.__name__) for base in value.__mro__), value


def answer(code, status, *, message="no", headers=None, **error):
    return botocore.exceptions.ClientError(
        {
            "Error": {"Code": code, "Message": message, **error},
            "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers or {}, "RequestId": "R1"},
        },
        "GetObject",
    )


@pytest.mark.parametrize(
    ("code", "status", "kind", "fine", "retryable"),
    [
        ("NoSuchKey", 404, K.NOT_FOUND, "not_found", False),
        ("404", 404, K.NOT_FOUND, "not_found", False),
        ("NoSuchBucket", 404, K.MISCONFIGURED, "bucket_missing", False),
        ("AccessDenied", 403, K.PERMISSION_DENIED, "access_denied", False),
        ("403", 403, K.PERMISSION_DENIED, "access_denied", False),
        ("SignatureDoesNotMatch", 403, K.AUTH_REQUIRED, "bad_credentials", False),
        ("ExpiredToken", 400, K.AUTH_REQUIRED, "expired_token", False),
        ("RequestTimeTooSkewed", 403, K.MISCONFIGURED, "clock_skew", False),
        ("PermanentRedirect", 301, K.MISCONFIGURED, "region", False),
        ("301", 301, K.MISCONFIGURED, "region", False),
        ("AuthorizationHeaderMalformed", 400, K.MISCONFIGURED, "region", False),
        ("PreconditionFailed", 412, K.CONFLICT, "precondition", False),
        ("ConditionalRequestConflict", 409, K.CONFLICT, "conflict", True),
        ("SlowDown", 503, K.RATE_LIMITED, "slow_down", True),
        ("Whatever", 429, K.RATE_LIMITED, "slow_down", True),
        ("InternalError", 500, K.UNAVAILABLE, "server_error", True),
        ("Whatever", 503, K.UNAVAILABLE, "server_error", True),
        ("Whatever", 599, K.UNAVAILABLE, "server_error", True),
        ("RequestTimeout", 400, K.TIMEOUT, "request_timeout", True),
        ("BadDigest", 400, K.CORRUPTED, "integrity", True),
        ("InvalidRange", 416, K.INVALID_INPUT, "invalid_range", False),
        ("EntityTooLarge", 400, K.INVALID_INPUT, "too_large", False),
        ("NotImplemented", 501, K.UNSUPPORTED, "capability", False),
        ("Whatever", 418, K.INVALID_INPUT, "invalid_request", False),
        ("InsufficientStorage", 507, K.UNAVAILABLE, "disk_full", False),
    ],
)
def test_an_answer_means_what_its_code_or_its_status_says(code, status, kind, fine, retryable):
    error = classify(answer(code, status))
    assert (error.kind, error.code, error.retryable) == (kind, fine, retryable)
    assert (error.status_code, error.request_id) == (status, "R1")
    assert isinstance(error.__cause__, botocore.exceptions.ClientError)


def test_a_wrong_region_names_the_right_one():
    assert "eu-west-1" in str(classify(answer("AuthorizationHeaderMalformed", 400, Region="eu-west-1")))
    assert "eu-west-2" in str(classify(answer("301", 301, headers={"x-amz-bucket-region": "eu-west-2"})))


def test_a_wrong_clock_is_measured():
    error = classify(answer("RequestTimeTooSkewed", 403, headers={"date": "Mon, 01 Jan 2001 00:00:00 GMT"}))
    assert "seconds ahead" in str(error)


@pytest.mark.parametrize(
    ("code", "minutes", "fine"),
    [
        ("403", 16, "clock_skew"),
        ("403", -16, "clock_skew"),
        ("403", 14, "access_denied"),
        ("403", -14, "access_denied"),
        ("AccessDenied", 16, "access_denied"),
        ("404", 16, "not_found"),
    ],
)
def test_a_denial_without_a_reason_is_that_of_a_wrong_clock_where_the_clocks_differ(code, minutes, fine):
    headers = {"date": email.utils.formatdate(time.time() + minutes * 60, usegmt=True)}
    error = classify(answer(code, 404 if code == "404" else 403, headers=headers))
    assert error.code == fine
    assert ("this machine is" in str(error)) == (fine == "clock_skew")


@pytest.mark.parametrize("date", ["nonsense", ""])
def test_a_denial_of_unknown_time_is_a_denial(date):
    assert classify(answer("403", 403, headers={"date": date})).code == "access_denied"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"x-amz-retry-after": "1500"}, 1.5),
        ({"retry-after": "Mon, 01 Jan 2001 00:00:10 GMT", "date": "Mon, 01 Jan 2001 00:00:00 GMT"}, 10.0),
        ({"retry-after": "Mon, 01 Jan 2001 00:00:00 GMT", "date": "Mon, 01 Jan 2001 00:00:10 GMT"}, 0.0),
        *(({"retry-after": junk}, None) for junk in ("soon", "", "-5", "nan", "1e309", "9" * 10_000)),
        ({}, None),
    ],
)
def test_the_wait_that_the_service_asks_for_is_read_and_junk_is_not(headers, seconds):
    assert classify(answer("SlowDown", 503, headers=headers)).retry_after == seconds


def wrapped(inner):
    return botocore.exceptions.EndpointConnectionError(endpoint_url="http://127.0.0.1:1", error=inner)


@pytest.mark.parametrize(
    ("exc", "kind", "fine", "retryable"),
    [
        (botocore.exceptions.NoCredentialsError(), K.AUTH_REQUIRED, "missing_credentials", False),
        (botocore.exceptions.ProfileNotFound(profile="p"), K.MISCONFIGURED, "config", False),
        (botocore.exceptions.ParamValidationError(report="r"), K.INVALID_INPUT, "invalid_request", False),
        (wrapped(aiohttp.ClientOSError(104, "reset")), K.UNAVAILABLE, "reset", True),
        (wrapped(None), K.UNAVAILABLE, "connection", True),
        (aiohttp.ClientPayloadError("short"), K.CORRUPTED, "truncated", True),
        (botocore.exceptions.IncompleteReadError(actual_bytes=1, expected_bytes=2), K.CORRUPTED, "truncated", True),
        (botocore.exceptions.ReadTimeoutError(endpoint_url="u", error=None), K.TIMEOUT, "idle", True),
        (botocore.exceptions.ConnectTimeoutError(endpoint_url="u"), K.TIMEOUT, "connect_timeout", True),
        (aiohttp.http_exceptions.BadStatusLine("junk"), K.CORRUPTED, "protocol", True),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_an_exception_of_the_libraries_means_what_is_behind_it(exc, kind, fine, retryable):
    error = classify(exc)
    assert (error.kind, error.code, error.retryable) == (kind, fine, retryable)


def test_an_unknown_host_is_not_asked_for_again_but_a_busy_resolver_is():
    def looked_up(number):
        error = aiohttp.ClientOSError("dns")
        error.__cause__ = socket.gaierror(number, "look-up")
        return classify(error)

    assert (looked_up(socket.EAI_NONAME).code, looked_up(socket.EAI_NONAME).retryable) == ("dns", False)
    assert looked_up(socket.EAI_AGAIN).retryable


def test_a_raw_exception_of_an_integrations_author_gets_its_kind_too():
    assert to_quack_error(answer("SlowDown", 503)).kind is K.RATE_LIMITED
    assert to_quack_error(aiohttp.ServerDisconnectedError()).kind is K.UNAVAILABLE
    assert to_quack_error(aiohttp.http_exceptions.HttpProcessingError(message="x")).kind is K.CORRUPTED
