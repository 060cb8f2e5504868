"""What is stored beside an object: content type, metadata, modification time and mode of its source."""

import mimetypes
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from quackcore_async.protocols import UploadOptions, moment_of, nanoseconds_of

__all__ = [
    "MODE_KEY",
    "MTIME_KEY",
    "OWN_KEYS",
    "WRITE_KEY",
    "guess_content_type",
    "mode_of",
    "mtime_ns_of",
    "mtime_of",
    "source_metadata",
    "write_parameters",
]

MTIME_KEY: Final = "mtime"
"""Metadata key of the source's modification time: epoch seconds as decimal text, as rclone writes it."""

MODE_KEY: Final = "mode"
"""Metadata key of the source's permission bits: octal text."""

WRITE_KEY: Final = "quack-write"
"""Metadata key of a random name that one write has, to know it again when its answer was lost."""

OWN_KEYS: Final = frozenset({MTIME_KEY, MODE_KEY, WRITE_KEY})
"""Metadata keys that are not the caller's."""

_DEFAULT_TYPE: Final = "application/octet-stream"
_COMPRESSED_TYPES: Final = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}
_NANO: Final = 10**9
_SECONDS: Final = re.compile(r"(-?\d{1,12})(?:\.(\d{1,9})\d*)?", re.ASCII)
_PERMISSIONS: Final = 0o7777


def guess_content_type(name: str) -> str:
    """Guess a media type from the ending of a name; what is compressed has the type of its compression."""
    base = name.rpartition("/")[2].lstrip(".")
    return _type_of_ending(base[base.find(".") :] if "." in base else "")


@lru_cache(maxsize=512)
def _type_of_ending(ending: str) -> str:
    guessed, encoding = mimetypes.guess_type(f"name{ending}", strict=False)
    if encoding is not None:
        return _COMPRESSED_TYPES.get(encoding, _DEFAULT_TYPE)
    return guessed or _DEFAULT_TYPE


def source_metadata(mtime_ns: int | None, mode: int | None) -> dict[str, str]:
    """Return the metadata that keeps a file's modification time and permission bits, as far as they are known."""
    kept: dict[str, str] = {}
    if mtime_ns is not None:
        seconds, fraction = divmod(abs(mtime_ns), _NANO)
        sign = "-" if mtime_ns < 0 else ""
        kept[MTIME_KEY] = f"{sign}{seconds}.{fraction:09d}".rstrip("0").rstrip(".")
    if mode is not None:
        kept[MODE_KEY] = f"{mode & _PERMISSIONS:o}"
    return kept


def mtime_of(metadata: Mapping[str, str]) -> float | None:
    """Read the modification time of the source, in epoch seconds; None where it is missing or no time."""
    try:
        value = float(metadata[MTIME_KEY])
    except (KeyError, ValueError):
        return None
    return value if moment_of(value) is not None else None


def mtime_ns_of(metadata: Mapping[str, str]) -> int | None:
    """Read the modification time of the source in nanoseconds, for which a float has too few digits."""
    seconds = mtime_of(metadata)
    match = _SECONDS.fullmatch(metadata.get(MTIME_KEY, ""))
    if seconds is None or match is None:
        return nanoseconds_of(seconds)
    return int(f"{match[1]}{match[2] or '':0<9}")


def mode_of(metadata: Mapping[str, str]) -> int | None:
    """Read the permission bits of the source; None where they are missing or make no sense."""
    try:
        value = int(metadata[MODE_KEY], 8)
    except (KeyError, ValueError):
        return None
    return value & _PERMISSIONS if value >= 0 else None


def write_parameters(
    key: str, options: UploadOptions | None, *, overwrite: bool, metadata: Mapping[str, str] | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Translate options into the parameters of S3.

    Args:
        key: Name to guess the content type from.
        options: What the caller asked for.
        overwrite: False writes only where nothing is.
        metadata: More metadata; what the options say wins.

    Returns:
        What describes the object (for PUT and the start of a multipart upload), and its conditions (for PUT and
        the end of one).
    """
    options = options or UploadOptions()
    kept = source_metadata(nanoseconds_of(options.mtime), options.mode)
    described = {
        "ContentType": options.content_type or guess_content_type(key),
        "Metadata": {**(metadata or {}), **kept, **options.metadata},
        "CacheControl": options.cache_control,
        "ContentDisposition": options.content_disposition,
        "ContentEncoding": options.content_encoding,
        "StorageClass": options.storage_class,
        "ServerSideEncryption": options.server_side_encryption,
        "SSEKMSKeyId": options.kms_key_id,
    }
    conditions = {"IfMatch": options.if_match, "IfNoneMatch": None if overwrite else "*"}
    return _present(described), _present(conditions)


def _present(parameters: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if value}
