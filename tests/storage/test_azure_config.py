import pytest
from pydantic import ValidationError

from quackcore_async.redaction import Secret
from quackcore_async.storage import AzureConfig

KEY = "c2VjcmV0LWtleS1vZi1ub2JvZHk="


def options_of(**section):
    options = AzureConfig(container_name="files", **section).settings().options
    revealed = {name: value.reveal() if isinstance(value, Secret) else value for name, value in options.items()}
    return {name: value for name, value in revealed.items() if value is not None}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            f"DefaultEndpointsProtocol=https;AccountName=acct;AccountKey={KEY};EndpointSuffix=core.windows.net",
            {"account_name": "acct", "account_key": KEY, "endpoint": "https://acct.blob.core.windows.net"},
        ),
        (
            f"AccountName=acct;AccountKey={KEY};EndpointSuffix=core.chinacloudapi.cn;",
            {"account_name": "acct", "account_key": KEY, "endpoint": "https://acct.blob.core.chinacloudapi.cn"},
        ),
        (
            "BlobEndpoint=https://acct.blob.core.windows.net/;SharedAccessSignature=sv=2021&sig=abc%3D",
            {
                "account_name": "acct",
                "sas_key": "sv=2021&sig=abc%3D",
                "endpoint": "https://acct.blob.core.windows.net",
            },
        ),
        (
            f"AccountName=dev;AccountKey={KEY};BlobEndpoint=http://127.0.0.1:10000/dev",
            {"account_name": "dev", "account_key": KEY, "endpoint": "http://127.0.0.1:10000/dev"},
        ),
    ],
)
def test_a_connection_string_is_taken_apart(text, expected):
    assert options_of(connection_string=text) == expected


def test_the_emulator_has_a_connection_string_of_its_own():
    assert options_of(connection_string="UseDevelopmentStorage=true")["account_name"] == "devstoreaccount1"


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"container_name": "Upper"}, "container_name"),
        ({"account_name": "a", "account_key": KEY, "sas_token": "sv=1"}, "account_key and sas_token exclude"),
        ({"endpoint_url": "https://user:pw@blob.test/account"}, "endpoint_url"),
        ({"client_secret": "secret-1"}, "needs client_id and tenant_id"),
        ({"connection_string": "nonsense"}, "it has the form"),
        ({"connection_string": "EndpointSuffix=x"}, "neither AccountName nor BlobEndpoint"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused(section, words):
    with pytest.raises(ValueError, match=words):
        AzureConfig(**{"container_name": "files", **section})


def test_the_secrets_are_not_shown():
    config = AzureConfig(container_name="files", account_name="a", account_key=KEY)
    assert KEY not in repr(config) + repr(config.settings()) + repr(config.settings().options)


def test_what_it_refuses_is_not_shown():
    with pytest.raises(ValidationError, match="container_name") as caught:
        AzureConfig.model_validate({"account_key": KEY})
    assert KEY not in str(caught.value)
