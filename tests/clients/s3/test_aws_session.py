"""Which endpoint the environment and the AWS files name: the one that botocore finds there."""

import pytest

from quackcore_async.clients.s3 import S3Settings
from quackcore_async.clients.s3.aws_session import destination_of, open_session

GLOBAL = "endpoint_url = http://global.test\n"
SERVICES = "services = mine\n[services mine]\ns3 =\n  endpoint_url = http://services.test\n"
IGNORED = "ignore_configured_endpoint_urls = true\n"


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.mark.parametrize(
    ("environ", "file"),
    [
        ({}, ""),
        ({}, GLOBAL),
        ({}, SERVICES),
        ({}, GLOBAL + SERVICES),
        ({}, IGNORED + GLOBAL),
        ({}, IGNORED + SERVICES),
        ({"AWS_ENDPOINT_URL": "http://environ.test"}, GLOBAL + SERVICES),
        ({"AWS_ENDPOINT_URL": "http://environ.test"}, IGNORED),
        ({"AWS_ENDPOINT_URL": "http://environ.test", "AWS_ENDPOINT_URL_S3": "http://environ-s3.test"}, GLOBAL),
        ({"AWS_ENDPOINT_URL": "http://environ.test", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, GLOBAL),
        ({"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false"}, IGNORED + GLOBAL),
    ],
)
async def test_the_endpoint_is_the_one_that_botocore_finds(monkeypatch, tmp_path, environ, file):
    config = tmp_path / "config"
    config.write_text(f"[default]\nregion = eu-west-1\n{file}")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE1")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secretexample1")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    settings = S3Settings()
    session = open_session(settings, None)
    destination = destination_of(settings, session, is_ours=True)
    async with session.client("s3") as theirs:
        expected = theirs.meta.endpoint_url
    async with session.client("s3", endpoint_url=destination.endpoint_url) as ours:
        assert ours.meta.endpoint_url == expected
    assert destination.address == expected
