"""An integration of a REST service, written as the guide teaches."""

from typing import Any

from quackcore_async import AuthProviderProtocol, BaseIntegrationService, ConfigProviderProtocol, IntegrationResult

from .auth import ExampleServiceAuth
from .client import ExampleServiceClient
from .config import ExampleServiceConfig


class ExampleServiceIntegration(BaseIntegrationService):
    def __init__(
        self,
        config_provider: ConfigProviderProtocol | None = None,
        auth_provider: AuthProviderProtocol | None = None,
        config_path: str | None = None,
        log_level: int = None,
    ) -> None:
        if config_provider is None:
            config_provider = ExampleServiceConfig(log_level=log_level)
        if auth_provider is None:
            auth_provider = ExampleServiceAuth(log_level=log_level)
        super().__init__(
            config_provider=config_provider,
            auth_provider=auth_provider,
            config_path=config_path,
            log_level=log_level,
        )
        self.client = None

    @property
    def name(self) -> str:
        return "ExampleService"

    @property
    def version(self) -> str:
        return "1.0.0"

    async def initialize(self) -> IntegrationResult:
        init_result = await super().initialize()
        if not init_result.success:
            return init_result
        try:
            if not self.config:
                return IntegrationResult.error_result("Configuration is not available")
            api_url = self.config.get("api_url")
            if not api_url:
                return IntegrationResult.error_result("API URL is not configured")
            if self.auth_provider:
                auth_result = await self.auth_provider.get_credentials()
                token = getattr(auth_result, "token", None)
                if not token and hasattr(auth_result, "get"):
                    token = auth_result.get("token")
            else:
                token = None
            self.client = ExampleServiceClient(
                api_url=api_url,
                token=token,
                timeout=self.config.get("timeout_seconds", 30),
                max_retries=self.config.get("max_retries", 3),
                retry_delay=self.config.get("retry_delay", 1.0),
            )
            self._initialized = True
            return IntegrationResult.success_result(message="ExampleService integration initialized successfully")
        except Exception as e:
            return IntegrationResult.error_result(f"Failed to initialize ExampleService integration: {str(e)}")

    async def is_available(self) -> bool:
        return self._initialized and self.client is not None

    async def list_resources(self, resource_type: str) -> IntegrationResult[list[dict[str, Any]]]:
        init_error = await self._ensure_initialized()
        if init_error:
            return init_error
        try:
            resources = await self.client.list_resources(resource_type)
            return IntegrationResult.success_result(
                content=resources, message=f"Listed {len(resources)} {resource_type} resources"
            )
        except Exception as e:
            return IntegrationResult.error_result(f"Failed to list {resource_type} resources: {str(e)}")

    async def get_resource(self, resource_type: str, resource_id: str) -> IntegrationResult[dict[str, Any]]:
        init_error = await self._ensure_initialized()
        if init_error:
            return init_error
        try:
            resource = await self.client.get_resource(resource_type, resource_id)
            return IntegrationResult.success_result(
                content=resource, message=f"Retrieved {resource_type} with ID {resource_id}"
            )
        except Exception as e:
            return IntegrationResult.error_result(f"Failed to get {resource_type} {resource_id}: {str(e)}")

    async def create_resource(self, resource_type: str, data: dict[str, Any]) -> IntegrationResult[dict[str, Any]]:
        init_error = await self._ensure_initialized()
        if init_error:
            return init_error
        try:
            resource = await self.client.create_resource(resource_type, data)
            return IntegrationResult.success_result(content=resource, message=f"Created new {resource_type}")
        except Exception as e:
            return IntegrationResult.error_result(f"Failed to create {resource_type}: {str(e)}")

    async def update_resource(
        self, resource_type: str, resource_id: str, data: dict[str, Any]
    ) -> IntegrationResult[dict[str, Any]]:
        init_error = await self._ensure_initialized()
        if init_error:
            return init_error
        try:
            resource = await self.client.update_resource(resource_type, resource_id, data)
            return IntegrationResult.success_result(
                content=resource, message=f"Updated {resource_type} with ID {resource_id}"
            )
        except Exception as e:
            return IntegrationResult.error_result(f"Failed to update {resource_type} {resource_id}: {str(e)}")

    async def delete_resource(self, resource_type: str, resource_id: str) -> IntegrationResult[bool]:
        init_error = await self._ensure_initialized()
        if init_error:
            return init_error
        try:
            success = await self.client.delete_resource(resource_type, resource_id)
            if success:
                return IntegrationResult.success_result(
                    content=True, message=f"Deleted {resource_type} with ID {resource_id}"
                )
            return IntegrationResult.error_result(f"Failed to delete {resource_type} {resource_id}")
        except Exception as e:
            return IntegrationResult.error_result(f"Failed to delete {resource_type} {resource_id}: {str(e)}")
