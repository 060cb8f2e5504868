"""The error of a command line that cannot be carried out as it is written."""

from quackcore_async.errors import ErrorKind, QuackError

__all__ = ["UsageFault"]


class UsageFault(QuackError):  # noqa: N818 - `UsageError` is click's, which formats itself
    """Raised when locations or options do not make sense, so that nothing was begun."""

    default_kind = ErrorKind.INVALID_INPUT
    default_code = "usage"
