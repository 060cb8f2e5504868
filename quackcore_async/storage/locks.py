"""Whether somebody is at work on a file: a lock that the system frees when its holder dies."""

import errno
import os
from typing import Final

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["is_locked", "is_ours", "try_lock"]

_BUSY: Final = frozenset({errno.EWOULDBLOCK, errno.EACCES})


def try_lock(fd: int) -> bool:
    """Lock an open file until it is closed; False when somebody else, in this process or another, holds it.

    Where the system or the file system has no locks, everybody gets one.
    """
    if fcntl is None:
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        return exc.errno not in _BUSY
    return True


def is_locked(fd: int) -> bool:
    """Tell whether somebody else holds the lock; if not, it is held from now on."""
    return not try_lock(fd)


def is_ours(found: os.stat_result) -> bool:
    """Tell whether a file is this user's own, under a single name: nobody else has put it there."""
    return found.st_nlink == 1 and (not hasattr(os, "geteuid") or found.st_uid == os.geteuid())
