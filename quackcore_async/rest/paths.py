"""Paths of resources: names and identifiers are data, and never lead anywhere else."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, unquote

from quackcore_async.errors import ErrorKind, QuackError

__all__ = ["check_path", "path_of", "segment"]

_LEADING_ELSEWHERE: Final = frozenset({"", ".", ".."})


def path_of(resources: Mapping[str, str], resource_type: str, resource_id: str | int | None = None) -> str:
    """Return the path of a resource, or of all of its type.

    Args:
        resources: Paths by type; a type that is not among them is its own path.
        resource_type: Its type.
        resource_id: Its identifier; None is all of them.

    Raises:
        QuackError: with code `invalid_name`, if the type or the identifier is empty, `.` or `..`.
    """
    path = resources.get(resource_type)
    if path is None:
        path = segment(resource_type, "the resource type")
    if resource_id is None:
        return path
    return f"{path}/{segment(str(resource_id), 'the resource id')}"


def segment(text: str, what: str = "the name") -> str:
    """Return a text as one segment of a path: its slashes are no separators.

    Raises:
        QuackError: with code `invalid_name`, if it is empty, `.` or `..`, which servers take for other paths.
    """
    if text in _LEADING_ELSEWHERE:
        raise QuackError(
            f"{what} is {text!r}, which names nothing of its own",
            kind=ErrorKind.INVALID_INPUT,
            code="invalid_name",
        )
    try:
        return quote(text, safe="")
    except UnicodeEncodeError:
        raise QuackError(
            f"{what} has characters that are no text in it", kind=ErrorKind.INVALID_INPUT, code="invalid_name"
        ) from None


def check_path(path: str) -> str:
    """Return the configured path of a resource without the slashes around it.

    Raises:
        ValueError: if it is an address, has a query, or leads out of the base address.
    """
    inner = path.strip("/")
    if "://" in path or "?" in path or "#" in path or "\\" in path:
        raise ValueError(f"{path!r} is no path: expected something like crm/v3/contacts")
    if any(unquote(part) in _LEADING_ELSEWHERE for part in inner.split("/")):
        raise ValueError(f"{path!r} has an empty part, . or .. in it")
    return inner
