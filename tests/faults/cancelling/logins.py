"""Providers of logins, with a file for a store and with a real authorization server."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from quackcore_async import (
    ApiKeyProvider,
    AwsCredentialsProvider,
    BaseAuthProvider,
    BasicAuthProvider,
    BearerTokenProvider,
    OAuthProvider,
)
from tests.auth.service import Clocks, Provider, Service
from tests.faults.cancelling.attempts import Case
from tests.faults.cancelling.stage import Cases, Stage


class Logins(Stage):
    """What all providers do; each call gets a provider of its own, with the same store as the one before."""

    owners = (BaseAuthProvider,)

    def __init__(self, place: Path, server: Any) -> None:
        super().__init__(place, server)
        self.clocks = Clocks()
        self.service = Service(self.clocks)
        self.made: list[Any] = []

    def _make(self) -> Any:
        return Provider(self.service, credentials_file=str(self.place / "login.json"))

    def _left(self) -> list[str]:
        return [path.name for path in self.place.glob("*.tmp")]

    def _case(self, act: Callable[[Any], Awaitable[object]], *, expired: bool = False) -> Cases:
        """Log in, and act on what is logged in; afterwards the same provider still gives out a token."""

        async def first() -> object:
            self.made[:] = [self._make()]
            provider = self.made[0]
            await provider.authenticate()
            if expired:
                self.clocks.advance(3600)
            return await act(provider)

        async def second() -> object:
            provider = self.made[0]
            result = await provider.authenticate()
            if not result.success:
                return result
            await provider.get_credentials()
            assert getattr(self.service, "reuses", 0) == 0, "a refresh token was used twice"
            return await act(provider)

        return Case(first, left=self._left, again=second, good=good)

    def authenticate(self) -> Cases:
        return self._case(lambda provider: provider.authenticate())

    def get_credentials(self) -> Cases:
        return self._case(lambda provider: provider.get_credentials(), expired=True)

    def get_token(self) -> Cases:
        return self._case(lambda provider: provider.get_token(), expired=True)

    def refresh_credentials(self) -> Cases:
        return self._case(lambda provider: provider.refresh_credentials())

    def save_credentials(self) -> Cases:
        return self._case(lambda provider: provider.save_credentials())

    def status(self) -> Cases:
        return self._case(lambda provider: provider.status())

    def logout(self) -> Cases:
        return self._case(lambda provider: provider.logout())

    def aclose(self) -> Cases:
        return self._case(lambda provider: provider.aclose(), expired=True)

    def on_entering(self) -> Cases:
        return self._case(self._live)

    def on_leaving(self) -> Cases:
        return self._case(self._live)

    @staticmethod
    async def _live(provider: Any) -> None:
        async with provider:
            await provider.get_token()


def good(outcome: object) -> bool:
    """Take the refusal of a provider that has nothing to renew for what it is."""
    info = getattr(outcome, "error_info", None)
    return getattr(outcome, "success", True) is True or (info is not None and info.kind != "internal")


class StaticLogins(Logins):
    owners = (ApiKeyProvider, BasicAuthProvider, BearerTokenProvider)

    def _make(self) -> Any:
        return ApiKeyProvider("key")


class AwsLogins(Logins):
    owners = (AwsCredentialsProvider,)

    def _make(self) -> Any:
        return AwsCredentialsProvider("AKIDEXAMPLE1", "secretexample1")


class OAuthLogins(Logins):
    owners = (OAuthProvider,)
    fixture = "authorization_server"
    closes_sockets = False  # those of the server are here too

    def _make(self) -> Any:
        server = self.server
        return OAuthProvider(
            client_id=server.client_id,
            client_secret=server.client_secret,
            auth_url=server.auth_url,
            token_url=server.token_url,
            revocation_url=server.revocation_url,
            redirect_uri="http://127.0.0.1:0/callback",
            clock=lambda: self.clocks.wall,
            credentials_file=str(self.place / "login.json"),
            flow="client_credentials",
        )

    def _for_people(self) -> Any:
        return OAuthProvider(
            client_id=self.server.client_id,
            client_secret=self.server.client_secret,
            auth_url=self.server.auth_url,
            token_url=self.server.token_url,
            redirect_uri="http://127.0.0.1:1/callback",
        )

    def authorization_url(self) -> Cases:
        return Case(lambda: self._for_people().authorization_url())

    def complete_authorization(self) -> Cases:
        async def complete() -> object:
            provider = self._for_people()
            request = await provider.authorization_url()
            return await provider.complete_authorization(self.server.authorize(request.url), request)

        return Case(complete)

    def redeem_callback(self) -> Cases:
        async def redeem() -> object:
            provider = self._for_people()
            request = await provider.authorization_url()
            return await provider.redeem_callback(self.server.authorize(request.url), request)

        return Case(redeem)
