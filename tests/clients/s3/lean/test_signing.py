"""Signatures: those that AWS publishes, those that botocore makes, and what of them arrives on the wire."""

import calendar
import hashlib
from datetime import UTC, datetime
from unittest import mock
from urllib.parse import parse_qsl, unquote

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from yarl import URL

from quackcore_async.clients.s3 import S3Address, S3Client, upload_bytes
from quackcore_async.clients.s3.lean.signing import EMPTY_SHA256, UNSIGNED, Keys, Signer, encode_key, encode_query
from tests.servers.endpoint import S3Endpoint
from tests.servers.faulty import FaultyServer, answer

EXAMPLE_KEYS = Keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
EXAMPLE_TIME = calendar.timegm((2013, 5, 24, 0, 0, 0))
WELCOME = b"Welcome to Amazon S3."
BOTOCORE = botocore.auth.S3SigV4Auth


# https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
@pytest.mark.parametrize(
    ("method", "key", "query", "headers", "body", "signature"),
    [
        pytest.param(
            "GET",
            "test.txt",
            {},
            {"range": "bytes=0-9"},
            b"",
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
            id="GET object",
        ),
        pytest.param(
            "PUT",
            "test$file.text",
            {},
            {"date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"},
            WELCOME,
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
            id="PUT object",
        ),
        pytest.param(
            "GET",
            "",
            {"lifecycle": ""},
            {},
            b"",
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
            id="GET bucket lifecycle",
        ),
        pytest.param(
            "GET",
            "",
            {"prefix": "J", "max-keys": "2"},
            {},
            b"",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
            id="list objects",
        ),
    ],
)
def test_the_published_examples_come_out_as_published(method, key, query, headers, body, signature):
    headers = {**headers, "host": "examplebucket.s3.amazonaws.com"}
    Signer("us-east-1").sign(
        method,
        "/" + encode_key(key),
        encode_query(query),
        headers,
        payload_hash=hashlib.sha256(body).hexdigest(),
        keys=EXAMPLE_KEYS,
        now=EXAMPLE_TIME,
    )
    signed = ";".join(sorted(name for name in headers if name != "authorization"))
    assert headers["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
        f"SignedHeaders={signed}, Signature={signature}"
    )


def _at(moment):
    """Let botocore's clock stand; its older releases ask the class itself."""
    if hasattr(botocore.auth, "get_current_datetime"):
        return mock.patch.object(botocore.auth, "get_current_datetime", return_value=moment)
    stopped = mock.Mock(wraps=datetime)
    stopped.utcnow.return_value = moment
    return mock.patch.object(botocore.auth.datetime, "datetime", stopped)


def botocore_authorization(method, url, headers, keys, region, now, payload_hash):
    """Have botocore sign the same request at the same time."""
    moment = datetime.fromtimestamp(int(now), UTC).replace(tzinfo=None)
    request = AWSRequest(method=method, url=url, headers=headers)
    signer = BOTOCORE(Credentials(keys.access_key, keys.secret_key, keys.token), "s3", region)
    with _at(moment), mock.patch.object(BOTOCORE, "payload", return_value=payload_hash):
        signer.add_auth(request)
    return request.headers


ODD_PIECES = st.sampled_from(
    [
        "🦆",
        " ",
        "+",
        "%2F",
        "%",
        "..",
        ".",
        "/",
        "//",
        "?",
        "#",
        "&",
        "=",
        "~",
        "*",
        "é",
        "e\u0301",
        "\x01",
        "\x7f",
        "\\",
    ]
    + ["\n", "\r", "\t", "'", '"', "<", ":", "@", "!", "$", "(", ")", ",", ";", "[", "]", "|", "^", "`", "{", "}"]
)
KEYS = st.one_of(
    st.lists(
        ODD_PIECES | st.text(st.characters(exclude_categories=["Cs"]), max_size=4), min_size=1, max_size=8
    ).map("".join),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30),
).filter(lambda key: key)
VISIBLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=12)
VALUES = st.lists(VISIBLE.filter(bool), max_size=4).flatmap(
    lambda words: st.sampled_from([" ", "  ", "   "]).map(lambda gap: gap.join(words))
)
NAMES = st.sampled_from(
    ["content-type", "range", "if-match", "if-none-match", "cache-control", "x-amz-storage-class", "content-md5"]
) | st.from_regex(r"x-amz-meta-[a-z0-9._!~-]{1,8}", fullmatch=True)


@given(
    method=st.sampled_from(["GET", "PUT", "HEAD", "POST", "DELETE"]),
    key=KEYS,
    query=st.dictionaries(KEYS, st.one_of(st.just(""), KEYS), max_size=5),
    headers=st.dictionaries(NAMES, VALUES, max_size=5),
    token=st.none() | VISIBLE.filter(bool),
    secret=VISIBLE.filter(bool),
    region=st.sampled_from(["us-east-1", "eu-west-3", "cn-north-1", "auto"]),
    now=st.floats(min_value=0, max_value=4_000_000_000),
    payload_hash=st.just(UNSIGNED) | st.binary(max_size=20).map(lambda body: hashlib.sha256(body).hexdigest()),
)
@example(
    "PUT", "/lead//..%2F+ 🦆/", {"a": "", "A": "b c+d", "a-": "~"}, {}, "t/+=", "s", "us-east-1", 0.9, UNSIGNED
)
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_request_is_signed_as_botocore_signs_it(
    method, key, query, headers, token, secret, region, now, payload_hash
):
    keys = Keys("AKIDEXAMPLE", secret, token)
    path, text = "/bucket/" + encode_key(key), encode_query(query)
    mine = {**headers, "host": "s3.example.org:9000"}
    Signer(region).sign(method, path, text, mine, payload_hash=payload_hash, keys=keys, now=now)
    url = f"http://s3.example.org:9000{path}" + (f"?{text}" if text else "")
    theirs = botocore_authorization(method, url, headers, keys, region, now, payload_hash)
    assert mine["authorization"] == theirs["Authorization"]
    assert mine["x-amz-date"] == theirs["X-Amz-Date"]
    assert mine.get("x-amz-security-token") == theirs.get("X-Amz-Security-Token")


@given(key=KEYS, query=st.dictionaries(KEYS, KEYS, max_size=5))
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_encoding_loses_nothing_and_leaves_only_what_rfc_3986_does_not_reserve(key, query):
    unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%"
    assert unquote(encode_key(key), errors="strict") == key
    assert set(encode_key(key)) <= {*unreserved, "/"}
    assert dict(parse_qsl(encode_query(query), keep_blank_values=True, strict_parsing=bool(query))) == query
    assert set(encode_query(query)) <= {*unreserved, "&", "="}


@given(key=KEYS, query=st.dictionaries(KEYS, st.one_of(st.just(""), KEYS), max_size=5))
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_library_rewrites_an_encoded_path_or_query(key, query):
    path, text = "/bucket/" + encode_key(key), encode_query(query)
    target = f"{path}?{text}" if text else path
    assert URL(f"http://127.0.0.1:9000{target}", encoded=True).raw_path_qs == target


def test_a_signer_signs_with_the_keys_and_the_date_of_each_request():
    signer = Signer("us-east-1")
    for secret, now in [
        ("one", 0),
        ("two", 0),
        ("two", 86_400),
        ("one", 0),
        ("one", 1),
        ("two", 0.5),
        ("one", 86_399),
    ]:
        keys = Keys("AKIDEXAMPLE", secret)
        headers = {"host": "h"}
        signer.sign("GET", "/k", "", headers, payload_hash=EMPTY_SHA256, keys=keys, now=now)
        theirs = botocore_authorization("GET", "http://h/k", {}, keys, "us-east-1", now, EMPTY_SHA256)
        assert headers["authorization"] == theirs["Authorization"]


WIRE_KEYS = [
    "/lead",
    "//two",
    "trail/",
    "a//b",
    ".",
    "..",
    "../..",
    "a/../b",
    "a/./b",
    "back\\slash",
    "ü",
    "u\u0308",
    "emoji 🦆",
    "a+b",
    "a%2Fb",
    "a%20b",
    "%",
    "?#&=;",
    "*?[x]",
    "\x01\x7f\n\r\t",
    " space ",
    "'\"<>~!$(),:@^`{|}",
    "k" * 1024,
]


@pytest.mark.parametrize("style", ["path", "virtual"])
async def test_the_server_sees_the_bytes_that_were_signed(style, resolve_to_loopback):
    """The signature is made anew here from the raw request, as a service does."""
    with FaultyServer(answer(headers={"ETag": '"e"'})) as server:
        where = "localhost" if style == "virtual" else "127.0.0.1"
        settings_of = _settings(f"http://{where}:{server.port}", addressing_style=style)
        async with S3Client(settings_of) as client:
            for key in WIRE_KEYS:
                await upload_bytes(client, b"body", _address(key))
                await client.head(_address(key))
                await client.delete(_address(key))
        assert len(server.requests) == 3 * len(WIRE_KEYS)
        for number, seen in enumerate(server.requests):
            key = WIRE_KEYS[number // 3]
            prefix = "/" if style == "virtual" else "/bucket/"
            assert seen.target == prefix + encode_key(key)
            assert seen.headers["host"] == ("bucket." if style == "virtual" else "") + f"{where}:{server.port}"
            assert seen.headers["authorization"] == _signed_again(seen)


async def test_queries_arrive_as_they_were_signed():
    page = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
    with FaultyServer(answer(body=page)) as server:
        async with S3Client(_settings(server.url)) as client:
            for key in WIRE_KEYS:
                await client.list_page("bucket", key, delimiter="/", token=f"{key}+/=")
        for key, seen in zip(WIRE_KEYS, server.requests, strict=True):
            path, _, query = seen.target.partition("?")
            assert path == "/bucket/"
            assert dict(parse_qsl(query, keep_blank_values=True, strict_parsing=True)) == {
                "list-type": "2",
                "encoding-type": "url",
                "max-keys": "1000",
                "prefix": key,
                "delimiter": "/",
                "continuation-token": f"{key}+/=",
            }
            assert seen.headers["authorization"] == _signed_again(seen)


async def test_every_header_is_signed_but_those_that_proxies_change():
    with FaultyServer(answer(headers={"ETag": '"e"'})) as server:
        async with S3Client(_settings(server.url)) as client:
            await upload_bytes(client, b"body", _address("key"))
        (seen,) = server.requests
    signed = seen.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    assert set(seen.headers) - set(signed) == {"accept-encoding", "authorization", "content-length", "user-agent"}


def _settings(url, **changes):
    return S3Endpoint(url).settings(**changes)


def _address(key):
    return S3Address("bucket", key)


def _signed_again(seen):
    authorization = seen.headers["authorization"]
    names = authorization.partition("SignedHeaders=")[2].partition(",")[0].split(";")
    headers = {name: seen.headers[name] for name in names if name not in {"host", "x-amz-date"}}
    now = datetime.strptime(seen.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    payload_hash = hashlib.sha256(seen.body).hexdigest()
    assert seen.headers["x-amz-content-sha256"] == payload_hash
    url = f"http://{seen.headers['host']}{seen.target}"
    keys = Keys("AKIDEXAMPLE1", "secretexample1")
    return botocore_authorization(seen.method, url, headers, keys, "us-east-1", now.timestamp(), payload_hash)[
        "Authorization"
    ]
