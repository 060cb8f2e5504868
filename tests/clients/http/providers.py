"""Providers for the tests: one of the base class, and one that an author wrote from nothing."""

from typing import Any

import anyio

from quackcore_async import AuthResult, BaseAuthProvider, Credentials, QuackError
from quackcore_async.protocols import RequestSecrets


class Rotating(BaseAuthProvider):
    """Each login and each refresh gives the next token: token-1, token-2, ..."""

    def __init__(self, *, lasting: bool = True) -> None:
        super().__init__(monotonic=lambda: self.elapsed)
        self.elapsed = 0.0
        self.logins = 0
        self.refreshes = 0
        self.lasting = lasting
        self.failure: Exception | None = None
        self.hold: anyio.Event | None = None

    @property
    def name(self) -> str:
        return "rotating"

    @property
    def token(self) -> str:
        return f"S3CR3T-token-{self.logins + self.refreshes}"

    async def _authenticate(self) -> Credentials:
        self.logins += 1
        return Credentials(self.token, refresh_token="S3CR3T-refresh")

    async def _refresh(self, credentials: Credentials) -> Credentials:
        self.refreshes += 1
        if self.hold is not None:
            await self.hold.wait()
        await anyio.lowlevel.checkpoint()
        if self.failure is not None:
            raise self.failure
        return Credentials(self.token, refresh_token="S3CR3T-refresh")

    def request_secrets(self, credentials: Any) -> RequestSecrets:
        return RequestSecrets({"Authorization": f"Bearer {credentials['token']}"})


class QueryKey(Rotating):
    """Puts its token into the query."""

    def request_secrets(self, credentials: Any) -> RequestSecrets:
        return RequestSecrets(params={"key": f"{credentials['token']}&/"})


class Foreign:
    """Written from nothing but the protocol: a plain dict that changes in place, no generations."""

    def __init__(self, token: str | None = "S3CR3T-foreign-1") -> None:
        self.credentials: dict[str, Any] = {"access_token": token} if token else {}
        self.refreshes = 0
        self.logins = 0
        self.fail = False

    @property
    def name(self) -> str:
        return "foreign"

    async def authenticate(self) -> AuthResult:
        self.logins += 1
        self.credentials["access_token"] = "S3CR3T-foreign-1"
        return AuthResult.success_result(token="S3CR3T-foreign-1")

    async def refresh_credentials(self) -> AuthResult:
        self.refreshes += 1
        await anyio.lowlevel.checkpoint()
        if self.fail:
            raise QuackError("the token endpoint is down", retryable=True)
        self.credentials["access_token"] = f"S3CR3T-foreign-{self.refreshes + 1}"
        return AuthResult.success_result(token=self.credentials["access_token"])

    async def get_credentials(self) -> object:
        return self.credentials

    async def save_credentials(self) -> bool:
        return True
