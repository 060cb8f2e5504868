"""Reading the exceptions of obstore, whose facts are in their text only.

An exception of obstore has a sentence (`... status code: 503 Service Unavailable: <body>`) and behind `Debug
source:` the structure of the Rust error that it stands for. Headers are not among it: neither `Retry-After` nor,
but for Azure's messages, the identifier of the request.
"""

import re
from typing import Final

from quackcore_async.clients.libraries import OBJECT_STORE_LIBRARIES
from quackcore_async.clients.objectstore.meanings import (
    CANNOT_SIGN,
    CLASSES,
    CODES,
    NO_CREDENTIALS,
    STATUSES,
    TOKEN_REQUEST,
    TRANSPORT,
    UNLISTABLE,
    UNREADABLE,
)
from quackcore_async.clients.s3 import meanings
from quackcore_async.clients.s3.meanings import Meaning
from quackcore_async.errors import ConnectFailedError, ErrorKind, InvalidConfigError, QuackError
from quackcore_async.results import to_quack_error

__all__ = ["classify", "configuration_error", "is_obstore_error"]

_STATUS: Final = re.compile(r"status code: (\d{3}) ([^:]*):? ?(.*)", re.DOTALL)
_CODE: Final = re.compile(r"<Code>([\w.]+)</Code>")
_MESSAGE: Final = re.compile(r"<Message>([^<]*)")
_REQUEST_ID: Final = re.compile(r"RequestId:([0-9A-Za-z-]+)")
_HTTP_KIND: Final = re.compile(r"HttpError \{\s*kind: (\w+)")
_OS_MESSAGE: Final = re.compile(r'message: "([^"]+)"|error: "([^"]+)"|InvalidCertificate\(\s*(\w+)')
_ITS_WORDS: Final = ("Error performing", "Debug source:", "Could not parse path")
_SENTENCES: Final = {
    "Wanted range starting at": meanings.RANGE,  # the answer to a range behind the end, where it is no 416
    "empty path segment": UNLISTABLE,
    "Error parsing Path": UNLISTABLE,
    "contained non UTF-8 characters": UNREADABLE,  # also where they are UTF-8, but not ASCII
    "Generating SAS keys": CANNOT_SIGN,
    "(code: 404)": meanings.NOT_FOUND,  # one blob of Azure's batch
}
_SENTENCE: Final = 200  # characters of the service's own words that a message repeats
_SERVER_ERROR: Final = 500
_UNCERTAIN: Final = frozenset({ErrorKind.TIMEOUT, ErrorKind.UNAVAILABLE, ErrorKind.CORRUPTED})


def is_obstore_error(exc: Exception) -> bool:
    """Tell whether an exception comes out of obstore: by its class, or by the words of a built-in one."""
    if any(base.__module__.partition(".")[0] in OBJECT_STORE_LIBRARIES for base in type(exc).__mro__):
        return True
    return isinstance(exc, OSError | ValueError) and any(words in str(exc) for words in _ITS_WORDS)


def classify(exc: Exception, action: str, *, writes: bool = False) -> QuackError:
    """Return the error that an exception of a call into obstore stands for, with the exception as its cause.

    Args:
        exc: What was raised.
        action: What was attempted, for the message: `read gs://bucket/key`.
        writes: Whether a lost answer leaves open if it happened.
    """
    if isinstance(exc, QuackError):
        return exc
    text, _, debug = str(exc).partition("\n\nDebug source:")
    if not is_obstore_error(exc):
        return to_quack_error(exc)
    error = _of_token(text, debug) or _of_answer(text) or _of_transport(text, debug) or _of_class(exc, text)
    error.args = (f"cannot {action}: {error}",)
    error.__cause__ = exc
    refused = error.status_code is not None and error.status_code < _SERVER_ERROR
    if writes and error.kind in _UNCERTAIN and not refused and not isinstance(error, ConnectFailedError):
        error.indeterminate = True
    return error


def configuration_error(exc: Exception, action: str) -> QuackError:
    """Return the error of settings that obstore does not take."""
    if isinstance(exc, QuackError):
        return exc
    text = str(exc).partition("\n\nDebug source:")[0].removeprefix("Generic GCS error: ")
    return InvalidConfigError(f"cannot {action}: {text}; correct the configuration")


def _make(meaning: Meaning, reason: str, **facts: object) -> QuackError:
    sentence = f"{reason}; {meaning.advice}" if meaning.advice else reason
    return meaning.error(
        sentence,
        kind=meaning.kind,
        code=meaning.code,
        **{"retryable": meaning.retryable, **facts},  # type: ignore[arg-type]  # they are what the names say
    )


def _of_token(text: str, debug: str) -> QuackError | None:
    """Read a failure on the way to a token, which comes before the request itself."""
    if "token request" not in text:
        return None
    found = _STATUS.search(text)
    status = int(found[1]) if found else None
    if "169.254.169.254" in text or "metadata" in text:
        return _make(NO_CREDENTIALS, "nothing is configured, and this machine has no account of its own")
    passing = status is None or status >= _SERVER_ERROR
    reason = f"the token was refused with status {status}" if status else "the token could not be asked for"
    transport = None if status else _of_transport(text, debug)
    if transport is not None:
        return transport
    return _make(TOKEN_REQUEST, reason, status_code=status, retryable=passing)


def _of_answer(text: str) -> QuackError | None:
    found = _STATUS.search(text)
    if found is None:
        return None
    status, phrase, body = int(found[1]), found[2].strip(), found[3]
    code = _CODE.search(body)
    message = _MESSAGE.search(body)
    request = _REQUEST_ID.search(body)
    meaning = (CODES.get(code[1]) if code else None) or STATUSES.get(str(status)) or _fallback(status)
    words = message[1].strip().split("\n")[0][:_SENTENCE].rstrip(". ") if message else phrase
    reason = f"{words} ({code[1] if code else 'no code'}, status {status})"
    return _make(meaning, reason, status_code=status, request_id=request[1] if request else None)


def _fallback(status: int) -> Meaning:
    return meanings.UNAVAILABLE if status >= _SERVER_ERROR else meanings.INVALID


def _of_transport(text: str, debug: str) -> QuackError | None:
    """Read a failure of the connection; a writer's exceptions tell no more than that there was one."""
    found = _HTTP_KIND.search(debug)
    if found is None:
        return _make(meanings.RESET, "the connection failed") if "HTTP error:" in text else None
    meaning = TRANSPORT.get(found[1], meanings.RESET)
    if found[1] == "Connect":
        meaning = _of_connecting(debug)
    elif "UnexpectedEof" in debug:
        meaning = meanings.TRUNCATED
    return _make(meaning, _why(debug))


def _of_connecting(debug: str) -> Meaning:
    if "dns error" in debug:
        return meanings.DNS if "Temporary failure" in debug else meanings.NO_SUCH_HOST
    if "Certificate" in debug or "InvalidData" in debug or "AlertReceived" in debug:
        return meanings.TLS
    return meanings.CONNECT_TIMEOUT if "TimedOut" in debug else meanings.CONNECT


def _why(debug: str) -> str:
    if "TimedOut" in debug:
        return "no byte came for too long"
    if "IncompleteMessage" in debug or "UnexpectedEof" in debug:
        return "the connection ended early"
    found = _OS_MESSAGE.search(debug)
    return next((group for group in found.groups() if group), "") if found else "the answer makes no sense"


def _of_class(exc: Exception, text: str) -> QuackError:
    told = next((meaning for words, meaning in _SENTENCES.items() if words in text), None)
    if told is not None:
        return _make(told, text.split("\n", maxsplit=1)[0][:_SENTENCE])
    names = (base.__name__ for base in type(exc).__mro__)
    meaning = next((CLASSES[name] for name in names if name in CLASSES), meanings.INTERNAL)
    return _make(meaning, text.split("\n", maxsplit=1)[0][:_SENTENCE] or type(exc).__name__)
