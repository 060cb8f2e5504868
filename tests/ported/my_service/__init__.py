"""The smallest integration of the guide: provider, configuration and service."""

import json
import logging
from typing import Any

from quackcore_async import (
    AuthProviderProtocol,
    AuthResult,
    BaseAuthProvider,
    BaseConfigProvider,
    BaseIntegrationService,
    ConfigProviderProtocol,
    IntegrationResult,
)


class MyServiceAuthProvider(BaseAuthProvider):
    @property
    def name(self) -> str:
        return "MyService"

    async def authenticate(self) -> AuthResult:
        try:
            token = "example_token"
            self.authenticated = True
            return AuthResult.success_result(token=token, message="Successfully authenticated with MyService")
        except Exception as e:
            return AuthResult.error_result(error=f"Authentication failed: {str(e)}")

    async def refresh_credentials(self) -> AuthResult:
        return AuthResult.success_result(token="new_token")

    async def get_credentials(self) -> object:
        return {"token": "example_token"}

    async def save_credentials(self) -> bool:
        if not self.credentials_file:
            return False
        self._ensure_credentials_directory()
        try:
            with open(self.credentials_file, "w") as f:
                json.dump({"token": "example_token"}, f)
            return True
        except Exception as e:
            self.logger.error(f"Failed to save credentials: {e}")
            return False


class MyServiceConfigProvider(BaseConfigProvider):
    @property
    def name(self) -> str:
        return "MyService"

    async def validate_config(self, config: dict[str, Any]) -> bool:
        required_keys = ["api_key", "endpoint_url"]
        return all(key in config for key in required_keys)

    async def get_default_config(self) -> dict[str, Any]:
        return {"api_key": "", "endpoint_url": "https://api.myservice.com/v1", "timeout_seconds": 30}

    def _extract_config(self, config_data: dict[str, Any]) -> dict[str, Any]:
        for key in ["myservice", "MyService"]:
            if key in config_data:
                return config_data[key]
        return super()._extract_config(config_data)


class MyServiceIntegration(BaseIntegrationService):
    def __init__(
        self,
        config_provider: ConfigProviderProtocol | None = None,
        auth_provider: AuthProviderProtocol | None = None,
        config_path: str | None = None,
        log_level: int = logging.INFO,
    ) -> None:
        if config_provider is None:
            config_provider = MyServiceConfigProvider(log_level=log_level)
        if auth_provider is None:
            auth_provider = MyServiceAuthProvider(log_level=log_level)
        super().__init__(
            config_provider=config_provider,
            auth_provider=auth_provider,
            config_path=config_path,
            log_level=log_level,
        )
        self.client = None

    @property
    def name(self) -> str:
        return "MyService"

    @property
    def version(self) -> str:
        return "1.0.0"

    async def initialize(self) -> IntegrationResult:
        init_result = await super().initialize()
        if not init_result.success:
            return init_result
        try:
            if self.config:
                api_key = self.config.get("api_key")
                endpoint = self.config.get("endpoint_url")
                if not api_key:
                    return IntegrationResult.error_result("API key not configured")
                self.client = MyServiceClient(api_key=api_key, endpoint=endpoint)
                return IntegrationResult.success_result(message="MyService integration initialized successfully")
        except Exception as e:
            return IntegrationResult.error_result(f"Failed to initialize MyService client: {str(e)}")

    async def is_available(self) -> bool:
        return await super().is_available() and self.client is not None

    async def perform_action(self, action_type: str, params: dict) -> IntegrationResult:
        if not await self.is_available():
            return IntegrationResult.error_result("MyService integration is not available")
        try:
            result = await self.client.perform_action(action_type, params)
            return IntegrationResult.success_result(
                content=result, message=f"Successfully performed {action_type}"
            )
        except Exception as e:
            return IntegrationResult.error_result(f"Error performing {action_type}: {str(e)}")


class MyServiceClient:
    def __init__(self, api_key, endpoint):
        self.api_key = api_key
        self.endpoint = endpoint

    async def perform_action(self, action_type, params):
        return {"action": action_type, "params": params}
