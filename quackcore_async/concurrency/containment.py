"""Whose doing an exception is: of the code that was called, or of what goes on around the caller."""

import math

import anyio

from quackcore_async.errors import QuackError

__all__ = ["comes_from_outside", "own_error"]


def comes_from_outside(exc: BaseException) -> bool:
    """Tell whether an exception that foreign code let out has to go on, because it is none of its own.

    That is so for Ctrl-C, and for the cancellation of a scope around the caller. A `SystemExit`, and a
    cancellation that nobody asked for, are the code's own errors.
    """
    if isinstance(exc, BaseExceptionGroup):
        return any(comes_from_outside(inner) for inner in exc.exceptions)
    if isinstance(exc, anyio.get_cancelled_exc_class()):
        return anyio.current_effective_deadline() == -math.inf
    return isinstance(exc, KeyboardInterrupt | GeneratorExit)


def own_error(what: str, exc: BaseException) -> Exception:
    """Return an exception that does not come from outside as an ordinary error.

    Args:
        what: Names the code that let it out, for messages.
        exc: What it let out.
    """
    if isinstance(exc, Exception):
        return exc
    if isinstance(exc, BaseExceptionGroup):
        return own_error(what, exc.exceptions[0])
    if isinstance(exc, SystemExit):
        error = QuackError(f"{what} called sys.exit({exc.code!r})", code="system_exit")
    elif isinstance(exc, anyio.get_cancelled_exc_class()):
        error = QuackError(f"{what} cancelled itself", code="cancelled")
    else:
        error = QuackError(f"{what} raised {type(exc).__name__}: {exc}")
    error.__cause__ = exc
    return error
