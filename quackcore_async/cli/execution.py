"""Carrying one command out, and turning whatever happens into an exit code and a sentence."""

import logging
import signal
import sys
import traceback
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final, TextIO

from quackcore_async.cli.exits import ExitCode
from quackcore_async.cli.output import Outcome, Output, discard_stdout
from quackcore_async.cli.supervision import Interruption, run_supervised
from quackcore_async.config import using_config_file
from quackcore_async.errors import QuackError
from quackcore_async.logging import SecretFilter
from quackcore_async.redaction import scrub
from quackcore_async.results import to_quack_error

__all__ = ["execute"]

_LOG_LEVELS: Final = (logging.WARNING, logging.INFO, logging.DEBUG)
_WITH_TRACEBACK: Final = 2  # how often -v must be given
_SIGNAL_EXITS: Final = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}


def execute(out: Output, handler: Callable[[], Awaitable[Outcome]]) -> ExitCode:
    """Run a handler to its end, whatever that is; write what came of it, and return the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="surrogateescape" if stream is sys.stdout else "backslashreplace")
    try:
        with _logging(out.settings.verbose):
            return out.finish(_attempt(out, handler))
    except BrokenPipeError:
        discard_stdout()
        return ExitCode.BROKEN_PIPE
    except OSError as exc:
        discard_stdout()
        out.complain(f"cannot write to standard output: {exc.strerror or exc}")
        return ExitCode.ERROR


def _attempt(out: Output, handler: Callable[[], Awaitable[Outcome]]) -> Outcome:
    settings = out.settings
    try:
        with using_config_file(settings.config):
            return run_supervised(handler, timeout=settings.timeout, say=out.note)
    except BrokenPipeError:
        raise
    except Interruption as interruption:
        code = _SIGNAL_EXITS[signal.Signals(interruption.signum)]
        return Outcome(error=QuackError(f"interrupted by {interruption}", code="interrupted"), code=code)
    except Exception as exc:  # noqa: BLE001 - the last place before the person in front
        if settings.verbose >= _WITH_TRACEBACK:
            out.trace(scrub("".join(traceback.format_exception(exc))))
        return Outcome(error=_explained(exc, verbose=settings.verbose))


def _explained(exc: Exception, *, verbose: int) -> QuackError:
    error = to_quack_error(exc)
    expected = isinstance(exc, QuackError | OSError)
    if expected or verbose >= _WITH_TRACEBACK:
        return error
    return QuackError(
        f"unexpected error: {error}; run again with -vv for the traceback, and report it",
        kind=error.kind,
        code=error.code,
    )


class _StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to what standard error is now: a progress bar puts itself in between."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


@contextmanager
def _logging(verbose: int) -> Iterator[None]:
    """Write the log of this package to standard error while the block runs."""
    handler = _StderrHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    handler.addFilter(SecretFilter())
    logger = logging.getLogger("quackcore_async")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(_LOG_LEVELS[min(verbose, len(_LOG_LEVELS) - 1)])
    try:
        yield
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)
