"""The files below a root folder, reached by names that never lead out of it."""

import os
import stat
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final
from urllib.parse import quote, unquote

from quackcore_async.errors import ConflictError, InvalidNameError, RemoteNotFoundError
from quackcore_async.protocols import RemoteFile, moment_of, nanoseconds_of
from quackcore_async.storage.files import DownloadTarget, SourceFile
from quackcore_async.storage.folders import Folder, Spot, blaming
from quackcore_async.storage.hooks import Write
from quackcore_async.storage.names import base_name, folder_entry, is_partial, shown
from quackcore_async.storage.partial import PartialFile, check_target
from quackcore_async.storage.steps import CHUNK_BYTES, Steps

__all__ = ["Tree"]

_READ_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)


class Tree:
    """The files below a root. Blocking: for worker threads.

    Folders are opened one below the other without following symbolic links, so that nothing leads out, whatever
    happens to the tree meanwhile. The root itself is the caller's own and may be a link; it is made by the first
    write, never by looking.

    Args:
        root: Absolute path of the root folder.
    """

    def __init__(self, root: str) -> None:
        self.root = root
        self.url = f"file://{quote(os.fsencode(root))}/" if root != "/" else "file:///"

    def url_of(self, path: str) -> str:
        """Return the `file://` URL (RFC 8089) of a path."""
        return f"{self.url}{quote(os.fsencode(path))}"

    def path_of(self, remote: str) -> str:
        """Return the path that a URL names, or `remote` itself when it is none.

        Raises:
            InvalidNameError: if it is the URL of something else than what lies below the root.
        """
        if not remote.startswith("file://"):
            return remote
        if not remote.startswith(self.url):
            raise InvalidNameError(
                f"{shown(remote)} does not lie below {self.url}: use the storage of its own folder"
            )
        return unquote(remote.removeprefix(self.url), errors="surrogateescape")

    def partial(self, path: str, *, overwrite: bool, mode: int | None = None) -> PartialFile:
        """Make the unfinished form of a file, which is not open yet; the folders above are made with it."""
        return PartialFile(path, partial(self._spot, path), overwrite=overwrite, mode=mode)

    def store(self, source: SourceFile, write: Write) -> Steps[None]:
        """Copy a local file in."""
        done = 0
        options = write.options
        with source.opened():
            mode = source.mode if options.mode is None else options.mode
            mtime_ns = source.mtime_ns if options.mtime is None else nanoseconds_of(options.mtime)
            with self.partial(write.path, overwrite=write.overwrite, mode=mode) as target:
                for chunk in source.chunks():
                    target.write(chunk)
                    done += len(chunk)
                    yield done
                target.commit(mtime_ns=mtime_ns)

    def store_bytes(self, data: bytes, write: Write) -> None:
        """Write a file whole."""
        with self.partial(write.path, overwrite=write.overwrite, mode=write.options.mode) as target:
            target.write(data)
            target.commit(mtime_ns=nanoseconds_of(write.options.mtime))

    def fetch(self, path: str, target: DownloadTarget) -> Steps[None]:
        """Copy a file out."""
        with self._opened(path) as (fd, file):
            target.open(file)
            yield from _pour(fd, path, target.write)
            _check_same(fd, file)
            target.commit("length")

    def copy(self, path: str, target_path: str, *, overwrite: bool) -> Steps[None]:
        """Copy a file to another path, with its time and mode."""
        with (
            self._opened(path) as (fd, file),
            self.partial(target_path, overwrite=overwrite, mode=file["mode"]) as target,
        ):
            yield from _pour(fd, path, target.write)
            _check_same(fd, file)
            target.commit(mtime_ns=os.fstat(fd).st_mtime_ns)

    def move(self, path: str, target_path: str, *, overwrite: bool) -> None:
        """Rename a file; with `overwrite=False` it has both names for a moment."""
        with self._reading(path), self._folder_of(path) as (folder, name):
            self._check_regular(folder.stat(name), path)
            with blaming("write", target_path), self._folder_of(target_path, create=True) as (goal, new_name):
                if folder.has_also(name, goal, new_name):
                    folder.unlink(name)  # half moved, by a process that was killed: a rename would do nothing
                    folder.sync()
                    return
                check_target(goal.stat_or_none(new_name), target_path, overwrite=overwrite)
                if overwrite:
                    folder.replace(name, goal, new_name)
                else:
                    folder.take_free_name(name, goal, new_name)
                goal.sync()
                folder.sync()

    def open_file(self, path: str) -> tuple[int, RemoteFile]:
        """Open a file for reading; its descriptor is the caller's to close."""
        with self._reading(path), self._folder_of(path) as (folder, name):
            fd = folder.open_file(name, _READ_FLAGS)
            try:
                found = os.fstat(fd)
                self._check_regular(found, path)
            except BaseException:
                os.close(fd)
                raise
        return fd, self._describe(path, found)

    def stat(self, path: str) -> RemoteFile:
        """Look a file up."""
        with self._reading(path), self._folder_of(path) as (folder, name):
            found = folder.stat(name)
        self._check_regular(found, path)
        return self._describe(path, found)

    def delete(self, path: str) -> bool:
        """Delete a file, or an empty folder whose path ends in `/`; False when it was not there."""
        try:
            with self._reading(path), self._folder_of(path.removesuffix("/")) as (folder, name):
                if path.endswith("/"):
                    folder.rmdir(name)
                    return True
                if stat.S_ISDIR(folder.stat(name).st_mode):
                    return False
                folder.unlink(name)
        except RemoteNotFoundError:
            return False
        return True

    def make_folder(self, path: str) -> None:
        """Create a folder, and those above it."""
        place = self._folder_of(path.removesuffix("/"), create=True)
        with blaming("create the folder", path), place as (folder, name):
            folder.child(name, create=True).close()
            folder.sync()

    def walk(
        self, prefix: str, *, recursive: bool, empty_folders: bool = False
    ) -> Generator[RemoteFile, None, None]:
        """Yield what is below a folder in the order of the UTF-8 bytes of the paths.

        At any time it holds the names of the folders on the way down, and one descriptor. What vanishes meanwhile
        is left out.

        Args:
            prefix: The folder.
            recursive: False stays in it and yields its folders.
            empty_folders: Yield the folders without entries too.
        """
        levels = [(prefix, iter(self._entries(prefix)))]
        while levels:
            prefix, entries = levels[-1]
            deeper = yield from self._walk_folder(prefix, entries, recursive=recursive)
            if deeper is None:
                levels.pop()
                continue
            names = self._entries(deeper)
            if empty_folders and not names:
                yield folder_entry(deeper, self.url_of(deeper))
            levels.append((deeper, iter(names)))

    def _walk_folder(
        self, prefix: str, entries: Iterator[bytes], *, recursive: bool
    ) -> Generator[RemoteFile, None, str | None]:
        """Yield the next files of one folder; return the folder to go down into, None at the end."""
        try:
            with self._reading(prefix), self._open(prefix.split("/")[:-1]) as folder:
                for entry in entries:
                    name = os.fsdecode(entry)
                    if not name.endswith("/"):
                        yield from self._listed(folder, prefix, name)
                    elif recursive:
                        return f"{prefix}{name}"
                    else:
                        yield folder_entry(f"{prefix}{name}", self.url_of(f"{prefix}{name}"))
        except RemoteNotFoundError:
            pass
        return None

    def _listed(self, folder: Folder, prefix: str, name: str) -> Iterator[RemoteFile]:
        found = folder.stat_or_none(name)
        if found is not None and stat.S_ISREG(found.st_mode) and not is_partial(name):
            yield self._describe(f"{prefix}{name}", found)

    def _entries(self, prefix: str) -> list[bytes]:
        """Return the names in a folder, none when it is not there; a missing root is an error."""
        try:
            with self._reading(prefix), self._open(prefix.split("/")[:-1]) as folder:
                return folder.entries()
        except RemoteNotFoundError:
            if not os.path.isdir(self.root):
                raise
            return []

    def _open(self, parts: list[str], *, create: bool = False) -> Folder:
        """Open a folder below the root, one part after the other."""
        if create:
            os.makedirs(self.root, exist_ok=True)
        folder = Folder.open(self.root)
        try:
            for part in parts:
                inner = folder.child(part, create=create)
                folder.close()
                folder = inner
        except BaseException:
            folder.close()
            raise
        return folder

    def _parent(self, path: str, *, create: bool) -> tuple[Folder, str]:
        *parts, name = path.split("/")
        return self._open(parts, create=create), name

    def _spot(self, path: str) -> Spot:
        folder, name = self._parent(path, create=True)
        return folder.spot(name)

    @contextmanager
    def _folder_of(self, path: str, *, create: bool = False) -> Iterator[tuple[Folder, str]]:
        folder, name = self._parent(path, create=create)
        with folder:
            yield folder, name

    @contextmanager
    def _opened(self, path: str) -> Iterator[tuple[int, RemoteFile]]:
        fd, file = self.open_file(path)
        try:
            yield fd, file
        finally:
            os.close(fd)

    @contextmanager
    def _reading(self, path: str) -> Iterator[None]:
        """Name the file in errors; what lies below a file is not there."""
        try:
            with blaming("read", path or self.root):
                yield
        except ConflictError as error:
            if error.code != "not_a_folder":
                raise
            raise self._missing(path) from error
        except RemoteNotFoundError as error:
            raise self._missing(path) from error

    def _missing(self, path: str) -> RemoteNotFoundError:
        if not path:
            return RemoteNotFoundError(f"the root folder {self.root} is not there: create it, or write something")
        return RemoteNotFoundError(f"there is no {shown(path)} in {self.root}: check the name")

    def _check_regular(self, found: os.stat_result, path: str) -> None:
        if stat.S_ISLNK(found.st_mode):
            raise InvalidNameError(f"{shown(path)} is a symbolic link: links are not followed", code="symlink")
        if not stat.S_ISREG(found.st_mode):
            raise self._missing(path)

    def _describe(self, path: str, found: os.stat_result) -> RemoteFile:
        return {
            "name": base_name(path),
            "path": path,
            "size": found.st_size,
            "last_modified": moment_of(found.st_mtime),
            "url": self.url_of(path),
            "mtime": found.st_mtime,
            "mode": stat.S_IMODE(found.st_mode),
        }


def _pour(fd: int, path: str, write: Callable[[bytes], None]) -> Steps[None]:
    """Hand on what is left of an open file."""
    done = 0
    while True:
        with blaming("read", path):
            chunk = os.read(fd, CHUNK_BYTES)
        if not chunk:
            return
        write(chunk)
        done += len(chunk)
        yield done


def _check_same(fd: int, file: RemoteFile) -> None:
    found = os.fstat(fd)
    if (found.st_size, found.st_mtime) != (file["size"], file["mtime"]):
        message = f"{shown(file['path'])} changed while it was read: read it again"
        raise ConflictError(message, code="changed", retryable=True)
