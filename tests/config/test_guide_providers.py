"""Providers written as the guide for authors shows them, with `async` added."""

from pathlib import Path
from typing import Any

import pytest

from quackcore_async.config import BaseConfigProvider


class MyServiceConfigProvider(BaseConfigProvider):
    @property
    def name(self) -> str:
        return "MyService"

    async def validate_config(self, config: dict[str, Any]) -> bool:
        return all(key in config for key in ["api_key", "endpoint_url"])

    async def get_default_config(self) -> dict[str, Any]:
        return {"api_key": "", "endpoint_url": "https://api.myservice.com/v1", "timeout_seconds": 30}

    def _extract_config(self, config_data: dict[str, Any]) -> dict[str, Any]:
        for key in ["myservice", "MyService"]:
            if key in config_data:
                return config_data[key]
        return super()._extract_config(config_data)


class UrlCheckingProvider(BaseConfigProvider):
    @property
    def name(self) -> str:
        return "ExampleService"

    async def validate_config(self, config: dict[str, Any]) -> bool:
        missing = [key for key in ["api_url"] if key not in config]
        if missing:
            self.logger.error("Missing required configuration keys: %s", missing)
            return False
        if not config["api_url"].startswith(("http://", "https://")):
            self.logger.error("Invalid API URL format")
            return False
        return True

    async def get_default_config(self) -> dict[str, Any]:
        return {
            "api_url": "https://api.example.com/v1",
            "timeout_seconds": 30,
            "max_retries": 3,
            "retry_delay": 1.0,
        }


@pytest.mark.parametrize("section", ["myservice", "MyService", "my_service", "my-service"])
async def test_an_overridden_extraction_falls_back_on_the_base(section):
    Path("quack_config.yaml").write_text(f"{section}: {{api_key: k, timeout_seconds: 60}}")
    result = await MyServiceConfigProvider(log_level=None).load_config()
    assert result.content == {
        "api_key": "k",
        "endpoint_url": "https://api.myservice.com/v1",
        "timeout_seconds": 60,
    }


@pytest.mark.parametrize("text", ["", "other: {a: 1}", "myservice:\n"])
async def test_an_overridden_extraction_without_values_gives_the_defaults(text):
    Path("quack_config.yaml").write_text(text)
    result = await MyServiceConfigProvider().load_config()
    assert result.unwrap()["timeout_seconds"] == 30


async def test_an_overridden_extraction_of_a_scalar_is_an_error():
    Path("quack_config.yaml").write_text("myservice: 5")
    assert "must hold" in (await MyServiceConfigProvider().load_config()).error


async def test_defaults_are_valid_and_a_wrong_url_is_told_with_the_logged_reason():
    provider = UrlCheckingProvider()
    assert (await provider.load_config()).unwrap()["max_retries"] == 3
    Path("quack_config.yaml").write_text("example_service: {api_url: 'ftp://x'}")
    result = await provider.load_config()
    assert result.validation_errors == ["Invalid API URL format"]


async def test_a_wrong_type_does_not_crash():
    Path("quack_config.yaml").write_text("example_service: {api_url: 5}")
    result = await UrlCheckingProvider().load_config()
    assert not result.success
    assert "AttributeError" in result.validation_errors[0]
