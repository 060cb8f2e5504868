"""Keys for `S3Storage` from a provider: the scripted server shows which key signed, SeaweedFS that it is a good one."""

import re

import anyio
import pytest
from pydantic import SecretStr

from quackcore_async.auth.aws import AwsCredentialsProvider
from quackcore_async.errors import ErrorKind
from quackcore_async.redaction import Secret
from quackcore_async.results import AuthResult
from quackcore_async.storage.s3 import S3Storage
from tests.servers.scripted import Answer, error_answer

EMPTY_PAGE = Answer(200, {"Content-Type": "application/xml"}, b"<ListBucketResult></ListBucketResult>")


@pytest.fixture
def anyio_backend():
    return "asyncio"


class Source:
    """Temporary keys, a new one each time."""

    def __init__(self):
        self.asked = 0

    async def __call__(self):
        self.asked += 1
        return {
            "AccessKeyId": f"AKID{self.asked}",
            "SecretAccessKey": "secret-example",
            "SessionToken": f"session-{self.asked}",
        }


class Keeper:
    """A provider of somebody else's, with credentials that never change."""

    name = "keeper"

    def __init__(self, **credentials):
        self._credentials = credentials

    async def authenticate(self):
        return AuthResult(success=True)

    refresh_credentials = authenticate

    async def get_credentials(self):
        return self._credentials

    async def save_credentials(self):
        return True


def config_of(endpoint, **changes):
    return {"bucket_name": endpoint.bucket, "endpoint_url": endpoint.url, "region": "us-east-1", **changes}


def signer(request):
    return re.search(r"Credential=([^/]+)/", request.headers["authorization"])[1]


async def test_the_keys_of_a_provider_sign_the_requests(scripted_s3):
    provider = AwsCredentialsProvider("AKIDOFPROGRAM", "secret-example", "session-example")
    async with S3Storage(auth_provider=provider, config=config_of(scripted_s3.endpoint)):
        pass
    assert {signer(request) for request in scripted_s3.requests} == {"AKIDOFPROGRAM"}
    assert scripted_s3.requests[0].headers["x-amz-security-token"] == "session-example"


@pytest.mark.parametrize("hide", [Secret, SecretStr])
async def test_keys_that_hide_themselves_sign_all_the_same(seaweed, hide):
    provider = Keeper(access_key_id=hide(seaweed.access_key_id), secret_access_key=hide(seaweed.secret_access_key))
    async with S3Storage(auth_provider=provider, config=config_of(seaweed)) as storage:
        assert (await storage.write_bytes("hidden", b"x")).success


async def test_the_keys_of_a_provider_go_before_those_of_the_configuration(seaweed):
    provider = AwsCredentialsProvider(seaweed.access_key_id, seaweed.secret_access_key)
    config = config_of(seaweed, access_key_id="AKIDWRONG", secret_access_key="wrong-secret")
    async with S3Storage(auth_provider=provider, config=config) as storage:
        assert (await storage.write_bytes("a", b"x")).success


async def test_keys_that_expired_are_renewed_once_however_many_requests_are_refused(scripted_s3):
    source = Source()
    async with S3Storage(
        auth_provider=AwsCredentialsProvider(source=source), config=config_of(scripted_s3.endpoint)
    ) as storage:
        scripted_s3.script = lambda request: (
            error_answer(400, "ExpiredToken") if signer(request) == "AKID1" else EMPTY_PAGE
        )
        results = []

        async def ask():
            results.append(await storage.list_files())

        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(ask)
    assert [result.success for result in results] == [True] * 20
    assert source.asked == 2


async def test_two_storages_with_one_provider_renew_its_keys_once(scripted_s3):
    source = Source()
    provider = AwsCredentialsProvider(source=source)
    config = config_of(scripted_s3.endpoint)
    async with (
        S3Storage(auth_provider=provider, config=config) as one,
        S3Storage(auth_provider=provider, config=config, name="two") as two,
    ):
        scripted_s3.script = lambda request: (
            error_answer(400, "ExpiredToken") if signer(request) == "AKID1" else EMPTY_PAGE
        )
        assert (await one.list_files()).success
        assert (await two.list_files()).success
    assert source.asked == 2


async def test_fixed_keys_that_expired_need_a_login(scripted_s3):
    provider = AwsCredentialsProvider("AKIDOFPROGRAM", "secret-example")
    async with S3Storage(auth_provider=provider, config=config_of(scripted_s3.endpoint)) as storage:
        scripted_s3.script = lambda _request: error_answer(400, "ExpiredToken")
        result = await storage.list_files()
    assert result.error_info.kind is ErrorKind.AUTH_REQUIRED


async def test_a_provider_may_name_a_profile(scripted_s3, tmp_path, monkeypatch):
    files = tmp_path / "aws-credentials"
    files.write_text("[work]\naws_access_key_id = AKIDOFPROFILE\naws_secret_access_key = secret-example\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(files))
    provider = AwsCredentialsProvider(profile="work")
    async with S3Storage(auth_provider=provider, config=config_of(scripted_s3.endpoint)):
        pass
    assert {signer(request) for request in scripted_s3.requests} == {"AKIDOFPROFILE"}


async def test_a_provider_without_keys_leaves_it_to_the_configuration(scripted_s3):
    class Other:
        name = "other"
        authenticated = False

        async def authenticate(self):
            return AuthResult.success_result(token="unrelated")

        async def refresh_credentials(self):
            return AuthResult.error_result("not needed")

        async def get_credentials(self):
            return {"token": "unrelated"}

        async def save_credentials(self):
            return False

    config = config_of(scripted_s3.endpoint, access_key_id="AKIDCONFIG", secret_access_key="secret-example")
    async with S3Storage(auth_provider=Other(), config=config):
        pass
    assert {signer(request) for request in scripted_s3.requests} == {"AKIDCONFIG"}


async def test_a_failing_provider_fails_the_start_with_its_reason(scripted_s3):
    async def source():
        return {}

    result = await S3Storage(
        auth_provider=AwsCredentialsProvider(source=source), config=config_of(scripted_s3.endpoint)
    ).initialize()
    assert result.error_info.kind is ErrorKind.AUTH_REQUIRED
    assert "access_key_id" in result.error
    assert scripted_s3.requests == []
