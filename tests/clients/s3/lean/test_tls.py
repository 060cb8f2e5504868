"""TLS, and the credentials that requests are signed with."""

import hashlib
import json
import ssl
import sys
from datetime import UTC, datetime, timedelta

import pytest
import trustme

from quackcore_async.clients.s3 import S3Address, S3Client, S3Keys, S3Settings, upload_bytes
from quackcore_async.clients.s3.buffers import BodyBuffer
from quackcore_async.errors import ErrorKind, QuackError
from quackcore_async.redaction import Secret
from tests.servers.endpoint import S3Endpoint
from tests.servers.faulty import FaultyServer, answer

ADDRESS = S3Address("bucket", "key")
WRITTEN = answer(headers={"ETag": '"e"'})
DELETED = answer(body=b"<DeleteResult/>")


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def bundle(authority, tmp_path_factory):
    path = tmp_path_factory.mktemp("tls") / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture
def secure(authority, clean_environ):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with FaultyServer(WRITTEN, tls=context) as server:
        yield server


def settings_of(server, **changes):
    return S3Endpoint(server.url).settings(engine="lean", **changes)


async def test_a_bundle_in_the_settings_is_trusted_and_bodies_are_not_hashed_there(secure, bundle, impatient):
    buffer = BodyBuffer(1000)
    buffer.size = 1000
    async with S3Client(settings_of(secure, verify_tls=bundle), retry=impatient) as client:
        await upload_bytes(client, b"content", ADDRESS)
        await client.put(ADDRESS, buffer)
        await client.upload_part(ADDRESS, "u", 1, buffer)
        assert not client.requester._source.current.engine.hashes_bodies
        await client.head(ADDRESS)
        secure.script(DELETED)
        await client.delete_batch("bucket", ["key"])
    hashes = [seen.headers["x-amz-content-sha256"] for seen in secure.requests]
    assert hashes[:3] == ["UNSIGNED-PAYLOAD"] * 3
    assert hashes[3:] == [hashlib.sha256(seen.body).hexdigest() for seen in secure.requests[3:]]
    assert buffer.sha256 is None


async def test_over_plain_http_every_body_is_hashed(impatient):
    buffer = BodyBuffer(300_000)
    buffer.size = 300_000
    with FaultyServer(WRITTEN) as server:
        async with S3Client(settings_of(server), retry=impatient) as client:
            await upload_bytes(client, b"content", ADDRESS)
            await upload_bytes(client, b"", ADDRESS)
            await client.put(ADDRESS, buffer)
            await client.upload_part(ADDRESS, "u", 1, buffer)
            assert client.requester._source.current.engine.hashes_bodies
        for seen in server.requests:
            assert seen.headers["x-amz-content-sha256"] == hashlib.sha256(seen.body).hexdigest()


async def test_the_bundle_of_the_aws_environment_is_trusted(secure, bundle, impatient, monkeypatch):
    monkeypatch.setenv("AWS_CA_BUNDLE", bundle)
    async with S3Client(settings_of(secure), retry=impatient) as client:
        await client.head(ADDRESS)
        await client.head_bucket("bucket")  # the other engine's


async def test_the_bundle_of_a_profile_is_trusted(secure, bundle, impatient, monkeypatch, tmp_path):
    config = tmp_path / "config"
    config.write_text(f"[default]\nca_bundle = {bundle}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    async with S3Client(settings_of(secure), retry=impatient) as client:
        await client.head(ADDRESS)


async def test_a_certificate_of_nobody_is_one_attempt_and_a_misconfiguration(secure, impatient):
    async with S3Client(settings_of(secure), retry=impatient) as client:
        with pytest.raises(QuackError) as caught:
            await upload_bytes(client, b"content", ADDRESS)
    error = caught.value
    assert (error.kind, error.code, error.attempts, error.indeterminate) == (
        ErrorKind.MISCONFIGURED,
        "tls",
        1,
        False,
    )
    assert secure.requests == []


async def test_a_certificate_for_another_host_is_a_misconfiguration(authority, bundle, impatient):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("elsewhere.example.org").configure_cert(context)
    with FaultyServer(WRITTEN, tls=context) as server:
        async with S3Client(settings_of(server, verify_tls=bundle), retry=impatient) as client:
            with pytest.raises(QuackError) as caught:
                await client.head(ADDRESS)
    assert (caught.value.code, caught.value.attempts) == ("tls", 1)


async def test_any_certificate_will_do_when_asked_for(secure, impatient):
    async with S3Client(settings_of(secure, verify_tls=False), retry=impatient) as client:
        await client.head(ADDRESS)


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_a_bundle_that_cannot_be_read_is_a_misconfiguration_that_names_it(secure, tmp_path, content):
    path = tmp_path / "bundle.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(QuackError, match=r"bundle\.pem") as caught:
        async with S3Client(settings_of(secure, verify_tls=str(path))):
            pass
    assert caught.value.kind is ErrorKind.MISCONFIGURED


async def test_a_session_token_is_sent_and_signed(impatient):
    keys = S3Keys("AKIDEXAMPLE1", Secret("secretexample1"), Secret("the/token+="))
    with FaultyServer(WRITTEN) as server:
        async with S3Client(settings_of(server, keys=keys), retry=impatient) as client:
            await client.head(ADDRESS)
    (seen,) = server.requests
    assert seen.headers["x-amz-security-token"] == "the/token+="
    assert "x-amz-security-token" in seen.headers["authorization"]


async def test_credentials_that_expire_in_the_middle_are_renewed_before_the_next_request(
    impatient, monkeypatch, tmp_path
):
    """A profile's process gives keys for a minute, which botocore takes for expired, each time with another name."""
    counter = tmp_path / "counter"
    counter.write_text("0")
    until = (datetime.now(UTC) + timedelta(seconds=60)).isoformat()
    answered = json.dumps({"Version": 1, "SecretAccessKey": "secret", "SessionToken": "t", "Expiration": until})
    script = tmp_path / "process.py"
    script.write_text(
        f"import json, pathlib\n"
        f"counter = pathlib.Path({str(counter)!r})\n"
        f"number = int(counter.read_text()) + 1\n"
        f"counter.write_text(str(number))\n"
        f"print(json.dumps({{**json.loads({answered!r}), 'AccessKeyId': f'AKID{{number}}'}}))\n"
    )
    config = tmp_path / "config"
    config.write_text(f"[profile mine]\nregion = us-east-1\ncredential_process = {sys.executable} {script}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    with FaultyServer(WRITTEN) as server:
        settings = S3Settings(endpoint_url=server.url, profile="mine", engine="lean")
        async with S3Client(settings, retry=impatient) as client:
            for _ in range(3):
                await client.head(ADDRESS)
        names = [
            seen.headers["authorization"].partition("Credential=")[2].partition("/")[0] for seen in server.requests
        ]
    assert len(set(names)) == 3
