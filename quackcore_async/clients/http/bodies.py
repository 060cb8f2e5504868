"""Bodies of requests: which can be sent a second time."""

from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import Any

import httpx

from quackcore_async.errors import ErrorKind, TransportError

__all__ = ["FactoryBody", "is_replayable", "sendable"]


class FactoryBody(httpx.AsyncByteStream):
    """A streamed body that a function makes anew for each time that it is sent.

    Args:
        factory: Returns the chunks, from their beginning.
    """

    replayable = True

    def __init__(self, factory: Callable[[], AsyncIterable[bytes]]) -> None:
        self._factory = factory

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._factory())


def sendable(content: object) -> object:
    """Return a body as httpx takes it.

    Raises:
        TransportError: if it would block the event loop: an open file, or pieces that are not made asynchronously.
    """
    if isinstance(content, bytearray | memoryview):
        return bytes(content)
    if isinstance(content, str | bytes) or hasattr(content, "__aiter__"):
        return content
    if hasattr(content, "read"):
        raise TransportError(
            "a plain file as content would block the event loop: "
            "give its bytes, or body_factory=, which opens it with anyio.open_file",
            kind=ErrorKind.INVALID_INPUT,
            code="body",
        )
    raise TransportError(
        f"content of type {type(content).__name__} cannot be sent: give bytes, text or an asynchronous iterator "
        "of bytes; JSON is given as json=, a form as data=",
        kind=ErrorKind.INVALID_INPUT,
        code="body",
    )


def is_replayable(stream: object) -> bool:
    """Tell whether the body of a request can be sent again from its beginning.

    So can bytes, what a `FactoryBody` makes, and multipart forms of bytes and of files that can seek.
    """
    if isinstance(stream, httpx.ByteStream):
        return True
    if getattr(stream, "replayable", False) is True:
        return True
    fields: Any = getattr(stream, "fields", None)  # httpx's form, whose class is not public
    if isinstance(fields, list):
        return all(_can_rewind(getattr(field, "file", b"")) for field in fields)
    return False


def _can_rewind(file: Any) -> bool:  # noqa: ANN401 - bytes, text, or any kind of file
    if isinstance(file, str | bytes):
        return True
    seekable = getattr(file, "seekable", None)
    return bool(seekable()) if callable(seekable) else False
