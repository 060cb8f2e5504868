"""A private file: nobody else's, whole at every moment, and never reached through a link. All of it blocks."""

import contextlib
import logging
import os
import stat
from pathlib import Path
from typing import Final

from quackcore_async.auth.stored_login import CredentialStoreError
from quackcore_async.auth.stores.document import MAX_BYTES

__all__ = ["PrivateFile", "check_folder", "make_private_directory"]

_NOFOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)
_NONBLOCK: Final = getattr(os, "O_NONBLOCK", 0)
_CLOEXEC: Final = getattr(os, "O_CLOEXEC", 0)

logger = logging.getLogger(__name__)


class PrivateFile:
    """A file with mode 0600 that is replaced as a whole.

    Args:
        path: The file, absolute.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> tuple[bytes, bool] | None:
        """Return the content, and whether the file is open to others; None when there is no file.

        Raises:
            CredentialStoreError: if it is a link or no regular file, has several names, belongs to somebody else,
                is absurdly large, or cannot be read.
        """
        try:
            fd = os.open(self.path, os.O_RDONLY | _NOFOLLOW | _NONBLOCK | _CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise CredentialStoreError(f"cannot read {self.path}: {self._reason(exc)}") from exc
        try:
            lax = self._check(os.fstat(fd))
            content = bytearray()
            while len(content) <= MAX_BYTES and (chunk := os.read(fd, MAX_BYTES + 1 - len(content))):
                content += chunk
        except OSError as exc:
            raise CredentialStoreError(f"cannot read {self.path}: {self._reason(exc)}") from exc
        finally:
            os.close(fd)
        return bytes(content), lax

    def write(self, content: bytes, *, sweep: bool = False) -> None:
        """Replace the file, durably: after a crash it is the old one or the new one.

        Args:
            content: The new content.
            sweep: Whether to remove what a process left behind that was killed while it wrote: only for the one
                who keeps all others from writing.

        Raises:
            CredentialStoreError: if it cannot be written.
        """
        import secrets

        temporary = self.path.with_name(f".{self.path.name}.{secrets.token_hex(8)}.tmp")
        try:
            make_private_directory(self.path.parent)
            if sweep:
                self._sweep()
            try:
                self._fill(temporary, content)
                temporary.replace(self.path)
            except BaseException:
                with contextlib.suppress(OSError):
                    temporary.unlink()
                raise
            _sync_directory(self.path.parent)
        except OSError as exc:
            raise CredentialStoreError(f"cannot write {self.path}: {self._reason(exc)}") from exc

    def delete(self) -> bool:
        """Remove the file; False when there is none.

        Raises:
            CredentialStoreError: if it cannot be removed.
        """
        try:
            self.path.unlink()
            _sync_directory(self.path.parent)
        except FileNotFoundError:
            return False
        except OSError as exc:
            raise CredentialStoreError(f"cannot delete {self.path}: {self._reason(exc)}") from exc
        return True

    def tighten(self) -> None:
        """Take the file away from others.

        Raises:
            CredentialStoreError: if that fails.
        """
        try:
            fd = os.open(self.path, os.O_RDONLY | _NOFOLLOW | _NONBLOCK | _CLOEXEC)
            try:
                os.fchmod(fd, 0o600)
            finally:
                os.close(fd)
        except OSError as exc:
            raise CredentialStoreError(f"cannot make {self.path} private: {self._reason(exc)}") from exc
        logger.warning("%s could be read by others: its mode is 0600 now", self.path)

    @staticmethod
    def _fill(path: Path, content: bytes) -> None:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW | _CLOEXEC, 0o600)
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(fd, view) :]
            if hasattr(os, "fchmod"):
                os.fchmod(fd, 0o600)  # a umask may have taken away the owner's own bits
            os.fsync(fd)
        finally:
            os.close(fd)

    def _sweep(self) -> None:
        for stray in self.path.parent.glob(f".{self.path.name}.*.tmp"):
            with contextlib.suppress(OSError):
                stray.unlink()

    def _check(self, status: os.stat_result) -> bool:
        """Refuse what is no private file of ours; tell whether only its permissions are too lax."""
        if not stat.S_ISREG(status.st_mode):
            raise CredentialStoreError(f"{self.path} is not a regular file")
        if hasattr(os, "geteuid") and status.st_uid != os.geteuid():
            raise CredentialStoreError(f"{self.path} belongs to another user")
        if status.st_nlink > 1:
            raise CredentialStoreError(f"{self.path} has several names (hard links): remove the others")
        if status.st_size > MAX_BYTES:
            raise CredentialStoreError(f"{self.path} is larger than {MAX_BYTES} bytes: this is no login")
        return os.name == "posix" and bool(status.st_mode & 0o077)

    def _reason(self, exc: OSError) -> str:
        if os.path.islink(self.path):  # noqa: PTH114 - that of pathlib raises what it cannot look up
            return "it is a symbolic link"
        return exc.strerror or type(exc).__name__


def make_private_directory(directory: Path) -> None:
    """Create a directory and its missing parents, each with mode 0700 whatever the umask."""
    missing = []
    while not directory.exists():
        missing.append(directory)
        directory = directory.parent
    for path in reversed(missing):
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700)
            path.chmod(0o700)


def check_folder(folder: Path, *, ours: bool) -> None:
    """Refuse a folder in which others could put another file in the place of ours; a missing one is fine.

    Args:
        folder: Where the file is.
        ours: Whether it is the folder of credentials, which is made private when it is not; one that is meant
            for many (with the sticky bit, as /tmp) is left as it is.

    Raises:
        CredentialStoreError: if it, or the link to it, belongs to somebody else, or anybody may write to it.
    """
    if os.name != "posix":
        return
    try:
        owners = {folder.lstat().st_uid, folder.stat().st_uid}
        mode = folder.stat().st_mode
    except OSError:
        return  # what is to be done there says it better
    if owners - {os.geteuid(), 0}:
        raise CredentialStoreError(f"{folder} belongs to another user")
    if ours and mode & 0o077 and not mode & stat.S_ISVTX and folder.stat().st_uid == os.geteuid():
        folder.chmod(0o700)
        logger.warning("%s was open to others: its mode is 0700 now", folder)
    elif mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        raise CredentialStoreError(f"anybody can write to {folder}: run `chmod o-w {folder}`")


def _sync_directory(directory: Path) -> None:
    if os.name != "posix":
        return
    fd = os.open(directory, os.O_RDONLY | _CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
