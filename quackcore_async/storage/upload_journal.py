"""The uploads in parts that are under way or were interrupted: one small file for each, in the home of `quack`."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Final

from quackcore_async.auth.paths import credentials_folder
from quackcore_async.auth.stores.private_file import make_private_directory
from quackcore_async.clients.s3.kept import KnownUpload
from quackcore_async.errors import MissingConfigError
from quackcore_async.logging import get_logger
from quackcore_async.storage.folders import blaming
from quackcore_async.storage.journal import append_line, read_lines
from quackcore_async.storage.locks import is_ours, try_lock

__all__ = [
    "JournaledUpload",
    "UploadJournal",
    "claim_journal",
    "journaled_uploads",
    "remove_journal",
    "uploads_folder",
]

_FORMAT: Final = 1
_SUFFIX: Final = ".upload"
_FLAGS: Final = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_logger = get_logger(__name__)


def uploads_folder() -> str | None:
    """Return the folder of the journals, `uploads` in `$QUACK_HOME` or `~/.quack`; None without a home."""
    try:
        return os.path.join(credentials_folder(), "uploads")
    except MissingConfigError:
        return None


class UploadJournal:
    """Remembers the upload of one file to one place: its identifier, and its parts as far as they are there.

    Blocking, but for making it. The file is locked while it is open.

    Args:
        place: What the upload goes to: its service, bucket and key.
        source: Path of the file.
    """

    def __init__(self, place: tuple[str, str, str], source: str) -> None:
        self._place = [*place, os.path.abspath(source)]
        self._fd = -1
        self._path = ""
        self._end = 0
        self._lock = Lock()

    def open(self) -> bool:
        """Open and lock it; False when somebody is at it, or there is no place for it."""
        folder = uploads_folder()
        if folder is None:
            _logger.warning("no home directory: an upload that is interrupted will begin anew")
            return False
        name = sha256(json.dumps(self._place).encode(errors="surrogatepass")).hexdigest()[:32]
        self._path = os.path.join(folder, f"{name}{_SUFFIX}")
        try:
            make_private_directory(Path(folder))
            self._fd = _opened(self._path, os.O_CREAT)
        except OSError as exc:
            _logger.warning("%s cannot be written: an interrupted upload will begin anew (%s)", folder, exc)
        return self._fd >= 0

    def load(self) -> KnownUpload | None:
        """Return the upload that was begun earlier; None when there is none."""
        lines, self._end = read_lines(self._fd, 0)
        header = _header_of(lines)
        if header is None or header.place != self._place:
            return None
        os.ftruncate(self._fd, self._end)
        return KnownUpload(header.fingerprint, header.upload_id, header.token, dict(_digests(lines[1:])))

    def begin(self, fingerprint: str, upload_id: str, token: str) -> None:
        """Remember an upload, durably; what was there before is forgotten."""
        header = json.dumps([_FORMAT, fingerprint, upload_id, token, self._place])
        with blaming("write", self._path):
            os.ftruncate(self._fd, 0)
            self._end = append_line(self._fd, 0, header)
            os.fsync(self._fd)

    def add(self, number: int, etag: str, digest: str) -> None:
        """Remember a part. A line that is lost costs that part: what the service has is asked of the service."""
        with self._lock, blaming("write", self._path):
            self._end = append_line(self._fd, self._end, json.dumps([number, etag, digest]))

    def remove(self) -> None:
        """Remove the file."""
        remove_journal(self._path)
        self.close()

    def close(self) -> None:
        """Close it and let others have it; idempotent."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


@dataclass(frozen=True, slots=True)
class JournaledUpload:
    """What a journal says of its upload.

    Attributes:
        path: The journal.
        fingerprint: What the upload is made of.
        upload_id: The service's name for it.
        token: What it has in its metadata.
        place: Service, bucket, key and the file that is uploaded.
        in_use: Whether somebody is at it.
        modified: When the last part was remembered, in epoch seconds.
    """

    path: str
    fingerprint: str
    upload_id: str
    token: str
    place: list[str]
    in_use: bool = False
    modified: float = 0.0


def journaled_uploads() -> Iterator[JournaledUpload]:
    """Yield what all journals say; those that cannot be read are left out."""
    folder = uploads_folder()
    try:
        names = sorted(os.listdir(folder)) if folder is not None else []
    except OSError:
        return
    for name in names:
        if not name.endswith(_SUFFIX):
            continue
        path = os.path.join(str(folder), name)
        with suppress(OSError):
            found = _read(path)
            if found is not None:
                yield found


def claim_journal(journal: JournaledUpload) -> int:
    """Open and lock a journal, so that nobody takes its upload up meanwhile.

    Returns:
        Its descriptor; -1 when somebody is at it, or has begun another upload since it was read.
    """
    try:
        fd = _opened(journal.path, 0)
        if fd < 0:
            return fd
        header = _header_of(read_lines(fd, 0)[0])
        if header is not None and header.upload_id == journal.upload_id:
            return fd
        os.close(fd)
    except OSError:
        pass
    return -1


def remove_journal(path: str) -> None:
    """Remove a journal that is locked. One that stays does no harm: what it names is looked for and not found."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    except OSError as exc:
        _logger.warning("the journal %s cannot be removed: %s", path, exc.strerror)


def _read(path: str) -> JournaledUpload | None:
    fd = os.open(path, _FLAGS)
    try:
        header = _header_of(read_lines(fd, 0)[0])
        if header is None:
            return None
        free = try_lock(fd)
        return JournaledUpload(
            path,
            header.fingerprint,
            header.upload_id,
            header.token,
            header.place,
            in_use=not free,
            modified=os.fstat(fd).st_mtime,
        )
    finally:
        os.close(fd)


def _opened(path: str, flags: int) -> int:
    """Open and lock a journal; -1 when somebody is at it, or it is somebody else's."""
    fd = os.open(path, _FLAGS | flags, 0o600)
    try:
        if try_lock(fd) and is_ours(os.fstat(fd)) and os.path.samestat(os.fstat(fd), os.lstat(path)):
            return fd
    except FileNotFoundError:
        pass  # removed between opening and locking
    except BaseException:
        os.close(fd)
        raise
    os.close(fd)
    return -1


def _header_of(lines: list[str]) -> JournaledUpload | None:
    try:
        form, fingerprint, upload_id, token, place = json.loads(lines[0])
    except (IndexError, ValueError, TypeError):
        return None
    return JournaledUpload("", fingerprint, upload_id, token, place) if form == _FORMAT else None


def _digests(lines: list[str]) -> Iterator[tuple[int, tuple[str, str]]]:
    for line in lines:
        number, etag, digest = json.loads(line)
        yield number, (etag, digest)
