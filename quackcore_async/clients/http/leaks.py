"""Exceptions of foreign libraries that would print a secret."""

from quackcore_async.redaction import scrub

__all__ = ["hide_secrets"]


def hide_secrets(exc: BaseException) -> None:
    """Take the secrets out of what an exception says, and the exceptions that hold some out of those behind it.

    What stands behind a failed connection, such as a certificate that is not trusted, stays where it is: the
    table of errors looks at it.
    """
    exc.args = tuple(scrub(argument) if isinstance(argument, str) else argument for argument in exc.args)
    link: BaseException = exc
    seen = {id(exc)}
    while (behind := link.__cause__ or link.__context__) is not None and id(behind) not in seen:
        seen.add(id(behind))
        if _tells(behind):
            link.__cause__ = behind.__cause__ or behind.__context__
            link.__suppress_context__ = True
            link.__context__ = None
        else:
            link = behind


def _tells(exc: BaseException) -> bool:
    text = f"{exc}{exc!r}"
    return scrub(text) != text
