"""Where the requests for a bucket go, as botocore finds out."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

__all__ = ["Place", "find_place"]

_PROBE = "k"
_ALGORITHM = "AWS4-HMAC-SHA256"
_SCOPE_PARTS = 5


@dataclass(frozen=True, slots=True)
class Place:
    """The address of a bucket.

    Attributes:
        origin: Scheme and host, with the port if it is not the scheme's own.
        host: Value of the `Host` header.
        path: What stands before a key, with a `/` at its end.
        region: Region of the signature.
        secure: Whether it is reached over TLS.
    """

    origin: str
    host: str
    path: str
    region: str
    secure: bool


async def find_place(raw: Any, bucket: str) -> Place | None:  # noqa: ANN401 - an aioboto3 client is untyped
    """Return the place of a bucket; None where requests go in another way than those of plain buckets.

    That is through a proxy, or with another signature.

    botocore tells it in an address that it signs: path or virtual host, region, FIPS, dual stack and acceleration
    are as the configuration has them, without a copy of its rules here.

    Args:
        raw: An open aioboto3 client.
        bucket: Name of the bucket.
    """
    from botocore.utils import get_environ_proxies

    if ":" in bucket or bucket.endswith("--x-s3"):  # an ARN; S3 Express, whose sessions have keys of their own
        return None
    url = await raw.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": _PROBE}, ExpiresIn=60)
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    scope = query.get("X-Amz-Credential", [""])[0].split("/")
    if query.get("X-Amz-Algorithm") != [_ALGORITHM] or len(scope) < _SCOPE_PARTS or scope[-2] != "s3":
        return None
    if parts.hostname is None or not parts.path.endswith(f"/{_PROBE}"):
        return None
    if get_environ_proxies(url):
        return None
    secure = parts.scheme == "https"
    host = parts.netloc.rpartition("@")[2]
    default = ":443" if secure else ":80"
    host = host.removesuffix(default)
    return Place(f"{parts.scheme}://{host}", host, parts.path.removesuffix(_PROBE), scope[-3], secure)
