"""Logins in private files."""

import logging
import os
import time
from collections.abc import Hashable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from quackcore_async.auth.paths import credentials_folder, resolve_credentials_path
from quackcore_async.auth.stored_login import GUIDE_KEYS, CredentialStoreError
from quackcore_async.auth.stores.document import BrokenDocumentError, format_document, parse_document
from quackcore_async.auth.stores.lock import FileLock
from quackcore_async.auth.stores.private_file import PrivateFile, check_folder
from quackcore_async.concurrency import run_in_thread

__all__ = ["FileStore"]

logger = logging.getLogger(__name__)


class FileStore:
    """Keeps each login in a JSON file with mode 0600, in a directory with mode 0700.

    A file that is a link, has several names, belongs to somebody else or can be read by others is refused; one in
    a format of the guide that is only too open is tightened, with a warning. One that holds no JSON object is put
    aside as `<name>.corrupt-<time>` when it is called `*.json`, whoever can read it, and refused.

    Args:
        path: The one file that it keeps; a relative one lies in `$QUACK_HOME`, else in `~/.quack`. None keeps
            each login in that folder, in a file named by its key.

    Raises:
        ConfigError: if the home directory is needed and not known.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self._folder = credentials_folder() if path is None else None
        self.path = Path(resolve_credentials_path(path)) if path is not None else None
        self._locked: set[str] = set()

    async def load(self, key: str = "") -> Mapping[str, Any] | None:
        """Return the stored login, None when there is no file.

        Raises:
            CredentialStoreError: if the file is refused.
            BrokenDocumentError: if it holds no JSON object; most often it is put aside, and gone the next time.
        """
        return await run_in_thread(self._load, PrivateFile(self.path_of(key)))

    async def save(self, key: str, data: Mapping[str, Any]) -> bool:
        """Replace the file, durably: after a crash it is the old one or the new one.

        Raises:
            CredentialStoreError: if it cannot be written.
        """
        path = self.path_of(key)
        await run_in_thread(self._save, PrivateFile(path), data, str(path) in self._locked)
        return True

    async def delete(self, key: str = "") -> bool:
        """Remove the file; False when there is none.

        Raises:
            CredentialStoreError: if it cannot be removed.
        """
        return await run_in_thread(PrivateFile(self.path_of(key)).delete)

    def lock(self, key: str = "") -> FileLock:
        """Return the lock of the file."""
        path = self.path_of(key)
        return _NotingLock(path.with_name(f".{path.name}.lock"), self._locked, str(path))

    def identity(self, key: str) -> Hashable:
        """Return what is the same for all stores that keep this login in the same file."""
        return ("file", str(self.path_of(key)))

    def path_of(self, key: str) -> Path:
        """Return the file of a login."""
        if self.path is not None:
            return self.path
        if not key or not key.replace(".", "").replace("_", "").replace("-", "").isalnum() or key[0] in ".-":
            raise CredentialStoreError("the key of a login is no safe file name")
        return (self._folder or Path()) / f"{key}.json"

    def __repr__(self) -> str:
        return f"FileStore({str(self.path or self._folder)!r})"

    def _load(self, file: PrivateFile) -> dict[str, Any] | None:
        self._check(file.path.parent)
        found = file.read()
        if found is None:
            return None
        content, lax = found
        try:
            data = parse_document(content, str(file.path))
        except BrokenDocumentError as exc:
            if not file.path.name.endswith(".json"):
                raise
            if lax:
                file.tighten()  # it may be the half of a login
            raise self._put_aside(file.path, exc) from None
        if lax:
            if not GUIDE_KEYS & data.keys():
                raise CredentialStoreError(f"{file.path} can be read by others: run `chmod 600 {file.path}`")
            file.tighten()
        return data

    def _save(self, file: PrivateFile, data: Mapping[str, Any], sweep: bool) -> None:
        content = format_document(data).encode()
        self._check(file.path.parent)
        file.write(content, sweep=sweep)

    def _check(self, folder: Path) -> None:
        ours = self._folder
        if ours is None:
            with suppress(CredentialStoreError, Exception):
                ours = credentials_folder()
        check_folder(folder, ours=folder == ours)

    @staticmethod
    def _put_aside(path: Path, exc: BrokenDocumentError) -> BrokenDocumentError:
        aside = path.with_name(f"{path.name}.corrupt-{int(time.time())}")
        try:
            os.link(path, aside)  # never over another one that was put aside
            path.unlink()
        except OSError:
            return exc
        logger.warning("%s was put aside as %s", path, aside.name)
        return BrokenDocumentError(f"{exc}; the file was put aside as {aside.name}")


class _NotingLock(FileLock):
    """A lock that notes which file it holds: its holder may clean up after those who were killed."""

    def __init__(self, path: Path, held: set[str], name: str) -> None:
        super().__init__(path)
        self._held = held
        self._name = name

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        if self._lock is not None:
            self._held.add(self._name)
        return self

    async def _release(self) -> None:
        self._held.discard(self._name)
        await super()._release()
