"""Where the requests for a bucket go, as botocore finds out."""

import uuid
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from quackcore_async.clients.s3.lean.connection import Origin

__all__ = ["Place", "find_place"]

_EVENT: Final = "before-send.s3.HeadObject"
_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_SCOPE_PARTS: Final = 5
_EXPRESS: Final = ("--x-s3", "--xa-s3")


@dataclass(frozen=True, slots=True)
class Place:
    """The address of a bucket.

    Attributes:
        origin: Scheme and host, with the port if it is not the scheme's own.
        host: Value of the `Host` header.
        path: What stands before a key, with a `/` at its end.
        region: Region of the signature.
        secure: Whether it is reached over TLS.
        target: Where connections go.
    """

    origin: str
    host: str
    path: str
    region: str
    secure: bool
    target: Origin


async def find_place(raw: Any, bucket: str) -> Place | None:  # noqa: ANN401 - an aioboto3 client is untyped
    """Return the place of a bucket; None where requests go in another way than those of plain buckets.

    That is through a proxy, or with another signature.

    aioboto3 tells it by a request that is stopped when it is about to be sent: path or virtual host, region, FIPS,
    dual stack and acceleration are as the configuration has them, without a copy of its rules here. A presigned
    address would not do: many of those name the global endpoint in place of the region's.

    Args:
        raw: An open aioboto3 client.
        bucket: Name of the bucket.
    """
    from botocore.utils import get_environ_proxies

    if ":" in bucket or bucket.endswith(_EXPRESS):  # an ARN; S3 Express, whose sessions have keys of their own
        return None
    request = await _stopped_request(raw, bucket, key := uuid.uuid4().hex)
    scheme, scope = _signed_with(request)
    parts = urlsplit(request.url)
    if scheme != _ALGORITHM or len(scope) < _SCOPE_PARTS or scope[-2] != "s3":
        return None
    if parts.hostname is None or not parts.path.endswith(f"/{key}") or get_environ_proxies(request.url):
        return None
    secure = parts.scheme == "https"
    host = parts.netloc.rpartition("@")[2].lower().removesuffix(":443" if secure else ":80")
    target = Origin(parts.hostname or "", parts.port or (443 if secure else 80), secure)
    return Place(f"{parts.scheme}://{host}", host, parts.path.removesuffix(key), scope[-3], secure, target)


class _StoppedError(Exception):
    """A request that was not meant to be sent."""

    def __init__(self, request: Any) -> None:  # noqa: ANN401 - botocore is untyped
        super().__init__("this request only shows where it would go")
        self.request = request


async def _stopped_request(raw: Any, bucket: str, key: str) -> Any:  # noqa: ANN401 - botocore is untyped
    """Return a HEAD request as it would be sent; others that are under way meanwhile have another key."""

    def stop(request: Any, **_: object) -> None:  # noqa: ANN401 - botocore's request
        if urlsplit(request.url).path.endswith(key):
            raise _StoppedError(request)

    raw.meta.events.register(_EVENT, stop, unique_id=key)
    try:
        await raw.head_object(Bucket=bucket, Key=key)
    except _StoppedError as stopped:
        return stopped.request
    finally:
        raw.meta.events.unregister(_EVENT, stop, unique_id=key)
    raise AssertionError("the request was sent")  # pragma: no cover - the event comes before each sending


def _signed_with(request: Any) -> tuple[str, list[str]]:  # noqa: ANN401 - botocore is untyped
    """Return the algorithm of a request's signature, and its credential: key, date, region, service, end."""
    header = request.headers.get("Authorization", "")
    text = header.decode() if isinstance(header, bytes) else str(header)
    algorithm, _, rest = text.partition(" ")
    return algorithm, rest.partition("Credential=")[2].partition(",")[0].split("/")
