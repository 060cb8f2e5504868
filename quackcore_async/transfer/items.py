"""What a bulk transfer is given: the forms an input can take, read into items."""

import os
from collections.abc import AsyncIterable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Literal

from quackcore_async.errors import InvalidNameError
from quackcore_async.protocols import UploadOptions, remote_id_of

__all__ = [
    "DeleteItem",
    "DownloadItem",
    "Inputs",
    "LocalPath",
    "Overwrite",
    "UploadItem",
    "read_delete",
    "read_download",
    "read_upload",
    "remote_target",
]

LocalPath = str | os.PathLike[str]

Overwrite = bool | Literal["if_changed"]
"""Whether what exists is replaced: always, never, or when it is not equal to its source."""


@dataclass(frozen=True, slots=True)
class UploadItem:
    """One file to upload.

    Attributes:
        source: Local file.
        remote: Its name in the storage; None takes the file name.
        options: How it is written; None leaves that to the storage.
        overwrite: Whether an existing remote file is replaced; None does as the whole call does.
    """

    source: LocalPath
    remote: str | None = None
    options: UploadOptions | None = None
    overwrite: Overwrite | None = None


@dataclass(frozen=True, slots=True)
class DownloadItem:
    """One file to download.

    Attributes:
        remote: Identifier of the remote file.
        local: Where it goes, relative to the call's target folder; None derives it from the name, safely.
        overwrite: Whether an existing local file is replaced; None does as the whole call does.
        file: What a listing said of it; spares a look-up, and lets large files start first.
    """

    remote: str
    local: LocalPath | None = None
    overwrite: Overwrite | None = None
    file: Mapping[str, Any] | None = field(default=None, compare=False)

    @property
    def name(self) -> str:
        """Name within the storage, from which the local one is derived."""
        return str(self.file["path"]) if self.file is not None and "path" in self.file else self.remote

    @property
    def size(self) -> int | None:
        """Bytes, where a listing said so."""
        size = self.file.get("size") if self.file is not None else None
        return size if isinstance(size, int) else None


@dataclass(frozen=True, slots=True)
class DeleteItem:
    """One remote file to delete.

    Attributes:
        remote: Identifier of the remote file.
    """

    remote: str


Inputs = Iterable[Any] | AsyncIterable[Any]


def read_upload(entry: Any) -> UploadItem:  # noqa: ANN401 - whatever the caller has put in
    """Read a path, a (source, remote) pair or an item.

    Raises:
        InvalidNameError: if it is neither.
    """
    match entry:
        case str():
            item = UploadItem(entry)
        case UploadItem():
            item = entry
        case (str() | os.PathLike() as source, str() as remote):
            item = UploadItem(source, remote)
        case os.PathLike():
            item = UploadItem(entry)
        case _:
            raise _unreadable(entry, "a path, a (path, remote name) pair or an UploadItem")
    if not os.fspath(item.source) or item.remote == "":
        raise InvalidNameError(f"an upload needs a path and a name that are not empty: {entry!r}")
    return item


def read_download(entry: Any) -> DownloadItem:  # noqa: ANN401 - whatever the caller has put in
    """Read a remote identifier, a (remote, local) pair, a listed file or an item.

    Raises:
        InvalidNameError: if it is neither.
    """
    match entry:
        case DownloadItem():
            item = entry
        case str():
            item = DownloadItem(entry)
        case (str() as remote, str() | os.PathLike() as local):
            item = DownloadItem(remote, local)
        case {"path": str()}:
            item = DownloadItem(remote_id_of(entry), file=entry)
        case _:
            raise _unreadable(entry, "a remote name, a (remote name, path) pair, a listed file or a DownloadItem")
    if not item.remote:
        raise InvalidNameError("a download needs a remote name that is not empty")
    return item


def read_delete(entry: Any) -> DeleteItem:  # noqa: ANN401 - whatever the caller has put in
    """Read a remote identifier, a listed file or an item.

    Raises:
        InvalidNameError: if it is neither.
    """
    match entry:
        case DeleteItem():
            item = entry
        case str():
            item = DeleteItem(entry)
        case {"path": str()}:
            item = DeleteItem(remote_id_of(entry))
        case _:
            raise _unreadable(entry, "a remote name, a listed file or a DeleteItem")
    if not item.remote:
        raise InvalidNameError("a deletion needs a remote name that is not empty")
    return item


def remote_target(item: UploadItem) -> str:
    """Return the name that an upload gets: without one, or in a folder (`photos/`), the file's own."""
    remote = item.remote or ""
    return f"{remote}{PurePath(item.source).name}" if not remote or remote.endswith("/") else remote


def _unreadable(entry: object, wanted: str) -> InvalidNameError:
    return InvalidNameError(f"cannot use {entry!r}: give {wanted}", code="bad_item")
