"""A service that issues tokens, and a provider that talks to it through the hooks."""

from typing import Any

import anyio
import anyio.lowlevel

from quackcore_async.auth import BaseAuthProvider, Credentials
from quackcore_async.errors import TokenRefreshError


class Clocks:
    """A wall clock and a monotonic one, which go on together or apart."""

    def __init__(self) -> None:
        self.wall = 1_700_000_000.0
        self.monotonic = 5000.0

    def advance(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds

    def options(self) -> dict[str, Any]:
        return {"clock": lambda: self.wall, "monotonic": lambda: self.monotonic}


class Service:
    """Issues tokens whose refresh token is good for one use; using one twice ends the login (RFC 9700 4.14.2)."""

    def __init__(self, clocks: Clocks) -> None:
        self.clocks = clocks
        self.lifetime = 3600
        self.logins = 0
        self.refreshes = 0
        self.reuses = 0
        self.valid: str | None = None
        self.failure: BaseException | None = None
        self.gate: anyio.Event | None = None
        self.revoked: list[str | None] = []

    async def log_in(self) -> Credentials:
        self.logins += 1
        await self._work()
        return self._issue(f"access-{self.logins}-0", f"renewal-{self.logins}-0")

    async def refresh(self, credentials: Credentials) -> Credentials:
        self.refreshes += 1
        await self._work()
        if credentials.refresh_token != self.valid:
            self.reuses += 1
            self.valid = None
            raise TokenRefreshError("the refresh token was used before", code="invalid_grant")
        head, number = str(self.valid).rsplit("-", 1)
        following = f"{head}-{int(number) + 1}"
        return self._issue(following.replace("renewal", "access"), following)

    def _issue(self, token: str, renewal: str) -> Credentials:
        self.valid = renewal
        return Credentials(token, refresh_token=renewal, expires_at=int(self.clocks.wall) + self.lifetime)

    async def _work(self) -> None:
        await anyio.lowlevel.checkpoint()
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure


class Provider(BaseAuthProvider):
    """Uses the hooks."""

    name = "example"

    def __init__(self, service: Service, **options: Any) -> None:
        super().__init__(**{**service.clocks.options(), **options})
        self.service = service

    async def _authenticate(self) -> Credentials:
        return await self.service.log_in()

    async def _refresh(self, credentials: Credentials) -> Credentials:
        return await self.service.refresh(credentials)


def elsewhere(provider: Provider) -> Provider:
    """Give a provider a login of its own, as if it were in another process."""
    provider._shares_login = False  # type: ignore[misc]
    return provider
