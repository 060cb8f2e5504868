"""A client of a REST service, written as the guide teaches."""

from typing import Any

import anyio
import httpx


class ExampleServiceClient:
    def __init__(
        self,
        api_url: str,
        token: str | None = None,
        timeout: int = 30,
        max_retries: int = 3,
        retry_delay: float = 1.0,
    ) -> None:
        self.api_url = api_url.rstrip("/")
        self.token = token
        self.timeout = timeout
        self.max_retries = max_retries
        self.retry_delay = retry_delay
        self.session = httpx.AsyncClient()
        if token:
            self.session.headers.update({"Authorization": f"Bearer {token}"})

    def set_token(self, token: str) -> None:
        self.token = token
        self.session.headers.update({"Authorization": f"Bearer {token}"})

    async def list_resources(self, resource_type: str) -> list[dict[str, Any]]:
        endpoint = f"{self.api_url}/{resource_type}"
        response = await self._make_request("GET", endpoint)
        return response.json().get("items", [])

    async def get_resource(self, resource_type: str, resource_id: str) -> dict[str, Any]:
        endpoint = f"{self.api_url}/{resource_type}/{resource_id}"
        response = await self._make_request("GET", endpoint)
        return response.json()

    async def create_resource(self, resource_type: str, data: dict[str, Any]) -> dict[str, Any]:
        endpoint = f"{self.api_url}/{resource_type}"
        response = await self._make_request("POST", endpoint, json=data)
        return response.json()

    async def update_resource(self, resource_type: str, resource_id: str, data: dict[str, Any]) -> dict[str, Any]:
        endpoint = f"{self.api_url}/{resource_type}/{resource_id}"
        response = await self._make_request("PUT", endpoint, json=data)
        return response.json()

    async def delete_resource(self, resource_type: str, resource_id: str) -> bool:
        endpoint = f"{self.api_url}/{resource_type}/{resource_id}"
        response = await self._make_request("DELETE", endpoint)
        return response.status_code in (200, 204)

    async def _make_request(self, method: str, url: str, **kwargs: Any) -> httpx.Response:
        kwargs.setdefault("timeout", self.timeout)
        for attempt in range(1, self.max_retries + 1):
            try:
                response = await self.session.request(method, url, **kwargs)
                response.raise_for_status()
                return response
            except httpx.HTTPError as e:
                if attempt == self.max_retries:
                    raise
                if isinstance(e, httpx.HTTPStatusError) and e.response.status_code in (401, 403, 404):
                    raise
                await anyio.sleep(self.retry_delay * attempt)
        raise RuntimeError("Unexpected error in request retry logic")
