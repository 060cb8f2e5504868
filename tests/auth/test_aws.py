"""Keys of AWS from a program."""

import pytest

from quackcore_async.auth.aws import AwsCredentialsProvider
from quackcore_async.errors import ConfigError, ErrorKind


async def test_fixed_keys_are_the_credentials():
    provider = AwsCredentialsProvider("AKIDEXAMPLE", "secret-example", "session-example")
    assert (await provider.authenticate()).success
    credentials = await provider.get_credentials()
    assert credentials["token"] == "AKIDEXAMPLE"
    assert (credentials["secret_access_key"], credentials["session_token"]) == (
        "secret-example",
        "session-example",
    )


async def test_fixed_keys_cannot_be_renewed():
    provider = AwsCredentialsProvider("AKIDEXAMPLE", "secret-example")
    await provider.authenticate()
    refused = await provider.refresh_credentials()
    assert refused.error_info.kind is ErrorKind.AUTH_REQUIRED
    assert "fixed" in refused.error


@pytest.mark.parametrize(
    "spelling",
    [
        {"AccessKeyId": "AKID1", "SecretAccessKey": "secret-one", "SessionToken": "token-one"},
        {"access_key_id": "AKID1", "secret_access_key": "secret-one", "session_token": "token-one"},
    ],
    ids=["sts", "snake case"],
)
async def test_a_source_is_read_in_the_spelling_of_sts_and_in_ours(spelling):
    async def source():
        return {**spelling, "Expiration": "2030-01-01T00:00:00Z"}

    provider = AwsCredentialsProvider(source=source)
    await provider.authenticate()
    credentials = await provider.get_credentials()
    assert (credentials.token, credentials["session_token"]) == ("AKID1", "token-one")
    assert credentials.expires_at == 1893456000


@pytest.mark.parametrize("name", ["Expiration", "expiration", "expires_at", "expiry"])
async def test_the_end_of_keys_has_several_names(name):
    async def source():
        return {"AccessKeyId": "AKID1", "SecretAccessKey": "secret-one", name: "2030-01-01T00:00:00Z"}

    provider = AwsCredentialsProvider(source=source)
    await provider.authenticate()
    assert (await provider.get_credentials()).expires_at == 1893456000


async def test_a_source_is_asked_again_when_its_keys_are_to_be_renewed():
    asked = []

    async def source():
        asked.append(1)
        return {"AccessKeyId": f"AKID{len(asked)}", "SecretAccessKey": "secret-one"}

    provider = AwsCredentialsProvider(source=source)
    await provider.authenticate()
    assert (await provider.refresh_credentials()).success
    assert (await provider.get_credentials())["token"] == "AKID2"


async def test_a_source_without_keys_is_an_error_that_shows_nothing_of_its_answer():
    async def source():
        return {"AccessKeyId": "", "SecretAccessKey": "S3CR3T-sentinel"}

    result = await AwsCredentialsProvider(source=source).authenticate()
    assert result.error_info.code == "missing_credentials"
    assert "S3CR3T" not in result.error


@pytest.mark.parametrize(
    "arguments",
    [{}, {"access_key_id": "AKID"}, {"secret_access_key": "only"}, {"access_key_id": "A", "profile": "p"}],
    ids=["nothing", "half a key", "the other half", "two ways"],
)
def test_anything_but_one_whole_way_is_refused(arguments):
    with pytest.raises(ConfigError):
        AwsCredentialsProvider(**arguments)


async def test_neither_the_provider_nor_its_credentials_show_the_keys():
    provider = AwsCredentialsProvider("AKIDEXAMPLE", "S3CR3T-sentinel", "T0KEN-sentinel")
    await provider.authenticate()
    shown = f"{provider!r} {vars(provider)!r} {await provider.get_credentials()!r}"
    assert "sentinel" not in shown
