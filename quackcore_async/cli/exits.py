"""What the exit code of `quack` says, and which error leads to which."""

from enum import IntEnum
from typing import Final

from quackcore_async.errors import ErrorKind

__all__ = ["EXIT_CODES", "ExitCode", "exit_code_of"]


class ExitCode(IntEnum):
    """The exit codes; up to 5 they are those of rclone: https://rclone.org/docs/#exit-code."""

    OK = 0
    ERROR = 1
    USAGE = 2
    FOLDER_NOT_FOUND = 3
    FILE_NOT_FOUND = 4
    TEMPORARY = 5
    ACCESS = 6
    MISCONFIGURED = 7
    INTERRUPTED = 130
    BROKEN_PIPE = 141
    TERMINATED = 143


EXIT_CODES: Final = {
    ExitCode.OK: "everything was done; `check`: no difference",
    ExitCode.ERROR: "something failed, or some items of many; `check`: there are differences",
    ExitCode.USAGE: "the command line cannot be understood",
    ExitCode.FOLDER_NOT_FOUND: "there is no such folder or bucket",
    ExitCode.FILE_NOT_FOUND: "there is no such file",
    ExitCode.TEMPORARY: "the service or the network failed for now: try again later",
    ExitCode.ACCESS: "no credentials, credentials that are refused, or access denied",
    ExitCode.MISCONFIGURED: "the configuration cannot be used",
    ExitCode.INTERRUPTED: "interrupted by Ctrl-C (SIGINT), cleaned up",
    ExitCode.BROKEN_PIPE: "nobody reads standard output any more (SIGPIPE)",
    ExitCode.TERMINATED: "ended by SIGTERM, cleaned up",
}
"""A phrase for each code, for the help."""

_BY_CODE: Final = {
    "bucket_missing": ExitCode.FOLDER_NOT_FOUND,
    "folder_not_found": ExitCode.FOLDER_NOT_FOUND,
    "usage": ExitCode.USAGE,
}

_BY_KIND: Final = {
    ErrorKind.MISCONFIGURED: ExitCode.MISCONFIGURED,
    ErrorKind.AUTH_REQUIRED: ExitCode.ACCESS,
    ErrorKind.PERMISSION_DENIED: ExitCode.ACCESS,
    ErrorKind.NOT_FOUND: ExitCode.FILE_NOT_FOUND,
    ErrorKind.RATE_LIMITED: ExitCode.TEMPORARY,
    ErrorKind.TIMEOUT: ExitCode.TEMPORARY,
}


def exit_code_of(kind: ErrorKind, code: str, *, retryable: bool) -> ExitCode:
    """Return the exit code for an error: by its fine name, its kind, or whether it may pass by itself."""
    if code in _BY_CODE:
        return _BY_CODE[code]
    if kind in _BY_KIND:
        return _BY_KIND[kind]
    return ExitCode.TEMPORARY if retryable else ExitCode.ERROR
