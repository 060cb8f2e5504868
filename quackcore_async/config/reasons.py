"""Hear why a `validate_config` answers no: it returns a bare bool and says the reason in its log only."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["logged_reasons"]


class _Listener(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if _listening.get() is self:  # the logger is shared with other providers of the class
            self.lines.append(record.getMessage())


_listening: ContextVar[_Listener | None] = ContextVar("quackcore_async_reasons", default=None)


@contextmanager
def logged_reasons(logger: logging.Logger) -> Iterator[list[str]]:
    """Collect the warnings and errors that the current task logs to `logger` while the context lasts."""
    listener = _Listener()
    token = _listening.set(listener)
    logger.addHandler(listener)
    try:
        yield listener.lines
    finally:
        logger.removeHandler(listener)
        _listening.reset(token)
