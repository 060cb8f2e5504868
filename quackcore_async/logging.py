"""Log levels by name, and the filter that keeps secrets out of log records."""

import logging
import traceback
from enum import StrEnum
from typing import Final

from quackcore_async.redaction import scrub

__all__ = ["LOG_LEVELS", "LogLevel", "SecretFilter", "get_logger", "resolve_level"]


class LogLevel(StrEnum):
    """The standard library's levels, by name."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"
    CRITICAL = "CRITICAL"


LOG_LEVELS: Final[dict[LogLevel, int]] = {
    LogLevel.DEBUG: logging.DEBUG,
    LogLevel.INFO: logging.INFO,
    LogLevel.WARNING: logging.WARNING,
    LogLevel.ERROR: logging.ERROR,
    LogLevel.CRITICAL: logging.CRITICAL,
}


class SecretFilter(logging.Filter):
    """Scrub known secrets from the message and the traceback of every record that passes.

    The loggers of this package carry it. Attach it to a handler to cover other libraries too.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Scrub the record in place and let it pass."""
        try:
            record.msg = scrub(record.getMessage())
        except Exception:  # noqa: BLE001 - a wrong log call must not break the program that makes it
            record.msg = scrub(str(record.msg))
        record.args = None
        if record.exc_info:
            record.exc_text = scrub("".join(traceback.format_exception(*record.exc_info)).rstrip())
            record.exc_info = None
        return True


_SECRET_FILTER: Final = SecretFilter()


def resolve_level(level: int | str | None) -> int | None:
    """Return the number of a level given as a number, a `LogLevel` or a name; None stays None.

    Raises:
        ValueError: if there is no level of that name.
    """
    if level is None or (isinstance(level, int) and not isinstance(level, bool)):
        return level
    try:
        return LOG_LEVELS[LogLevel(str(level).upper())]
    except ValueError:
        known = ", ".join(LogLevel)
        raise ValueError(f"unknown log level {level!r}: use one of {known}, or a number") from None


def get_logger(name: str, level: int | str | None = None) -> logging.Logger:
    """Return the logger of that name, with the secret filter on it.

    Args:
        name: Dotted name, usually of the module and the class.
        level: Its level; None leaves the level alone.
    """
    logger = logging.getLogger(name)
    logger.addFilter(_SECRET_FILTER)
    resolved = resolve_level(level)
    if resolved is not None:
        logger.setLevel(resolved)
    return logger


logging.getLogger("quackcore_async").addHandler(logging.NullHandler())
