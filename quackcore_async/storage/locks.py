"""Whether somebody is at work on a file: a lock that the system frees when its holder dies."""

import errno
import os
from typing import Final

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["is_ours", "lock", "try_lock"]

_BUSY: Final = frozenset({errno.EWOULDBLOCK, errno.EACCES})


def lock(fd: int) -> bool | None:
    """Lock an open file until it is closed.

    Returns:
        Whether it is locked now; False when somebody else, in this process or another, holds it; None where the
        system or the file system has no locks, so that nobody can tell.
    """
    if fcntl is None:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        return False if exc.errno in _BUSY else None
    return True


def try_lock(fd: int) -> bool:
    """Lock an open file until it is closed; False when somebody else holds it. Where are no locks, all get one."""
    return lock(fd) is not False


def is_ours(found: os.stat_result) -> bool:
    """Tell whether a file is this user's own, under a single name: nobody else has put it there."""
    return found.st_nlink == 1 and (not hasattr(os, "geteuid") or found.st_uid == os.geteuid())
