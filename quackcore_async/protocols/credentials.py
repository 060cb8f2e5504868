"""What credentials hold, whatever their form: a mapping or an object, text as it is or hidden in a class."""

from collections.abc import Mapping
from typing import Any

__all__ = ["member_of", "text_of", "token_of"]


def member_of(credentials: object, name: str) -> Any:  # noqa: ANN401 - the members differ in type
    """Return a member of a mapping or an object; None when it is not there."""
    return credentials.get(name) if isinstance(credentials, Mapping) else getattr(credentials, name, None)


def text_of(credentials: object, *names: str) -> str | None:
    """Return the first of some members that is text and not empty, in the clear; None when there is none.

    It may hide in our `Secret`, which has `reveal`, or pydantic's `SecretStr`, which has `get_secret_value`.
    """
    return next(filter(None, (_revealed(member_of(credentials, name)) for name in names)), None)


def token_of(credentials: object) -> str | None:
    """Return the token of credentials, in the clear; None without one."""
    return text_of(credentials, "token", "access_token")


def _revealed(value: Any) -> str | None:  # noqa: ANN401 - text, or one of the classes that hide it
    if isinstance(value, str):
        return value
    reveal = getattr(value, "get_secret_value", None) or getattr(value, "reveal", None)
    revealed = reveal() if callable(reveal) else None
    return revealed if isinstance(revealed, str) else None
