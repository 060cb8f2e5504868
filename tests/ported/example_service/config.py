"""A configuration provider, written as the guide teaches."""

from typing import Any

from quackcore_async import BaseConfigProvider


class ExampleServiceConfig(BaseConfigProvider):
    @property
    def name(self) -> str:
        return "ExampleService"

    async def validate_config(self, config: dict[str, Any]) -> bool:
        required_keys = ["api_url"]
        if not all(key in config for key in required_keys):
            self.logger.error(
                f"Missing required configuration keys: {[key for key in required_keys if key not in config]}"
            )
            return False
        api_url = config.get("api_url", "")
        if not api_url.startswith(("http://", "https://")):
            self.logger.error(f"Invalid API URL format: {api_url}")
            return False
        return True

    async def get_default_config(self) -> dict[str, Any]:
        return {
            "api_url": "https://api.example.com/v1",
            "timeout_seconds": 30,
            "max_retries": 3,
            "retry_delay": 1.0,
        }
