"""Reading what `strace` saw: the calls that change files, by the names that they have in `os`."""

import re
from collections import Counter
from pathlib import Path

from tests.faults.crashing.counting import BEGIN, END

NAMES = {
    "chmod": "chmod",
    "copy_file_range": "copy_file_range",
    "creat": "open",
    "fallocate": "posix_fallocate",
    "fchmod": "fchmod",
    "fchmodat": "chmod",
    "fdatasync": "fdatasync",
    "fsync": "fsync",
    "ftruncate": "ftruncate",
    "link": "link",
    "linkat": "link",
    "mkdir": "mkdir",
    "mkdirat": "mkdir",
    "open": "open",
    "openat": "open",
    "openat2": "open",
    "pwrite64": "pwrite",
    "pwritev": "pwritev",
    "pwritev2": "pwritev",
    "rename": "replace",
    "renameat": "replace",
    "renameat2": "replace",
    "rmdir": "rmdir",
    "sendfile": "sendfile",
    "symlink": "symlink",
    "symlinkat": "symlink",
    "truncate": "truncate",
    "unlink": "unlink",
    "unlinkat": "unlink",
    "utimensat": "utime",
    "write": "write",
    "writev": "writev",
}
SAME = {"rename": "replace", "remove": "unlink"}
COMMAND = ("strace", "-f", "-y", "-qq", "-e", f"trace={','.join(sorted(NAMES))}", "-o")
_CALL = re.compile(r"^\d+ +(\w+)\((.*)")
_CHANGES = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC")
_FILE = re.compile(r"^\d+</")


def seen(path: Path) -> list[Counter[str]]:
    """Count the calls between each pair of marks."""
    runs: list[Counter[str]] = []
    counting = False
    for line in path.read_text(errors="replace").splitlines():
        match = _CALL.match(line)
        if match is None:
            continue
        call, arguments = match.groups()
        if BEGIN in arguments or END in arguments:
            counting = BEGIN in arguments
            if counting:
                runs.append(Counter())
        elif counting and _changes_files(NAMES[call], arguments):
            runs[-1][NAMES[call]] += 1
    return runs


def _changes_files(name: str, arguments: str) -> bool:
    if name == "open":
        return _CHANGES.search(arguments) is not None
    if name in ("write", "writev"):
        return _FILE.match(arguments) is not None  # neither pipes nor sockets
    return True


def counted(log: list[list[str]]) -> Counter[str]:
    """Count the same calls as the counter noted them."""
    return Counter(
        SAME.get(name, name)
        for name, detail in log
        if name != "close" and not (name == "open" and detail == "read")
    )
