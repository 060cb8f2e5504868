"""The exceptions behind a failure, without secrets in them."""

from collections.abc import Iterator

from quackcore_async.redaction import scrub
from quackcore_async.results import AuthResult

__all__ = ["without_secret_causes"]


def without_secret_causes(result: AuthResult) -> AuthResult:
    """Drop the causes of a failure when one of them tells a secret: its own text is scrubbed, theirs is not ours.

    A foreign error quotes what it was given, and a traceback shows the text of every cause.
    """
    error = result.exception
    if error is not None and any(_tells(cause) for cause in _causes(error)):
        error.__cause__ = error.__context__ = None
        error.__suppress_context__ = True
    return result


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen = {id(error)}
    waiting = [error.__cause__, error.__context__]
    while waiting:
        cause = waiting.pop()
        if cause is None or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += [cause.__cause__, cause.__context__]
        if isinstance(cause, BaseExceptionGroup):
            waiting += cause.exceptions


def _tells(cause: BaseException) -> bool:
    text = "\n".join([str(cause), repr(cause), *getattr(cause, "__notes__", ())])
    return scrub(text) != text
