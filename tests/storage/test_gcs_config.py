import pytest

from quackcore_async.storage import GCSConfig


@pytest.mark.parametrize(
    "section",
    [
        {"bucket_name": "UPPER"},
        {"bucket_name": "ok-bucket", "endpoint_url": "localhost:4443"},
        {"bucket_name": "ok-bucket", "endpoint_url": "http://localhost@evil.test"},
        {"bucket_name": "ok-bucket", "part_size": 1},
        {"bucket_name": "ok-bucket", "token": "secret-token", "service_account_file": "key.json"},
    ],
)
def test_a_configuration_that_cannot_work_is_refused(section):
    with pytest.raises(ValueError, match=r"bucket_name|exclude each other|endpoint_url|part_size"):
        GCSConfig(**section)


def test_the_secret_is_not_shown():
    config = GCSConfig(bucket_name="ok-bucket", token="secret-token-1")
    assert "secret-token-1" not in repr(config)
    assert "secret-token-1" not in repr(config.settings())
    assert "secret-token-1" not in repr(config.settings().options)


def test_only_an_endpoint_without_tls_allows_http():
    assert not GCSConfig(bucket_name="ok-bucket").settings().allow_http
    assert not GCSConfig(bucket_name="ok-bucket", endpoint_url="https://x").settings().allow_http
    assert GCSConfig(bucket_name="ok-bucket", endpoint_url="http://x").settings().allow_http


def test_a_prefix_is_empty_or_ends_in_one_slash():
    assert GCSConfig(bucket_name="ok-bucket", prefix=None).folder() == ""
    assert GCSConfig(bucket_name="ok-bucket", prefix="/a/b//").folder() == "a/b/"
