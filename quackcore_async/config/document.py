"""One configuration file, read in one piece and parsed once."""

import codecs
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from quackcore_async.errors import InvalidConfigError, MissingConfigError

__all__ = ["MAX_FILE_SIZE", "Document", "KeyPath", "read_document"]

MAX_FILE_SIZE: Final = 1024 * 1024
"""Bytes that a configuration file may have."""

KeyPath = tuple[str | int, ...]
"""The keys, and the indices in lists, that lead to a value."""


@dataclass(frozen=True, slots=True)
class Document:
    """What a configuration file says.

    Attributes:
        path: The file.
        data: Its mapping, empty when the file is.
        line_of: Returns the line, from 1, of the key at a path; None when the file has no such key.
    """

    path: str
    data: dict[str, Any] = field(repr=False)
    line_of: Callable[[KeyPath], int | None] = field(repr=False)


def read_document(path: str) -> Document:
    """Read and parse a file. Blocks: from an event loop, call it in a worker thread.

    Raises:
        MissingConfigError: if the file is not there.
        InvalidConfigError: if it cannot be read, is no regular file, is larger than 1 MiB, is not UTF-8, is no
            YAML that `parse_yaml` takes, or holds no mapping.
    """
    from quackcore_async.config.strict_yaml import parse_yaml

    parsed = parse_yaml(_decode(_read(path), path), path)
    if parsed.data is None:
        return Document(path, {}, parsed.line_of)
    if not isinstance(parsed.data, dict):
        raise InvalidConfigError(f"{path}, line 1, column 1: the file must hold a mapping (`section:` lines)")
    return Document(path, parsed.data, parsed.line_of)


def _read(path: str) -> bytes:
    # Without O_NONBLOCK the open of a named pipe would wait for a writer.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        with open(path, "rb", opener=lambda name, _flags: os.open(name, flags)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise InvalidConfigError(f"{path} is no regular file: give the path of a YAML file")
            content = file.read(MAX_FILE_SIZE + 1)
    except FileNotFoundError:
        raise MissingConfigError(f"there is no configuration file {path}") from None
    except IsADirectoryError:
        raise InvalidConfigError(f"{path} is a directory: give the path of a YAML file") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InvalidConfigError(f"{path!r} cannot be read: {reason}") from error
    if len(content) > MAX_FILE_SIZE:
        raise InvalidConfigError(f"{path} is larger than {MAX_FILE_SIZE} bytes: no configuration needs that")
    return content


def _decode(content: bytes, path: str) -> str:
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        position = error.start
    line_start = content.rfind(b"\n", 0, position) + 1
    line = content.count(b"\n", 0, position) + 1
    column = len(content[line_start:position].decode("utf-8", "replace")) + 1
    raise InvalidConfigError(f"{path}, line {line}, column {column}: the file is not UTF-8: save it as UTF-8")
