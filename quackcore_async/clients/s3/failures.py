"""Reading the errors of S3 and of the libraries below it: what is raised there becomes a `QuackError` here."""

import email.utils
import socket
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from quackcore_async.clients.libraries import S3_LIBRARIES
from quackcore_async.clients.s3 import meanings
from quackcore_async.clients.s3.meanings import CLASSES, CODES, STATUSES, Meaning
from quackcore_async.errors import QuackError
from quackcore_async.results import to_quack_error
from quackcore_async.transport import retry_after_of

__all__ = [
    "classify",
    "error_from_libraries",
    "error_of_code",
    "error_of_meaning",
    "meaning_of_class",
    "with_action",
]

_BARE_DENIAL: Final = "403"
"""Code of a denial without a body, such as that of a HEAD, which cannot say why."""

_LARGEST_SKEW: Final = 15 * 60
"""Seconds that clocks may differ: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html"""


def meaning_of_class(name: str) -> Meaning | None:
    """Return what the exception class of that name means, None when the table does not know it."""
    return CLASSES.get(name)


def classify(exc: Exception) -> QuackError:
    """Return the error that an exception of the S3 libraries stands for, with the exception as its cause."""
    if isinstance(exc, QuackError):
        return exc
    error = error_from_libraries(exc) or to_quack_error(exc)
    if error.__cause__ is None:
        error.__cause__ = exc
    return error


def error_from_libraries(exc: Exception) -> QuackError | None:
    """Return the error that an exception of the S3 libraries stands for, None when it is none of theirs."""
    return _of_answer(exc) or _of_library(exc)


def error_of_code(code: str, message: str, action: str) -> QuackError:
    """Return the error of one item of a batch, of which an answer tells only code and message."""
    meaning = CODES.get(code) or meanings.UNAVAILABLE
    reason = f"{message.rstrip('.') or 'no reason given'} ({code or 'no code'})"
    return with_action(error_of_meaning(meaning, reason), action)


def error_of_meaning(meaning: Meaning, reason: str) -> QuackError:
    """Return the error of a meaning that was found without an answer of the service."""
    return meaning.error(
        _sentence(reason, meaning), kind=meaning.kind, code=meaning.code, retryable=meaning.retryable
    )


def with_action(error: QuackError, action: str) -> QuackError:
    """Put what was attempted in front of the message, once: `cannot read s3://bucket/key: ...`."""
    text = str(error)
    if not text.startswith("cannot "):
        error.args = (f"cannot {action}: {text}",)
    return error


def _of_answer(exc: Exception) -> QuackError | None:
    """Read an answer with an error status, as botocore's `ClientError` carries it."""
    response = getattr(exc, "response", None)
    if not isinstance(response, Mapping) or "Error" not in response:
        return None
    code = str(response["Error"].get("Code", ""))
    metadata = response.get("ResponseMetadata", {})
    status = metadata.get("HTTPStatusCode")
    headers = metadata.get("HTTPHeaders", {})
    meaning = CODES.get(code) or STATUSES.get(str(status) if status else code) or _fallback(status)
    if code == _BARE_DENIAL and abs(_seconds_ahead(headers) or 0) > _LARGEST_SKEW:
        meaning = meanings.CLOCK
    return meaning.error(
        _sentence(_reason(response["Error"], code, status, headers, meaning), meaning),
        kind=meaning.kind,
        code=meaning.code,
        retryable=meaning.retryable,
        status_code=status,
        retry_after=retry_after_of(headers),
        request_id=metadata.get("RequestId") or headers.get("x-amz-request-id"),
    )


def _fallback(status: int | None) -> Meaning:
    if status is not None and 400 <= status < 500:  # noqa: PLR2004 - the client errors of HTTP
        return meanings.INVALID
    return meanings.UNAVAILABLE


def _reason(
    error: Mapping[str, Any], code: str, status: int | None, headers: Mapping[str, str], meaning: Meaning
) -> str:
    text = str(error.get("Message") or "no reason given").rstrip(".")
    reason = f"{text} ({code or 'no code'}, status {status})"
    if meaning is meanings.REGION:
        region = error.get("Region") or headers.get("x-amz-bucket-region")
        endpoint = error.get("Endpoint")
        reason += (
            f"; the bucket is in region {region}" if region else f"; use the endpoint {endpoint}" * bool(endpoint)
        )
    if meaning is meanings.CLOCK:
        reason += _clock_offset(headers)
    return reason


def _clock_offset(headers: Mapping[str, str]) -> str:
    seconds = _seconds_ahead(headers)
    if seconds is None:
        return ""
    return f"; this machine is {abs(seconds):.0f} seconds {'ahead' if seconds > 0 else 'behind'}"


def _seconds_ahead(headers: Mapping[str, str]) -> float | None:
    """Return how far the clock of this machine is before that of the service; None when nobody knows."""
    try:
        served = email.utils.parsedate_to_datetime(headers["date"])
    except (KeyError, ValueError):
        return None
    return (datetime.now(UTC) - served.astimezone(UTC)).total_seconds()


def _of_library(exc: Exception) -> QuackError | None:
    """Read an exception that is no answer of the service, looking at what botocore wrapped first."""
    wrapped = getattr(exc, "kwargs", {}).get("error") if isinstance(getattr(exc, "kwargs", None), dict) else None
    if isinstance(wrapped, Exception) and wrapped is not exc:
        inner = _of_library(wrapped)
        if inner is not None:
            inner.__cause__ = exc
            return inner
    meaning = _by_class(exc)
    if meaning is None:
        return None
    return error_of_meaning(meaning, str(exc) or type(exc).__name__)


def _by_class(exc: Exception) -> Meaning | None:
    if not any(base.__module__.partition(".")[0] in S3_LIBRARIES for base in type(exc).__mro__):
        return None
    behind = getattr(exc, "os_error", None) or exc.__cause__
    if isinstance(behind, ssl.SSLError):
        return meanings.TLS
    if isinstance(behind, socket.gaierror):
        return meanings.DNS if behind.errno == socket.EAI_AGAIN else meanings.NO_SUCH_HOST
    names = (base.__name__ for base in type(exc).__mro__)
    return next((meaning for name in names if (meaning := CLASSES.get(name)) is not None), None)


def _sentence(reason: str, meaning: Meaning) -> str:
    return f"{reason}; {meaning.advice}" if meaning.advice else reason
