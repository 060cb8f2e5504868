"""What the command line calls a location: a path, a URL, a place in a configured storage, or `-`."""

import difflib
import os
import re
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import unquote, urlsplit

from quackcore_async.cli.usage import UsageFault

__all__ = ["Location", "parse_location"]

_BUCKETS: Final = ("s3", "gs", "az")
_SCHEMES: Final = ("file", *_BUCKETS)
_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_INSTANCE: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,63}):(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Location:
    """A place that the command line names.

    Attributes:
        text: As it was written.
        scheme: What kind of place it is; `standard` is standard input or output.
        path: Local path, object key, or path within the instance, byte for byte.
        host: The bucket or container, or the name of the instance; empty for the others.
    """

    text: str
    scheme: Literal["local", "s3", "gs", "az", "instance", "standard"]
    path: str = ""
    host: str = ""

    @property
    def is_local(self) -> bool:
        """Whether it is a path of this machine."""
        return self.scheme == "local"

    @property
    def is_standard(self) -> bool:
        """Whether it is standard input or output."""
        return self.scheme == "standard"

    @property
    def names_folder(self) -> bool:
        """Whether it is written as a folder: nothing but a storage, or with a separator at its end."""
        separators = ("/", os.sep) if self.is_local else "/"
        return not self.is_standard and (not self.path or self.path.endswith(separators))

    def __str__(self) -> str:
        return self.text


def parse_location(text: str) -> Location:
    """Read a location.

    `name:path` with a colon before any slash is a place in a configured storage, as in scp; a local file whose
    name has a colon is written `./a:b`. Nothing of an `s3://`, `gs://` or `az://` address is decoded: `?`,
    `#` and `%2F` belong to the key.

    Raises:
        UsageFault: if it is empty, holds a NUL, has an unknown scheme, or names no bucket.
    """
    if not text:
        raise UsageFault("a location is empty: give a path, s3://bucket/key, name:path, or - for standard input")
    if "\0" in text:
        raise UsageFault(f"the location {text!r} holds a NUL: no file has such a name")
    if text == "-":
        return Location(text, "standard")
    url = _URL.match(text)
    if url is not None:
        return _parse_url(text, url[1])
    instance = _INSTANCE.fullmatch(text)
    if instance is not None and not _is_drive(instance[1]):
        return Location(text, "instance", instance[2], instance[1])
    return Location(text, "local", text)


def _parse_url(text: str, scheme: str) -> Location:
    match scheme.lower():
        case "s3" | "gs" | "az" as kind:
            bucket, _, key = text[len(f"{kind}://") :].partition("/")
            if not bucket:
                raise UsageFault(f"{text!r} names no bucket: write {kind}://bucket/key")
            return Location(text, kind, key, bucket)
        case "file":
            return Location(text, "local", _path_of_file_url(text))
        case _:
            close = difflib.get_close_matches(scheme, _SCHEMES, n=1)
            hint = (
                f"did you mean {close[0]}://?"
                if close
                else "use a path, file://, s3://, gs://, az:// or name:path"
            )
            raise UsageFault(f"{text!r} has the unknown scheme {scheme}://: {hint}")


def _path_of_file_url(text: str) -> str:
    """Return the path of a `file://` URL: RFC 8089."""
    parts = urlsplit(text)
    if parts.netloc not in {"", "localhost"}:
        raise UsageFault(f"{text!r} is a file of another host: write file:///path, or mount it here")
    if parts.query or parts.fragment:
        raise UsageFault(f"{text!r} has a query or a fragment: write ? as %3F and # as %23")
    path = unquote(parts.path, errors="surrogateescape")
    if not path or "\0" in path:
        raise UsageFault(f"{text!r} names no file: write file:///path")
    return path[1:] if os.name == "nt" and re.match(r"/[A-Za-z]:", path) else path


def _is_drive(name: str) -> bool:
    return os.name == "nt" and len(name) == 1
