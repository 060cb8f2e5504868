"""How many files the transfers of this process may hold open."""

import sys
from pathlib import Path
from typing import Final

import anyio.lowlevel

from quackcore_async.transport.slots import Slots

__all__ = ["file_slots", "open_file_allowance"]

_RESERVE: Final = 64  # descriptors that are left to the rest of the program
_EACH: Final = 2  # descriptors of one transfer
_MOST: Final = 1024  # more are never of use: files wait for requests, not the other way round
_WITHOUT_LIMIT: Final = 512  # where the system tells none: what the C runtime of Windows allows
_SUPPOSED_OPEN: Final = 64  # where the system does not tell what is open
_LISTINGS: Final = ("/proc/self/fd", "/dev/fd")

_slots: anyio.lowlevel.RunVar[Slots] = anyio.lowlevel.RunVar("quackcore_async_file_slots")


def open_file_allowance(connections: int = 0) -> int:
    """Return how many more files may be open at once, from 1 to 1024.

    That is the soft limit of the process less what is open, less what connections will take, less 64 for the rest
    of the program.

    Args:
        connections: Sockets that are not open yet, and will be.
    """
    return min(max(_soft_limit() - _open_now() - connections - _RESERVE, 1), _MOST)


def file_slots(connections: int = 0) -> Slots:
    """Return the slots of this event loop for transfers that hold a file open; the first call counts them.

    A transfer takes one slot, before it opens its file and before it waits for anything else; who held one and
    waited for another could wait for ever. It stands for two descriptors: a download has that of the folder, too.

    Args:
        connections: See `open_file_allowance`.
    """
    slots = _slots.get(None)
    if slots is None:
        slots = Slots(max(open_file_allowance(connections) // _EACH, 1))
        _slots.set(slots)
    return slots


def _soft_limit() -> int:
    if sys.platform == "win32":
        return _WITHOUT_LIMIT
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft


def _open_now() -> int:
    for listing in _LISTINGS:
        try:
            return len(list(Path(listing).iterdir())) - 1  # that of the listing itself
        except OSError:
            continue
    return _SUPPOSED_OPEN
