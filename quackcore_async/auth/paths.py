"""Where credentials files live."""

import os
from pathlib import Path
from typing import Final

from quackcore_async.errors import InvalidConfigError, MissingConfigError

__all__ = ["credentials_folder", "resolve_credentials_path"]

HOME_VARIABLE: Final = "QUACK_HOME"
_FOLDER: Final = ".quack"
_EXPLICIT: Final = (".", "..")


def credentials_folder() -> Path:
    """Return the folder of credentials: `$QUACK_HOME`, else `~/.quack`.

    Raises:
        MissingConfigError: if neither that variable nor the home directory is set.
    """
    given = os.environ.get(HOME_VARIABLE, "").strip()
    return Path(_absolute(given)) if given else _home() / _FOLDER


def resolve_credentials_path(path: str | os.PathLike[str]) -> str:
    """Return a path absolute, with `~` and variables expanded.

    A relative one lies in `credentials_folder()`, unless it says by `./` or `../` where it begins.

    Raises:
        MissingConfigError: if it needs the home directory and that is not set.
        InvalidConfigError: if no file can be called so.
    """
    text = os.path.expandvars(path)
    if "\0" in text:
        raise InvalidConfigError("the path of the credentials file has a NUL in it")
    first = text.replace(os.sep, "/").partition("/")[0]
    if Path(text).is_absolute() or first in _EXPLICIT or first.startswith("~"):
        return _absolute(text)
    return _absolute(str(credentials_folder() / text))


def _absolute(text: str) -> str:
    if text == "~" or text.startswith(("~/", "~\\")):
        text = os.path.join(_home(), text[2:])  # noqa: PTH118 - a `Path` would drop a leading `..`
    elif text.startswith("~"):
        text = os.path.expanduser(text)  # noqa: PTH111 - of another user, from the system's data base
        if text.startswith("~"):
            raise MissingConfigError(f"there is no home directory for {text.partition('/')[0]}")
    return os.path.abspath(text)  # noqa: PTH100 - `resolve` would follow the links that the store refuses


def _home() -> Path:
    variable = "HOME" if os.name == "posix" else "USERPROFILE"
    home = os.environ.get(variable, "")
    if not Path(home).is_absolute():
        raise MissingConfigError(
            f"{variable} is not set, so nobody knows where credentials belong: set {HOME_VARIABLE}, or give the "
            "absolute path of the credentials file"
        )
    return Path(home)
