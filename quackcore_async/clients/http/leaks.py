"""Exceptions of foreign libraries that would print a secret."""

import httpx

from quackcore_async.redaction import scrub

__all__ = ["hide_secrets"]


def hide_secrets(exc: BaseException) -> None:
    """Take the secrets out of what an exception says, and the exceptions that hold some out of those behind it.

    What stands behind a failed connection, such as a certificate that is not trusted, stays where it is: the
    table of errors looks at it. Of failures of the transport the frames are dropped too, whose variables hold the
    signed request; those of anything else, such as of a stand-in for the service in a test, say where it is wrong.
    """
    drop_frames = isinstance(exc, httpx.TransportError)
    if drop_frames:
        exc.__traceback__ = None
    exc.args = tuple(scrub(argument) if isinstance(argument, str) else argument for argument in exc.args)
    link: BaseException = exc
    seen = {id(exc)}
    _forget_suppressed(exc)
    while (behind := link.__cause__ or link.__context__) is not None and id(behind) not in seen:
        seen.add(id(behind))
        _forget_suppressed(behind)
        if drop_frames:
            behind.__traceback__ = None
        if _tells(behind):
            link.__cause__ = behind.__cause__ or behind.__context__
            link.__suppress_context__ = True
            link.__context__ = None
        else:
            link = behind


def _forget_suppressed(exc: BaseException) -> None:
    """Drop what no traceback shows: aiohttp's exceptions hold the headers of the request."""
    if exc.__suppress_context__:
        exc.__context__ = None


def _tells(exc: BaseException) -> bool:
    text = f"{exc}{exc!r}"
    return scrub(text) != text
