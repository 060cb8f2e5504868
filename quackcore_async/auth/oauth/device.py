"""Logging in on a device without a browser, by way of another one (RFC 8628)."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import anyio

from quackcore_async.auth.oauth.addresses import check_endpoint
from quackcore_async.auth.oauth.parameters import DEVICE_CODE
from quackcore_async.auth.oauth.token_client import TokenClient
from quackcore_async.auth.oauth.token_response import json_object, malformed, text_member
from quackcore_async.errors import AuthError, ErrorKind, InvalidConfigError, QuackError
from quackcore_async.redaction import Secret
from quackcore_async.transport.exchange import Answer

__all__ = ["DeviceAuthorization", "poll_for_token", "request_device_code"]

DEFAULT_INTERVAL_SECONDS: Final = 5.0
"""https://www.rfc-editor.org/rfc/rfc8628#section-3.2."""

SLOW_DOWN_SECONDS: Final = 5.0
"""What `slow_down` adds to the interval for good: https://www.rfc-editor.org/rfc/rfc8628#section-3.5."""

DEFAULT_LIFETIME_SECONDS: Final = 900.0
MAX_LIFETIME_SECONDS: Final = 3600.0
MAX_INTERVAL_SECONDS: Final = 300.0
_USER_CODE = re.compile(r"[\x20-\x7e]{1,64}")


@dataclass(frozen=True, slots=True)
class DeviceAuthorization:
    """What a person needs to log in on another device.

    Attributes:
        user_code: What to type in.
        verification_uri: Where to type it in.
        verification_uri_complete: The same with the code in it, for a QR code; None when the server has none.
        expires_in: Seconds that there are for it.
        interval: Seconds between two questions to the server.
    """

    user_code: str
    verification_uri: str
    verification_uri_complete: str | None
    expires_in: float
    interval: float
    _device_code: Secret = field(repr=False)

    @property
    def device_code(self) -> Secret:
        """What the token is asked for with."""
        return self._device_code


async def request_device_code(
    token_client: TokenClient, form: Mapping[str, str], *, allow_insecure: bool = False
) -> DeviceAuthorization:
    """Ask for a code.

    Args:
        token_client: Whom to talk to.
        form: What is asked for.
        allow_insecure: Send people to plain http addresses too.

    Raises:
        AuthError: if the server refuses or its answer is not usable.
    """
    answer = await token_client.post("device_url", form, "asking for a device code failed")
    members = json_object(answer)
    device_code = text_member(members, "device_code")
    user_code = members.get("user_code")
    if device_code is None or not isinstance(user_code, str) or not _USER_CODE.fullmatch(user_code):
        raise malformed("it has no usable device_code and user_code", answer.status)
    try:
        address = check_endpoint(
            text_member(members, "verification_uri", "verification_url"),  # the latter is Google's
            "the verification_uri of the server",
            allow_insecure=allow_insecure,
        )
        complete = text_member(members, "verification_uri_complete", "verification_url_complete")
        if complete is not None:
            check_endpoint(complete, "the verification_uri_complete of the server", allow_insecure=allow_insecure)
    except InvalidConfigError as exc:
        raise malformed(str(exc), answer.status) from None
    return DeviceAuthorization(
        user_code,
        address,
        complete,
        min(_seconds(members.get("expires_in"), DEFAULT_LIFETIME_SECONDS), MAX_LIFETIME_SECONDS),
        min(_seconds(members.get("interval"), DEFAULT_INTERVAL_SECONDS), MAX_INTERVAL_SECONDS),
        Secret(device_code),
    )


async def poll_for_token(
    token_client: TokenClient, authorization: DeviceAuthorization, form: Mapping[str, str]
) -> tuple[Answer, float]:
    """Ask for the token until the person has agreed; return the answer that has it, and when it was asked for.

    After a failure of the network or the server the interval is doubled for as long as it lasts.

    Args:
        token_client: Whom to talk to.
        authorization: What the person was given.
        form: Sent in addition.

    Raises:
        AuthError: if the person refuses or takes too long.
    """
    interval = wait = authorization.interval
    fields = {**form, "grant_type": DEVICE_CODE, "device_code": authorization.device_code.reveal()}
    with anyio.move_on_after(authorization.expires_in):
        while True:
            await anyio.sleep(wait)
            asked_at = token_client.client.clock()
            try:
                return await token_client.post("token_url", fields, "the login failed", attempts=1), asked_at
            except QuackError as error:
                if error.code == "authorization_pending":
                    wait = interval
                elif error.code == "slow_down":
                    interval += SLOW_DOWN_SECONDS
                    wait = interval
                elif _passes(error):
                    wait = max(min(wait * 2, MAX_INTERVAL_SECONDS), error.retry_after or 0.0)
                else:
                    raise
    raise AuthError("nobody entered the code in time: start the login anew", code="expired_token")


def _passes(error: QuackError) -> bool:
    return error.retryable or error.kind in (ErrorKind.TIMEOUT, ErrorKind.UNAVAILABLE)


def _seconds(value: Any, default: float) -> float:  # noqa: ANN401 - whatever the server sent
    if isinstance(value, bool):
        return default
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        return default
    return seconds if math.isfinite(seconds) and seconds > 0 else default
