"""Rules of bucket names, object keys and `s3://` addresses, checked before any request."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

from quackcore_async.errors import InvalidNameError

__all__ = ["MAX_KEY_BYTES", "S3Address", "bucket_complaint", "check_key", "parse_s3_url"]

MAX_KEY_BYTES: Final = 1024
"""Longest key in UTF-8 bytes: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html"""

_SCHEME: Final = "s3://"
_SHOWN: Final = 80  # characters of an unusable name that an error message repeats
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_RESERVED_PREFIXES: Final = ("xn--", "sthree-", "amzn-s3-demo-")
_RESERVED_SUFFIXES: Final = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


@dataclass(frozen=True, slots=True)
class S3Address:
    """An object's place.

    Attributes:
        bucket: Name of the bucket.
        key: Key of the object, byte for byte.
    """

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"{_SCHEME}{self.bucket}/{self.key}"


def check_key(key: str) -> str:
    """Return `key` unchanged when the service can store it.

    Everything but the empty key, an overlong one and text that has no UTF-8 form is taken as it is: `a//b`,
    `../x` and a leading slash are names like any other to S3.

    Raises:
        InvalidNameError: if the key is empty, longer than 1024 bytes or holds a lone surrogate.
    """
    if not key:
        raise InvalidNameError("the object key is empty: name the object")
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        shown = key[:_SHOWN].encode("ascii", "backslashreplace").decode()
        raise InvalidNameError(f"the object key {shown!r} is no valid Unicode text: rename the file") from None
    if size > MAX_KEY_BYTES:
        raise InvalidNameError(
            f"the object key {key[:_SHOWN]!r}... has {size} bytes: S3 takes {MAX_KEY_BYTES} at most, shorten it",
            code="name_too_long",
        )
    return key


def bucket_complaint(name: str) -> str | None:
    """Return what is wrong with a bucket name, None when nothing is.

    The rules are those of general purpose buckets:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    """
    if not _BUCKET.fullmatch(name):
        return "3 to 63 characters, only a-z, 0-9, '.' and '-', beginning and ending with a letter or a digit"
    if ".." in name:
        return "no two dots in a row"
    if _is_ip_address(name):
        return "not the form of an IP address"
    if name.startswith(_RESERVED_PREFIXES):
        return f"not beginning with {', '.join(_RESERVED_PREFIXES)}: these are reserved"
    if name.endswith(_RESERVED_SUFFIXES):
        return f"not ending with {', '.join(_RESERVED_SUFFIXES)}: these are reserved"
    return None


def _is_ip_address(name: str) -> bool:
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return False
    return True


def parse_s3_url(url: str) -> S3Address:
    """Split `s3://bucket/key`. The key is taken byte for byte: nothing is decoded, `?` and `#` belong to it.

    Raises:
        InvalidNameError: if the scheme, the bucket or the key is missing, or one of them cannot be used.
    """
    if not url.startswith(_SCHEME):
        raise InvalidNameError(f"{url[:_SHOWN]!r} is no s3:// address: write s3://bucket/key")
    bucket, _, key = url.removeprefix(_SCHEME).partition("/")
    if not bucket:
        raise InvalidNameError(f"{url[:_SHOWN]!r} names no bucket: write s3://bucket/key")
    if not key:
        raise InvalidNameError(f"{url[:_SHOWN]!r} names no object: write s3://bucket/key")
    complaint = bucket_complaint(bucket)
    if complaint is not None:
        raise InvalidNameError(f"the bucket name {bucket[:_SHOWN]!r} cannot be used: {complaint}")
    return S3Address(bucket, check_key(key))
