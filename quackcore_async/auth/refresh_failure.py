"""What a failed refresh leaves behind: the failure for those who ask too soon, and when to try again."""

import contextlib
import copy
from typing import Final

from quackcore_async.errors import QuackError
from quackcore_async.redaction import Secret
from quackcore_async.results import AuthResult

__all__ = ["REAUTH_CODES", "Backoff", "RefreshFailure"]

BACKOFF_MAX_SECONDS: Final = 60.0
BACKOFF_MIN_SECONDS: Final = 0.1  # full jitter may draw next to nothing, and then a burst would ask again

REAUTH_CODES: Final = frozenset({"invalid_grant", "reauth_required"})
"""Codes that say that the login itself is over (RFC 6749 section 5.2): asking again changes nothing."""


class Backoff:
    """When to try again after failures: 1, 2, 4 ... 60 seconds with full jitter.

    Attributes:
        retry_at: On the monotonic clock; only meaningful after a failure.
    """

    __slots__ = ("_failures", "_jitter", "retry_at")

    def __init__(self) -> None:
        # Not at the failure itself: a process that has too many files open imports nothing.
        from quackcore_async.retry import full_jitter

        self._jitter = full_jitter
        self._failures = 0
        self.retry_at = 0.0

    def note_failure(self, now: float, *, wait: float | None = None) -> None:
        """Take note of a failure.

        Args:
            now: On the monotonic clock.
            wait: Seconds that the service asked for; None draws them.
        """
        ceiling = min(BACKOFF_MAX_SECONDS, 2.0**self._failures)
        self._failures = min(self._failures + 1, 10)
        drawn = self._jitter(ceiling) if wait is None else wait
        self.retry_at = now + max(BACKOFF_MIN_SECONDS, min(drawn, BACKOFF_MAX_SECONDS))

    def note_success(self) -> None:
        """Begin anew."""
        self._failures = 0
        self.retry_at = 0.0

    def is_over(self, now: float) -> bool:
        """Tell whether it is time to try again."""
        return now >= self.retry_at


class RefreshFailure:
    """The last failed refresh of a login, until one succeeds.

    Attributes:
        refused: The refresh token that the service will never take again: no request is made with it.
        backoff: When to try again.
    """

    __slots__ = ("_failure", "backoff", "refused")

    def __init__(self) -> None:
        self._failure: AuthResult | None = None
        self.refused: Secret | None = None
        self.backoff = Backoff()

    def note(self, failure: AuthResult, now: float, *, refused: Secret | None = None) -> None:
        """Keep a failure, without the frames that its exception hangs on.

        Args:
            failure: What the refresh came to.
            now: On the monotonic clock.
            refused: The refresh token, when the service will never take it again.
        """
        self._failure = _record_of(failure)
        self.refused = refused
        hint = failure.error_info.retry_after if failure.error_info else None
        self.backoff.note_failure(now, wait=hint)

    def clear(self) -> None:
        """Forget it: the login holds again."""
        self._failure = self.refused = None
        self.backoff.note_success()

    @property
    def is_final(self) -> bool:
        """Whether only a new login helps."""
        return self.refused is not None

    def last(self) -> AuthResult | None:
        """Return the failure, as an object of the caller's own."""
        return None if self._failure is None else self._failure.own_copy()

    def standing(self, now: float) -> AuthResult | None:
        """Return the failure while it is too soon to try again."""
        return None if self._failure is None or self.backoff.is_over(now) else self.last()


def _record_of(failure: AuthResult) -> AuthResult:
    record = failure.own_copy()
    if record.exception is not None:
        record.exception.__context__ = None
        record.exception.__cause__ = _without_frames(record.exception.__cause__)
    return record


def _without_frames(exc: BaseException | None) -> BaseException | None:
    """Return a copy of an exception without its traceback, whose frames keep tokens; None when it has none."""
    if exc is None or isinstance(exc, QuackError):
        return exc and copy.copy(exc)
    with contextlib.suppress(Exception):
        return copy.copy(exc).with_traceback(None)
    return None
