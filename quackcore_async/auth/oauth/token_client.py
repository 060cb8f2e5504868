"""One talk with the authorization server: a form is posted, the client authenticated, passing trouble retried."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final

from quackcore_async.auth.oauth.client_authentication import Client
from quackcore_async.auth.oauth.refusals import refusal_of
from quackcore_async.auth.oauth.settings import Addresses
from quackcore_async.concurrency import shielded
from quackcore_async.errors import ConnectFailedError, QuackError
from quackcore_async.redaction import Secret, is_secret_name
from quackcore_async.retry import RetryPolicy
from quackcore_async.transport.exchange import Answer, Transport, exchange

__all__ = ["TokenClient", "open_wire"]

_RETRIED_STATUSES: Final = frozenset({429, 502, 503, 504})
"""Answers after which a request that may rotate a token is sent again: nobody has worked on it."""

_SECRET_FIELDS: Final = frozenset({"assertion", "code", "code_verifier", "device_code"})
_ATTEMPTS: Final = 3
_RETRY_AFTER_MAX: Final = 30.0  # seconds
_WITH_RETRIES: Final = 1.25  # of the time for one request


@contextlib.asynccontextmanager
async def open_wire(given: Transport | None) -> AsyncIterator[Transport]:
    """Lend a wire for one conversation: the given one, or one of its own that is closed afterwards.

    Talks with an authorization server are hours apart. A connection that waits in between belongs to an event loop
    that may be gone by then, and shares no pool with requests that wait for this very token.
    """
    if given is not None:
        yield given
        return
    from quackcore_async.transport.wire import Wire

    wire = Wire()
    try:
        yield wire
    finally:
        await shielded(wire.aclose)


@dataclass(frozen=True, slots=True)
class TokenClient:
    """What all requests of one flow have in common.

    Attributes:
        wire: Sends them.
        client: Who asks.
        addresses: Where the endpoints are.
        timeout: Seconds for one request; all attempts together take at most a quarter more.
    """

    wire: Transport
    client: Client
    addresses: Addresses
    timeout: float

    async def post(
        self,
        endpoint: str,
        form: Mapping[str, str],
        what: str,
        *,
        attempts: int = _ATTEMPTS,
        renewing: bool = False,
    ) -> Answer:
        """Post a form and return the answer of a success.

        Tried again after a failed connection and after 429, 502, 503 and 504. A time-out is not: the server may
        have rotated the refresh token.

        Args:
            endpoint: Which of the addresses.
            form: What is sent; empty values are left out.
            what: Begins the message of an error.
            attempts: Tries, the first included.
            renewing: Whether a refresh is asked for, so that errors say so.

        Raises:
            QuackError: if the server cannot be reached or refuses.
        """
        url = self.addresses.need(endpoint)
        policy = RetryPolicy(
            attempts=attempts, timeout=self.timeout * _WITH_RETRIES, retry_after_max=_RETRY_AFTER_MAX
        )

        async def attempt() -> Answer | QuackError:
            return await self._attempt(url, form, what, renewing=renewing)

        outcome = await policy.call(attempt)
        if isinstance(outcome, QuackError):
            raise outcome
        return outcome

    async def _attempt(
        self, url: str, form: Mapping[str, str], what: str, *, renewing: bool
    ) -> Answer | QuackError:
        """Send the form once. What may be sent again is raised; what is final comes back as a value."""
        presented = await self.client.present(self.addresses.need("token_url"))
        fields = {name: value for name, value in {**form, **presented.form}.items() if value}
        secrets = (*presented.secrets, *_secrets_of(form))
        headers = {"accept": "application/json", **presented.headers}
        try:
            answer = await exchange(self.wire, "POST", url, headers=headers, form=fields, timeout=self.timeout)
        except ConnectFailedError:
            raise
        except QuackError as error:
            return error
        refusal = refusal_of(answer, what, secrets, renewing=renewing)
        if refusal is not None and refusal.retryable and answer.status in _RETRIED_STATUSES:
            raise refusal
        return refusal or answer


def _secrets_of(form: Mapping[str, str]) -> tuple[Secret, ...]:
    return tuple(
        Secret(value) for name, value in form.items() if value and (name in _SECRET_FIELDS or is_secret_name(name))
    )
