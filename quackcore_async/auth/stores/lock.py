"""One process at a time: a lock on a file, which the system frees when its holder dies."""

import errno
import os
import random
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import anyio

from quackcore_async.auth.stored_login import CredentialStoreError
from quackcore_async.concurrency import run_in_thread, shielded
from quackcore_async.errors import TimedOutError

if TYPE_CHECKING:
    from filelock import BaseFileLock

__all__ = ["FileLock"]

POLL_SECONDS: Final = 0.05
WAIT_SECONDS: Final = 30.0
_READ_ONLY: Final = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


class FileLock:
    """Keeps other processes, other event loops and other holders in this one out while it is entered.

    It is asked for again and again instead of waited for, so that a cancellation ends the waiting at once. In a
    folder that cannot be written to there is no lock: nothing is stored there either.

    Args:
        path: The lock file. It stays there: removing it would let two in.
        timeout: Seconds to wait for it.
    """

    def __init__(self, path: Path, *, timeout: float = WAIT_SECONDS) -> None:
        self._path = path
        self._timeout = timeout
        self._lock: BaseFileLock | None = None

    async def __aenter__(self) -> Self:
        self._lock = await run_in_thread(self._make)
        if self._lock is None:
            return self
        try:
            with anyio.fail_after(self._timeout):
                while not await run_in_thread(self._try, self._lock):  # noqa: ASYNC110 - it has no event
                    await anyio.sleep(POLL_SECONDS * random.uniform(1.0, 2.0))  # noqa: S311 - spreading load
        except BaseException as exc:
            await self._release()  # a cancellation comes out of the thread only after it may have got the lock
            if isinstance(exc, TimeoutError):
                raise TimedOutError(
                    f"{self._path} is held by another process for more than {self._timeout:g} seconds",
                    code="store_busy",
                    retryable=True,
                ) from None
            raise
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._release()

    async def _release(self) -> None:
        if self._lock is not None and self._lock.is_locked:
            await shielded(partial(run_in_thread, self._lock.release))

    def _make(self) -> "BaseFileLock | None":
        import filelock

        from quackcore_async.auth.stores.private_file import make_private_directory

        try:
            make_private_directory(self._path.parent)
        except OSError as exc:
            self._without(exc)
            return None
        # Acquired in one thread and released in another; the directory is ours, so is the mode.
        return filelock.FileLock(str(self._path), mode=0o600, thread_local=False)

    def _try(self, lock: "BaseFileLock") -> bool:
        from filelock import Timeout

        if self._path.is_symlink():
            raise CredentialStoreError(f"{self._path} is a symbolic link: remove it")
        try:
            lock.acquire(timeout=0, blocking=False)
        except Timeout:
            return False
        except OSError as exc:
            self._without(exc)
            self._lock = None
        return True

    def _without(self, exc: OSError) -> None:
        """Go without a lock where nothing can be written, or say what is wrong."""
        if exc.errno not in _READ_ONLY or os.access(self._path.parent, os.W_OK):
            raise CredentialStoreError(f"cannot lock {self._path}: {_reason(exc)}") from exc


def _reason(exc: Any) -> str:  # noqa: ANN401 - an error of the system, or of the library
    return getattr(exc, "strerror", None) or type(exc).__name__
