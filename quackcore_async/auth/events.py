"""What a provider tells its owner: how a login, a refresh or a save went."""

from dataclasses import dataclass
from typing import Literal

from quackcore_async.results import ErrorInfo

__all__ = ["RefreshEvent"]


@dataclass(frozen=True, slots=True)
class RefreshEvent:
    """Something happened to a login. It holds no secret.

    Attributes:
        provider: Name of the provider.
        kind: `login` and `refresh` asked the service, `adopt` took up what another process or program stored,
            `save` tried again to store what could not be stored, `logout` ended it.
        success: Whether it went well.
        generation: The provider's generation after it.
        saved: Whether the store has the login now. A login that it does not have is in use all the same, and is
            lost when the process ends before a later save succeeds.
        background: Whether nobody waited for it.
        expires_at: When the login expires, in epoch seconds; None is unknown.
        error: Why it, or the saving, failed, for people.
        error_info: The same, for programs.
    """

    provider: str
    kind: Literal["login", "refresh", "adopt", "save", "logout"]
    success: bool
    generation: int
    saved: bool = False
    background: bool = False
    expires_at: int | None = None
    error: str | None = None
    error_info: ErrorInfo | None = None
