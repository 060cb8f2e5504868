"""Credentials in a file: private, whole at every moment, and never through a link."""

import contextlib
import json
import logging
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from quackcore_async.errors import CredentialsMissingError, ErrorKind, QuackError

__all__ = ["FileStore", "make_private_directory"]

_MAX_BYTES: Final = 1024 * 1024
_GUIDE_KEYS: Final = frozenset({"token", "access_token", "refresh_token", "expiry", "expires_at"})
_NOFOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)
_NONBLOCK: Final = getattr(os, "O_NONBLOCK", 0)
_CLOEXEC: Final = getattr(os, "O_CLOEXEC", 0)

logger = logging.getLogger(__name__)


class CredentialStoreError(QuackError):
    """Raised when a credentials file is refused or cannot be read or written."""

    default_kind = ErrorKind.MISCONFIGURED
    default_code = "store"


class FileStore:
    """One JSON file with mode 0600 in a directory with mode 0700. Its methods block: call them in a thread.

    A file that is a link, has several names, belongs to somebody else or can be read by others is refused; one in
    a format of the guide that is only too open is tightened, with a warning.

    Args:
        path: The file, absolute.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def load(self) -> dict[str, Any]:
        """Read the stored login.

        Raises:
            CredentialsMissingError: if there is no file.
            CredentialStoreError: if the file is refused, or holds no JSON object.
        """
        try:
            fd = os.open(self.path, os.O_RDONLY | _NOFOLLOW | _NONBLOCK | _CLOEXEC)
        except FileNotFoundError:
            raise CredentialsMissingError(f"no credentials are stored in {self.path}") from None
        except OSError as exc:
            raise CredentialStoreError(f"cannot read {self.path}: {exc.strerror}") from exc
        with os.fdopen(fd, "rb") as file:
            lax = self._check(os.fstat(fd))
            content = file.read(_MAX_BYTES + 1)
            data = self._parse(content)
            if lax:
                self._tighten(fd, data)
        return data

    def save(self, data: Mapping[str, Any]) -> None:
        """Replace the file, durably: after a crash it is the old one or the new one.

        Raises:
            CredentialStoreError: if it cannot be written.
        """
        content = json.dumps(dict(data), indent=2, default=str).encode()
        temporary = self.path.with_name(f".{self.path.name}.{secrets.token_hex(8)}.tmp")
        try:
            make_private_directory(self.path.parent)
            try:
                self._write(temporary, content)
                temporary.replace(self.path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
            _sync_directory(self.path.parent)
        except OSError as exc:
            raise CredentialStoreError(f"cannot write {self.path}: {exc.strerror or exc}") from exc

    def delete(self) -> bool:
        """Remove the file; False when there is none."""
        try:
            self.path.unlink()
        except FileNotFoundError:
            return False
        _sync_directory(self.path.parent)
        return True

    @staticmethod
    def _write(path: Path, content: bytes) -> None:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW | _CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(fd)

    def _check(self, status: os.stat_result) -> bool:
        """Refuse what is no private file of ours; tell whether only its permissions are too lax."""
        if not stat.S_ISREG(status.st_mode):
            raise CredentialStoreError(f"{self.path} is not a regular file")
        if hasattr(os, "geteuid") and status.st_uid != os.geteuid():
            raise CredentialStoreError(f"{self.path} belongs to another user")
        if status.st_nlink > 1:
            raise CredentialStoreError(f"{self.path} has several names (hard links): remove the others")
        if status.st_size > _MAX_BYTES:
            raise CredentialStoreError(f"{self.path} is larger than {_MAX_BYTES} bytes: this is no login")
        return os.name == "posix" and bool(status.st_mode & 0o077)

    def _parse(self, content: bytes) -> dict[str, Any]:
        try:
            data = json.loads(content.decode())
        except (ValueError, RecursionError):
            raise CredentialStoreError(
                f"{self.path} does not hold valid JSON: move it away and log in again"
            ) from None
        if not isinstance(data, dict):
            raise CredentialStoreError(f"{self.path} does not hold a JSON object: move it away and log in again")
        return data

    def _tighten(self, fd: int, data: Mapping[str, Any]) -> None:
        if not _GUIDE_KEYS & data.keys():
            raise CredentialStoreError(f"{self.path} can be read by others: run `chmod 600 {self.path}`")
        os.fchmod(fd, 0o600)
        logger.warning("%s could be read by others: its mode is 0600 now", self.path)


def make_private_directory(directory: Path) -> None:
    """Create a directory and its missing parents, each with mode 0700 whatever the umask."""
    missing = []
    while not directory.exists():
        missing.append(directory)
        directory = directory.parent
    for path in reversed(missing):
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700)


def _sync_directory(directory: Path) -> None:
    if os.name != "posix":
        return
    fd = os.open(directory, os.O_RDONLY | _CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
