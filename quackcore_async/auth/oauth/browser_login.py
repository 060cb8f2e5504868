"""One login by browser on this machine: send the person, and wait for the callback or for what is pasted."""

from collections.abc import Callable, Iterable
from functools import partial

import anyio

from quackcore_async.auth.oauth.authorization import AuthorizationRequest, CallbackRefusedError, parameters_of
from quackcore_async.auth.oauth.first_of import first_of
from quackcore_async.auth.oauth.handlers import AuthorizationHandler, ask, open_browser
from quackcore_async.auth.oauth.listener import is_listened_to, open_listener
from quackcore_async.errors import AuthError, ContractError, InvalidConfigError
from quackcore_async.redaction import Secret

__all__ = ["CallbackAnswer", "ReadCallback", "log_in_by_browser"]

CallbackAnswer = Secret | dict[str, str]
"""The code of a success, or the members of the server's refusal."""

ReadCallback = Callable[[Iterable[tuple[str, str]], AuthorizationRequest], CallbackAnswer]


async def log_in_by_browser(
    redirect_uri: str,
    *,
    start: Callable[[str], AuthorizationRequest],
    read: ReadCallback,
    handler: AuthorizationHandler,
    patience: float,
) -> tuple[AuthorizationRequest, CallbackAnswer]:
    """Send a person to the authorization server and wait for the answer.

    Args:
        redirect_uri: Where the person comes back to; an address of this machine is listened on.
        start: Makes the request for the address that is really listened on.
        read: Checks a callback.
        handler: Gets the address to the person, and may bring the answer back.
        patience: Seconds that the person has.

    Raises:
        AuthError: if nobody answers in time.
        ConfigError: if the address cannot be listened on.
    """
    if not is_listened_to(redirect_uri):
        if handler is open_browser:
            raise InvalidConfigError(
                "redirect_uri is not on this machine, so nothing can be listened on: pass an "
                "authorization_handler that returns the code, or use authorization_url() and "
                "complete_authorization()"
            )
        request = start(redirect_uri)
        return request, await _answer_within(patience, partial(_from_person, handler, request, read))
    async with open_listener(redirect_uri) as listener:
        request = start(listener.redirect_uri)
        by_callback = partial(listener.receive, lambda pairs: read(pairs, request))
        by_person = partial(_from_person, handler, request, read)
        return request, await _answer_within(patience, partial(first_of, by_callback, by_person))


async def _answer_within(patience: float, wait: Callable[[], object]) -> CallbackAnswer:
    answer: CallbackAnswer | None = None
    with anyio.move_on_after(patience) as scope:
        answer = await wait()  # type: ignore[misc]
    if scope.cancelled_caught:
        raise AuthError(f"nobody completed the login within {patience:g} seconds", code="login_timeout")
    if answer is None:
        raise AuthError("the authorization_handler returned no code", code="missing_code")
    return answer


async def _from_person(
    handler: AuthorizationHandler, request: AuthorizationRequest, read: ReadCallback
) -> CallbackAnswer | None:
    """Return what the handler brings back: None when it leaves the answer to the listener."""
    text = await ask(handler, request.url)
    if text is None or text == "":
        return None
    if not isinstance(text, str):
        raise ContractError(f"the authorization_handler returned {type(text).__name__}: return text or None")
    text = text.strip()
    if "://" in text or "state=" in text:
        return read(parameters_of(text), request)
    if not text.isascii() or not text.isprintable():
        raise CallbackRefusedError("the code that was entered is not visible ASCII")
    return Secret(text)
