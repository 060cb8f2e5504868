"""`RestIntegration`: resources of a REST service, listed, read and written."""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, ClassVar

from quackcore_async.errors import ErrorKind, LifecycleError, TransportError
from quackcore_async.protocols import AuthProviderProtocol, ConfigProviderProtocol
from quackcore_async.rest.choices import make_paginator, make_provider
from quackcore_async.rest.config import RestConfig, RestConfigProvider
from quackcore_async.rest.paths import path_of
from quackcore_async.results import IntegrationResult
from quackcore_async.retry import RetryPolicy
from quackcore_async.service import BaseIntegrationService
from quackcore_async.service.operation import operation

if TYPE_CHECKING:
    from quackcore_async.clients.http import HttpClient, Transport

__all__ = ["RestIntegration"]

Resource = dict[str, Any]


class RestIntegration(BaseIntegrationService):
    """Resources of a REST service: `use: rest` in a configuration, or the base class of an integration.

    A subclass is named after its class, unless it overrides `name`, and finds its section by its name; `defaults`
    is what holds where the section says nothing. `self.client` is an `HttpClient` for whatever is not a plain
    resource.

    Args:
        config_provider: Loads and checks the configuration; None reads the section by `RestConfig`.
        auth_provider: Logs in; None makes the one that the section's `auth` asks for, if any.
        config_path: File to load the configuration from; None looks in the usual places.
        log_level: Level of `self.logger`, as a number or a name; None leaves it alone.
        name: Name of this instance, and of its section in a configuration.
        config: The configuration itself, in place of loading it.
        retry: How patient a call is, in place of what the section says.
        transport: What sends the requests, in place of pooled connections.

    Attributes:
        client: The client; None before the start.
        defaults: Configuration of the subclass's own.
    """

    defaults: ClassVar[Mapping[str, Any]] = {}

    def __init__(
        self,
        config_provider: ConfigProviderProtocol | None = None,
        auth_provider: AuthProviderProtocol | None = None,
        config_path: str | None = None,
        log_level: int | str | None = None,
        *,
        name: str | None = None,
        config: Mapping[str, Any] | None = None,
        retry: RetryPolicy | None = None,
        transport: "Transport | None" = None,
    ) -> None:
        own_name = None if type(self) is RestIntegration else type(self).__name__
        if config_provider is None:
            config_provider = RestConfigProvider(log_level, section=name or own_name, defaults=self.defaults)
            self._section_follows_name = name is None
        super().__init__(config_provider, auth_provider, config_path, log_level, config=config)
        self._name = name or type(self).__name__
        self._log_level = log_level
        self._retry = retry
        self._transport = transport
        self._makes_provider = auth_provider is None
        self._settings: RestConfig | None = None
        self.client: HttpClient | None = None

    @property
    def name(self) -> str:
        """Name of this instance."""
        return self._name

    @operation(IntegrationResult[list[Resource]])
    async def list_resources(
        self, resource_type: str, *, params: Mapping[str, Any] | None = None, max_items: int | None = None
    ) -> IntegrationResult[list[Resource]]:
        """List the resources of a type, those of all pages; see `iter_resources`, which does not hold them all.

        Args:
            resource_type: Name of their type, as in the section's `resources`, or as in their path.
            params: Query parameters, to filter or to order them.
            max_items: Stop after so many; None lists all.
        """
        found = [item async for item in self.iter_resources(resource_type, params=params, max_items=max_items)]
        return IntegrationResult.success_result(found, f"listed {len(found)} {resource_type}")

    async def iter_resources(
        self,
        resource_type: str,
        *,
        params: Mapping[str, Any] | None = None,
        max_items: int | None = None,
        prefetch: int = 1,
    ) -> AsyncIterator[Resource]:
        """Stream the resources of a type, page by page.

        Args:
            resource_type: Name of their type.
            params: Query parameters, to filter or to order them.
            max_items: Stop after so many; None goes on to the end.
            prefetch: Pages that are asked for at a time, where pages are counted.

        Raises:
            QuackError: if the integration cannot be brought up or the listing fails.
        """
        from quackcore_async.clients.http import paginate

        failure = await self._ensure_initialized()
        if failure is not None:
            failure.unwrap()
        settings, client = self._ready()
        items: Any = paginate(
            client,
            make_paginator(settings.pagination),
            path_of(settings.resources, resource_type),
            params=params,
            items=settings.items,
            max_items=max_items,
            prefetch=prefetch,
        )
        async with aclosing(items):
            async for item in items:
                yield item

    @operation(IntegrationResult[Resource])
    async def get_resource(self, resource_type: str, resource_id: str | int) -> IntegrationResult[Resource]:
        """Read one resource.

        Args:
            resource_type: Name of its type.
            resource_id: Its identifier, which is one segment of the path, whatever is in it.
        """
        resource = await self._exchange("GET", resource_type, resource_id)
        return IntegrationResult.success_result(resource, f"read {resource_type} {resource_id}")

    @operation(IntegrationResult[Resource])
    async def create_resource(
        self, resource_type: str, data: Mapping[str, Any], *, idempotency_key: str | None = None
    ) -> IntegrationResult[Resource]:
        """Create a resource.

        Args:
            resource_type: Name of its type.
            data: What it is to be.
            idempotency_key: For services that do what has the same key only once: sent as `Idempotency-Key`, and
                the request is repeated after failures that may have been successes. Without it, it is not.

        Returns:
            The resource as the service answered; empty where it answered nothing.
        """
        resource = await self._exchange("POST", resource_type, json=data, idempotency_key=idempotency_key)
        return IntegrationResult.success_result(resource, f"created {resource_type}")

    @operation(IntegrationResult[Resource])
    async def update_resource(
        self, resource_type: str, resource_id: str | int, data: Mapping[str, Any], *, partial: bool = False
    ) -> IntegrationResult[Resource]:
        """Change a resource.

        Args:
            resource_type: Name of its type.
            resource_id: Its identifier.
            data: What it is to be; with `partial`, what of it is to be different.
            partial: Send a PATCH, which leaves the rest as it is, in place of a PUT.

        Returns:
            The resource as the service answered; empty where it answered nothing.
        """
        method = "PATCH" if partial else "PUT"
        resource = await self._exchange(method, resource_type, resource_id, json=data)
        return IntegrationResult.success_result(resource, f"updated {resource_type} {resource_id}")

    @operation(IntegrationResult[bool])
    async def delete_resource(self, resource_type: str, resource_id: str | int) -> IntegrationResult[bool]:
        """Delete a resource; one that is not there is a failure of kind `not_found`.

        Args:
            resource_type: Name of its type.
            resource_id: Its identifier.
        """
        settings, client = self._ready()
        await client.delete(path_of(settings.resources, resource_type, resource_id))
        return IntegrationResult.success_result(content=True, message=f"deleted {resource_type} {resource_id}")

    async def _load_config(self) -> IntegrationResult[Any] | None:
        failure = await super()._load_config()
        if failure is not None:
            return failure
        settings = self._settings = RestConfig.model_validate(self.config or {})
        if self._makes_provider:
            auth = settings.auth
            made = None if auth is None else make_provider(auth, name=self.name, log_level=self._log_level)
            self.auth_provider = made
        return None

    async def _setup(self) -> None:
        from quackcore_async.clients.http import HttpClient

        settings = self._settings or RestConfig.model_validate(self.config or {})
        self.client = HttpClient(
            settings.base_url,
            auth=self.auth_provider,
            retry=self._retry or settings.retry_policy(),
            transport=self._transport,
            headers=settings.headers,
            params=settings.params,
            timeout=settings.timeout,
            max_concurrency=settings.max_concurrency,
            follow_redirects=settings.follow_redirects,
            allowed_origins=settings.allowed_origins,
            verify=settings.verify_tls,
            proxy=settings.proxy,
            log_level=self._log_level,
        )

    def _ready(self) -> "tuple[RestConfig, HttpClient]":
        if self.client is None or self._settings is None:
            raise LifecycleError(f"{self.name} is not open: call initialize()", code="not_ready")
        return self._settings, self.client

    async def _exchange(
        self,
        method: str,
        resource_type: str,
        resource_id: str | int | None = None,
        *,
        json: Any = None,  # noqa: ANN401 - whatever the service takes
        idempotency_key: str | None = None,
    ) -> Resource:
        """Send a request and return the resource in its answer; empty where a change answers nothing."""
        from quackcore_async.clients.http import response_json

        settings, client = self._ready()
        path = path_of(settings.resources, resource_type, resource_id)
        response = await client.request(method, path, json=json, idempotency_key=idempotency_key)
        if method != "GET" and not response.content.strip():
            return {}
        found = response_json(response)
        if not isinstance(found, dict):
            raise TransportError(
                f"{method} of {resource_type} answered {response.status_code} with JSON that is no object",
                kind=ErrorKind.CORRUPTED,
                code="decode",
                status_code=response.status_code,
                indeterminate=method in ("POST", "PATCH") and idempotency_key is None,
            )
        return found
